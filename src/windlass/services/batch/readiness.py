"""When a job that waits for others may run, or must fail: decided from how those stand. Pure.

A plain dependency waits for success, of an array for that of all its children. N_TO_N and SEQUENTIAL are
between children: a child goes with the one that it waits for (facts/batch.md, 6).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, TypeAlias

from windlass.services.batch import arrays
from windlass.services.batch.model import Array, JobStatus

Verdict: TypeAlias = Literal["waits", "ready", "fails"]
DEPENDENCY_FAILED = "Dependent Job failed"
"""statusReason of a job whose dependency failed; facts/batch.md, 5.1."""


def verdict(awaited: Iterable[JobStatus | None]) -> Verdict:
    """Of a job, by the jobs that it waits for as wholes; None is one that is forgotten, and so ended well.

    >>> verdict(["SUCCEEDED", "RUNNING"]), verdict([]), verdict(["PENDING", "FAILED"])
    ('waits', 'ready', 'fails')
    """
    states = set(awaited)
    if "FAILED" in states:
        return "fails"
    return "ready" if states <= {"SUCCEEDED", None} else "waits"


def advance(own: Array, targets: Sequence[Array], sequential: bool) -> Array:
    """The array when children whose turn has come are RUNNABLE, and those whose turn never will, FAILED.

    `targets` are the arrays of its N_TO_N dependencies. A `sequential` array goes on child by child, and
    fails from the first failed child on.
    """
    opened = arrays.opened(own, arrays.ready_bits(own.size, targets, sequential, own))
    doomed = arrays.doomed_bits(own.size, targets, sequential, own)
    return arrays.failed_waiting(opened, doomed)[0]
