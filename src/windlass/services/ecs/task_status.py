"""A task's status from its unit: what DescribeTasks says of what a node reports. Pure.

The stages are those of the ECS Developer Guide, "task lifecycle"; they only go forward, whatever order the
reports come in. A task with a network interface passes DEPROVISIONING, in which that goes: events tell of it,
and it takes no time. Nothing here runs ACTIVATING; DEACTIVATING begins in stopping.py, while targets drain.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from msgspec.structs import replace

from windlass.fleet.messages import ContainerState, UnitState
from windlass.fleet.model import Unit, UnitPhase
from windlass.kernel.clock import Instant
from windlass.services.ecs import limits
from windlass.services.ecs.model import Container, Task

LIFECYCLE = (
    "PROVISIONING",
    "PENDING",
    "ACTIVATING",
    "RUNNING",
    "DEACTIVATING",
    "STOPPING",
    "DEPROVISIONING",
    "STOPPED",
)
RANK: Mapping[str, int] = {status: rank for rank, status in enumerate(LIFECYCLE)}
_CONNECTED, _STOPPING = RANK["PENDING"], RANK["STOPPING"]

STATUS_OF: Mapping[UnitPhase, str] = {
    "waiting": "PROVISIONING",
    "assigned": "PENDING",
    "starting": "PENDING",
    "running": "RUNNING",
    "stopping": "STOPPING",
    "stopped": "STOPPED",
    "lost": "STOPPED",
}
_CONTAINER_STATUS: Mapping[str, Literal["PENDING", "RUNNING", "STOPPED"]] = {
    "pending": "PENDING",
    "running": "RUNNING",
    "stopped": "STOPPED",
}
_CONTAINER_RANK = {"PENDING": 0, "RUNNING": 1, "STOPPED": 2}

LOST_REASON = "Host of the task was lost."
LOST_CODE = "TerminationNotice"
"""For a host that went away (ECS API reference, Task, stopCode)."""

_EMPTY = UnitState(unit_id="", status="pending")


def derive(task: Task, unit: Unit, now: Instant) -> Task:
    """The task as it stands after that report; the same row when nothing changed.

    `version` rises by one whenever something changed that a state change event would show.
    """
    status = later(task.last_status, STATUS_OF[unit.state])
    rank = RANK[status]
    seen = unit.observed or _EMPTY
    told: dict[str, Any] = {
        "last_status": status,
        "containers": _containers(task.containers, seen.containers, ended=status == "STOPPED"),
        "connected_at": task.connected_at or (now if rank >= _CONNECTED and unit.node_id else 0),
        "pull_started_at": task.pull_started_at or seen.pull_started_at,
        "pull_stopped_at": max(task.pull_stopped_at, seen.pull_stopped_at),
        "started_at": task.started_at or seen.started_at or (now if status == "RUNNING" else 0),
        "stopping_at": task.stopping_at or seen.stopping_at,
        "execution_stopped_at": task.execution_stopped_at or seen.execution_stopped_at,
    }
    if rank >= _STOPPING:
        told |= _ended(task, unit, seen, status, now)
    changes = {column: value for column, value in told.items() if value != getattr(task, column)}
    if not changes:
        return task
    if not _is_health_only(task, changes):
        changes["version"] = task.version + 1
    return replace(task, **changes)


def steps(task: Task, after: Task) -> list[Task]:
    """The rows to tell of, in order, when a task becomes what `derive` made of it; [] when of none."""
    if after.version == task.version:
        return []
    if task.attachment is None or after.last_status != "STOPPED" or task.last_status == "STOPPED":
        return [after]
    leaving = replace(after, last_status="DEPROVISIONING", stopped_at=0)
    return [leaving, replace(after, version=after.version + 1)]


def _is_health_only(task: Task, changes: Mapping[str, Any]) -> bool:
    """Whether what changed is nothing that a state change event shows: those tell everything but health."""
    if changes.keys() != {"containers"}:
        return False
    pairs = zip(task.containers, changes["containers"], strict=True)
    return all(replace(new, health=old.health) == old for old, new in pairs)


def later(one: str, other: str) -> str:
    """The further of two stages of the lifecycle."""
    return one if RANK[one] >= RANK[other] else other


def _ended(task: Task, unit: Unit, seen: UnitState, status: str, now: Instant) -> dict[str, Any]:
    """Columns of a task that stops or has stopped, as they are now.

    What was said first about why stays (StopTask's, or the node's).
    """
    code, reason = task.stop_code, task.stopped_reason
    if not code:
        code, reason = _cause(task, unit, seen)
    ended_at = seen.stopped_at or now
    return {
        "desired_status": "STOPPED",
        "stop_code": code,
        "stopped_reason": reason,
        "stopping_at": task.stopping_at or seen.stopping_at or ended_at,
        "stopped_at": task.stopped_at or (ended_at if status == "STOPPED" else 0),
    }


def _cause(task: Task, unit: Unit, seen: UnitState) -> tuple[str, str]:
    """(stopCode, stoppedReason) of an end that nobody asked for.

    Why an image could not be had is the container's reason; Fargate shows it for the task as well (ECS
    Developer Guide, stopped task error codes).
    """
    if unit.state == "lost":
        return LOST_CODE, unit.why or LOST_REASON
    if not seen.stop_code:
        return "", seen.reason or unit.why
    if not seen.reason and seen.stop_code == "EssentialContainerExited":
        return seen.stop_code, "Essential container in task exited"
    if task.launch_type == "FARGATE" and seen.stop_code == "TaskFailedToStart":
        told = (c.reason for c in seen.containers if c.reason.startswith("CannotPull"))
        return seen.stop_code, next(told, seen.reason or unit.why)
    return seen.stop_code, seen.reason or unit.why


def _containers(
    containers: tuple[Container, ...], states: tuple[ContainerState, ...], *, ended: bool
) -> tuple[Container, ...]:
    if not states and not ended:
        return containers
    by_name = {state.name: state for state in states}
    return tuple([_container(container, by_name.get(container.name), ended) for container in containers])


def _container(container: Container, state: ContainerState | None, ended: bool) -> Container:
    """One container; all of a stopped task's containers have stopped, reported or not."""
    if state is None:
        return replace(container, last_status="STOPPED") if ended else container
    reported: Literal["PENDING", "RUNNING", "STOPPED"] = (
        "STOPPED" if ended else _CONTAINER_STATUS[state.status]
    )
    if _CONTAINER_RANK[reported] < _CONTAINER_RANK[container.last_status]:
        return container
    return replace(
        container,
        last_status=reported,
        exit_code=state.exit_code if container.exit_code is None else container.exit_code,
        reason=container.reason or state.reason[: limits.REASON_LENGTH_MAX],
        health=state.health,
        image_digest=container.image_digest or state.image_digest,
        bindings=state.bindings or container.bindings,
    )
