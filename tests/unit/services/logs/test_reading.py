"""Merging chunks: any overlap, both directions, any page size; and which events of a batch are taken."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from windlass.services.logs import batch, reading
from windlass.services.logs.limits import EVENT_AGE_MS_MAX, EVENT_AHEAD_MS_MAX
from windlass.services.logs.model import Chunk
from windlass.services.logs.reading import START, Place

_TIMES = st.lists(st.integers(0, 30), min_size=1, max_size=5).map(sorted)


def _chunks(times: list[list[int]]) -> list[Chunk]:
    """Chunks in the order of the index: by first time, then number."""
    made = [
        Chunk("a", "r", "g", "s", n, 0, tuple((at, f"{n}.{i}") for i, at in enumerate(one)), 0)
        for n, one in enumerate(times)
    ]
    return sorted(made, key=lambda chunk: (chunk.first_ms, chunk.number))


@given(st.lists(_TIMES, max_size=6), st.integers(1, 4))
def test_pages_in_both_directions_show_every_event_once(times: list[list[int]], limit: int) -> None:
    """Page after page gives the events in order of time; backwards gives the same, reversed."""
    chunks = _chunks(times)
    expected = sorted((at, n, i) for n, one in enumerate(times) for i, at in enumerate(one))
    span = max((chunk.last_ms - chunk.first_ms for chunk in chunks), default=0)
    seen: list[Place] = []
    while True:
        page = reading.page(reading.forward(chunks, seen[-1] if seen else START), limit=limit)
        seen += [found.place for found in page.events]
        if not page.more:
            break
    assert seen == expected
    back: list[Place] = []
    while True:
        found = reading.backward(chunks[::-1], back[-1] if back else None, span)
        page = reading.page(found, limit=limit)
        back += [one.place for one in page.events]
        if not page.more:
            break
    assert back == expected[::-1]


@given(st.lists(_TIMES, max_size=4), st.integers(1, 3), st.integers(1, 3))
def test_a_search_that_stops_early_goes_on_where_it_stopped(
    times: list[list[int]], limit: int, scan: int
) -> None:
    """With a limit on what is looked at, the pages together still hold all that is wanted, once."""
    chunks = _chunks(times)
    after, seen = START, list[Place]()
    while True:
        page = reading.page(
            reading.forward(chunks, after),
            limit=limit,
            wanted=lambda found: found.place[0] % 2 == 0,
            scan_max=scan,
        )
        seen += [found.place for found in page.events]
        if not page.more:
            break
        assert page.last is not None and page.last > after
        after = page.last
    assert seen == sorted(
        (at, n, i) for n, one in enumerate(times) for i, at in enumerate(one) if at % 2 == 0
    )


def _near(edge: int) -> st.SearchStrategy[list[int]]:
    return st.lists(st.integers(edge - 5, edge + 5), min_size=1, max_size=9).map(sorted)


@given(_near(-EVENT_AGE_MS_MAX) | _near(EVENT_AHEAD_MS_MAX))
def test_takes_exactly_the_events_within_the_window(offsets: list[int]) -> None:
    """Events between 14 days ago and two hours ahead are kept; the places of the others are right."""
    now = 10**12
    events = [(now + offset, "m") for offset in offsets]
    taken = batch.take(events, now, None)
    assert list(taken.events) == [
        (now + offset, "m") for offset in offsets if -EVENT_AGE_MS_MAX <= offset <= EVENT_AHEAD_MS_MAX
    ]
    assert (taken.too_old_end or 0) == sum(offset < -EVENT_AGE_MS_MAX for offset in offsets)
    too_new = sum(offset > EVENT_AHEAD_MS_MAX for offset in offsets)
    assert taken.too_new_start == (len(offsets) - too_new if too_new else None)
