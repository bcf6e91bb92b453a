"""Whose credentials jobs get: their job role's, while an attempt is on.

fleet/role_credentials.py issues them.
"""

from __future__ import annotations

from windlass.fleet.model import Unit
from windlass.fleet.role_credentials import Acting, role_id
from windlass.kernel.rows import replace
from windlass.kernel.store import Transaction
from windlass.services.batch import lookup
from windlass.services.batch.model import CHILDREN, JOBS, Child, Job


class JobRoles:
    """A role_credentials.Holder; it alone adds to `Run.access_keys`. observer.py ends them."""

    def acting(self, tx: Transaction, unit: Unit) -> Acting | None:
        row, facts = lookup.attempt(tx, unit.id), unit.spec.task
        if row is None or facts is None or not facts.role_arn:
            return None
        return Acting(facts.role_arn, role_id(facts.role_arn), row.run.access_keys)

    def keep(self, tx: Transaction, unit: Unit, keys: tuple[str, ...]) -> None:
        match lookup.attempt(tx, unit.id):
            case Job() as job:
                tx[JOBS].put(replace(job, run=replace(job.run, access_keys=keys)))
            case Child() as child:
                tx[CHILDREN].put(replace(child, run=replace(child.run, access_keys=keys)))
