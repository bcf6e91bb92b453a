"""A task's status from its unit: each stage, each end, and only ever forward."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.build import NOW
from tests.ecs_build import a_task, a_task_unit, exited, running
from windlass.fleet.messages import ContainerState, UnitState
from windlass.kernel.rows import replace
from windlass.services.ecs.model import Container
from windlass.services.ecs.task_status import RANK, derive

LATER = NOW + 5


@pytest.mark.parametrize(
    ("state", "last_status", "desired"),
    [
        ("waiting", "PROVISIONING", "RUNNING"),
        ("assigned", "PENDING", "RUNNING"),
        ("starting", "PENDING", "RUNNING"),
        ("running", "RUNNING", "RUNNING"),
        ("stopping", "STOPPING", "STOPPED"),
        ("stopped", "STOPPED", "STOPPED"),
        ("lost", "STOPPED", "STOPPED"),
    ],
)
def test_stages(state: str, last_status: str, desired: str) -> None:
    """Each state of a unit is one status; what ends is no longer wanted."""
    task = derive(a_task(), a_task_unit(a_task(), state), LATER)
    assert (task.last_status, task.desired_status) == (last_status, desired)


def test_nothing_new_changes_nothing() -> None:
    """The same report twice leaves the version alone."""
    once = derive(a_task(), a_task_unit(a_task(), "running"), LATER)
    assert once.version == 2
    assert derive(once, a_task_unit(once, "running"), LATER + 9) is once


def test_a_task_that_ends_by_itself() -> None:
    """Every instant, the exit code and AWS's reason, from one report of a short life."""
    seen = UnitState(
        "t1",
        "stopped",
        containers=(exited(code=3),),
        stop_code="EssentialContainerExited",
        pull_started_at=NOW + 1,
        pull_stopped_at=NOW + 2,
        started_at=NOW + 3,
        stopping_at=NOW + 4,
        execution_stopped_at=NOW + 4,
        stopped_at=NOW + 6,
    )
    task = derive(a_task(), a_task_unit(a_task(), "stopped", seen), NOW + 9)
    assert task == replace(
        a_task(),
        desired_status="STOPPED",
        last_status="STOPPED",
        version=2,
        containers=(replace(a_task().containers[0], last_status="STOPPED", exit_code=3),),
        connected_at=NOW + 9,
        pull_started_at=NOW + 1,
        pull_stopped_at=NOW + 2,
        started_at=NOW + 3,
        stopping_at=NOW + 4,
        execution_stopped_at=NOW + 4,
        stopped_at=NOW + 6,
        stop_code="EssentialContainerExited",
        stopped_reason="Essential container in task exited",
    )


def test_a_task_that_never_started() -> None:
    """A command that does not exist: the container's reason, no exit code, no startedAt."""
    reason = "CannotStartContainerError: no such file: nothing-here"
    seen = UnitState(
        "t1",
        "stopped",
        containers=(ContainerState("app", "stopped", reason=reason),),
        stop_code="TaskFailedToStart",
        reason="Task failed to start",
    )
    task = derive(a_task(), a_task_unit(a_task(), "stopped", seen), LATER)
    assert (task.stop_code, task.stopped_reason) == ("TaskFailedToStart", "Task failed to start")
    assert task.containers[0].reason == reason
    assert task.containers[0].exit_code is None
    assert (task.started_at, task.stopped_at) == (0, LATER)


@pytest.mark.parametrize("stop_code", ["", "EssentialContainerExited"])
def test_what_stop_task_said_stays(stop_code: str) -> None:
    """The user's reason is kept, also when the container exits in that very moment."""
    asked = a_task(desired_status="STOPPED", stop_code="UserInitiated", stopped_reason="enough")
    seen = UnitState("t1", "stopped", containers=(exited(code=143),), stop_code=stop_code)
    task = derive(asked, a_task_unit(asked, "stopped", seen), LATER)
    assert (task.stop_code, task.stopped_reason) == ("UserInitiated", "enough")
    assert task.containers[0].exit_code == 143


def test_stopped_before_it_was_placed() -> None:
    """A unit that no node ever had: STOPPED, never connected, containers stopped without exit codes."""
    asked = a_task(desired_status="STOPPED", stop_code="UserInitiated")
    task = derive(asked, a_task_unit(asked, "stopped", node_id=""), LATER)
    assert (task.last_status, task.connected_at, task.stopped_at) == ("STOPPED", 0, LATER)
    assert task.containers[0].last_status == "STOPPED"
    assert task.containers[0].exit_code is None


