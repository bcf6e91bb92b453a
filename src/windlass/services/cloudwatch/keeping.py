"""Keeps what PutMetricData acknowledged: rows of points, from which memory is filled at start.

Each call is one row. As soon as there are FOLDED_AT rows of one level they are joined to one of the next, so
that points that aged or that are of one minute take one place; this touches each point a few times in its
life. No more than a full row is joined at a time, so that no pass holds up calls for long. Rows beyond
ROWS_BYTES_MAX go, those whose newest point is oldest first: memory forgets them only at the next start.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from itertools import accumulate

from windlass.aws.metric_points import KEPT_S
from windlass.aws.metrics import Metrics, Series
from windlass.kernel.clock import SECOND, Clock, Instant
from windlass.kernel.journal import Journal
from windlass.kernel.reconcile import Loop
from windlass.kernel.store import Change, Store, Transaction
from windlass.services.cloudwatch import packing
from windlass.services.cloudwatch.limits import (
    FOLDED_AT,
    KEEPING_PERIOD,
    ROW_FULL_BYTES,
    ROWS_BYTES_MAX,
)
from windlass.services.cloudwatch.model import POINT_ROWS, PointRow, Scope
from windlass.services.cloudwatch.packing import Points

SWEPT_AT_ONCE = 200
"""Rows deleted in one transaction."""


class Keeping:
    """A part with one loop. `bytes_max` bounds the rows of all accounts."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        journal: Journal,
        metrics: Metrics,
        bytes_max: int = ROWS_BYTES_MAX,
    ) -> None:
        self._store = store
        self._journal = journal
        self._metrics = metrics
        self._bytes_max = bytes_max
        self._number = 0
        self.kept = 0
        """Bytes of all rows."""
        now = clock.now() // SECOND
        for row in store[POINT_ROWS].by("age", True):
            self._number = max(self._number, row.number)
            self.kept += len(row.packed)
            self._tell((row.account, row.region), packing.unpack(row.packed), now)
        self.loop = Loop("cloudwatch.points", clock, journal, self.run_pass, period=KEEPING_PERIOD)
        store.watch((POINT_ROWS,), self._weigh)

    async def put(self, scope: Scope, points: Points, now: Instant) -> None:
        """Take points: in memory as soon as they are on disk. Raises Retry when the disk takes none."""
        with self._store.transact() as tx:
            self._write(tx, scope, points, level=0)
        await self._store.durable()
        self._tell(scope, points, now // SECOND)

    async def run_pass(self, now: Instant, keys: frozenset[Hashable]) -> Instant | None:
        """Join one lot of rows, or delete some; looks again at once while there is more."""
        return now if self._fold(now) or self._sweep(now) else None

    def _fold(self, now: Instant) -> bool:
        view = self._store[POINT_ROWS]
        for value in view.values("level"):
            if view.count("level", value) < FOLDED_AT:
                continue
            rows = _lot(view.page("level", value, limit=FOLDED_AT))
            first = rows[0]
            joined = packing.join((packing.unpack(row.packed) for row in rows), now // SECOND)
            with self._store.transact() as tx:
                for row in rows:
                    tx[POINT_ROWS].delete(row.key)
                if joined:
                    self._write(tx, (first.account, first.region), joined, level=first.level + 1)
            return True
        return False

    def _sweep(self, now: Instant) -> bool:
        view = self._store[POINT_ROWS]
        gone = view.upto("age", True, now // SECOND - KEPT_S, limit=SWEPT_AT_ONCE)
        over = self.kept - self._bytes_max
        if not gone and over > 0:
            self._journal.note("cloudwatch", "points", "dropped the oldest points", f"{over} bytes too many")
            for row in view.page("age", True, limit=SWEPT_AT_ONCE):
                if over <= 0:
                    break
                over -= len(row.packed)
                gone.append(row)
        if gone:
            with self._store.transact() as tx:
                for row in gone:
                    tx[POINT_ROWS].delete(row.key)
        return bool(gone)

    def _write(self, tx: Transaction, scope: Scope, points: Points, *, level: int) -> None:
        self._number += 1
        row = PointRow(
            *scope,
            number=self._number,
            level=level,
            newest=packing.newest(points),
            packed=packing.pack(points),
        )
        tx[POINT_ROWS].put(row)

    def _tell(self, scope: Scope, points: Points, now: int) -> None:
        for source, some in points.items():
            series = Series(*scope, source.namespace, source.name, source.dimensions)
            for point in some:
                self._metrics.add(series, source.unit, point.start, point.summary, now=now, fine=point.fine)

    def _weigh(self, change: Change) -> None:
        self.kept += len(change.new.packed) if change.new is not None else 0
        self.kept -= len(change.old.packed) if change.old is not None else 0
        row = change.new
        if row is None:
            return
        crowded = self._store[POINT_ROWS].count("level", (row.account, row.region, row.level)) >= FOLDED_AT
        if crowded or self.kept > self._bytes_max:
            self.loop.wake()


def _lot(rows: Sequence[PointRow]) -> Sequence[PointRow]:
    """The first of these rows that make a full one together, at least two."""
    sizes = accumulate(len(row.packed) for row in rows)
    return rows[: max(2, sum(size <= ROW_FULL_BYTES for size in sizes))]
