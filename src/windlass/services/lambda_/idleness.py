"""Functions and versions that nobody invokes for long become Inactive, when the profile says after how long.

Uses are not written down: that would put a write into every invocation. Whoever has an environment is in use,
and that is noted now and then, at most so late that a restart of the plane changes nothing that matters.
Only what has something outside to take back becomes Inactive: what is in a VPC, or of an image (Lambda
developer guide, "Lambda function states").
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace

from windlass.kernel.clock import SECOND, Duration, Instant, seconds
from windlass.kernel.ids import Ids
from windlass.kernel.reconcile import Loop
from windlass.services.lambda_.environments import Environments
from windlass.services.lambda_.find import put_row, row_of_pool
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
        after = plane.quotas.value("lambda.inactive_after_s")
        self._after: Duration | None = None if after is None else seconds(after)
        period = PERIOD if self._after is None else max(SECOND // 10, min(PERIOD, self._after // 4))
        self._loop = Loop("lambda.inactive", plane.clock, plane.journal, self._pass, period=period)

    async def run(self) -> None:
        if self._after is not None:
            await self._loop.run()

    async def _pass(self, now: Instant, keys: frozenset[Hashable]) -> Instant | None:
        assert self._after is not None
        self._note_uses(now, self._after // NOTED_PER_WAIT)
        idle_rows = self._idle_rows(now - self._after)
        if idle_rows:
            with self._plane.store.transact() as tx:
                for row in idle_rows:
                    put_row(tx, idle(row, self._ids.uuid()))
        return None

    def _note_uses(self, now: Instant, every: Duration) -> None:
        used = [row_of_pool(self._plane.store, key) for key, pool in self._environments.pools() if len(pool)]
        stale = [row for row in used if row is not None and now - row.idle_since > every]
        if stale:
            with self._plane.store.transact() as tx:
                for row in stale:
                    put_row(tx, replace(row, active_at=now))

    def _idle_rows(self, until: Instant) -> list[Function | Version]:
        store = self._plane.store
        return [
            *store[FUNCTIONS].upto("idle", True, until, ROWS_PER_PASS),
            *store[VERSIONS].upto("idle", True, until, ROWS_PER_PASS),
        ]
