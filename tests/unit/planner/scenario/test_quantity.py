"""Quantities with units: what is read, and what is said of what is not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.kernel.clock import HOUR, MICROSECOND, MILLISECOND, MINUTE, SECOND
from windlass.planner.scenario import quantity


@pytest.mark.parametrize(
    ("read", "text", "value"),
    [
        (quantity.duration, "500ms", 500 * MILLISECOND),
        (quantity.duration, "1h30m", HOUR + 30 * MINUTE),
        (quantity.duration, "1 min 2 s", MINUTE + 2 * SECOND),
        (quantity.duration, "1.5s", 1_500 * MILLISECOND),
        (quantity.duration, "7us", 7 * MICROSECOND),
        (quantity.duration, 90, 90 * SECOND),
        (quantity.duration, 0, 0),
        (quantity.rate, "20/s", 20),
        (quantity.rate, "500/min", 500 / 60),
        (quantity.rate, "3 per hour", 3 / 3_600),
        (quantity.rate, "1,000/s", 1_000),
        (quantity.size, "1GiB", 2**30),
        (quantity.size, "100 MB", 10**8),
        (quantity.size, "1.5kB", 1_500),
        (quantity.percent, "30%", 0.3),
        (quantity.percent, 0.25, 0.25),
    ],
)
def test_read(read: Callable[[object], Any], text: object, value: float) -> None:
    assert read(text) == pytest.approx(value)


@pytest.mark.parametrize(
    ("read", "text", "hint"),
    [
        (quantity.duration, "5 parsecs", "500ms"),
        (quantity.duration, "5", "500ms"),
        (quantity.duration, "", "500ms"),
        (quantity.duration, "-5s", "500ms"),
        (quantity.duration, True, "500ms"),
        (quantity.duration, -1, "at most a year"),
        (quantity.duration, "500d", "at most a year"),
        (quantity.duration, float("inf"), "at most a year"),
        (quantity.duration, float("nan"), "at most a year"),
        (quantity.duration, 1e308, "at most a year"),
        (quantity.rate, "20", "20/s"),
        (quantity.rate, 20, "20/s"),
        (quantity.rate, "20/fortnight", "20/s"),
        (quantity.size, "100", "100MB"),
        (quantity.size, 100, "100MB"),
        (quantity.size, "1gib", "100MB"),
        (quantity.percent, "130%", "30%"),
        (quantity.percent, 30, "30%"),
        (quantity.size, f"{'9' * 400}B", "99999999999999999999… is no"),
    ],
)
def test_refused(read: Callable[[object], Any], text: object, hint: str) -> None:
    with pytest.raises(ValueError, match="is no") as refused:
        read(text)
    assert hint in str(refused.value)


@given(st.text(max_size=20))
def test_any_text_is_read_or_refused(text: str) -> None:
    for read in (quantity.duration, quantity.rate, quantity.size, quantity.percent):
        try:
            assert read(text) >= 0
        except ValueError as error:
            assert repr(text) in str(error)