def test_a_lost_host() -> None:
    """A task whose node is gone has stopped, as after the end of its EC2 host."""
    seen = UnitState("t1", "running", containers=(running(),), started_at=NOW + 1)
    unit = a_task_unit(a_task(), "lost", seen, why="node n1 is gone")
    task = derive(a_task(), unit, LATER)
    assert (task.last_status, task.stop_code, task.stopped_reason) == (
        "STOPPED",
        "TerminationNotice",
        "node n1 is gone",
    )
    assert task.containers[0].last_status == "STOPPED"


def test_a_sidecar_that_ends_first() -> None:
    """A container may stop while the task runs; that alone raises the version."""
    both = a_task(containers=("app", "side"))
    seen = UnitState("t1", "running", containers=(running(), running("side")))
    up = derive(both, a_task_unit(both, "running", seen), LATER)
    seen = UnitState("t1", "running", containers=(running(), exited("side")))
    after = derive(up, a_task_unit(up, "running", seen), LATER)
    assert [c.last_status for c in after.containers] == ["RUNNING", "STOPPED"]
    assert (after.last_status, after.version) == ("RUNNING", up.version + 1)


CONTAINER = st.builds(
    ContainerState,
    name=st.sampled_from(["app", "side"]),
    status=st.sampled_from(["pending", "running", "stopped"]),
    exit_code=st.none() | st.integers(0, 255),
    reason=st.text(max_size=5),
)
SEEN = st.builds(
    UnitState,
    unit_id=st.just("t1"),
    status=st.sampled_from(["pending", "running", "stopping", "stopped"]),
    containers=st.lists(CONTAINER, max_size=3).map(tuple),
    stop_code=st.sampled_from(["", "EssentialContainerExited", "TaskFailedToStart"]),
    started_at=st.sampled_from([0, NOW + 1, NOW + 2]),
    stopped_at=st.sampled_from([0, NOW + 3, NOW + 4]),
)
STATES = st.sampled_from(["waiting", "assigned", "starting", "running", "stopping", "stopped", "lost"])


@given(st.lists(st.tuples(STATES, st.none() | SEEN), max_size=8))
def test_only_forward(reports: list[tuple[Any, UnitState | None]]) -> None:
    """Whatever comes in whatever order: stages, exit codes and instants, once told, are never taken back."""
    task = a_task(containers=("app", "side"))
    for number, (state, seen) in enumerate(reports):
        before, task = task, derive(task, a_task_unit(task, state, seen), NOW + number)
        assert RANK[task.last_status] >= RANK[before.last_status]
        assert task.version == before.version + (task != before)
        assert not (before.desired_status == "STOPPED" and task.desired_status == "RUNNING")
        for was, now in zip(before.containers, task.containers, strict=True):
            assert ["PENDING", "RUNNING", "STOPPED"].index(now.last_status) >= [
                "PENDING",
                "RUNNING",
                "STOPPED",
            ].index(was.last_status)
            assert was.exit_code in (None, now.exit_code)
        for column in ("connected_at", "started_at", "stopping_at", "stopped_at", "stop_code"):
            assert getattr(before, column) in (0, "", getattr(task, column))
        stopped = task.last_status == "STOPPED"
        assert stopped == bool(task.stopped_at)
        assert not stopped or all(c.last_status == "STOPPED" for c in task.containers)


def test_health_is_shown_and_not_told() -> None:
    """Health changes the task, not its version: state change events do not show it."""
    running_task = derive(
        a_task(), a_task_unit(a_task(), "running", UnitState("t1", "running", (running(),))), LATER
    )
    seen = UnitState("t1", "running", (running(health="UNHEALTHY"),))
    after = derive(running_task, a_task_unit(running_task, "running", seen), LATER)
    assert (after.containers[0].health, after.version) == ("UNHEALTHY", running_task.version)
    assert derive(after, a_task_unit(after, "running", seen), LATER) is after


@pytest.mark.parametrize(
    ("essential", "others", "expected"),
    [
        (["HEALTHY"], [], "HEALTHY"),
        (["HEALTHY", "UNKNOWN"], [], "UNKNOWN"),
        (["HEALTHY", "UNKNOWN", "UNHEALTHY"], [], "UNHEALTHY"),
        (["HEALTHY", "HEALTHY"], ["UNHEALTHY", "UNKNOWN"], "HEALTHY"),
        (["UNKNOWN"], ["HEALTHY"], "UNKNOWN"),
    ],
)
def test_health_of_a_task(essential: list[Any], others: list[Any], expected: str) -> None:
    """The worst of its essential containers, UNKNOWN being between the others (HealthCheck)."""
    containers = [
        Container(f"c{n}", f"c{n}", "busybox", f"r{n}", essential=n < len(essential), health=health)
        for n, health in enumerate((*essential, *others))
    ]
    assert replace(a_task(), containers=tuple(containers)).health == expected
