"""The loop that takes in what became of attempts: jobs that run, end, or are tried again.

Woken by changes of Batch's units, and works on those alone, some in each transaction, accounts in turn. It
decides nothing: outcome.py reads a unit's end, retries.py says what follows, progress.py writes it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from windlass.aws.bus import Bus
from windlass.fleet import role_credentials
from windlass.fleet.container_instances import ContainerInstances
from windlass.fleet.instances import GONE
from windlass.fleet.interfaces import Interfaces
from windlass.fleet.model import INSTANCES, UNITS, Unit
from windlass.fleet.transitions import ENDED as UNIT_ENDED
from windlass.kernel.clock import MINUTE, SECOND, Duration, Instant
from windlass.kernel.rows import replace
from windlass.kernel.store import Change, Transaction
from windlass.services.batch import outcome, retries
from windlass.services.batch.arrays import End
from windlass.services.batch.model import (
    CHILDREN,
    JOBS,
    OWNER,
    Attempt,
    Child,
    Job,
    Run,
    Stop,
)
from windlass.services.batch.outcome import Outcome
from windlass.services.batch.progress import Progress
from windlass.services.batch.transitions import R, moved
from windlass.services.plane import Plane

PERIOD: Duration = 10 * MINUTE
"""How often every unit is looked at, in case a wake-up was lost."""
UNITS_PER_PASS = 200
"""Units in one transaction, so that no pass holds up calls for long."""


class Observer:
    """Run it with `spawn.start(loop.name, loop.run())`."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane
        self._bus = plane.calls.part(Bus)
        self._units = plane.worklist(
            "batch.observer", self._work, self._everything, most=UNITS_PER_PASS, period=PERIOD
        )
        self.loop = self._units.loop
        plane.store.watch((UNITS,), self._changed, topic=OWNER)

    def _changed(self, change: Change) -> None:
        unit: Unit | None = change.new
        if unit is not None and _tells_something(unit):
            self._units.add(unit.account, unit.id)

    def _everything(self) -> Iterator[tuple[str, str]]:
        units = self._plane.store[UNITS].by("owner", OWNER)
        return ((unit.account, unit.id) for unit in units if _tells_something(unit))

    def _work(self, tx: Transaction, ids: Sequence[str], now: Instant) -> None:
        observed = _Observed(tx, Progress(tx, self._bus, now), self._plane)
        for unit_id in ids:
            if (unit := tx[UNITS].get(unit_id)) is not None:
                observed.take(unit)
        observed.finish()


