"""Events out of chunks, in order, from a place on, forwards or backwards. Pure.

Chunks overlap in time (late events, several streams), so they are merged. An event's place is its time, the
number of its chunk and its index there; that order is total and never changes, which makes tokens stable.
Events that arrive late, with a time before a token's, are not seen by who reads forwards from that token.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from heapq import heappop, heappush

from windlass.services.logs.batch import event_bytes
from windlass.services.logs.limits import PAGE_BYTES_MAX
from windlass.services.logs.model import Chunk

Place = tuple[int, int, int]
"""(milliseconds, chunk number, index in the chunk)."""
START: Place = (-1, -1, -1)
"""Before every event."""


@dataclass(frozen=True, slots=True)
class Found:
    """One event at its place."""

    place: Place
    chunk: Chunk

    @property
    def message(self) -> str:
        return self.chunk.events[self.place[2]][1]


@dataclass(frozen=True, slots=True)
class Page:
    """Events in the order read. `last` is the last place looked at, None when nothing was; `more` says

    whether reading stopped because of a limit.
    """

    events: tuple[Found, ...]
    last: Place | None
    more: bool


def forward(chunks: Iterable[Chunk], after: Place) -> Iterator[Found]:
    """Events past `after`. Takes chunks by their first time, rising."""
    heap: list[tuple[Place, Chunk]] = []
    for chunk in chunks:
        while heap and heap[0][0][0] < chunk.first_ms:
            yield _next(heap)
        start = next((i for i, (at, _) in enumerate(chunk.events) if (at, chunk.number, i) > after), None)
        if start is not None:
            heappush(heap, ((chunk.events[start][0], chunk.number, start), chunk))
    while heap:
        yield _next(heap)


def backward(chunks: Iterable[Chunk], before: Place | None, span_ms: int) -> Iterator[Found]:
    """Events ahead of `before` (None: all), newest first. Takes chunks by their first time, falling;

    no chunk may cover more than `span_ms`.
    """
    heap: list[tuple[Place, Chunk]] = []
    for chunk in chunks:
        while heap and -heap[0][0][0] > chunk.first_ms + span_ms:
            yield _previous(heap)
        for index in range(len(chunk.events) - 1, -1, -1):
            place = (chunk.events[index][0], chunk.number, index)
            if before is None or place < before:
                heappush(heap, (_negated(place), chunk))
                break
    while heap:
        yield _previous(heap)


def page(
    found: Iterable[Found],
    *,
    limit: int,
    wanted: Callable[[Found], bool] = lambda event: True,
    scan_max: int | None = None,
) -> Page:
    """Take up to `limit` wanted events and one page's bytes, after looking at no more than `scan_max`."""
    events: list[Found] = []
    last: Place | None = None
    size = 0
    for looked, event in enumerate(found):
        if len(events) >= limit or (scan_max is not None and looked >= scan_max):
            return Page(tuple(events), last, more=True)
        if wanted(event):
            size += event_bytes((event.place[0], event.message))
            if events and size > PAGE_BYTES_MAX:
                return Page(tuple(events), last, more=True)
            events.append(event)
        last = event.place
    return Page(tuple(events), last, more=False)


def _next(heap: list[tuple[Place, Chunk]]) -> Found:
    place, chunk = heappop(heap)
    index = place[2] + 1
    if index < len(chunk.events):
        heappush(heap, ((chunk.events[index][0], chunk.number, index), chunk))
    return Found(place, chunk)


def _previous(heap: list[tuple[Place, Chunk]]) -> Found:
    negated, chunk = heappop(heap)
    place = _negated(negated)
    index = place[2] - 1
    if index >= 0:
        heappush(heap, (_negated((chunk.events[index][0], chunk.number, index)), chunk))
    return Found(place, chunk)


def _negated(place: Place) -> Place:
    return (-place[0], -place[1], -place[2])
