"""What becomes of an asynchronous event after an attempt. Pure.

Function errors: two retries, one and two minutes later. Throttles and our own errors: back to the queue,
from one second doubling to five minutes, for as long as the event is young enough. How many retries and how
young, the function's event invoke configuration may say. Source: Lambda developer guide, "How Lambda handles
errors and retries with asynchronous invocation".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from windlass.kernel.clock import SECOND, Duration, Instant
from windlass.services.lambda_.event_model import AsyncEvent, EventInvokeConfig
from windlass.services.lambda_.limits import (
    ASYNC_BACK_OFF_FIRST,
    ASYNC_BACK_OFF_MAX,
    ASYNC_EVENT_AGE_MAX,
    ASYNC_RETRIES_MAX,
)

Attempt = Literal["success", "function_error", "throttled", "reserved_none", "loop"]
"""How it went; "throttled" also stands for system errors, "reserved_none" for reserved concurrency 0,

"loop" for a loop of invocations that is stopped.
"""
Given = Literal["RetriesExhausted", "EventAgeExceeded"]
"""Why an event was given up: `condition` in a destination's record."""


@dataclass(frozen=True, slots=True)
class Rules:
    """How often and how long the events of one function are tried. `waits`: before the retries, in turn."""

    waits: tuple[Duration, Duration]
    retries: int = ASYNC_RETRIES_MAX
    age: Duration = ASYNC_EVENT_AGE_MAX


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
    """Give the event up."""

    condition: Given


Verdict: TypeAlias = Done | Again | Drop


def rules(config: EventInvokeConfig | None, waits: tuple[Duration, Duration]) -> Rules:
    """What the configuration says; Lambda's defaults where it says nothing."""
    if config is None:
        return Rules(waits)
    return Rules(
        waits,
        retries=ASYNC_RETRIES_MAX if config.retries is None else config.retries,
        age=ASYNC_EVENT_AGE_MAX if config.age_s is None else config.age_s * SECOND,
    )


def too_old(event: AsyncEvent, rules: Rules, now: Instant) -> bool:
    """Whether the event has waited so long that it is not tried any more."""
    return now - event.received_at > rules.age


def decide(event: AsyncEvent, attempt: Attempt, rules: Rules, now: Instant) -> Verdict:
    """What follows on an attempt; the event's counts are those before it.

    First function error → Again in waits[0]; third → Drop("RetriesExhausted").
    """
    match attempt:
        case "success":
            return Done()
        case "reserved_none" | "loop":
            return Drop("RetriesExhausted")
        case "function_error":
            if event.errors >= rules.retries:
                return Drop("RetriesExhausted")
            verdict = Again(now + rules.waits[event.errors], event.errors + 1, 0)
        case _:
            verdict = Again(now + back_off(event.throttles), event.errors, event.throttles + 1)
    if verdict.at - event.received_at > rules.age:
        return Drop("EventAgeExceeded")
    return verdict


def back_off(throttles: int) -> Duration:
    """1 s, 2 s, 4 s … 5 min."""
    return min(ASYNC_BACK_OFF_MAX, ASYNC_BACK_OFF_FIRST << min(throttles, 16))
