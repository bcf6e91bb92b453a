"""Whose credentials instances get: their instance role's, until they are gone.

fleet/role_credentials.py issues them.
"""

from __future__ import annotations

from windlass.fleet.model import Unit
from windlass.fleet.role_credentials import Acting, role_id
from windlass.kernel.rows import replace
from windlass.kernel.store import Transaction
from windlass.services.apprunner.instance_model import INSTANCES


class InstanceRoles:
    """A role_credentials.Holder; it alone writes `Instance.access_keys`. instances.py ends them."""

    def acting(self, tx: Transaction, unit: Unit) -> Acting | None:
        row, facts = tx[INSTANCES].get(unit.id), unit.spec.task
        if row is None or facts is None or not facts.role_arn:
            return None
        return Acting(facts.role_arn, role_id(facts.role_arn), row.access_keys)

    def keep(self, tx: Transaction, unit: Unit, keys: tuple[str, ...]) -> None:
        row = tx[INSTANCES].get(unit.id)
        if row is not None:
            tx[INSTANCES].put(replace(row, access_keys=keys))
