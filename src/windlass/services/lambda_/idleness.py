"""Functions and versions that nobody invokes for long become Inactive, when the profile says after how long.

Uses are not written down: that would put a write into every invocation. They are known here, from the pools
of environments, and noted now and then, so that after a restart of the plane little is missing. Who has an
environment does not become Inactive. Only what has something outside to take back does: what is in a VPC, of
an image, or has a snapshot (Lambda developer guide, "Lambda function states").
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace

from windlass.kernel.clock import SECOND, Duration, Instant, seconds
from windlass.kernel.ids import Ids
from windlass.kernel.reconcile import Loop
from windlass.services.lambda_.environments import Environments
from windlass.services.lambda_.find import pool_of, put_row, row_of_pool
from windlass.services.lambda_.model import FUNCTIONS, VERSIONS, Function, Version
from windlass.services.lambda_.transitions import idle
from windlass.services.plane import Plane

PERIOD = 15 * SECOND
"""How often it is looked, at most: oftener than environments are let go, so that no use is missed."""
NOTED_PER_WAIT = 4
"""How often in the time until it would become Inactive a use is written down."""
ROWS_PER_PASS = 100


class Idleness:
    """Run it with `spawn.start(...)`; without the setting "lambda.inactive_after_s" it has nothing to do."""

    def __init__(self, plane: Plane, environments: Environments) -> None:
        self._plane = plane
        self._environments = environments
        self._ids = Ids(plane.chance.stream("lambda.idle"))
        self._used: dict[str, Instant] = {}
        """By pool: when it was last seen to be used, later than its row says."""
        after = plane.quotas.value("lambda.inactive_after_s")
        self._after: Duration | None = None if after is None else seconds(after)
        period = PERIOD if self._after is None else max(SECOND // 10, min(PERIOD, self._after // 4))
        self._loop = Loop("lambda.inactive", plane.clock, plane.journal, self._pass, period=period)

    async def run(self) -> None:
        if self._after is not None:
            await self._loop.run()

    async def _pass(self, now: Instant, keys: frozenset[Hashable]) -> Instant | None:
        assert self._after is not None
        self._used = {key: at for key, at in self._used.items() if row_of_pool(self._plane.store, key)}
        changed = self._noted(now, self._after // NOTED_PER_WAIT)
        for row in self._idle_rows(now - self._after):
            used = self._used.pop(pool_of(row), 0)
            if len(self._environments.pool(pool_of(row))):
                continue
            later = used > row.idle_since
            changed.append(replace(row, active_at=used) if later else idle(row, self._ids.uuid()))
        if changed:
            with self._plane.store.transact() as tx:
                for row in changed:
                    put_row(tx, row)
        return None

    def _noted(self, now: Instant, every: Duration) -> list[Function | Version]:
        """See who is used; returns the rows in which that has to be written down."""
        noted = []
        for key, pool in self._environments.pools():
            used = pool.used_at(now)
            row = None if used is None else row_of_pool(self._plane.store, key)
            if used is None or row is None:
                continue
            if used - row.idle_since > every:
                noted.append(replace(row, active_at=used))
            elif used > row.idle_since:
                self._used[key] = used
        return noted

    def _idle_rows(self, until: Instant) -> list[Function | Version]:
        store = self._plane.store
        return [
            *store[FUNCTIONS].upto("idle", True, until, ROWS_PER_PASS),
            *store[VERSIONS].upto("idle", True, until, ROWS_PER_PASS),
        ]
