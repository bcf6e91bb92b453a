"""The one way in which ECS itself, or a caller, ends a task: the row says so, and its unit is to stop."""

from __future__ import annotations

from windlass.aws.bus import Bus
from windlass.fleet.model import UNITS
from windlass.kernel.clock import Duration, Instant
from windlass.kernel.rows import replace
from windlass.kernel.store import Transaction
from windlass.services.ecs import notices
from windlass.services.ecs.model import TASKS, Task
from windlass.services.ecs.provider_model import WAITING


def stop(
    tx: Transaction, bus: Bus, task: Task, code: str, reason: str, now: Instant, within: Duration = 0
) -> Task:
    """Mark the task; the node sends SIGTERM, then SIGKILL, at the latest `within` that time unless it is 0.

    One that is stopping already stays as it is. One that load balancers send requests to is DEACTIVATING
    until its targets have drained (target_registrar.py), unless it has only so long (`within`).
    """
    if task.desired_status == "STOPPED":
        return task
    drains = bool(task.targets) and not within
    marked = tx[TASKS].put(
        replace(
            task,
            desired_status="STOPPED",
            last_status="DEACTIVATING" if drains else task.last_status,
            stop_code=code,
            stopped_reason=reason,
            version=task.version + 1,
        )
    )
    if not drains:
        tx[UNITS].put(replace(tx[UNITS].require(task.id), desired="stop", stop_within=within))
    tx[WAITING].delete(task.id)
    notices.tell(bus, tx, marked, now)
    return marked
