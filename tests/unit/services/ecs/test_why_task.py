"""What a task waits for: one sentence for every situation of its life."""

from __future__ import annotations

from typing import Any

import pytest

from tests.build import NOW
from tests.ecs_build import a_task, a_task_unit
from windlass.fleet.reasons import span
from windlass.kernel.clock import MINUTE, SECOND
from windlass.kernel.rows import replace
from windlass.services.ecs.model import Container
from windlass.services.ecs.why_task import TaskFacts, why

LATER = NOW + 75 * SECOND
RUNNING: dict[str, Any] = {"last_status": "RUNNING", "started_at": NOW}


def a_container(name: str = "app", **members: Any) -> Container:
    return Container(f"c-{name}", name, "busybox", f"r-{name}", **members)


def told(
    state: Any = "running", *, connected: bool = True, unit: Any = None, **members: Any
) -> tuple[str, str]:
    task = replace(a_task(), **members)
    found = replace(a_task_unit(task, state), **(unit or {}))
    reason = why(TaskFacts(task, found, connected, healthy_after=40 * SECOND), LATER)
    return reason.code, reason.sentence


@pytest.mark.parametrize(
    ("facts", "code", "says"),
    [
        ({"state": "waiting"}, "PLACING", "a node is being chosen"),
        (
            {"state": "waiting", "unit": {"why": "no node is connected"}},
            "NODE",
            "It waits for a place: no node is connected.",
        ),
        (
            {"state": "waiting", "unit": {"why": "no node has 9 CPU units free"}},
            "ROOM",
            "It waits for a place: no node has 9 CPU units free.",
        ),
        (
            {"state": "waiting", "unit": {"parked": True}, "capacity_provider": "asg"},
            "CAPACITY_PROVIDER",
            "No instance of capacity provider asg has room for it",
        ),
        ({"state": "assigned", "connected": False}, "NODE", "Its node n1 is not connected"),
        ({"state": "assigned"}, "NODE", "Node n1 has been told to start it"),
        (
            {"state": "starting", "pull_started_at": NOW},
            "PULL",
            "Images have been pulled for 1 min 15 s: busybox.",
        ),
        ({"state": "starting"}, "CONTAINERS", "Node n1 is starting app, after what it depends on."),
        (
            {
                "state": "starting",
                "containers": (
                    a_container("db", last_status="RUNNING"),
                    a_container("app"),
                    a_container("b"),
                ),
            },
            "CONTAINERS",
            "Node n1 is starting app, b, after what they depend on; db already runs.",
        ),
        ({**RUNNING}, "NOTHING", "It has run for 1 min 15 s."),
        (
            {**RUNNING, "protected_until": LATER + 2 * MINUTE},
            "NOTHING",
            "It has run for 1 min 15 s; protected from scale-in for 2 min more.",
        ),
        ({**RUNNING, "connected": False}, "NODE", "the node is not connected"),
        ({**RUNNING, "draining": True, "service": "web"}, "DRAINING", "its instance drains"),
        ({**RUNNING, "checked": True}, "HEALTH_CHECK", "the health check of app has not passed yet"),
        (
            {**RUNNING, "checked": True, "containers": (a_container(health="UNHEALTHY"),)},
            "UNHEALTHY",
            "is UNHEALTHY, says app",
        ),
        ({**RUNNING, "target_health": "initial"}, "HEALTH_CHECK", "its load balancer calls it initial"),
        (
            {**RUNNING, "started_at": LATER - 30 * SECOND, "service": "web"},
            "HEALTHY_AFTER",
            "nothing checks it, so it counts as healthy in 10 s",
        ),
        (
            {**RUNNING, "desired_status": "STOPPED", "stopped_reason": "Enough.", "stopping_at": NOW},
            "STOPPING",
            "It has been stopping for 1 min 15 s (Enough): app had SIGTERM",
        ),
        (
            {**RUNNING, "desired_status": "STOPPED", "connected": False},
            "NODE",
            "It is to stop, which its node n1 hears when it is back.",
        ),
        (
            {
                "last_status": "STOPPED",
                "stop_code": "EssentialContainerExited",
                "stopped_reason": "Essential container in task exited",
                "containers": (a_container(exit_code=3),),
            },
            "STOPPED",
            "It has stopped: EssentialContainerExited: Essential container in task exited; app exited with 3",
        ),
    ],
)
def test_one_sentence(facts: dict[str, Any], code: str, says: str) -> None:
    found, sentence = told(**facts)
    assert found == code
    assert says in sentence
    assert sentence.endswith(".")


def test_a_task_that_the_fleet_does_not_have_yet() -> None:
    assert why(TaskFacts(a_task()), NOW).code == "PLACING"


@pytest.mark.parametrize(
    ("length_s", "text"), [(0, "0 s"), (59, "59 s"), (3_600, "1 h"), (90_000, "1 d 1 h")]
)
def test_spans(length_s: int, text: str) -> None:
    assert span(length_s * SECOND) == text
