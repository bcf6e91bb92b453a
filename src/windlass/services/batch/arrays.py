"""The children of an array job as sets of indices: which may run, which run, how the others ended.

Decides which children are next, what an end makes of one, and what the parent shows; knows nothing of
queues, room or units. A set is a little-endian bitmap in `Array` and a Python integer here, so that a change
of any number of children is a handful of operations on 1,250 bytes (10,000 children), and one that waits
costs a bit.

    PENDING ──opened──▶ runnable ──took──▶ active ──ended──▶ succeeded | failed
                        retrying ──took──▶   │
                            ◀──────ended─────┘ "retry"
    PENDING, runnable, retrying ──failed_waiting──▶ failed

A move that a child is not in a position for is a bug of ours, and raises.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, TypeAlias

from windlass.kernel.faults import Bug
from windlass.kernel.rows import replace
from windlass.services.batch.model import Array, Child, JobStatus

End: TypeAlias = Literal["succeeded", "failed", "retry"]
"""What the end of an attempt makes of a child; "retry": it becomes RUNNABLE again."""
Lined: TypeAlias = Literal["", "front", "back"]
STATUSES: tuple[JobStatus, ...] = (
    "SUBMITTED",
    "PENDING",
    "RUNNABLE",
    "STARTING",
    "RUNNING",
    "SUCCEEDED",
    "FAILED",
)
_WORD = 64
_WORD_MASK = (1 << _WORD) - 1


def begun(job_id: str, size: int) -> Array:
    """A new array of `size` children, all PENDING."""
    return Array(job_id, size)


def opened(array: Array, ready: int) -> Array:
    """Those of `ready` that are PENDING become RUNNABLE; `ready` may well name others."""
    more = _int(array.runnable) | (ready & members(array, "PENDING"))
    return replace(array, runnable=_bytes(more))


def took(array: Array, count: int) -> tuple[Array, tuple[int, ...]]:
    """Make the next `count` children active, or as many as wait; their indices, in the order of starting.

    Retries go first (facts/batch.md, 3), then the lowest index.
    """
    retrying, runnable = _int(array.retrying), _int(array.runnable)
    again = indices(retrying, count)
    fresh = indices(runnable, count - len(again))
    again_bits, fresh_bits = _upto_last(retrying, again), _upto_last(runnable, fresh)
    changed = replace(
        array,
        retrying=_bytes(retrying ^ again_bits),
        runnable=_bytes(runnable ^ fresh_bits),
        active=_bytes(_int(array.active) | again_bits | fresh_bits),
    )
    return changed, (*again, *fresh)


def ended(array: Array, index: int, how: End) -> Array:
    """An attempt of an active child has ended."""
    return ended_many(array, {index: how})


def ended_many(array: Array, ends: Mapping[int, End]) -> Array:
    """Attempts of several active children have ended: one conversion for all of them."""
    done: dict[End, list[int]] = {"succeeded": [], "failed": [], "retry": []}
    for index, how in ends.items():
        if not 0 <= index < array.size or not has(array.active, index):
            raise Bug(f"child {index} has ended, and was not active", array, how)
        done[how].append(index)
    bits = {how: bits_of(found, array.size) for how, found in done.items()}
    gone = bits["succeeded"] | bits["failed"] | bits["retry"]
    return replace(
        array,
        active=_bytes(_int(array.active) ^ gone),
        retrying=_bytes(_int(array.retrying) | bits["retry"]),
        succeeded=_bytes(_int(array.succeeded) | bits["succeeded"]),
        failed=_bytes(_int(array.failed) | bits["failed"]),
    )


def failed_waiting(array: Array, bits: int | None = None) -> tuple[Array, int]:
    """Those of `bits` (None: of all) that neither run nor have ended fail; returns which did."""
    retrying, runnable, failed = _int(array.retrying), _int(array.runnable), _int(array.failed)
    waiting = members(array, "PENDING") | retrying | runnable
    fail = waiting if bits is None else waiting & bits
    changed = replace(
        array,
        retrying=_bytes(retrying & ~fail),
        runnable=_bytes(runnable & ~fail),
        failed=_bytes(failed | fail),
    )
    return changed, fail


def ready_bits(size: int, targets: Sequence[Array], sequential: bool, own: Array) -> int:
    """Children whose own dependencies have all succeeded, started or not (facts/batch.md, 6).

    `targets` are the arrays that it follows N_TO_N: child i waits for child i of each. With `sequential`,
    child i waits for child i - 1. What the whole array waits for is not looked at.
    """
    ready = _all(size)
    for target in targets:
        ready &= _int(target.succeeded)
    if sequential:
        ready &= _int(own.succeeded) << 1 | 1
    return ready


def doomed_bits(size: int, targets: Sequence[Array], sequential: bool, own: Array) -> int:
    """Children of which a dependency failed, so that they can never run.

    With `sequential`, the first that failed, or is doomed, takes all behind it along.
    """
    doomed = 0
    for target in targets:
        doomed |= _int(target.failed)
    if sequential:
        lost = doomed | _int(own.failed)
        doomed |= -((lost & -lost) << 1) if lost else 0
    return doomed & _all(size)


def line(array: Array) -> tuple[Lined, int]:
    """The array's place in line (`Job.lined`), and how many of its children stand there.

    Retries stand at the front of the queue alone: the other children keep the array's old place.
    """
    if array.retrying:
        return "front", _int(array.retrying).bit_count()
    count = _int(array.runnable).bit_count()
    return ("back" if count else ""), count


def runnable_count(array: Array) -> int:
    """Children that wait for a place to run, retries among them."""
    return _int(array.runnable).bit_count() + _int(array.retrying).bit_count()


def active_count(array: Array) -> int:
    return _int(array.active).bit_count()


def is_over(array: Array) -> bool:
    """Whether every child has ended."""
    return _int(array.succeeded).bit_count() + _int(array.failed).bit_count() == array.size


def members(array: Array, status: JobStatus) -> int:
    """The children with that status; STARTING and RUNNING ones are told apart by their rows alone."""
    match status:
        case "PENDING":
            return _all(array.size) ^ (
                _int(array.runnable)
                | _int(array.retrying)
                | _int(array.active)
                | _int(array.succeeded)
                | _int(array.failed)
            )
        case "RUNNABLE":
            return _int(array.runnable) | _int(array.retrying)
        case "SUCCEEDED":
            return _int(array.succeeded)
        case "FAILED":
            return _int(array.failed)
        case "SUBMITTED":
            return 0
    raise Bug(f"an array does not know which of its children are {status}", array)


def summary(array: Array, starting: int, running: int) -> dict[str, int]:
    """statusSummary: how many children have each status. The counts of child rows come from their index."""
    if starting + running != active_count(array):
        raise Bug(f"{starting} children start and {running} run, which is not what is active", array)
    rows = {"STARTING": starting, "RUNNING": running}
    return {s: rows[s] if s in rows else members(array, s).bit_count() for s in STATUSES}


def status_of(array: Array, index: int, child: Child | None) -> JobStatus:
    """One child's status; `child` is its row, if it has one."""
    if not 0 <= index < array.size:
        raise Bug(f"an array of {array.size} has no child {index}", array)
    if has(array.succeeded, index):
        return "SUCCEEDED"
    if has(array.failed, index):
        return "FAILED"
    if has(array.active, index):
        if child is None:
            raise Bug(f"child {index} is active and has no row", array)
        return child.status
    waits = has(array.runnable, index) or has(array.retrying, index)
    return "RUNNABLE" if waits else "PENDING"


