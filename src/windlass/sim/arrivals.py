"""When requests arrive. Pure.

A load is a row of phases, each with a rate at its begin and at its end. Arrivals are where the sum of all
that was expected so far passes 1, 2, 3, …; by chance (a Poisson process) where it passes the sums of
exponential draws.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from windlass.kernel.clock import Duration, seconds

T = TypeVar("T")

PIECES = 96
"""Of one period of `waves`: its rate is off by less than a thousandth."""


@dataclass(frozen=True, slots=True)
class Phase:
    """So many seconds, with requests a second from `begin` to `end`, rising or falling evenly."""

    seconds: float
    begin: float
    end: float

    @property
    def expected(self) -> float:
        """Requests."""
        return self.seconds * (self.begin + self.end) / 2

    def when(self, count: float) -> float:
        """Seconds from its begin until so many requests are to be expected, at most `expected`."""
        slope = (self.end - self.begin) / self.seconds
        if not slope:
            return count / self.begin
        return (math.sqrt(max(0.0, self.begin**2 + 2 * slope * count)) - self.begin) / slope


def steady(rate: float, for_s: float) -> Phase:
    return Phase(for_s, rate, rate)


def silence(for_s: float) -> Phase:
    return Phase(for_s, 0, 0)


def waves(mean: float, peak: float, period_s: float, for_s: float) -> list[Phase]:
    """A rate that goes up and down around its mean as a sine does, from its least at the begin, in pieces."""

    def rate(at: float) -> float:
        return max(0.0, mean - (peak - mean) * math.cos(2 * math.pi * at / period_s))

    count = max(1, math.ceil(for_s / period_s * PIECES))
    times = [for_s * place / count for place in range(count + 1)]
    return [Phase(end - begin, rate(begin), rate(end)) for begin, end in itertools.pairwise(times)]


def arrivals(phases: Sequence[Phase], draw: Callable[[], float] | None = None) -> Iterator[Duration]:
    """When requests come, since the load began. Without `draw` evenly, else by chance.

    [steady(2, for_s=1), silence(5), steady(1, for_s=2)] → 0.5, 1.0, 7.0, 8.0 s
    """
    passed, began = 0.0, 0.0
    due = _gap(draw)
    for phase in phases:
        while phase.expected and due <= passed + phase.expected:
            yield seconds(began + phase.when(due - passed))
            due += _gap(draw)
        passed += phase.expected
        began += phase.seconds


def _gap(draw: Callable[[], float] | None) -> float:
    return 1.0 if draw is None else -math.log(1.0 - draw())


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that so many per cent of the values do not exceed (nearest rank).

    >>> percentile([3, 1, 2, 4], 50), percentile([3, 1, 2, 4], 99)
    (2, 4)
    """
    return nearest_rank(sorted(values), percent) if values else math.nan


def nearest_rank(ordered: Sequence[T], percent: float) -> T:
    """The same of values in order; there is at least one."""
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]
