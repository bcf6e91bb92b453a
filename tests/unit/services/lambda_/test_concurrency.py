"""Whether an event may run."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.services.lambda_.concurrency import Usage, admit, may_reserve

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
    assert may_reserve(wanted, others, limit) is allowed


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
