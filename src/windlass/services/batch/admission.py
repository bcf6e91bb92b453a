"""The loop that moves jobs on which wait for others: SUBMITTED to PENDING or RUNNABLE, or to FAILED.

Woken with the ids of jobs to look at: those that were submitted, and those that wait for one that moved.
What is decided is readiness.py's; here rows are read and written, some jobs a transaction, accounts in turn.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from windlass.aws.bus import Bus
from windlass.kernel.clock import MINUTE, Duration, Instant
from windlass.kernel.store import Change, Transaction
from windlass.services.batch import arrays, readiness
from windlass.services.batch.model import (
    ARRAYS,
    CHILDREN,
    ENDED,
    JOBS,
    WAITS,
    Job,
    JobStatus,
)
from windlass.services.batch.progress import Progress
from windlass.services.batch.transitions import moved
from windlass.services.plane import Plane

PERIOD: Duration = 10 * MINUTE
"""How often every job that waits is looked at, in case a wake-up was lost."""
JOBS_PER_PASS = 100
"""Jobs in one transaction, so that no pass holds up calls for long."""


class Admission:
    """Run it with `spawn.start(loop.name, loop.run())`."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane
        self._bus = plane.calls.part(Bus)
        self._jobs = plane.worklist(
            "batch.admission", self._work, self._everything, most=JOBS_PER_PASS, period=PERIOD
        )
        self.loop = self._jobs.loop
        plane.store.watch((JOBS,), self._on_job)
        plane.store.watch((ARRAYS,), self._on_array)

    def _on_job(self, change: Change) -> None:
        old: Job | None = change.old
        new: Job | None = change.new
        if new is None or (old is not None and old.status == new.status):
            return
        if new.status == "SUBMITTED":
            self._jobs.add(new.account, new.id)
        elif new.status in ENDED:
            self._look_at_waiting(new)

    def _on_array(self, change: Change) -> None:
        """Children have ended: others may go with them, or after them."""
        if change.old is None or change.new is None or not _ended_more(change):
            return
        parent = self._plane.store[JOBS].get(change.new.id)
        if parent is None:
            return
        if any(dependency.type == "SEQUENTIAL" for dependency in parent.depends_on):
            self._jobs.add(parent.account, parent.id)
        self._look_at_waiting(parent)

    def _look_at_waiting(self, job: Job) -> None:
        if self._plane.store[WAITS].count("on", job.id):
            for wait in self._plane.store[WAITS].by("on", job.id):
                self._jobs.add(job.account, wait.job)

    def _work(self, tx: Transaction, ids: Sequence[str], now: Instant) -> None:
        progress = Progress(tx, self._bus, now)
        for job_id in ids:
            job = tx[JOBS].get(job_id)
            if job is not None and job.status in ("SUBMITTED", "PENDING"):
                _advance(tx, progress, job)

    def _everything(self) -> Iterator[tuple[str, str]]:
        store = self._plane.store
        for index in ("submitted", "sequential"):
            yield from ((job.account, job.id) for job in store[JOBS].by(index, "yes"))
        for wait in store[WAITS].all():
            if (waiting := store[JOBS].get(wait.job)) is not None:
                yield waiting.account, waiting.id


def _advance(tx: Transaction, progress: Progress, job: Job) -> None:
    plain = [wait for wait in tx[WAITS].by("job", job.id) if wait.type != "N_TO_N"]
    verdict = readiness.verdict(_status(tx, wait.on) for wait in plain)
    if verdict == "waits":
        if job.status == "SUBMITTED":
            progress.job(moved(job, "wait"))
        return
    for wait in plain:
        tx[WAITS].delete((wait.job, wait.on, wait.type))
    if verdict == "ready":
        progress.ready(job)
    else:
        progress.fail(job, readiness.DEPENDENCY_FAILED)


def _status(tx: Transaction, job_id: str) -> JobStatus | None:
    """How a job, or a child, stands; None when it is forgotten."""
    parent_id, _, index = job_id.partition(":")
    job = tx[JOBS].get(parent_id)
    if job is None or not index:
        return None if job is None else job.status
    array = tx[ARRAYS].require(parent_id)
    return arrays.status_of(array, int(index), tx[CHILDREN].get((parent_id, int(index))))


def _ended_more(change: Change) -> bool:
    return bool(change.old.succeeded != change.new.succeeded or change.old.failed != change.new.failed)
