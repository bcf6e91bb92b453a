"""The points of one series, compactly: statistic sets by time, rolled up as they age. Pure.

A point is what came in one second or minute: how many values, their sum, least and most, and, where they are
known, the values themselves. Old points are joined to longer spans, as on AWS; for how long each span is kept
is ours, because points live in the plane's memory (AWS: 3 hours, 15, 63 and 455 days; CloudWatch API
reference, GetMetricStatistics). A point takes 40 bytes, and some hundred more if it has different values.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

DAY_S = 86_400

SPANS: tuple[tuple[int, int], ...] = (
    (1, 3 * 3_600),
    (60, DAY_S),
    (300, 15 * DAY_S),
    (3_600, 63 * DAY_S),
)
"""Seconds that a point is of, and seconds that points are kept at that."""
KEPT_S = SPANS[-1][1]
VALUES_MAX = 100
"""Different values that a point knows exactly; with more they are rounded, to 3, 2, then 1 digits. Ours."""
_SLACK = 8
"""Points are rolled up when an eighth of their span's time is over it, many at once."""
_NUMBERS = 4
"""Samples, sum, least, most: numbers of one point."""


class Summary(NamedTuple):
    """Values together: a statistic set (CloudWatch, StatisticSet)."""

    samples: float
    total: float
    least: float
    most: float
    spread: Mapping[float, float] | None = None
    """Value → how often. None: least and most are one value, or nobody knows."""

    @property
    def values(self) -> Mapping[float, float] | None:
        """Value → how often, if that is known: what percentiles need."""
        return {self.least: self.samples} if self.least == self.most else self.spread

    @property
    def mean(self) -> float:
        return self.total / self.samples


class Bucket(NamedTuple):
    """What was measured from `start` (seconds since the epoch) on, for the time that was asked for."""

    start: int
    summary: Summary


def one(value: float, count: float = 1) -> Summary:
    """One value, or the same value several times."""
    return Summary(count, value * count, value, value)


def of_values(values: Iterable[tuple[float, float]]) -> Summary:
    """Summarise (value, how often) pairs, of which there is at least one."""
    spread: dict[float, float] = {}
    for value, count in values:
        spread[value] = spread.get(value, 0) + count
    total = sum(value * count for value, count in spread.items())
    return Summary(sum(spread.values()), total, min(spread), max(spread), _kept(spread))


def join(a: Summary, b: Summary) -> Summary:
    """Both together."""
    left, right = a.values, b.values
    spread: dict[float, float] | None = None
    if left is not None and right is not None:
        spread = dict(left)
        for value, count in right.items():
            spread[value] = spread.get(value, 0) + count
    return Summary(
        a.samples + b.samples,
        a.total + b.total,
        min(a.least, b.least),
        max(a.most, b.most),
        None if spread is None else _kept(spread),
    )


def _kept(spread: dict[float, float]) -> Mapping[float, float] | None:
    """The values as they are kept: none that least and most say anyway, and not too many."""
    digits = 3
    while len(spread) > VALUES_MAX and digits:
        rounded: dict[float, float] = {}
        for value, count in spread.items():
            about = float(f"{value:.{digits - 1}e}")
            rounded[about] = rounded.get(about, 0) + count
        spread, digits = rounded, digits - 1
    return spread if len(spread) > 1 else None


