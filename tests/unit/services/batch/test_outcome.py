"""How attempts ended, as Batch words it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.build import NOW
from windlass.fleet.messages import ContainerSpec, ContainerState, UnitSpec, UnitState
from windlass.fleet.model import Unit
from windlass.fleet.task_messages import InstanceRoom
from windlass.services.batch.model import Stop
from windlass.services.batch.outcome import Outcome, outcome

OOM = "OutOfMemoryError: Container killed due to memory usage"
PULL = "CannotPullContainerError: no such image"
SECRET = "ResourceInitializationError: unable to pull secrets: …"
TERMINATE = Stop("terminate", "not needed")
TIMEOUT = Stop("timeout", "Job attempt duration exceeded timeout")
SPOT = "Your Spot Task was interrupted."


def a_state(name: str = "default", exit_code: int | None = 0, **members: Any) -> ContainerState:
    return ContainerState(name, "stopped", exit_code, **{"started_at": 10, "stopped_at": 20, **members})


def never(reason: str) -> ContainerState:
    """One that could not be started."""
    return a_state(exit_code=None, started_at=0, reason=reason)


def ended(
    *containers: ContainerState, code: str = "EssentialContainerExited", reason: str = "", **members: Any
) -> Unit:
    """A unit that ended so."""
    started_at = 10 if containers and all(state.started_at for state in containers) else 0
    observed = UnitState("t", "stopped", containers, code, reason, started_at=started_at, stopped_at=21)
    names = [state.name for state in containers] or ["default"]
    spec = UnitSpec("t", "task", tuple(ContainerSpec(name, essential=name != "side") for name in names))
    kept = {"spec": spec, "state": "stopped", "node_id": "n1", "observed": observed, **members}
    return Unit(
        id="t", owner="batch", account="1", region="r", cpu_units=0, memory_mib=0, created_at=1, **kept
    )


@pytest.mark.parametrize(
    ("unit", "stop", "expected"),
    [
        (ended(a_state()), None, Outcome(10, 21, 0, "", "Essential container in task exited", True)),
        (
            ended(a_state(exit_code=3)),
            None,
            Outcome(10, 21, 3, "", "Essential container in task exited", False),
        ),
        (
            ended(a_state(exit_code=137, reason=OOM)),
            None,
            Outcome(10, 21, 137, OOM, "Essential container in task exited", False),
        ),
        (
            ended(never(PULL), code="TaskFailedToStart",
                  reason="Task failed to start"),
            None,
            Outcome(0, 21, None, PULL, "Task failed to start", False),
        ),
        (
            ended(never(SECRET), code="TaskFailedToStart", reason=SECRET),
            None,
            Outcome(0, 21, None, SECRET, SECRET, False),
        ),
        (
            ended(code="TaskFailedToStart", reason="no such runner"),
            None,
            Outcome(0, 21, None, "no such runner", "no such runner", False),
        ),
        (ended(a_state(exit_code=143), code=""), TERMINATE, Outcome(10, 21, 143, "", "not needed", False)),
        (ended(a_state(exit_code=0), code=""), TERMINATE, Outcome(10, 21, 0, "", "not needed", False)),
        (
            ended(a_state(exit_code=0)),
            TERMINATE,
            Outcome(10, 21, 0, "", "Essential container in task exited", True),
        ),
        (ended(a_state(exit_code=1)), TERMINATE, Outcome(10, 21, 1, "", "not needed", False)),
        (ended(a_state(exit_code=137), code=""), TIMEOUT, Outcome(10, 21, 137, "", TIMEOUT.reason, False)),
        (ended(observed=None), TERMINATE, Outcome(0, NOW, None, "", "not needed", False)),
        (ended(observed=None), None, Outcome(0, NOW, None, "", "Task stopped", False)),
        (
            ended(state="lost", observed=None),
            None,
            Outcome(0, NOW, None, "", "Host EC2 (instance n1) terminated.", False),
        ),
        (ended(state="lost", observed=None), TERMINATE, Outcome(0, NOW, None, "", "not needed", False)),
    ],
    ids=lambda value: value.status_reason if isinstance(value, Outcome) else "",
)  # fmt: skip
def test_ends(unit: Unit, stop: Stop | None, expected: Outcome) -> None:
    assert outcome(unit, stop, NOW) == expected


def test_a_host_of_its_own() -> None:
    """A lost attempt on an instance names it, as `evaluateOnExit` with Host EC2* expects."""
    spec = UnitSpec("t", "task", instance=InstanceRoom("i-0123456789abcdef0", 1024, 1024))
    end = outcome(ended(state="lost", observed=None, spec=spec), None, NOW)
    assert end.status_reason == "Host EC2 (instance i-0123456789abcdef0) terminated."


def test_a_spot_interruption() -> None:
    """SIGTERM came from the plane, though nobody asked for the job's end."""
    end = outcome(ended(a_state(exit_code=143), code=""), None, NOW, SPOT)
    assert (end.status_reason, end.exit_code, end.succeeded) == (SPOT, 143, False)


@pytest.mark.parametrize(
    ("containers", "exit_code", "succeeded"),
    [
        ((a_state("main", 0, stopped_at=20), a_state("two", 143, stopped_at=25)), 0, True),
        ((a_state("main", 143, stopped_at=25), a_state("two", 4, stopped_at=20)), 4, False),
        ((a_state("side", 9, stopped_at=15), a_state("main", 0, stopped_at=20)), 0, True),
        ((a_state("main", 137, reason="killed"), a_state("side", 0, stopped_at=15)), 137, False),
    ],
)
def test_several_containers(containers: tuple[ContainerState, ...], exit_code: int, succeeded: bool) -> None:
    """The essential container that ended first speaks for all."""
    end = outcome(ended(*containers), None, NOW)
    assert (end.exit_code, end.succeeded) == (exit_code, succeeded)
