"""The loop that ends the attempts of jobs that are to end: arrays that were terminated, deleted queues.

What one call cannot do in one transaction, since it may be ten thousand children.
"""

from __future__ import annotations

from collections.abc import Hashable
from itertools import islice

from windlass.aws.bus import Bus
from windlass.kernel.clock import MINUTE, Duration, Instant
from windlass.kernel.faults import Retry
from windlass.kernel.reconcile import Loop
from windlass.kernel.store import Change, Transaction
from windlass.services.batch.model import CHILDREN, ENDED, JOBS, Child, Job, Stop
from windlass.services.batch.progress import Progress
from windlass.services.batch.resource_model import QUEUES, JobQueue, Key
from windlass.services.plane import Plane

PERIOD: Duration = 10 * MINUTE
ROWS_PER_PASS = 200
"""Jobs and children in one transaction, so that no pass holds up calls for long."""
DELETED = "Job queue deleted"
"""Reason of jobs whose queue was deleted; the wording is ours."""


class Stopper:
    """Run it with `spawn.start(loop.name, loop.run())`."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane
        self._bus = plane.calls.part(Bus)
        self._arrays: dict[str, int] = {}
        """Parents of children to stop, and the index from which on they are to be looked at."""
        self._queues: dict[Key, None] = {}
        self.loop = Loop("batch.stopper", plane.clock, plane.journal, self._pass, period=PERIOD)
        plane.store.watch((JOBS,), self._on_job)
        plane.store.watch((QUEUES,), self._on_queue)

    def _on_job(self, change: Change) -> None:
        job: Job | None = change.new
        if job is not None and _is_to_stop(job) and (change.old is None or not _is_to_stop(change.old)):
            self._arrays[job.id] = 0
            self.loop.wake("array")

    def _on_queue(self, change: Change) -> None:
        queue: JobQueue | None = change.new
        if queue is not None and queue.status == "DELETING":
            self._queues[queue.key] = None
            self.loop.wake("queue")

    async def _pass(self, now: Instant, keys: frozenset[Hashable]) -> Instant | None:
        if not keys:
            self._look_at_all()
        try:
            left = self._stop_some(now)
            await self._plane.store.durable()
        except Retry:
            self._look_at_all()  # what was taken from the lists has not been stopped
            raise
        return None if left else now

    def _stop_some(self, now: Instant) -> int:
        """One transaction; returns how many more rows it might have written."""
        left = ROWS_PER_PASS
        with self._plane.store.transact() as tx:
            progress = Progress(tx, self._bus, now)
            while left and self._queues:
                left = _stop_queue(tx, progress, next(iter(self._queues)), left)
                if left:
                    self._queues.pop(next(iter(self._queues)))
            while left and self._arrays:
                job_id = next(iter(self._arrays))
                left = self._stop_children(tx, progress, job_id, left)
                if left:
                    self._arrays.pop(job_id)
        return left

    def _look_at_all(self) -> None:
        store = self._plane.store
        for queue in store[QUEUES].by("changing", "yes"):
            if queue.status == "DELETING":
                self._queues[queue.key] = None
        for job in store[JOBS].by("stopping", "yes"):
            self._arrays[job.id] = 0

    def _stop_children(self, tx: Transaction, progress: Progress, job_id: str, most: int) -> int:
        """Stop what runs of the array; returns how many more rows this pass may write."""
        parent = tx[JOBS].get(job_id)
        if parent is None or parent.stop is None:
            return most
        begin = self._arrays[job_id]
        found: list[Child] = []
        for status in ("STARTING", "RUNNING"):
            found += tx[CHILDREN].page("status", (job_id, status), (begin, ()), limit=most)
        found = sorted(found, key=lambda child: child.index)[:most]
        for child in found:
            tx[CHILDREN].put(progress.stopped(child, parent.stop))
        if found:
            self._arrays[job_id] = found[-1].index + 1
        return most - len(found)


def _stop_queue(tx: Transaction, progress: Progress, key: Key, most: int) -> int:
    """Terminate the queue's jobs that have not ended; returns how many more rows this pass may write."""
    for status in ("RUNNING", "STARTING", "PENDING", "RUNNABLE", "SUBMITTED"):
        stays = status in ("RUNNING", "STARTING", "PENDING")  # the others end at once, and are there no more
        rows = (
            tx[JOBS].by("status", (*key, status))
            if stays
            else tx[JOBS].page("status", (*key, status), limit=most)
        )
        for job in islice((job for job in rows if not _is_stopped(job)), most):
            progress.terminate(job, Stop("terminate", DELETED))
            most -= 1
    return most


def _is_stopped(job: Job) -> bool:
    """Whether all of it was told to end; a cancelled array may have children that run."""
    return job.is_terminated if job.size else job.stop is not None


def _is_to_stop(job: Job) -> bool:
    return bool(job.size) and job.is_terminated and job.status not in ENDED