class _Observed:
    """One transaction's units."""

    def __init__(self, tx: Transaction, progress: Progress, plane: Plane) -> None:
        self._tx = tx
        self._interfaces = plane.calls.part(Interfaces)
        self._machines = plane.calls.part(ContainerInstances)
        self._progress = progress
        self._journal = plane.journal
        self._ends: dict[str, dict[int, End]] = {}
        """By parent, which children ended an attempt, and how: arrays are written once, at the end."""

    def take(self, unit: Unit) -> None:
        """Write what the unit's state says of its job, or child; one that is nobody's is taken away."""
        tx = self._tx
        child = tx[CHILDREN].first("unit", unit.id)
        if child is not None:
            self._take_child(tx[JOBS].require(child.job), child, unit)
        elif (job := tx[JOBS].first("unit", unit.id)) is not None:
            self._take_job(job, unit)
        else:
            self._delete(unit)

    def finish(self) -> None:
        """Write the arrays."""
        for job_id, ends in self._ends.items():
            self._progress.children_ended(self._tx[JOBS].require(job_id), ends)

    def _take_job(self, job: Job, unit: Unit) -> None:
        after = _running(self._hosted(job, unit), job, unit)
        if after is not job:
            job = self._progress.job(after)
        if unit.state not in UNIT_ENDED:
            return
        end, run, again = self._end(job, job, unit, job.stop)
        if again:
            now = self._progress.now
            self._progress.job(moved(job, "retry", run=run, lined="front", ready_at=now, deadline=0))
        else:
            event: Literal["succeed", "fail"] = "succeed" if end.succeeded else "fail"
            self._progress.end(replace(job, run=run), event, end.status_reason)

    def _take_child(self, parent: Job, child: Child, unit: Unit) -> None:
        after = _running(self._hosted(child, unit), parent, unit)
        if after is not child:
            child = self._progress.child(parent, after)
        if unit.state not in UNIT_ENDED:
            return
        end, run, again = self._end(child, parent, unit, child.stop or parent.stop)
        how: End = "retry" if again else "succeeded" if end.succeeded else "failed"
        if again:
            child = moved(child, "retry", run=run, deadline=0)
        else:
            event = "succeed" if end.succeeded else "fail"
            child = moved(child, event, run=run, reason=end.status_reason, deadline=0)
        self._progress.child(parent, child)
        self._ends.setdefault(parent.id, {})[child.index] = how

    def _hosted(self, row: R, unit: Unit) -> R:
        """The row with the container instance that its unit is on; the same on Fargate."""
        if not unit.target_id or row.run.instance_arn:
            return row
        instance_arn = self._machines.arn(self._tx, unit.target_id)
        return replace(row, run=replace(row.run, instance_arn=instance_arn)) if instance_arn else row

    def _delete(self, unit: Unit) -> None:
        self._tx[UNITS].delete(unit.id)
        if unit.spec.network.interface is not None:
            self._interfaces.release(self._tx, unit.spec.network.interface.id)

    def _end(self, row: Job | Child, job: Job, unit: Unit, stop: Stop | None) -> tuple[Outcome, Run, bool]:
        """End the attempt: how it ended, the run with it among its attempts, whether there is to be another.

        `row` is the job itself, or a child of it.
        """
        interrupted = row.run.interrupted or self._machine_ended(unit)
        ended = stop if stop is not None and stop.ends_what_runs else None
        end = outcome.outcome(unit, ended, self._progress.now, interrupted)
        self._delete(unit)
        role_credentials.end(self._tx, row.run.access_keys)
        run = _ended(row.run, end)
        again = not end.succeeded and (retries.decide(job.retry, len(run.attempts), end, stop) == "RETRY")
        what = "succeeded" if end.succeeded else "is tried again" if again else "failed"
        self._journal.note("batch", row.id, what, end.reason or end.status_reason)
        return end, run, again

    def _machine_ended(self, unit: Unit) -> str:
        """Why its capacity was taken back, "" when it was not."""
        machine = self._tx[INSTANCES].get(unit.target_id) if unit.target_id else None
        return outcome.HOST_TERMINATED.format(machine.id) if machine and machine.phase in GONE else ""


def _tells_something(unit: Unit) -> bool:
    return unit.state not in ("waiting", "assigned", "starting")


def _running(row: R, job: Job, unit: Unit) -> R:
    """The row as the unit's containers have made it; the same when they have not started."""
    started = unit.observed.started_at if unit.observed is not None else 0
    if row.status != "STARTING" or not started:
        return row
    deadline = started + job.timeout_s * SECOND if job.timeout_s and row.stop is None else 0
    return moved(row, "run", run=replace(row.run, started_at=started), deadline=deadline)


def _ended(run: Run, end: Outcome) -> Run:
    """The run when its attempt has ended so."""
    attempt = Attempt(
        task_arn=run.task_arn,
        log_stream=run.log_stream if end.started_at else "",
        started_at=end.started_at,
        stopped_at=end.stopped_at,
        exit_code=end.exit_code,
        reason=end.reason,
        status_reason=end.status_reason,
        instance_arn=run.instance_arn,
        containers=end.containers,
        interface=run.interface,
    )
    attempts = (*run.attempts, attempt)
    return replace(
        run, unit_id="", stopped_at=end.stopped_at, attempts=attempts, access_keys=(), interrupted=""
    )
