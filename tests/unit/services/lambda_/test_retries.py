"""What becomes of an asynchronous event."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from windlass.kernel.clock import HOUR, MINUTE, SECOND
from windlass.services.lambda_.retries import Again, Attempt, Done, Drop, Verdict, back_off, decide

WAITS = (MINUTE, 2 * MINUTE)


def after(attempt: Attempt, errors: int = 0, throttles: int = 0, now: int = 0) -> Verdict:
    return decide(attempt, received_at=0, errors=errors, throttles=throttles, now=now, waits=WAITS)


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


@settings(max_examples=25)
@given(st.lists(st.sampled_from(["function_error", "throttled"]), min_size=500, max_size=500))
def test_every_event_ends(attempts: list[Attempt]) -> None:
    """Whatever goes wrong, an event is given up within six hours, and time never runs back."""
    now = errors = throttles = 0
    for attempt in attempts:
        verdict = after(attempt, errors, throttles, now)
        if not isinstance(verdict, Again):
            return
        assert now < verdict.at <= 6 * HOUR
        now, errors, throttles = verdict.at, verdict.errors, verdict.throttles
    raise AssertionError("still retrying")
