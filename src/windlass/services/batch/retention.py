"""The loop that forgets jobs which ended long ago (facts/batch.md, 5: retention)."""

from __future__ import annotations

from collections.abc import Hashable

from windlass.kernel.clock import HOUR, Duration, Instant
from windlass.kernel.reconcile import Loop
from windlass.kernel.store import Transaction
from windlass.services.batch import limits
from windlass.services.batch.model import ARRAYS, CHILDREN, JOBS, WAITS, Job
from windlass.services.plane import Plane

PERIOD: Duration = HOUR
ROWS_PER_PASS = 500
"""Jobs and children in one transaction."""


class Retention:
    """Run it with `spawn.start(loop.name, loop.run())`."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane
        self.loop = Loop("batch.retention", plane.clock, plane.journal, self.forget, period=PERIOD)

    async def forget(self, now: Instant, keys: frozenset[Hashable]) -> Instant | None:
        """One pass; returns when the next job may be forgotten."""
        left = ROWS_PER_PASS
        with self._plane.store.transact() as tx:
            for job in tx[JOBS].upto("ended", "yes", now - limits.ENDED_KEPT, ROWS_PER_PASS):
                left = _forget(tx, job, left)
                if left <= 0:
                    return now
            oldest = tx[JOBS].first("ended", "yes")
        return None if oldest is None else oldest.stopped_at + limits.ENDED_KEPT


def _forget(tx: Transaction, job: Job, most: int) -> int:
    """Delete the job, its children first; returns how many more rows this pass may delete."""
    for index in range(job.size):
        if most > 0 and tx[CHILDREN].get((job.id, index)) is not None:
            tx[CHILDREN].delete((job.id, index))
            most -= 1
    if most > 0:
        for wait in tx[WAITS].by("on", job.id):
            tx[WAITS].delete((wait.job, wait.on, wait.type))
        tx[ARRAYS].delete(job.id)
        tx[JOBS].delete(job.id)
    return most - 1
