"""The metrics of a service that really runs, as whoever scales by them will read them."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable
from pathlib import Path

from tests.fault.waiting import until
from tests.process import REGION, PlaneProcess

ACCOUNT = "123456789012"
PROFILES = Path(__file__).parents[2] / "src" / "windlass" / "profiles"
Found = dict[tuple[str, str], float]


def test_a_busy_service(own_plane: Callable[..., PlaneProcess], tmp_path: Path) -> None:
    """CPU and memory of its tasks against what they reserve, and counts, as the cluster has insights."""
    profile = tmp_path / "often.toml"
    local = (PROFILES / "local.toml").read_text()
    profile.write_text(
        local.replace('"ecs.metrics_period_s" = { value = 60', '"ecs.metrics_period_s" = { value = 1')
    )
    plane = own_plane("--profile", str(profile))
    ecs = plane.client("ecs", ACCOUNT)
    ecs.create_cluster(clusterName="c", settings=[{"name": "containerInsights", "value": "enabled"}])
    busy = {"name": "app", "image": "busybox", "cpu": 256, "memory": 64, "entryPoint": ["sh", "-c"]}
    ecs.register_task_definition(
        family="busy", containerDefinitions=[{**busy, "command": ["while :; do sleep 0.01; done"]}]
    )
    ecs.create_service(
        cluster="c", serviceName="web", taskDefinition="busy", desiredCount=2, launchType="EC2"
    )

    def found() -> Found:
        answer = json.load(urllib.request.urlopen(f"{plane.endpoint}/_windlass/series"))
        assert {(row["account"], row["region"]) for row in answer["series"]} <= {(ACCOUNT, REGION)}
        return {
            (row["name"], row["dimensions"].get("ServiceName", "")): row["sum"] for row in answer["series"]
        }

    def measured() -> Found | None:
        values = found()
        there = values.get(("CPUUtilization", "web"), 0) > 0 and values.get(("RunningTaskCount", "web")) == 2
        return values if there else None

    values = until(measured, "the utilisation of the service")
    assert 0 < values["MemoryUtilization", "web"] < 100
    assert values["DesiredTaskCount", "web"] == 2
    assert values["CPUReservation", ""] > 0 and values["MemoryReservation", ""] > 0
    assert (values["TaskCount", ""], values["ServiceCount", ""]) == (2, 1)
