"""Tells the event bus of every change of a job's status (source aws.batch).

Progress calls `tell` in the transaction that makes the status true. A job's submission is no event
(facts/batch.md, 5 and 10). The detail is the job as DescribeJobs shows it, times in milliseconds.
"""

from __future__ import annotations

from windlass.aws.bus import Bus, Notice
from windlass.kernel.clock import Instant
from windlass.kernel.store import Transaction
from windlass.services.batch import describe
from windlass.services.batch.model import Child, Job

SOURCE = "aws.batch"
DETAIL_TYPE = "Batch Job State Change"


def tell(bus: Bus, tx: Transaction, job: Job, child: Child | None, now: Instant) -> None:
    """Publish the job, or the child of that array, as it is now."""

    def notice() -> Notice:
        detail = describe.detail(tx, job, None if child is None else child.index)
        return Notice(
            account=job.account,
            region=job.region,
            source=SOURCE,
            detail_type=DETAIL_TYPE,
            resources=(detail["jobArn"],),
            detail=detail,
            at=now,
        )

    bus.publish(tx, job.account, job.region, SOURCE, notice)
