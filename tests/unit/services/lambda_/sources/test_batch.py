"""What makes a batch: size, window, six megabytes."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from windlass.kernel.clock import SECOND
from windlass.services.lambda_.limits import SYNC_PAYLOAD_BYTES_MAX
from windlass.services.lambda_.sources.batch import (
    Gather,
    Record,
    event,
    fits,
    last_start,
    plan,
    visibility,
)
from windlass.services.lambda_.sources.model import Rules

MB = 1_000_000


def records(*sizes: int) -> list[Record]:
    """Records of so many bytes."""
    return [Record(f"m{n}", "", "", b'"' + b"x" * (size - 2) + b'"') for n, size in enumerate(sizes)]


@pytest.mark.parametrize(
    ("sizes", "rules", "passed_s", "missing"),
    [
        ((), Rules(), 0, Gather(10, None)),
        ((), Rules(batch_size=1000, window_s=5), 9, Gather(1000, None)),
        ((9,) * 3, Rules(), 0, None),
        ((9,) * 3, Rules(window_s=5), 2, Gather(7, 5 * SECOND)),
        ((9,) * 3, Rules(window_s=5), 5, None),
        ((9,) * 10, Rules(window_s=5), 0, None),
        ((2 * MB,) * 3, Rules(batch_size=100, window_s=5), 0, Gather(97, 5 * SECOND)),
        ((2 * MB,) * 4, Rules(batch_size=100, window_s=5), 0, None),
    ],
)
def test_plan(sizes: tuple[int, ...], rules: Rules, passed_s: int, missing: Gather | None) -> None:
    """Nothing yet; no window; inside it; over; full; room for more; more than an event takes."""
    assert plan(records(*sizes), 0, rules, passed_s * SECOND) == missing


@settings(max_examples=30)
@given(st.lists(st.integers(2, 7 * MB), min_size=1, max_size=12), st.integers(1, 12))
def test_events_are_within_six_megabytes(sizes: list[int], most: int) -> None:
    """As many as fit, but one in any case."""
    found = records(*sizes)
    count = fits(found, most)
    assert 1 <= count <= most
    size = len(event(found[:count]))
    assert count == 1 or size <= SYNC_PAYLOAD_BYTES_MAX
    if count < min(most, len(found)):
        assert len(event(found[: count + 1])) > SYNC_PAYLOAD_BYTES_MAX


def test_event() -> None:
    assert json.loads(event(records(4, 5))) == {"Records": ["xx", "xxx"]}


@pytest.mark.parametrize(
    ("queue_s", "window_s", "function_s", "seconds"),
    [(30, 0, 30, 30), (30, 15, 15, 30), (30, 20, 15, 65), (60, 300, 900, 1230)],
)
def test_visibility(queue_s: int, window_s: int, function_s: int, seconds: int) -> None:
    assert visibility(queue_s, window_s, function_s) == seconds


def test_last_start() -> None:
    """While the function would end before the messages are visible; never before they were received."""
    assert last_start(7, 30, 3) == 7 + 27 * SECOND
    assert last_start(7, 30, 30) == last_start(7, 30, 40) == 7
