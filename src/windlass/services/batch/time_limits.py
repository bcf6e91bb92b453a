"""When a job that blocks its queue is given up: the queue's jobStateTimeLimitActions. Pure.

Only the first job of a queue counts, from when it became blocked for that reason on (facts/batch.md, 3).
"""

from __future__ import annotations

from collections.abc import Sequence

from windlass.kernel.clock import SECOND, Instant
from windlass.services.batch.model import Job
from windlass.services.batch.resource_model import Shape

CANCELED = "Canceled by JobStateTimeLimit action due to reason: {}"
"""statusReason; facts/batch.md, 3."""


def due(actions: Sequence[Shape], job: Job) -> Instant | None:
    """When the job is to be cancelled; None while it is not blocked for a reason that an action names.

    An action names a reason, or the beginning of one: "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY".
    """
    if not job.blocked_at:
        return None
    times = [
        job.blocked_at + action["maxTimeSeconds"] * SECOND
        for action in actions
        if job.reason.startswith(action["reason"])
    ]
    return min(times, default=None)
