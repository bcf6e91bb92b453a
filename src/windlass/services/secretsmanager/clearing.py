"""Deletes secrets whose recovery window is over."""

from __future__ import annotations

from collections.abc import Hashable

from windlass.kernel.clock import HOUR, Instant
from windlass.kernel.reconcile import Loop
from windlass.kernel.store import Change
from windlass.services.plane import Plane
from windlass.services.secretsmanager.handlers.secrets import forget
from windlass.services.secretsmanager.model import SECRETS

BATCH_MAX = 100


class Clearing:
    """Sleeps until the first of them is due."""

    def __init__(self, plane: Plane) -> None:
        self._store = plane.store
        self.loop = Loop("secretsmanager", plane.clock, plane.journal, self._pass, period=HOUR)
        plane.store.watch((SECRETS,), self._changed)

    def _changed(self, change: Change) -> None:
        if change.new is not None and change.new.deleted_at:
            self.loop.wake()

    async def _pass(self, now: Instant, keys: frozenset[Hashable]) -> Instant | None:
        with self._store.transact() as tx:
            for row in tx[SECRETS].upto("deleted", "yes", now, BATCH_MAX):
                forget(tx, row)
            following = tx[SECRETS].first("deleted", "yes")
        return None if following is None else max(now, following.deleted_at)