class _Span:
    """Points of one length, in order of time."""

    __slots__ = ("length", "numbers", "spreads", "starts")

    def __init__(self, length: int) -> None:
        self.length = length
        self.starts = array("q")
        self.numbers = array("d")
        self.spreads: dict[int, Mapping[float, float]] = {}

    def at(self, place: int) -> Bucket:
        start = self.starts[place]
        samples, total, least, most = self.numbers[place * _NUMBERS : (place + 1) * _NUMBERS]
        return Bucket(start, Summary(samples, total, least, most, self.spreads.get(start)))

    def add(self, start: int, summary: Summary) -> int:
        """Join what was measured then; returns how many points there are more."""
        start -= start % self.length
        place = bisect_left(self.starts, start)
        more = place == len(self.starts) or self.starts[place] != start
        if more:
            self.starts.insert(place, start)
            self.numbers[place * _NUMBERS : place * _NUMBERS] = _numbers(summary)
        else:
            summary = join(self.at(place).summary, summary)
            self.numbers[place * _NUMBERS : (place + 1) * _NUMBERS] = _numbers(summary)
        if summary.spread is not None:
            self.spreads[start] = summary.spread
        else:
            self.spreads.pop(start, None)
        return int(more)

    def between(self, start: int, end: int) -> Iterator[Bucket]:
        for place in range(bisect_left(self.starts, start), bisect_left(self.starts, end)):
            yield self.at(place)

    def take(self, count: int) -> list[Bucket]:
        """The oldest points, which are here no more."""
        taken = [self.at(place) for place in range(count)]
        del self.starts[:count]
        del self.numbers[: count * _NUMBERS]
        for bucket in taken:
            self.spreads.pop(bucket.start, None)
        return taken


class Trail:
    """All points of a series in one unit."""

    __slots__ = ("_spans", "last", "size")

    def __init__(self) -> None:
        self._spans = [_Span(length) for length, _ in SPANS]
        self.size = 0
        self.last = 0
        """Start of the newest point, in seconds since the epoch."""

    def add(self, start: int, summary: Summary, *, now: int, fine: bool) -> None:
        """Join what was measured from `start` on; both in seconds since the epoch.

        `fine` points are kept by the second at first, others by the minute. What is too old is dropped.
        """
        first = 0 if fine else 1
        place = next((n for n, (_, kept) in enumerate(SPANS) if n >= first and start >= now - kept), None)
        if place is None:
            return
        span = self._spans[place]
        self.size += span.add(start, summary)
        self.last = max(self.last, start - start % span.length)
        self._roll_up(now)

    def read(self, start: int, end: int, period: int) -> Iterator[Bucket]:
        """What came from `start` until before `end`, the points whose length is at most the period."""
        for span in self._spans:
            if span.length <= period:
                yield from span.between(start, end)

    def all(self) -> Iterator[tuple[int, Bucket]]:
        """Every point with its length in seconds, the shortest first."""
        for span in self._spans:
            for place in range(len(span.starts)):
                yield span.length, span.at(place)

    def newest(self) -> Bucket:
        """The last point that came in; there is one in every trail."""
        return max((span.at(len(span.starts) - 1) for span in self._spans if span.starts), key=_start)

    def shed(self) -> None:
        """Forget the oldest half of what it has."""
        for span in self._spans:
            half = len(span.starts) // 2
            span.take(half)
            self.size -= half

    def _roll_up(self, now: int) -> None:
        for place, (span, (_, kept)) in enumerate(zip(self._spans, SPANS, strict=True)):
            if not span.starts or span.starts[0] >= now - kept - kept // _SLACK:
                continue
            aged = span.take(bisect_left(span.starts, now - kept))
            self.size -= len(aged)
            for bucket in aged if place + 1 < len(SPANS) else ():
                self.size += self._spans[place + 1].add(bucket.start, bucket.summary)


def gather(buckets: Iterable[Bucket], start: int, period: int) -> list[Bucket]:
    """Join points into periods that are counted from `start`, in order of time."""
    found: dict[int, Summary] = {}
    for bucket in buckets:
        begun = start + (bucket.start - start) // period * period
        known = found.get(begun)
        found[begun] = bucket.summary if known is None else join(known, bucket.summary)
    return [Bucket(begun, found[begun]) for begun in sorted(found)]


def _numbers(summary: Summary) -> array[float]:
    return array("d", (summary.samples, summary.total, summary.least, summary.most))


def _start(bucket: Bucket) -> int:
    return bucket.start
