"""Whose credentials ECS tasks get: their task role's, while they run.

fleet/role_credentials.py issues them.
"""

from __future__ import annotations

from windlass.fleet.model import Unit
from windlass.fleet.role_credentials import Acting
from windlass.kernel.rows import replace
from windlass.kernel.store import Transaction
from windlass.services.ecs.model import TASKS


class TaskRoles:
    """A role_credentials.Holder; it alone writes `Task.access_keys`."""

    def acting(self, tx: Transaction, unit: Unit) -> Acting | None:
        task = tx[TASKS].get(unit.id)
        if task is None or not task.role_arn or task.last_status == "STOPPED":
            return None
        return Acting(task.role_arn, task.role_id, task.access_keys)

    def keep(self, tx: Transaction, unit: Unit, keys: tuple[str, ...]) -> None:
        tx[TASKS].put(replace(tx[TASKS].require(unit.id), access_keys=keys))
