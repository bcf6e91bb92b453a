"""The loop that stops attempts which ran longer than their timeout (facts/batch.md, 5.2)."""

from __future__ import annotations

from collections.abc import Hashable

from windlass.aws.bus import Bus
from windlass.kernel.clock import MINUTE, Duration, Instant
from windlass.kernel.reconcile import Loop
from windlass.kernel.store import Change
from windlass.services.batch.model import CHILDREN, JOBS, Child, Job, Stop
from windlass.services.batch.progress import Progress
from windlass.services.plane import Plane

PERIOD: Duration = 10 * MINUTE
ROWS_PER_PASS = 200
TIMED_OUT = "Job attempt duration exceeded timeout"
"""facts/batch.md, 5.1."""


class Timeouts:
    """Run it with `spawn.start(loop.name, loop.run())`."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane
        self._bus = plane.calls.part(Bus)
        self.loop = Loop("batch.timeouts", plane.clock, plane.journal, self._pass, period=PERIOD)
        plane.store.watch((JOBS, CHILDREN), self._on_row)

    def _on_row(self, change: Change) -> None:
        row: Job | Child | None = change.new
        if row is not None and row.deadline and (change.old is None or change.old.deadline != row.deadline):
            self.loop.wake("deadline")

    async def _pass(self, now: Instant, keys: frozenset[Hashable]) -> Instant | None:
        stop = Stop("timeout", TIMED_OUT)
        with self._plane.store.transact() as tx:
            progress = Progress(tx, self._bus, now)
            jobs = tx[JOBS].upto("deadline", "yes", now, ROWS_PER_PASS)
            for job in jobs:
                progress.job(progress.stopped(job, stop))
            children = tx[CHILDREN].upto("deadline", "yes", now, ROWS_PER_PASS)
            for child in children:
                progress.child(tx[JOBS].require(child.job), progress.stopped(child, stop))
            first = [
                row.deadline
                for row in (tx[JOBS].first("deadline", "yes"), tx[CHILDREN].first("deadline", "yes"))
                if row
            ]
        await self._plane.store.durable()
        return min(first, default=None)
