"""How an attempt ended: from its unit to exit code, reason and statusReason. Pure.

Batch shows what ECS says of the task: `statusReason` is the task's stoppedReason, `container.reason` the
container's own (facts/batch.md, 5.1). Whether another attempt follows is retries.py's business.

Our decisions, where AWS's documentation is silent. Of several containers the essential one that ended first
speaks for the attempt: the others end because of it. An attempt that exited with 0 before anybody stopped it
has succeeded, though a call or a timeout wanted its end at the same time: the node's report says which was
first. A node that is lost is told of as a host that was terminated, whatever ran there.
"""

from __future__ import annotations

from windlass.fleet.messages import ContainerState, UnitState
from windlass.fleet.model import Unit
from windlass.kernel.clock import Instant
from windlass.kernel.rows import Row
from windlass.services.batch.effective import CONTAINER
from windlass.services.batch.model import ContainerEnd, Stop

EXITED = "Essential container in task exited"
FAILED_TO_START = "Task failed to start"
HOST_TERMINATED = "Host EC2 (instance {}) terminated."
STOPPED = "Task stopped"
"""Of a unit that ended though nobody asked for it and no container did; ours."""

_ESSENTIAL_EXITED = "EssentialContainerExited"
_FAILED_TO_START = "TaskFailedToStart"
_NOTHING = UnitState(unit_id="", status="stopped")


class Outcome(Row, frozen=True):
    """One attempt's end. `started_at` is 0 when no container of it ran."""

    started_at: Instant
    stopped_at: Instant
    exit_code: int | None
    reason: str
    """container.reason."""
    status_reason: str
    succeeded: bool
    containers: tuple[ContainerEnd, ...] = ()
    """Of a job with ecsProperties; such as never came to its node has none."""


def outcome(unit: Unit, stop: Stop | None, now: Instant, interrupted: str = "") -> Outcome:
    """What became of a unit that is stopped or lost.

    `stop` is what was asked of its job, if anything was; `interrupted` why its capacity was taken back, ""
    when it was not.
    """
    seen = unit.observed or _NOTHING
    speaks = _speaker(unit, seen)
    succeeded = (
        unit.state != "lost"
        and seen.stop_code == _ESSENTIAL_EXITED
        and speaks is not None
        and speaks.exit_code == 0
    )
    return Outcome(
        started_at=seen.started_at or (speaks.started_at if speaks is not None else 0),
        stopped_at=seen.stopped_at or now,
        exit_code=speaks.exit_code if speaks is not None else None,
        reason=_reason(seen, speaks),
        status_reason=EXITED if succeeded else _status_reason(unit, seen, stop, interrupted),
        succeeded=succeeded,
        containers=_containers(seen) if _is_of_several(unit) else (),
    )


def _is_of_several(unit: Unit) -> bool:
    """A job with containerProperties has one, and it is called so."""
    return any(spec.name != CONTAINER for spec in unit.spec.containers)


def _containers(seen: UnitState) -> tuple[ContainerEnd, ...]:
    return tuple(ContainerEnd(state.name, state.exit_code, state.reason) for state in seen.containers)


def _speaker(unit: Unit, seen: UnitState) -> ContainerState | None:
    """The container whose end is the attempt's: of the essential ones that ended, the first.

    When the task failed to start, the first of those that never ran.
    """
    essential = {spec.name for spec in unit.spec.containers if spec.essential}
    ended = [state for state in seen.containers if state.name in essential and state.status == "stopped"]
    if seen.stop_code == _FAILED_TO_START:
        ended = [state for state in ended if not state.started_at] or ended
    return min(ended, key=lambda state: state.stopped_at, default=None)


def _reason(seen: UnitState, speaks: ContainerState | None) -> str:
    if speaks is not None and speaks.reason:
        return speaks.reason
    return seen.reason if seen.stop_code == _FAILED_TO_START and seen.reason != FAILED_TO_START else ""


def _status_reason(unit: Unit, seen: UnitState, stop: Stop | None, interrupted: str) -> str:
    """Of an attempt that did not succeed: first what was asked for, then what happened to it."""
    if stop is not None:
        return stop.reason
    if interrupted:
        return interrupted
    if unit.state == "lost":
        host = unit.spec.instance.id if unit.spec.instance is not None else unit.node_id
        return HOST_TERMINATED.format(host)
    if seen.stop_code == _ESSENTIAL_EXITED:
        return EXITED
    if seen.stop_code == _FAILED_TO_START:
        return seen.reason or FAILED_TO_START
    return seen.reason or unit.why or STOPPED
