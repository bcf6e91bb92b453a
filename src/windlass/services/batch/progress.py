"""How jobs move on, in one transaction: the only writer of a job's status, which the event bus is told of.

Whoever moves a job (a call, a loop) makes a Progress and says what happened; what follows inside the job is
done here: an array's counters and place in line, its parent's end. What follows for other jobs is
admission.py's business, which sees the rows change.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from windlass.aws.bus import Bus
from windlass.fleet.model import UNITS
from windlass.kernel.clock import Instant
from windlass.kernel.rows import replace
from windlass.kernel.store import Transaction
from windlass.services.batch import arrays, notices, readiness
from windlass.services.batch.model import (
    ACTIVE,
    ARRAYS,
    CHILDREN,
    ENDED,
    JOBS,
    WAITS,
    Array,
    Child,
    Job,
    Stop,
)
from windlass.services.batch.transitions import R, moved

CHILD_FAILED = "Array Child Job failed"
"""statusReason of an array with a failed child; facts/batch.md, 5.1."""


class Progress:
    """Made for one transaction, at one instant."""

    def __init__(self, tx: Transaction, bus: Bus, now: Instant) -> None:
        self.tx = tx
        self.now = now
        self._bus = bus
        self._wanted: dict[tuple[str, str], bool] = {}
        """By account and Region, whether anybody wants to be told."""

    # writing

    def job(self, job: Job) -> Job:
        """Write the job; tell of its status if that is another."""
        before = self.tx[JOBS].get(job.id)
        self.tx[JOBS].put(job)
        if before is not None and before.status != job.status:
            self._tell(job, None)
        return job

    def child(self, parent: Job, child: Child) -> Child:
        """Write the child; tell of its status if that is another."""
        children = self.tx[CHILDREN]
        before = children.get((child.job, child.index))
        children.put(child)
        if before is None or before.status != child.status:
            self._tell(parent, child)
        return child

    def _tell(self, job: Job, child: Child | None) -> None:
        scope = (job.account, job.region)
        wanted = self._wanted.get(scope)
        if wanted is None:
            wanted = self._wanted[scope] = self._bus.wanted(*scope, notices.SOURCE)
        if wanted:
            notices.tell(self._bus, self.tx, job, child, self.now)

    def array(self, parent: Job, array: Array, why: str = CHILD_FAILED) -> Job:
        """Write how far the children are, and what follows from it for the parent.

        `why` is what its status reason will be should it have failed with this.
        """
        self.tx[ARRAYS].put(array)
        lined, _ = arrays.line(array)
        if lined != parent.lined:
            ready_at = parent.ready_at or self.now
            parent = self.job(replace(parent, lined=lined, ready_at=ready_at, blocked_at=0, reason=""))
        if arrays.is_over(array) and parent.status not in ENDED:
            failed = bool(array.failed)
            reason = parent.stop.reason if parent.stop is not None else why
            return self.end(parent, "fail" if failed else "succeed", reason if failed else "")
        return parent

    # moving on

    def ready(self, job: Job) -> None:
        """Nothing that it waits for as a whole keeps it from running any more."""
        if not job.size:
            self.job(moved(job, "ready", lined="back", ready_at=self.now))
            return
        if job.status == "SUBMITTED":
            job = self.job(moved(job, "wait"))
        waits = [wait for wait in self.tx[WAITS].by("job", job.id) if wait.type == "N_TO_N"]
        targets = [target for wait in waits if (target := self.tx[ARRAYS].get(wait.on)) is not None]
        own = self.tx[ARRAYS].require(job.id)
        sequential = any(dependency.type == "SEQUENTIAL" for dependency in job.depends_on)
        after = readiness.advance(own, targets, sequential)
        for wait in waits:
            target = self.tx[ARRAYS].get(wait.on)
            if target is None or arrays.is_over(target):
                self.tx[WAITS].delete((wait.job, wait.on, wait.type))
        if after != own:
            self.array(job, after)

    def fail(self, job: Job, reason: str) -> None:
        """It, or all of it that does not run, will never run."""
        if not job.size:
            self.end(job, "fail", reason)
            return
        for child in self.tx[CHILDREN].by("status", (job.id, "RUNNABLE")):
            self.child(job, moved(child, "fail", reason=reason))  # tried before: the others have no row
        array, _ = arrays.failed_waiting(self.tx[ARRAYS].require(job.id), None)
        self.array(job, array, reason)

    def fail_child(self, parent: Job, child: Child, reason: str) -> None:
        """That child, which does not run, never will."""
        self.child(parent, moved(child, "fail", reason=reason))
        array = self.tx[ARRAYS].require(parent.id)
        self.array(parent, arrays.failed_waiting(array, 1 << child.index)[0])

    def children_ended(self, parent: Job, ends: Mapping[int, arrays.End]) -> None:
        """These children have ended an attempt, so."""
        self.array(parent, arrays.ended_many(self.tx[ARRAYS].require(parent.id), ends))

    def end(self, job: Job, event: Literal["succeed", "fail"], reason: str) -> Job:
        """A single job, or an array, has ended; nobody need wait for it or with it any more."""
        for wait in self.tx[WAITS].by("job", job.id):
            self.tx[WAITS].delete((wait.job, wait.on, wait.type))
        return self.job(
            moved(job, event, reason=reason, lined="", blocked_at=0, stopped_at=self.now, deadline=0)
        )

    def cancel(self, job: Job, stop: Stop) -> None:
        """What of it does not run yet never will; what runs is left alone (Batch API, CancelJob)."""
        if job.size:
            if job.status not in ENDED:
                job = self.job(replace(job, stop=job.stop or stop))
                self.fail(job, stop.reason)
        elif job.status not in ENDED | ACTIVE:
            self.end(replace(job, stop=stop), "fail", stop.reason)

    def terminate(self, job: Job, stop: Stop) -> None:
        """All of it ends. Of an array what runs is stopped by stopper.py, soon."""
        if job.status in ACTIVE:
            self.job(self.stopped(job, stop))
        else:
            self.cancel(job if job.is_terminated else replace(job, stop=None), stop)

    def stopped(self, row: R, stop: Stop) -> R:
        """The row when the attempt that runs has been told to stop, for that reason."""
        if row.status not in ACTIVE or row.stop is not None:
            return row
        unit = self.tx[UNITS].get(row.run.unit_id)
        if unit is not None and unit.desired != "stop":
            self.tx[UNITS].put(replace(unit, desired="stop"))
        return replace(row, stop=stop, deadline=0)
