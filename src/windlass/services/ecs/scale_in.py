"""Task scale-in protection: for how long a task is not to be ended by its service, and who may have it.

Decides from rows and the time; what scales in or deploys asks `is_protected`. A protection ends by time
alone: nothing is written when it does. Facts: docs/aws/ecs.md, Services.
"""

from __future__ import annotations

from windlass.kernel.clock import MINUTE, Duration, Instant
from windlass.kernel.faults import Fault
from windlass.kernel.rows import replace
from windlass.services.ecs.model import Task

UPDATE_TASKS_MAX = 10  # tasks per call; ECS API reference, UpdateTaskProtection
GET_TASKS_MAX = 100  # tasks per call; ECS API reference, GetTaskProtection
MINUTES_DEFAULT = 120  # ECS API reference, UpdateTaskProtection, expiresInMinutes
MINUTES_MAX = 2_880  # ECS API reference, UpdateTaskProtection, expiresInMinutes
NOT_OF_A_SERVICE = "TASK_NOT_VALID"


def is_protected(task: Task, now: Instant) -> bool:
    """Whether its service must neither scale it in nor replace it now."""
    return task.protected_until > now


def failure(task: Task) -> str:
    """Why there is no protection to ask of or to change; "" when there is.

    Only tasks of services have one; of a task that has stopped we say the same (AWS names no reason).
    """
    valid = task.group.startswith("service:") and task.last_status != "STOPPED"
    return "" if valid else NOT_OF_A_SERVICE


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
