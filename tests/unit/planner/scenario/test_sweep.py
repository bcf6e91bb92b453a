"""Sweeps: which variants there are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from windlass.kernel.clock import SECOND
from windlass.planner.scenario.reading import BadScenario, swept
from windlass.planner.scenario.sweep import BadSweep, read, variants

DOCUMENT: dict[str, Any] = {
    "name": "x",
    "resources": [{"ecs.CreateCluster": {"clusterName": "a/b"}}],
    "quotas": {"ecs.clusters": 5},
}


@pytest.mark.parametrize(
    ("text", "path", "values"),
    [
        ("quota.ecs.clusters=1,2", ("quotas", "ecs.clusters"), [1, 2]),
        (
            "quota.fargate.on_demand.refill=20/s,40/s",
            ("quotas", "fargate.on_demand", "refill"),
            ["20/s", "40/s"],
        ),
        ("quota.fargate.on_demand.burst=7", ("quotas", "fargate.on_demand", "burst"), [7]),
        ("delay.task.provision=1s,2s", ("delays", "task.provision", "median"), ["1s", "2s"]),
        ("image.web.size=1GB", ("images", "web", "size"), ["1GB"]),
        (
            "/resources/0/ecs.CreateCluster/clusterName=x,y",
            ("resources", 0, "ecs.CreateCluster", "clusterName"),
            ["x", "y"],
        ),
        ("/seed=1,2,3", ("seed",), [1, 2, 3]),
    ],
)
def test_each_value_is_a_variant(text: str, path: tuple[str | int, ...], values: list[Any]) -> None:
    found = []
    for _, document in variants(DOCUMENT, [read(text)]):
        for step in path:
            document = document[step]  # type: ignore[index]
        found.append(document)
    assert found == values
    assert DOCUMENT["quotas"] == {"ecs.clusters": 5}


def test_several_sweeps_are_combined() -> None:
    names = [name for name, _ in variants(DOCUMENT, [read("/seed=1,2"), read("quota.ecs.clusters=3,4")])]
    assert names == [
        "seed=1, ecs.clusters=3", "seed=1, ecs.clusters=4", "seed=2, ecs.clusters=3", "seed=2, ecs.clusters=4"
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "quota.x",
        "=1",
        "x=",
        "speed=3",
        "quota.=3",
        "/resources/9/x=1",
        "/resources/a/b=1",
        "quota.ecs.clusters.burst=3",
        "/seed=" + ",".join(map(str, range(201))),
        "delay.a=[1",
    ],
)
def test_what_cannot_be_swept_is_said(text: str) -> None:
    with pytest.raises(BadSweep):
        list(variants(DOCUMENT, [read(text)]))


def test_variants_are_checked_as_files_are(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("name: x\nresources: []\n")
    one, two = swept(path, [read("delay.task.start=1s,2s")])
    assert (one.name, one.delays["task.start"].median) == ("task.start=1s", SECOND)
    assert two.delays["task.start"].median == 2 * SECOND
    with pytest.raises(BadScenario, match=r"with task.start=soon: delays.median: 'soon'"):
        swept(path, [read("delay.task.start=soon")])
