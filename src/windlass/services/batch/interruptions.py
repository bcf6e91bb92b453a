"""Interrupts attempts on Fargate Spot: at the profile's rate, or because somebody asks for it.

As with ECS's tasks the warning is SIGTERM, and two minutes later (`fargate.spot_warning`) nothing of the
attempt is left. Nobody stopped the job: whether it is tried again its retry strategy says (observer.py).
"""

from __future__ import annotations

from windlass.aws.arn import parse
from windlass.fleet import spot
from windlass.fleet.model import UNITS
from windlass.fleet.spot_hazard import SpotHazard
from windlass.kernel.clock import Instant
from windlass.kernel.faults import Fault
from windlass.kernel.rows import replace
from windlass.kernel.store import Change, Store, Transaction
from windlass.services.batch import lookup
from windlass.services.batch.model import ACTIVE, CHILDREN, JOBS, OWNER, Child, Job
from windlass.services.batch.resource_model import ENVIRONMENTS
from windlass.services.plane import Plane

SPOT = "FARGATE_SPOT"
"""The kind of environment."""


class Interruptions:
    """One per plane: `plane.calls.part(Interruptions)`. Run its loop."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane
        self._hazard = SpotHazard(
            "batch.spot",
            plane.quotas,
            plane.clock,
            plane.journal,
            plane.chance.stream("batch.spot"),
            self._take_back,
        )
        self.loop = self._hazard.loop
        if self._hazard.rate:
            for job in plane.store[JOBS].all():
                self._expose(job)
            for child in plane.store[CHILDREN].all():
                self._expose(child)
            plane.store.watch((JOBS, CHILDREN), self._changed)

    def at_risk(self) -> list[str]:
        """Ids of the jobs, and children of arrays, whose attempts can be interrupted."""
        store = self._plane.store
        rows: list[Job | Child] = [*store[JOBS].all(), *store[CHILDREN].all()]
        return sorted(row.id for row in rows if row.run.unit_id and _is_at_risk(store, row))

    def knows(self, reference: str) -> bool:
        """Whether that is the ARN or id of an attempt's task, or the id of a job."""
        return _named(self._plane.store, reference) is not None

    async def interrupt(self, reference: str) -> tuple[str, str]:
        """Interrupt the attempt of that task ARN, task id or job id, in whatever account.

        Returns the ARN of its task and the reason. Raises Fault when it cannot be interrupted.
        """
        with self._plane.store.transact() as tx:
            row = _named(tx, reference)
            if row is None:
                raise Fault("Refused", f"there is no attempt {reference} of a job", status=404)
            if _environment_kind(tx, row) != SPOT:
                raise Fault("Refused", f"{reference} does not run on {SPOT}: it is not interrupted")
            if not _is_at_risk(tx, row):
                raise Fault("Refused", f"{reference} is {row.status}, or was to stop already")
            self._interrupt(tx, row)
        await self._plane.store.durable()
        return row.run.task_arn, spot.REASON

    def _take_back(self, unit_id: str, now: Instant) -> None:
        with self._plane.store.transact() as tx:
            row = lookup.attempt(tx, unit_id)
            if row is not None:
                self._interrupt(tx, row)

    def _interrupt(self, tx: Transaction, row: Job | Child) -> None:
        unit = tx[UNITS].require(row.run.unit_id)
        tx[UNITS].put(replace(unit, desired="stop", stop_within=self._hazard.warning))
        run = replace(row.run, interrupted=spot.REASON)
        match row:
            case Job():
                tx[JOBS].put(replace(row, run=run))
            case Child():
                tx[CHILDREN].put(replace(row, run=run))
        self._plane.journal.note(OWNER, row.id, "interrupted", spot.REASON)

    def _changed(self, change: Change) -> None:
        old, new = change.old, change.new
        if old is not None and (new is None or new.run.unit_id != old.run.unit_id):
            self._hazard.at_risk(old.run.unit_id, False)
        if new is not None:
            self._expose(new)

    def _expose(self, row: Job | Child) -> None:
        if row.run.unit_id:
            self._hazard.at_risk(row.run.unit_id, _is_at_risk(self._plane.store, row))


def _is_at_risk(reads: Store | Transaction, row: Job | Child) -> bool:
    """An attempt on Fargate Spot that nobody has told to stop."""
    on = row.status in ACTIVE and row.stop is None and not row.run.interrupted
    return on and _environment_kind(reads, row) == SPOT


def _environment_kind(reads: Store | Transaction, row: Job | Child) -> str:
    job = row if isinstance(row, Job) else reads[JOBS].get(row.job)
    key = ("", "", "") if job is None else (job.account, job.region, row.run.environment)
    environment = reads[ENVIRONMENTS].get(key)
    return "" if environment is None else environment.kind


def _named(reads: Store | Transaction, reference: str) -> Job | Child | None:
    """By the ARN or the id of its task, or by the id of its job, or of an array's child."""
    task_id = reference if parse(reference) is None else reference.rpartition("/")[2]
    found = lookup.attempt(reads, task_id)
    if found is not None:
        return found if task_id == reference or found.run.task_arn == reference else None
    job_id, _, index = reference.partition(":")
    if index.isascii() and index.isdigit() and len(index) <= 5:
        return reads[CHILDREN].get((job_id, int(index)))
    return None if index else reads[JOBS].get(job_id)
