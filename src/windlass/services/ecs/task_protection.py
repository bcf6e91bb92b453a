"""Scale-in protection as a task asks for it from inside: through its node, for itself only.

Answers as GetTaskProtection and UpdateTaskProtection do: handlers/protection.py and this edge share
scale_in.py.
"""

from __future__ import annotations

from windlass.fleet.model import UNITS
from windlass.fleet.task_messages import Protection, ProtectionWanted
from windlass.kernel.faults import Fault
from windlass.services.ecs import scale_in
from windlass.services.ecs.launch import OWNER
from windlass.services.ecs.model import TASKS
from windlass.services.plane import Plane


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
            if reason := scale_in.failure(task):
                return Protection(wanted.number, failure=reason)
            if wanted.enabled is not None:
                try:
                    task = tx[TASKS].put(scale_in.changed(task, wanted.enabled, wanted.minutes, now))
                except Fault as fault:
                    return Protection(wanted.number, code=fault.code, message=fault.message)
        return Protection(
            wanted.number, until=task.protected_until if scale_in.is_protected(task, now) else 0
        )
