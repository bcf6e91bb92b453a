"""Tells the event bus of every change of a job's status, and of queues that are blocked (source aws.batch).

Progress calls `tell` in the transaction that makes the status true, the scheduler `blocked`. A job's
submission is no event (facts/batch.md, 5 and 10). The detail is the job as DescribeJobs shows it, times in
milliseconds.
"""

from __future__ import annotations

from windlass.aws.bus import Bus, Notice
from windlass.kernel.clock import Instant
from windlass.kernel.store import Transaction
from windlass.services.batch import describe
from windlass.services.batch.model import Child, Job

SOURCE = "aws.batch"
STATE_CHANGE = "Batch Job State Change"
QUEUE_BLOCKED = "Batch Job Queue Blocked"


def tell(bus: Bus, tx: Transaction, job: Job, child: Child | None, now: Instant) -> None:
    """Publish the job, or the child of that array, as it is now."""

    _publish(bus, tx, job, None if child is None else child.index, STATE_CHANGE, now)


def blocked(bus: Bus, tx: Transaction, job: Job, now: Instant) -> None:
    """Publish the job that blocks its queue, with its statusReason (UG, batch-job-queue-blocked-events)."""
    _publish(bus, tx, job, None, QUEUE_BLOCKED, now)


def _publish(bus: Bus, tx: Transaction, job: Job, index: int | None, detail_type: str, now: Instant) -> None:
    def notice() -> Notice:
        detail = describe.detail(tx, job, index)
        queue = (detail["jobQueue"],) if detail_type == QUEUE_BLOCKED else ()
        return Notice(
            account=job.account,
            region=job.region,
            source=SOURCE,
            detail_type=detail_type,
            resources=(detail["jobArn"], *queue),
            detail=detail,
            at=now,
        )

    bus.publish(tx, job.account, job.region, SOURCE, notice)
