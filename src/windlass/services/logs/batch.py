"""What of one PutLogEvents batch is taken. Pure: knows the events, now, and the group's retention.

Source: Logs API reference, PutLogEvents. A batch that breaks a rule of form is refused whole; events that
are too old, expired or too new are left out and reported by their places in the batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from windlass.kernel.faults import Fault
from windlass.services.logs.limits import (
    BATCH_BYTES_MAX,
    BATCH_SPAN_MS_MAX,
    DAY_MS,
    EVENT_AGE_MS_MAX,
    EVENT_AHEAD_MS_MAX,
    EVENT_OVERHEAD_BYTES,
)

Event = tuple[int, str]
"""(milliseconds since the epoch, message)."""


@dataclass(frozen=True, slots=True)
class Taken:
    """The events to keep, and where in the batch the others are (None: there are none of that kind)."""

    events: tuple[Event, ...]
    too_old_end: int | None = None
    expired_end: int | None = None
    too_new_start: int | None = None


def take(events: Sequence[Event], now_ms: int, retention_days: int | None) -> Taken:
    """Check the batch and choose. Raises Fault InvalidParameterException for a batch that is refused."""
    check(events)
    too_old = _before(events, now_ms - EVENT_AGE_MS_MAX)
    expired = 0 if retention_days is None else _before(events, now_ms - retention_days * DAY_MS)
    too_new = _before(events, now_ms + EVENT_AHEAD_MS_MAX + 1)
    return Taken(
        events=tuple(events[max(too_old, expired) : too_new]),
        too_old_end=too_old or None,
        expired_end=expired or None,
        too_new_start=too_new if too_new < len(events) else None,
    )


def check(events: Sequence[Event]) -> None:
    """The rules of form: size, order, span. The number of events is checked against the model."""
    size = sum(map(event_bytes, events))
    if size > BATCH_BYTES_MAX:
        raise _refused(f"Upload too large: {size} bytes exceeds limit of {BATCH_BYTES_MAX}")
    times = [at for at, _ in events]
    if any(later < earlier for earlier, later in pairwise(times)):
        raise _refused("Log events in a single PutLogEvents request must be in chronological order.")
    if times[-1] - times[0] > BATCH_SPAN_MS_MAX:
        raise _refused(
            "The batch of log events in a single PutLogEvents request cannot span more than 24 hours."
        )


def event_bytes(event: Event) -> int:
    """What an event counts: its message in UTF-8 and a fixed overhead."""
    return len(event[1].encode("utf-8", "surrogatepass")) + EVENT_OVERHEAD_BYTES


def _before(events: Sequence[Event], bound_ms: int) -> int:
    """How many events at the start are earlier than the bound."""
    return next((place for place, (at, _) in enumerate(events) if at >= bound_ms), len(events))


def _refused(why: str) -> Fault:
    return Fault("InvalidParameterException", why)
