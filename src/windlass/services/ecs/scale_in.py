"""Task scale-in protection: for how long a task is not to be ended by its service, and who may have it.

Decides from rows and the time; what scales in or deploys asks `is_protected`. A protection ends by time
alone: nothing is written when it does. Facts: docs/aws/ecs.md, Services.
"""

from __future__ import annotations

from collections.abc import Iterable

from windlass.kernel.clock import MINUTE, Duration, Instant
from windlass.kernel.faults import Fault
from windlass.kernel.rows import replace
from windlass.services.ecs.model import Task

UPDATE_TASKS_MAX = 10  # tasks per call; ECS API reference, UpdateTaskProtection
GET_TASKS_MAX = 100  # tasks per call; ECS API reference, GetTaskProtection
MINUTES_DEFAULT = 120  # ECS API reference, UpdateTaskProtection, expiresInMinutes
MINUTES_MAX = 2_880  # ECS API reference, UpdateTaskProtection, expiresInMinutes
NOT_OF_A_SERVICE = "TASK_NOT_VALID"
BLOCKED = "DEPLOYMENT_BLOCKED"


def is_protected(task: Task, now: Instant) -> bool:
    """Whether its service must neither scale it in nor replace it now."""
    return task.protected_until > now


def ends(tasks: Iterable[Task], now: Instant) -> list[Instant]:
    """When the protections of those that have one end, the next first."""
    return sorted(task.protected_until for task in tasks if is_protected(task, now))


def failure(task: Task) -> str:
    """Why there is no protection to ask of or to change; "" when there is.

    Only tasks of services have one; of a task that has stopped we say the same (AWS names no reason).
    """
    valid = task.service and task.last_status != "STOPPED"
    return "" if valid else NOT_OF_A_SERVICE


def blocks(task: Task, outgoing: Iterable[Task], now: Instant) -> bool:
    """Whether nobody may protect this task of a deployment that is being replaced any longer.

    `outgoing` are all tasks of such deployments. When protection is all that keeps the others there, the new
    deployment waits for it already. AWS says that it is refused then, not from when on exactly.
    """
    others = [is_protected(other, now) for other in outgoing if other.id != task.id]
    return all(others) and (bool(others) or is_protected(task, now))


def changed(task: Task, enabled: bool, minutes: int | None, now: Instant) -> Task:
    """The task as the call wants it: each call that protects starts the time anew."""
    return replace(task, protected_until=now + _duration(minutes) if enabled else 0)


def _duration(minutes: int | None) -> Duration:
    """Raises InvalidParameterException."""
    if minutes is None:
        return MINUTES_DEFAULT * MINUTE
    if not 1 <= minutes <= MINUTES_MAX:
        raise Fault(
            "InvalidParameterException", f"expiresInMinutes must be between 1 and {MINUTES_MAX} minutes."
        )
    return minutes * MINUTE