def has(bitmap: bytes, index: int) -> bool:
    """Whether a set of an `Array` has this index."""
    at = index >> 3
    return at < len(bitmap) and bool(bitmap[at] >> (index & 7) & 1)


def bits_of(found: Iterable[int], size: int) -> int:
    """The set of these indices, all below `size`."""
    bitmap = bytearray((size + 7) >> 3)
    for index in found:
        bitmap[index >> 3] |= 1 << (index & 7)
    return int.from_bytes(bitmap, "little")


def indices(bits: int, most: int) -> tuple[int, ...]:
    """The lowest `most` indices of a set, ascending. Empty stretches cost next to nothing."""
    found: list[int] = []
    start = 0
    while bits and len(found) < most:
        skip = _lowest(bits)
        bits >>= skip
        start += skip
        word = bits & _WORD_MASK
        while word and len(found) < most:
            found.append(start + _lowest(word))
            word &= word - 1
        bits >>= _WORD
        start += _WORD
    return tuple(found)


def _lowest(bits: int) -> int:
    return (bits & -bits).bit_length() - 1


def _upto_last(bits: int, found: tuple[int, ...]) -> int:
    """The members of a set whose lowest are `found`, as a set."""
    return bits & _all(found[-1] + 1) if found else 0


def _all(size: int) -> int:
    return (1 << size) - 1


def _int(bitmap: bytes) -> int:
    return int.from_bytes(bitmap, "little")


def _bytes(bits: int) -> bytes:
    return bits.to_bytes((bits.bit_length() + 7) >> 3, "little")
