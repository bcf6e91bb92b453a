"""The life of a job, and of an array's child: one table of moves (facts/batch.md, 5). Pure.

An array's parent takes SUBMITTED, PENDING, SUCCEEDED and FAILED only: its children do the rest.
"""

from __future__ import annotations

from typing import Any, TypeVar, cast

from windlass.kernel.machine import Moves, move
from windlass.kernel.rows import replace
from windlass.services.batch.model import Child, Job, JobStatus

R = TypeVar("R", Job, Child)

JOB_MOVES: Moves = {
    ("SUBMITTED", "wait"): "PENDING",
    ("SUBMITTED", "ready"): "RUNNABLE",
    ("SUBMITTED", "fail"): "FAILED",
    ("PENDING", "ready"): "RUNNABLE",
    ("PENDING", "succeed"): "SUCCEEDED",
    ("PENDING", "fail"): "FAILED",
    ("RUNNABLE", "place"): "STARTING",
    ("RUNNABLE", "fail"): "FAILED",
    ("STARTING", "run"): "RUNNING",
    ("STARTING", "retry"): "RUNNABLE",
    ("STARTING", "succeed"): "SUCCEEDED",
    ("STARTING", "fail"): "FAILED",
    ("RUNNING", "retry"): "RUNNABLE",
    ("RUNNING", "succeed"): "SUCCEEDED",
    ("RUNNING", "fail"): "FAILED",
}


def moved(row: R, event: str, **changes: Any) -> R:
    """The row after that event, with these changes. An unlisted move is a bug."""
    return replace(row, status=cast(JobStatus, move(JOB_MOVES, row.status, event, row)), **changes)
