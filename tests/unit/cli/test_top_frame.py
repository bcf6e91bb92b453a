"""A frame of `windlass top`: what it says, and that it fits."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from windlass.cli.top_frame import bar, frame

SCOPE = {"account": "111111111111", "region": "eu-west-1"}
COUNTS = {"healthy": 0, "waiting": 0, "pending": 0, "unhealthy": 0, "leaving": 0, "backoff_failures": 0}


def a_service(name: str = "web", code: str = "PULL", **members: Any) -> dict[str, Any]:
    new = {**COUNTS, "status": "PRIMARY", "definition": "web:2", "rollout": "IN_PROGRESS", "pending": 2}
    old = {**COUNTS, "status": "ACTIVE", "definition": "web:1", "rollout": "COMPLETED", "healthy": 4}
    return {
        **SCOPE,
        "id": f"id-{name}",
        "cluster": "default",
        "name": name,
        "running": 4,
        "desired": 4,
        "pending": 2,
        "deployments": [new, old],
        "why": [{"code": code, "sentence": "2 tasks pending: " + "images " * 30}],
        **members,
    }


def seen(**members: Any) -> dict[str, Any]:
    tempo = [0] * 57 + [1, 4, 8]
    instances = {"total": 2, "connected": 2, "draining": 1}
    return {
        "at": 0.0,
        "profile": "aws",
        "trouble": None,
        "nodes": {"connected": 1, "total": 1},
        "units": {"running": 4},
        "clusters": [
            {**SCOPE, "name": "default", "running": 4, "pending": 2, "services": 1, "instances": instances}
        ],
        "providers": [
            {
                "cluster": "default",
                "name": "asg",
                "instances": 2,
                "booting": 1,
                "draining": 0,
                "tasks_waiting": 3,
            }
        ],
        "services": [a_service()],
        "tempo": {"launched": tempo, "running": tempo, "stopped": [0] * 60},
        "levels": [
            {
                **SCOPE,
                "name": "ecs.deployment.ec2",
                "subject": "id-web",
                "tokens": 5,
                "burst": 20,
                "per_minute": 500,
            }
        ],
        "events": [
            {
                "at": 1.0,
                "subject": "arn:aws:ecs:eu-west-1:111111111111:service/default/web",
                "what": "event",
                "why": "has started 2 tasks.",
            }
        ]
        * 30,
        **members,
    }


def drawn(width: int, height: int | None, **members: Any) -> list[str]:
    out = io.StringIO()
    console = Console(file=out, width=width, highlight=False)
    console.print(frame(seen(**members), "http://127.0.0.1:4566", width, height))
    return out.getvalue().splitlines()


def test_it_tells_of_everything() -> None:
    text = "\n".join(drawn(120, None))
    for told in (
        "default 111111111111 eu-west-1      4 running    2 pending  1 services",
        "2/2 instances connected, 1 draining",
        "default/asg  2 instances  1 booting  3 tasks wait",
        "default/web  4/4 running  2 pending",
        "PRIMARY  web:2  IN_PROGRESS  [░░",
        "ACTIVE   web:1  COMPLETED  [████",
        "8/s at most",
        "5/20, 500/min  111111111111 eu-west-1 default/web",
        "default/web  has started 2 tasks.",
    ):
        assert told in text


@pytest.mark.parametrize(("width", "height"), [(40, 20), (80, 24), (100, 40), (220, 60)])
def test_it_fits(width: int, height: int) -> None:
    """However many services there are: no line is too long, none too many, and some services are seen."""
    lines = drawn(width, height, services=[a_service(f"web{number}") for number in range(40)])
    assert len(lines) <= height
    assert max(map(len, lines)) <= width
    assert any("default/web0" in line for line in lines)


def test_steady_services_come_last() -> None:
    steady = a_service("a", code="NOTHING")
    lines = drawn(100, None, services=[steady, a_service("b")], events=[])
    names = [line.split()[0] for line in lines if line.startswith("  default/") and "running" in line]
    assert names == ["default/b", "default/a"]


def test_an_empty_plane_is_drawn() -> None:
    lines = drawn(80, 24, services=[], clusters=[], providers=[], levels=[], events=[], units={})
    assert lines[1] == "units     none"


def test_a_bar_is_as_long_as_it_should_be() -> None:
    """Parts in proportion: healthy, running, on their way; dots for what is missing."""
    assert bar({**COUNTS, "healthy": 2, "waiting": 1, "pending": 1}, 8, 16).plain == "[████▓▓░░········]"
    assert bar({**COUNTS, "healthy": 30}, 4, 10).plain == "[██████████]"
    assert bar(COUNTS, 0, 4).plain == "[····]"
