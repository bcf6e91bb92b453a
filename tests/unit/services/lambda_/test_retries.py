"""What becomes of an asynchronous event."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from windlass.kernel.clock import HOUR, MINUTE, SECOND
from windlass.services.lambda_.event_model import AsyncEvent, EventInvokeConfig
from windlass.services.lambda_.retries import (
    Again,
    Attempt,
    Done,
    Drop,
    Rules,
    Verdict,
    back_off,
    decide,
    rules,
    too_old,
)

WAITS = (MINUTE, 2 * MINUTE)
DEFAULT = Rules(WAITS)
EVENT = AsyncEvent("e", "1", "r", "f", b"{}", "", received_at=0, due_at=0)
CONFIG = EventInvokeConfig("1", "r", "f", "u", "$LATEST", last_modified=0)


def after(
    attempt: Attempt, errors: int = 0, throttles: int = 0, now: int = 0, limits: Rules = DEFAULT
) -> Verdict:
    return decide(replace(EVENT, errors=errors, throttles=throttles), attempt, limits, now)


def test_function_errors_are_retried_twice() -> None:
    """After one minute, after two more, then never."""
    assert after("function_error") == Again(MINUTE, 1, 0)
    assert after("function_error", errors=1, throttles=4) == Again(2 * MINUTE, 2, 0)
    assert after("function_error", errors=2) == Drop("RetriesExhausted")
    assert after("success", errors=2) == Done()


def test_throttles_wait_longer_and_longer_for_six_hours() -> None:
    """1 s doubling to 5 min; they cost no retry; reserved concurrency 0 drops at once."""
    assert after("throttled") == Again(SECOND, 0, 1)
    assert after("throttled", errors=1, throttles=3) == Again(8 * SECOND, 1, 4)
    assert [back_off(n) // SECOND for n in (0, 1, 8, 9, 1000)] == [1, 2, 256, 300, 300]
    assert after("throttled", throttles=50, now=6 * HOUR - MINUTE) == Drop("EventAgeExceeded")
    assert after("reserved_none") == Drop("RetriesExhausted")


def test_a_configuration_changes_the_rules() -> None:
    """Fewer retries, a lower age; what it leaves out is Lambda's default; no retries at all is a number."""
    assert rules(None, WAITS) == rules(CONFIG, WAITS) == DEFAULT == Rules(WAITS, 2, 6 * HOUR)
    never = rules(replace(CONFIG, retries=0, age_s=60), WAITS)
    assert never == Rules(WAITS, 0, MINUTE)
    assert after("function_error", limits=never) == Drop("RetriesExhausted")
    once = rules(replace(CONFIG, retries=1), WAITS)
    assert after("function_error", limits=once) == Again(MINUTE, 1, 0)
    assert after("function_error", errors=1, limits=once) == Drop("RetriesExhausted")
    young = rules(replace(CONFIG, age_s=60), WAITS)
    assert after("function_error", now=SECOND, limits=young) == Drop("EventAgeExceeded")
    assert not too_old(EVENT, young, MINUTE) and too_old(EVENT, young, MINUTE + 1)


@settings(max_examples=25)
@given(
    st.lists(st.sampled_from(["function_error", "throttled"]), min_size=500, max_size=500),
    st.none() | st.integers(0, 2),
    st.none() | st.integers(60, 21_600),
)
def test_every_event_ends(attempts: list[Attempt], retries: int | None, age_s: int | None) -> None:
    """Whatever goes wrong, an event is given up within its age, and time never runs back."""
    limits = rules(replace(CONFIG, retries=retries, age_s=age_s), WAITS)
    now = errors = throttles = 0
    for attempt in attempts:
        verdict = after(attempt, errors, throttles, now, limits)
        if not isinstance(verdict, Again):
            assert isinstance(verdict, Drop)
            return
        assert now < verdict.at <= limits.age
        assert verdict.errors <= limits.retries
        now, errors, throttles = verdict.at, verdict.errors, verdict.throttles
    raise AssertionError("still retrying")
