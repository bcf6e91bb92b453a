"""Forgets services a while after they were deleted, with their operations (limits.DELETED_KEPT)."""

from __future__ import annotations

from collections.abc import Hashable

from windlass.kernel.clock import HOUR, Duration, Instant
from windlass.kernel.reconcile import Loop
from windlass.services.apprunner import limits
from windlass.services.apprunner.model import OPERATIONS, SERVICES
from windlass.services.plane import Plane

PERIOD: Duration = HOUR


class Retention:
    """Run it with `spawn.start(loop.name, loop.run())`."""

    def __init__(self, plane: Plane) -> None:
        self._store = plane.store
        self.loop = Loop("apprunner.retention", plane.clock, plane.journal, self._pass, period=PERIOD)

    async def _pass(self, now: Instant, keys: frozenset[Hashable]) -> Instant | None:
        for service in self._store[SERVICES].upto("deleted", "yes", now - limits.DELETED_KEPT):
            with self._store.transact() as tx:
                for operation in tx[OPERATIONS].by("service", service.arn):
                    tx[OPERATIONS].delete(operation.key)
                tx[SERVICES].delete(service.key)
        return None
