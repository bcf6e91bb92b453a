"""From what a scenario says of arrivals and times to one number after the other. Pure: chance is given."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from statistics import NormalDist
from typing import TypeAlias

from windlass.kernel.clock import SECOND, Duration, in_seconds, seconds
from windlass.planner.scenario.workload import Arrivals, Times
from windlass.sim.arrivals import Phase, arrivals, steady, waves

Draw: TypeAlias = Callable[[], float]
"""A number in [0, 1)."""
_NORMAL = NormalDist()
_LEAST = 1e-12


def moments(
    given: Arrivals, lasts: Duration, draw: Draw, trace: Sequence[tuple[float, int]] = ()
) -> Iterator[Duration]:
    """When requests come, since the workload's begin, in order. `trace`: seconds, and how many then."""
    for_s = in_seconds(lasts)
    if given.burst is not None:
        return itertools.repeat(0, given.burst)
    if given.trace is not None:
        return (seconds(at) for at, count in trace for _ in range(count))
    if given.constant is not None:
        return arrivals([steady(given.constant, for_s)])
    if given.poisson is not None:
        return arrivals([steady(given.poisson, for_s)], draw)
    if given.ramp is not None:
        return arrivals([Phase(for_s, given.ramp.begin, given.ramp.end)], draw)
    assert given.diurnal is not None
    day = given.diurnal
    return arrivals(waves(day.mean, day.peak, in_seconds(day.period), for_s), draw)


def durations(given: Times, draw: Draw, trace: Sequence[float] = ()) -> Callable[[], Duration]:
    """How long it takes each time. `trace`: seconds, each in turn, and again from the first."""
    if given.constant is not None:
        constant = given.constant
        return lambda: constant
    if given.trace is not None:
        row = itertools.cycle([seconds(one) for one in trace])
        return lambda: next(row)
    if given.exponential is not None:
        mean = given.exponential
        return lambda: round(mean * -math.log(1.0 - draw()))
    assert given.lognormal is not None
    median, sigma = given.lognormal.median, given.lognormal.sigma

    def lognormal() -> Duration:
        place = min(max(draw(), _LEAST), 1 - _LEAST)
        return round(median * math.exp(sigma * _NORMAL.inv_cdf(place)))

    return lognormal


def mean_s(given: Times, trace: Sequence[float] = ()) -> float:
    """Seconds that it takes on average."""
    if given.constant is not None:
        return given.constant / SECOND
    if given.trace is not None:
        return sum(trace) / len(trace)
    if given.exponential is not None:
        return given.exponential / SECOND
    assert given.lognormal is not None
    return given.lognormal.median / SECOND * math.exp(given.lognormal.sigma**2 / 2)
