"""What becomes of an asynchronous event after an attempt. Pure.

Function errors: two retries, one and two minutes later. Throttles and our own errors: back to the queue,
from one second doubling to five minutes, for as long as the event is young enough. Source: Lambda developer
guide, "How Lambda handles errors and retries with asynchronous invocation".
Known gap: no destinations, so a dropped event is only noted in the journal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from windlass.kernel.clock import Duration, Instant
from windlass.services.lambda_.limits import (
    ASYNC_BACK_OFF_FIRST,
    ASYNC_BACK_OFF_MAX,
    ASYNC_EVENT_AGE_MAX,
    ASYNC_RETRIES_MAX,
)

Attempt = Literal["success", "function_error", "throttled", "reserved_none"]
"""How it went; "throttled" also stands for system errors, "reserved_none" for reserved concurrency 0."""


@dataclass(frozen=True, slots=True)
class Done:
    """Forget the event: it was handled."""


@dataclass(frozen=True, slots=True)
class Again:
    """Try once more at that instant, with these counts."""

    at: Instant
    errors: int
    throttles: int


@dataclass(frozen=True, slots=True)
class Drop:
    """Give the event up. `condition` as a destination's record would say it."""

    condition: Literal["RetriesExhausted", "EventAgeExceeded"]


Verdict: TypeAlias = Done | Again | Drop


def decide(
    attempt: Attempt,
    *,
    received_at: Instant,
    errors: int,
    throttles: int,
    now: Instant,
    waits: tuple[Duration, Duration],
) -> Verdict:
    """`errors` and `throttles` are the counts before this attempt.

    First function error → Again in waits[0]; third → Drop("RetriesExhausted").
    """
    match attempt:
        case "success":
            return Done()
        case "reserved_none":
            return Drop("RetriesExhausted")
        case "function_error":
            if errors >= ASYNC_RETRIES_MAX:
                return Drop("RetriesExhausted")
            verdict = Again(now + waits[errors], errors + 1, 0)
        case _:
            verdict = Again(now + back_off(throttles), errors, throttles + 1)
    if verdict.at - received_at > ASYNC_EVENT_AGE_MAX:
        return Drop("EventAgeExceeded")
    return verdict


def back_off(throttles: int) -> Duration:
    """1 s, 2 s, 4 s … 5 min."""
    return min(ASYNC_BACK_OFF_MAX, ASYNC_BACK_OFF_FIRST << min(throttles, 16))
