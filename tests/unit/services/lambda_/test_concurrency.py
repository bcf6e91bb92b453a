"""Whether an event may run."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.kernel.bucket import Rate
from windlass.kernel.clock import SECOND
from windlass.services.lambda_.concurrency import Usage, admit, may_set_aside, request_rate, throttled

RESERVED = "ReservedFunctionConcurrentInvocationLimitExceeded"
ACCOUNT = "ConcurrentInvocationLimitExceeded"


@pytest.mark.parametrize(
    ("reserved", "usage", "verdict"),
    [
        (0, Usage(0, 0, 0), RESERVED),
        (2, Usage(1, 1000, 2), None),
        (2, Usage(2, 0, 2), RESERVED),
        (None, Usage(0, 899, 100), None),
        (None, Usage(0, 900, 100), ACCOUNT),
        (None, Usage(500, 999, 0), None),
        (None, Usage(500, 1000, 0), ACCOUNT),
        (5, Usage(1, 0, 5, set_aside=3), None),
        (5, Usage(2, 0, 5, set_aside=3), RESERVED),
        (5, Usage(0, 0, 5, set_aside=5), RESERVED),
        (None, Usage(0, 799, 100, unreserved_set_aside=100), None),
        (None, Usage(0, 800, 100, unreserved_set_aside=100), ACCOUNT),
    ],
)
def test_admission(reserved: int | None, usage: Usage, verdict: str | None) -> None:
    """A reservation is cap and guarantee; the others share what reservations leave of 1,000."""
    assert admit(reserved, usage, 1000) == verdict


@pytest.mark.parametrize(
    ("wanted", "others", "limit", "allowed"),
    [
        (900, 0, 1000, True),
        (901, 0, 1000, False),
        (400, 501, 1000, False),
        (0, 900, 1000, True),
        (0, 0, 10, True),
    ],
)
def test_reservations_leave_a_hundred(wanted: int, others: int, limit: int, allowed: bool) -> None:
    """AWS keeps 100 for functions without a reservation; reserving nothing always works."""
    assert may_set_aside(wanted, others, limit, 100) is allowed


def test_ten_requests_a_second_for_each_unit() -> None:
    """Of the reservation if there is one, else of the account's limit; reserved 0 lets none through."""
    assert request_rate(None, 1000, 10) == Rate(burst=10_000, per_second=10_000)
    assert request_rate(3, 1000, 10) == Rate(burst=30, per_second=30)
    assert request_rate(0, 1000, 10).burst == 0


def test_retry_after_is_told_in_whole_seconds_where_it_is_known() -> None:
    """A wait of 100 ms → 1; of 1.2 s → 2; nobody knows when a running event ends."""
    assert throttled("FunctionInvocationRateLimitExceeded", SECOND // 10).members["retryAfterSeconds"] == "1"
    fault = throttled("FunctionInvocationRateLimitExceeded", SECOND + SECOND // 5)
    assert fault.members["retryAfterSeconds"] == "2"
    fault = throttled("ConcurrentInvocationLimitExceeded")
    assert (fault.status, fault.members) == (
        429,
        {"Reason": "ConcurrentInvocationLimitExceeded", "Type": "User"},
    )


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans())))
def test_limits_hold_from_any_history(steps: list[tuple[int, bool]]) -> None:
    """Four functions, two with reservations, limit 10: no count ever passes its limit."""
    reserved: list[int | None] = [3, 2, None, None]
    running = [0, 0, 0, 0]
    for number, begins in steps:
        unreserved = running[2] + running[3]
        if begins and admit(reserved[number], Usage(running[number], unreserved, 5), 10) is None:
            running[number] += 1
        elif not begins and running[number]:
            running[number] -= 1
        assert running[0] <= 3 and running[1] <= 2 and running[2] + running[3] <= 5
