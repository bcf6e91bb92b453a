"""When a batch goes to the function, and which messages are in it. Pure.

A batch goes when it is full, when its window is over, or when one more message would make the event larger
than a synchronous invocation takes (Lambda Developer Guide, "Using Lambda with Amazon SQS", batching). Knows
no queue and no clock: records come as JSON with what is needed to judge them.
Different from AWS: with little traffic AWS may gather up to 20 s longer than a short window says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from windlass.kernel.clock import SECOND, Duration, Instant
from windlass.services.lambda_.limits import SYNC_PAYLOAD_BYTES_MAX
from windlass.services.lambda_.sources.model import Rules

VISIBILITY_SPARE_S = 30
"""Beyond window and time-out, where the queue's own timeout is too short; Lambda developer guide (2022)."""
_HEAD, _TAIL = b'{"Records":[', b"]}"


@dataclass(frozen=True, slots=True)
class Record:
    """A received message, as the function will see it and as the queue knows it."""

    message_id: str
    receipt: str
    group: str
    """Message group; empty on standard queues."""
    json: bytes
    trace: str = ""
    """AWSTraceHeader, as its sender had it."""


@dataclass(frozen=True, slots=True)
class Gather:
    """Receive at most `room` more messages, until `until` at the latest; None: as long as it takes."""

    room: int
    until: Instant | None


def plan(records: Sequence[Record], first_at: Instant, rules: Rules, now: Instant) -> Gather | None:
    """What is missing before what was received goes to the function; None: it goes now.

    `first_at` is when its first message came. Batch size 10, no window, 3 records → None. A window of 5 s,
    3 records, 2 s ago → Gather(7, in 3 s).
    """
    if not records:
        return Gather(rules.batch_size, None)
    until = first_at + rules.window_s * SECOND
    fitting = fits(records, rules.batch_size)
    if fitting < len(records) or fitting == rules.batch_size or now >= until:
        return None
    return Gather(rules.batch_size - fitting, until)


def fits(records: Sequence[Record], most: int) -> int:
    """How many of the records make one event: at most so many, within 6 MB, but at least one."""
    size = len(_HEAD) + len(_TAIL) - 1
    for count, record in enumerate(records[:most]):
        size += len(record.json) + 1
        if size > SYNC_PAYLOAD_BYTES_MAX and count:
            return count
    return min(len(records), most)


def event(records: Sequence[Record]) -> bytes:
    """The event of a batch."""
    return _HEAD + b",".join([record.json for record in records]) + _TAIL


def visibility(queue_s: int, window_s: int, function_s: int) -> int:
    """How many seconds messages are hidden: the queue's timeout, unless window and function may take longer.

    Queue 30 s, no window → 30; window 20 s and function 15 s → 65 (with 30 s to spare). Source: Lambda
    Developer Guide (2022), "Using Lambda with Amazon SQS".
    """
    if window_s > 0 and window_s + function_s > queue_s:
        return window_s + function_s + VISIBILITY_SPARE_S
    return queue_s


def last_start(received_at: Instant, visibility_s: int, function_s: int) -> Instant:
    """Until when an invocation that was refused may be tried again with the same messages.

    Later it could still run when they are visible to others.
    """
    spare: Duration = (visibility_s - function_s) * SECOND
    return received_at + max(0, spare)
