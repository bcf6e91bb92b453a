"""What runs in each compute environment, and what each share of a queue uses: kept as rows change.

The vCPUs in use are what an environment's cap counts; what a share used is the ledger's (ledger.py).
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import NamedTuple

from windlass.kernel.clock import Clock, Duration, Instant
from windlass.kernel.store import Change, Store
from windlass.services.batch.ledger import Ledger
from windlass.services.batch.model import ACTIVE, CHILDREN, ENDED, JOBS, Child, Job
from windlass.services.batch.resource_model import POLICIES, QUEUES, JobQueue, Key, SchedulingPolicy
from windlass.services.batch.shares import Shares, window


class _Taken(NamedTuple):
    """What one attempt takes up."""

    environment: Key
    queue: Key
    share: str
    cpu_units: int


@dataclass(slots=True)
class _InUse:
    """What attempts take up of one environment now, and have since the plane began."""

    since: Instant
    """When that last changed."""
    cpu_units: int = 0
    attempts: int = 0
    work: int = 0
    """CPU units times nanoseconds, up to `since`."""


_NOWHERE: Key = ("", "", "")


class Usage:
    """One per plane: `call.part(Usage)`. Counts are those of the transactions that are over."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self.ledger = Ledger()
        self._store = store
        self._clock = clock
        self._in_use: dict[Key, _InUse] = {}
        """By environment."""
        self._counted: dict[Hashable, _Taken] = {}
        self._last: tuple[Job | None, str, _Taken] = (None, "", _Taken(_NOWHERE, _NOWHERE, "", 0))
        for job in store[JOBS].all():
            self._recall(job, job)
            self._hold(None, job)
            self._count(job.id, job, job)
        for child in store[CHILDREN].all():
            parent = store[JOBS].require(child.job)
            self._recall(parent, child)
            self._count((child.job, child.index), child, parent)
        store.watch((JOBS,), self._on_job)
        store.watch((CHILDREN,), self._on_child)
        store.watch((QUEUES,), self._on_queue)

    def cpu_units(self, environment: Key) -> int:
        """CPU units (1,024 a vCPU) that STARTING and RUNNING attempts take up there."""
        use = self._in_use.get(environment)
        return 0 if use is None else use.cpu_units

    def work(self, environment: Key, now: Instant) -> int:
        """CPU units times nanoseconds that were in use there since the plane began.

        What was in use between two instants, on the average, is the difference by the time.
        """
        use = self._in_use.get(environment)
        return 0 if use is None else use.work + use.cpu_units * (now - use.since)

    def attempts(self, environment: Key) -> int:
        """How many attempts are STARTING or RUNNING there."""
        use = self._in_use.get(environment)
        return 0 if use is None else use.attempts

    def shares(self, queue: JobQueue, now: Instant) -> Shares | None:
        """How a fair-share queue stands; None for one that is first in, first out."""
        policy = self._policy(queue)
        return None if policy is None else self.ledger.shares(queue.key, policy, now)

    def has_place(self, queue: JobQueue, share: str, most: int, now: Instant) -> bool:
        """Whether a job of that share makes no more than so many active shares of the queue."""
        policy = self._policy(queue)
        return policy is None or self.ledger.has_place(queue.key, policy, share, most, now)

    def _on_job(self, change: Change) -> None:
        self._hold(change.old, change.new)
        self._count(change.key, change.new, change.new)

    def _on_child(self, change: Change) -> None:
        old: Child | None = change.old
        child: Child | None = change.new
        if old is not None and child is not None and old.run.unit_id == child.run.unit_id:
            return  # what runs now ran before
        self._count(change.key, child, None if child is None else self._store[JOBS].get(child.job))

    def _on_queue(self, change: Change) -> None:
        if change.new is None:
            self.ledger.forget(change.old.key)

    def _count(self, key: Hashable, row: Job | Child | None, job: Job | None) -> None:
        """What that row takes up from now on, in place of what it did."""
        now = None
        if row is not None and job is not None and row.status in ACTIVE:
            now = self._taken(job, row.run.environment)
        before = self._counted.get(key)
        if before == now:
            return
        if before is not None:
            self._add(before, -1)
            del self._counted[key]
        if now is not None:
            self._add(now, 1)
            self._counted[key] = now

    def _taken(self, job: Job, environment: str) -> _Taken:
        """Thousands of children in a row take up the same: one value for all."""
        last, name, taken = self._last
        if last is not job or name != environment:
            taken = _Taken((job.account, job.region, environment), job.queue_key, job.share, job.cpu_units)
            self._last = (job, environment, taken)
        return taken

    def _add(self, taken: _Taken, attempts: int) -> None:
        now, cpu_units = self._clock.now(), attempts * taken.cpu_units
        use = self._in_use.get(taken.environment)
        if use is None:
            use = self._in_use[taken.environment] = _InUse(now)
        use.work += use.cpu_units * (now - use.since)
        use.since = now
        use.cpu_units += cpu_units
        use.attempts += attempts
        lasts = self._lasts(taken.queue) if taken.share else 0  # without shares nobody asks what was used
        self.ledger.runs(taken.queue, taken.share, cpu_units, lasts, now)

    def _hold(self, old: Job | None, new: Job | None) -> None:
        """Jobs of a share that have not ended, and those of them that wait for a place."""
        job = new or old
        if job is None or not job.share:
            return
        live = _is_live(new) - _is_live(old)
        lined = _is_lined(new) - _is_lined(old)
        if live or lined:
            self.ledger.holds(job.queue_key, job.share, live, lined, self._clock.now())

    def _recall(self, job: Job, row: Job | Child) -> None:
        """At the start: what that row's attempts used before."""
        if not job.share:
            return
        now = self._clock.now()
        spans = [(one.started_at, one.stopped_at) for one in row.run.attempts if one.started_at]
        if row.status in ACTIVE and row.run.started_at:
            spans.append((row.run.started_at, now))
        if spans:
            lasts = self._lasts(job.queue_key)
            self.ledger.ran(job.queue_key, job.share, job.cpu_units, spans, lasts, now)

    def _lasts(self, queue: Key) -> Duration:
        row = self._store[QUEUES].get(queue)
        policy = None if row is None else self._policy(row)
        return window(0 if policy is None else policy.decay_s)

    def _policy(self, queue: JobQueue) -> SchedulingPolicy | None:
        return self._store[POLICIES].get((queue.account, queue.region, queue.policy))


def _is_live(job: Job | None) -> int:
    return int(job is not None and job.status not in ENDED)


def _is_lined(job: Job | None) -> int:
    return int(job is not None and bool(job.lined))
