"""Forgets what was deleted, a while after (limits.DELETED_KEPT): services, and what they refer to.

The newest revision of a name stays, since its number must not come back; and so does what a service has.
"""

from __future__ import annotations

from collections.abc import Hashable

from windlass.kernel.clock import HOUR, Duration, Instant
from windlass.kernel.reconcile import Loop
from windlass.kernel.store import Transaction
from windlass.services.apprunner import limits, references
from windlass.services.apprunner.configuration_model import INGRESSES, REVISION_TABLES
from windlass.services.apprunner.model import OPERATIONS, SERVICES
from windlass.services.plane import Plane

PERIOD: Duration = HOUR
_DELETED = ("deleted", "yes")


class Retention:
    """Run it with `spawn.start(loop.name, loop.run())`."""

    def __init__(self, plane: Plane) -> None:
        self._store = plane.store
        self.loop = Loop("apprunner.retention", plane.clock, plane.journal, self._pass, period=PERIOD)

    async def _pass(self, now: Instant, keys: frozenset[Hashable]) -> Instant | None:
        until = now - limits.DELETED_KEPT
        with self._store.transact() as tx:
            for service in tx[SERVICES].upto(*_DELETED, until):
                for operation in tx[OPERATIONS].by("service", service.arn):
                    tx[OPERATIONS].delete(operation.key)
                tx[SERVICES].delete(service.key)
            for ingress in tx[INGRESSES].upto(*_DELETED, until):
                tx[INGRESSES].delete(ingress.key)
            _forget_revisions(tx, until)
        return None


def _forget_revisions(tx: Transaction, until: Instant) -> None:
    for table in REVISION_TABLES:
        for row in tx[table].upto(*_DELETED, until):
            newest = tx[table].last("name", row.key[:3])
            if row != newest and row.arn not in references.held(tx, row.scope):
                tx[table].delete(row.key)
