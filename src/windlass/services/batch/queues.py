"""The loop that settles job queues: CREATING, UPDATING → VALID; DELETING → gone, once all its jobs ended."""

from __future__ import annotations

from collections.abc import Hashable

from windlass.kernel.clock import MINUTE, Duration, Instant
from windlass.kernel.reconcile import Loop
from windlass.kernel.rows import replace
from windlass.kernel.store import Change, Transaction
from windlass.services.batch import settling
from windlass.services.batch.model import ENDED, JOBS, UNFINISHED, Job
from windlass.services.batch.resource_model import QUEUES, JobQueue
from windlass.services.plane import Plane

PERIOD: Duration = 5 * MINUTE
HEALTHY = "JobQueue Healthy"


class Queues:
    """Run it with `spawn.start(loop.name, loop.run())`."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane
        self.loop = Loop("batch.queues", plane.clock, plane.journal, self._pass, period=PERIOD)
        plane.store.watch((QUEUES,), self._on_queue)
        plane.store.watch((JOBS,), self._on_job)

    def settle(self, row: JobQueue) -> None:
        """Settle a change that has just begun, unless the profile has it take its time (environments.py)."""
        if settling.is_instant(row, self._plane.quotas, "queue"):
            with self._plane.store.transact() as tx:
                self._settle(tx, row)

    def _on_queue(self, change: Change) -> None:
        row: JobQueue | None = change.new
        if row is not None and row.status in settling.CHANGING:
            self.loop.wake(row.key)

    def _on_job(self, change: Change) -> None:
        """The last job of a queue that is being deleted may have ended."""
        row: Job | None = change.new
        if row is not None and row.status in ENDED:
            queue = self._plane.store[QUEUES].get(row.queue_key)
            if queue is not None and queue.status == "DELETING":
                self.loop.wake(queue.key)

    async def _pass(self, now: Instant, keys: frozenset[Hashable]) -> Instant | None:
        again = None
        with self._plane.store.transact() as tx:
            for row in tx[QUEUES].by("changing", "yes"):
                due = settling.due(row, self._plane.quotas, "queue")
                if due > now:
                    again = due if again is None else min(again, due)
                else:
                    self._settle(tx, row)
        return again

    def _settle(self, tx: Transaction, row: JobQueue) -> None:
        if row.status != "DELETING":
            tx[QUEUES].put(replace(row, status="VALID", status_reason=HEALTHY))
        elif not any(tx[JOBS].count("status", (*row.key, status)) for status in UNFINISHED):
            tx[QUEUES].delete(row.key)
            self._plane.journal.note("batch", row.arn, "deleted", "")
