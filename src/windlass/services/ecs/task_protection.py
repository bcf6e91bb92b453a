"""Changes the scale-in protection of tasks, for the API and for tasks that ask for it from inside.

A task asks through its node, for itself only, and is answered as GetTaskProtection and UpdateTaskProtection
answer (handlers/protection.py). scale_in.py decides.
"""

from __future__ import annotations

from windlass.fleet.model import UNITS
from windlass.fleet.task_messages import Protection, ProtectionWanted
from windlass.kernel.clock import Instant
from windlass.kernel.faults import Fault
from windlass.kernel.store import Transaction
from windlass.services.ecs import scale_in
from windlass.services.ecs.launch import OWNER
from windlass.services.ecs.model import TASKS, Task
from windlass.services.ecs.service_model import DEPLOYMENTS, SERVICES
from windlass.services.plane import Plane


def refusal(tx: Transaction, task: Task, enabled: bool, now: Instant) -> str:
    """Why the task's protection cannot be changed so, as the reason of a failure; "" when it can."""
    reason = scale_in.failure(task)
    if reason or not enabled:
        return reason
    service = tx[SERVICES].get((*task.cluster_key, task.service))
    if service is None or service.deployment_id in ("", task.deployment):
        return ""
    primary = tx[DEPLOYMENTS].get(service.deployment_id)
    if primary is None or primary.rollout != "IN_PROGRESS":
        return ""
    running = tx[TASKS].by("service", (*task.cluster_key, task.service, "RUNNING"))
    outgoing = (other for other in running if other.deployment != primary.id)
    return scale_in.BLOCKED if scale_in.blocks(task, outgoing, now) else ""


class TaskProtection:
    """Answers `ProtectionWanted`; a part of the plane, which app.py hands to the links."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane

    def answer(self, node_id: str, wanted: ProtectionWanted) -> Protection:
        """Do it and say how it stands. The answer must not leave before what it wrote is durable.

        Raises Retry when the log takes no writes.
        """
        now = self._plane.clock.now()
        with self._plane.store.transact() as tx:
            unit, task = tx[UNITS].get(wanted.unit_id), tx[TASKS].get(wanted.unit_id)
            if unit is None or task is None or unit.owner != OWNER or unit.node_id != node_id:
                return Protection(wanted.number, failure="MISSING")
            if reason := refusal(tx, task, bool(wanted.enabled), now):
                return Protection(wanted.number, failure=reason)
            if wanted.enabled is not None:
                try:
                    task = tx[TASKS].put(scale_in.changed(task, wanted.enabled, wanted.minutes, now))
                except Fault as fault:
                    return Protection(wanted.number, code=fault.code, message=fault.message)
        return Protection(
            wanted.number, until=task.protected_until if scale_in.is_protected(task, now) else 0
        )
