"""What an operation does next, from counts."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.kernel.clock import SECOND
from windlass.kernel.faults import Bug
from windlass.kernel.machine import allows, move
from windlass.services.apprunner import deployment
from windlass.services.apprunner.deployment import Event, Plan, Situation, end, plan, status, target
from windlass.services.apprunner.model import (
    Build,
    Counts,
    Operation,
    OperationType,
    Phase,
    Scaling,
)
from windlass.services.apprunner.transitions import DONE_TO, OPERATION_MOVES, SERVICE_MOVES, allowed

LIMIT = 300 * SECOND


def an_operation(
    kind: OperationType = "UPDATE_SERVICE", phase: Phase = "waiting", **changes: object
) -> Operation:
    brings = "" if kind in ("PAUSE_SERVICE", "DELETE_SERVICE") else "green"
    row = Operation("arn", "green", 2, kind, 1, 1, phase=phase, since=1, deployment=brings, previous="blue")
    return replace(row, **changes)  # type: ignore[arg-type]


def a_situation(phase: Phase = "provisioning", now: int = 2, aim: int = 1, **members: object) -> Situation:
    operation = members.pop("operation", None) or an_operation(phase=phase, target=aim)
    return Situation(operation, now, LIMIT, **members)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("situation", "expected"),
    [
        (
            a_situation("waiting", serving=Counts(healthy=3)),
            Plan("provision", "3 instances are to start", 3),
        ),
        (
            a_situation("waiting", scaling=Scaling(min_size=2)),
            Plan("provision", "2 instances are to start", 2),
        ),
        (
            a_situation("waiting", build=Build("waiting")),
            Plan("build", "the source code is to be built"),
        ),
        (
            a_situation("waiting", build=Build("succeeded")),
            Plan("provision", "1 instances are to start", 1),
        ),
        (a_situation("building", build=Build("running")), Plan(None, "the build goes on")),
        (a_situation("building", build=Build("succeeded")), Plan("provision", "1 instances are to start", 1)),
        (a_situation("building", build=Build("failed", "no pip")), Plan("fail", "no pip")),
        (a_situation("building", build=Build("failed")), Plan("fail", deployment.FAILED_BUILD)),
        (
            a_situation(new=Counts(starting=1)),
            Plan(None, "0 of 1 instances are healthy", look_again=LIMIT + 1),
        ),
        (a_situation(new=Counts(healthy=1)), Plan("serve", "1 instances are healthy")),
        (
            a_situation(new=Counts(healthy=1), serving=Counts(healthy=1, starting=1)),
            Plan(None, "1 of 2 instances are healthy", 2, LIMIT + 1),
        ),
        (
            a_situation(aim=2, new=Counts(starting=1, healthy=1, failed=1, why="Container exit code: 1")),
            Plan("fail", "Container exit code: 1"),
        ),
        (a_situation(new=Counts(failed=1)), Plan("fail", deployment.FAILED_INSTANCE)),
        (
            a_situation(now=LIMIT + 1, new=Counts(starting=1)),
            Plan("fail", "Health check failed: no instance was healthy in 300 seconds."),
        ),
        (
            a_situation(now=LIMIT + 1, aim=2, new=Counts(starting=1, healthy=1)),
            Plan("fail", "Health check failed: 1 of 2 instances were healthy in 300 seconds."),
        ),
        (
            a_situation("rolling-back", new=Counts(stopping=1, failed=1)),
            Plan(None, "the failed instances are being withdrawn"),
        ),
        (
            a_situation("rolling-back", new=Counts(failed=1, why="it did")),
            Plan("gone", "the failed instances are being withdrawn"),
        ),
        (
            a_situation(operation=an_operation("PAUSE_SERVICE"), left=3),
            Plan("withdraw", "3 instances are to go"),
        ),
        (a_situation("withdrawing", left=1), Plan(None, "1 instances are left")),
        (a_situation("withdrawing", left=0), Plan("gone", "0 instances are left")),
    ],
)
def test_the_next_move(situation: Situation, expected: Plan) -> None:
    assert plan(situation) == expected


def test_what_has_ended_is_not_looked_at() -> None:
    with pytest.raises(Bug, match="no next move"):
        plan(a_situation("ended"))


@pytest.mark.parametrize(
    ("kind", "previous", "event", "phase", "result", "ends"),
    [
        ("CREATE_SERVICE", "", "serve", "provisioning", "SUCCEEDED", "RUNNING"),
        ("CREATE_SERVICE", "", "gone", "rolling-back", "FAILED", "CREATE_FAILED"),
        ("UPDATE_SERVICE", "blue", "serve", "provisioning", "SUCCEEDED", "RUNNING"),
        ("UPDATE_SERVICE", "blue", "gone", "rolling-back", "ROLLBACK_SUCCEEDED", "RUNNING"),
        ("UPDATE_SERVICE", "", "gone", "rolling-back", "FAILED", "CREATE_FAILED"),
        ("START_DEPLOYMENT", "blue", "gone", "rolling-back", "ROLLBACK_SUCCEEDED", "RUNNING"),
        ("PAUSE_SERVICE", "blue", "gone", "withdrawing", "SUCCEEDED", "PAUSED"),
        ("RESUME_SERVICE", "", "serve", "provisioning", "SUCCEEDED", "RUNNING"),
        ("RESUME_SERVICE", "", "gone", "rolling-back", "FAILED", "PAUSED"),
        ("DELETE_SERVICE", "blue", "gone", "withdrawing", "SUCCEEDED", "DELETED"),
        ("DELETE_SERVICE", "", "gone", "withdrawing", "SUCCEEDED", "DELETED"),
    ],
)
def test_how_operations_end(
    kind: OperationType, previous: str, event: Event, phase: Phase, result: str, ends: str
) -> None:
    """The operation's status, and the service's after it."""
    operation = an_operation(kind, phase, previous=previous)
    ended = replace(operation, status=status(operation, event))
    assert ended.status == result
    assert move(SERVICE_MOVES, "OPERATION_IN_PROGRESS", end(ended)) == ends


def test_a_failure_is_a_rollback_only_if_there_is_something_to_go_back_to() -> None:
    operation = an_operation(phase="provisioning")
    assert status(operation, "fail") == "ROLLBACK_IN_PROGRESS"
    assert status(replace(operation, previous=""), "fail") == "IN_PROGRESS"


def test_each_operation_may_begin_somewhere() -> None:
    """And none while another one is in progress, or on what was deleted."""
    for kind in DONE_TO:
        assert allowed(kind)
        assert not allows(SERVICE_MOVES, "OPERATION_IN_PROGRESS", kind)
        assert not allows(SERVICE_MOVES, "DELETED", kind)
    assert set(DONE_TO) | {"CREATE_SERVICE"} == set(get_args(OperationType))


@given(
    scaling=st.builds(
        lambda low, more: Scaling(min_size=low, max_size=low + more), st.integers(1, 25), st.integers(0, 25)
    ),
    serving=st.builds(Counts, starting=st.integers(0, 40), healthy=st.integers(0, 40)),
)
def test_a_new_set_is_as_large_as_the_old_one_within_its_bounds(scaling: Scaling, serving: Counts) -> None:
    count = target(scaling, serving)
    assert scaling.min_size <= count <= scaling.max_size
    assert count == serving.healthy + serving.starting or count in (scaling.min_size, scaling.max_size)


@given(
    kind=st.sampled_from(get_args(OperationType)),
    code=st.booleans(),
    builds=st.booleans(),
    previous=st.booleans(),
    steps=st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3), st.booleans()), max_size=30),
)
def test_every_operation_ends(
    kind: OperationType, code: bool, builds: bool, previous: bool, steps: list[tuple[int, int, bool]]
) -> None:
    """Whatever instances do: the set grows only, each move is listed, and time ends it."""
    operation = an_operation(kind, previous="blue" if previous else "")
    build: Build | None = Build("waiting") if code and operation.deployment else None
    new, now, left = Counts(), 1, 4 if previous else 0
    for step in (*steps, *[(0, 0, False)] * 12):
        if operation.phase == "ended":
            break
        now += LIMIT // 4
        serving = Counts(healthy=step[0]) if previous else Counts()
        made = plan(Situation(operation, now, LIMIT, build=build, new=new, serving=serving, left=left))
        if made.target:
            assert made.target > operation.target
            operation = replace(operation, target=made.target)
            new = new._replace(starting=made.target - new.healthy)
        if made.event is None:
            if operation.phase == "provisioning":
                well = min(step[1], new.starting)
                failed = int(step[2] and new.starting > well)
                new = Counts(new.starting - well - failed, new.healthy + well, failed)
            elif operation.phase == "building":
                build = Build("succeeded" if builds else "failed")
            new, left = (Counts(), 0) if operation.phase in ("rolling-back", "withdrawing") else (new, left)
            continue
        if made.event == "serve":
            assert new.healthy >= operation.target >= 1 and not new.failed
        state = status(operation, made.event)
        phase = move(OPERATION_MOVES, operation.phase, made.event)
        operation = replace(operation, status=state, phase=phase, since=now)  # type: ignore[arg-type]
    assert operation.phase == "ended"
    assert move(SERVICE_MOVES, "OPERATION_IN_PROGRESS", end(operation))
