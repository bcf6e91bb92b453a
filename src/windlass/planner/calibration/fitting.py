"""Lognormal delays from observed seconds: median, sigma, how sure, how well they fit. Pure.

Robust on purpose: a task that waited for capacity for ten minutes must not move the rest. The median stands
for the middle, the median absolute deviation of the logarithms for the spread (Hampel, 1974); a share of 10 %
of strays hardly changes either. Knows nothing of tasks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist, mean, median

LEAST_S = 0.001
"""Seconds; what took less counts as that: timestamps of AWS have milliseconds."""
OBSERVATIONS_MIN = 20
"""Of one delay; with them the median is known to 0.28 sigma and sigma to a quarter. Ours."""
DEVIATION_TO_SIGMA = 1.4826
"""Median absolute deviation → standard deviation, of a normal distribution."""
MEDIAN_ERROR, SIGMA_ERROR = 1.2533, 1.1664
"""Standard errors of both, in sigmas over the root of n: asymptotic, and as 1,500 samples of 50 show them."""
DISTANCE_MAX = 1.25
"""Over the root of n: below lie 99 % of the distances of true lognormals fitted like this; 12,000 samples."""
DISTANCE_FINE = 0.05
"""Close enough however many were observed: no share of the tasks is off by more than 5 points. Ours."""
PER_MB_LEAST = 1e-5
"""Seconds: what does not grow with the size goes at 100 GB a second."""
STRAY = 1.345
"""Sigmas from where on a residual counts less (Huber: 95 % as good as least squares where there is none)."""
_NORMAL = NormalDist()
_PARTS = 24
"""Slices of a distribution that another is added to."""
_LEVELS = tuple(k / 20 for k in range(1, 20))
_SIGMAS = (0.05, 2.0)
"""Of a delay on top of another: outside of them they can hardly be told from what they are on top of."""
_GROUPS = 10
"""Of observations, for a jackknife."""


@dataclass(frozen=True, slots=True)
class Lognormal:
    """A delay. `errors` are standard errors of median (seconds) and sigma."""

    median: float
    sigma: float
    errors: tuple[float, float] = (0.0, 0.0)
    count: int = 0
    distance: float = 0.0
    """The most that observed and fitted distribution are apart (Kolmogorov-Smirnov): 0 to 1."""

    @property
    def distance_max(self) -> float:
        """What a true lognormal would hardly exceed with so many observations (1 %)."""
        return max(DISTANCE_FINE, DISTANCE_MAX / math.sqrt(max(1, self.count)))

    @property
    def fits(self) -> bool:
        return self.distance <= self.distance_max

    def below(self, seconds: float) -> float:
        """The share that takes less."""
        if seconds <= 0:
            return 0.0
        if not self.sigma:
            return 0.0 if seconds < self.median else 1.0
        return _NORMAL.cdf(math.log(seconds / self.median) / self.sigma)

    def quantile(self, share: float) -> float:
        return self.median * math.exp(self.sigma * _NORMAL.inv_cdf(share))


def lognormal(observed: Sequence[float]) -> Lognormal:
    """The delay that so many seconds were drawn from.

    >>> found = lognormal([1.0, 2.0, 4.0])
    >>> found.median, round(found.sigma, 2)
    (2.0, 1.03)
    """
    logs = sorted(math.log(max(LEAST_S, one)) for one in observed)
    middle = median(logs)
    sigma = DEVIATION_TO_SIGMA * median(abs(one - middle) for one in logs)
    root = math.sqrt(len(logs))
    centre = math.exp(middle)
    errors = (centre * MEDIAN_ERROR * sigma / root, SIGMA_ERROR * sigma / root)
    found = Lognormal(centre, sigma, errors, len(logs))
    return _measured(found, [math.exp(one) for one in logs], found.below)


def added(both: Sequence[float], alone: Sequence[float]) -> Lognormal:
    """The delay that comes on top of another: seen are seconds of both together, and of the other alone.

    Sums of lognormals have no formula: the two numbers are those with which the distribution of the sum is
    nearest to the observed one, at 19 levels. Errors are a jackknife's of ten groups.
    """
    found = _added(both, lognormal(alone))
    groups = [_added(_without(both, left), lognormal(_without(alone, left))) for left in range(_GROUPS)]
    errors = (_jackknife([one.median for one in groups]), _jackknife([one.sigma for one in groups]))
    whole = Lognormal(found.median, found.sigma, errors, len(both))
    return _measured(whole, sorted(both), _sum(whole, lognormal(alone)))


def _without(observed: Sequence[float], group: int) -> list[float]:
    return [one for place, one in enumerate(observed) if place % _GROUPS != group]


def _jackknife(values: Sequence[float]) -> float:
    middle = mean(values)
    return math.sqrt((len(values) - 1) / len(values) * sum((one - middle) ** 2 for one in values))


def _added(observed: Sequence[float], to: Lognormal) -> Lognormal:
    """By halving steps in the logarithms of both, from the difference of the medians."""
    ranked = sorted(observed)
    levels = [(share, ranked[min(len(ranked) - 1, int(share * len(ranked)))]) for share in _LEVELS]

    def apart(logs: tuple[float, float]) -> float:
        below = _sum(Lognormal(math.exp(logs[0]), math.exp(logs[1])), to)
        return sum((below(seconds) - share) ** 2 for share, seconds in levels)

    begin = max(LEAST_S, median(ranked) - to.median)
    best = (math.log(begin), math.log(0.5))
    least_sigma, most_sigma = (math.log(one) for one in _SIGMAS)
    least, step = apart(best), 0.5
    while step > 0.005:
        moves = ((step, 0.0), (-step, 0.0), (0.0, step), (0.0, -step))
        tried = [(best[0] + a, min(max(least_sigma, best[1] + b), most_sigma)) for a, b in moves]
        distance, at = min((apart(one), one) for one in tried)
        if distance < least:
            least, best = distance, at
        else:
            step /= 2
    return Lognormal(math.exp(best[0]), math.exp(best[1]))


def _sum(one: Lognormal, other: Lognormal) -> Callable[[float], float]:
    """The share of both together that takes less than so many seconds."""
    parts = [one.quantile((k + 0.5) / _PARTS) for k in range(_PARTS)]
    return lambda seconds: sum(other.below(seconds - part) for part in parts) / _PARTS


def _measured(fitted: Lognormal, ranked: Sequence[float], below: Callable[[float], float]) -> Lognormal:
    """With its distance from what was observed."""
    count = len(ranked)
    apart = 0.0
    for place, seconds in enumerate(ranked):
        expected = below(seconds)
        apart = max(apart, (place + 1) / count - expected, expected - place / count)
    return Lognormal(fitted.median, fitted.sigma, fitted.errors, count, apart)


@dataclass(frozen=True, slots=True)
class Transfer:
    """A delay that grows with a size: (begin + size × per_mb) × a lognormal of median 1."""

    begin: float
    per_mb: float
    errors: tuple[float, float]
    """Standard errors of both, in seconds and seconds per MB."""
    spread: Lognormal
    """Of median 1."""


def transfer(sizes: Sequence[float], observed: Sequence[float]) -> Transfer:
    """By sizes in MB: Huber's regression of the logarithms, from a line through the outer thirds.

    Neither number is negative.
    """
    logs = [math.log(max(LEAST_S, one)) for one in observed]
    begin, slope = _line(sizes, observed)
    for _ in range(60):
        residuals = _residuals(sizes, logs, begin, slope)
        far = STRAY * max(1e-9, _sigma(residuals))
        weights = [min(1.0, far / abs(one)) if one else 1.0 for one in residuals]
        a, b = _step(sizes, residuals, weights, begin, slope)
        begin, slope = max(begin / 2, begin + a), max(slope / 2, slope + b)
    shift = math.exp(median(_residuals(sizes, logs, begin, slope)))
    begin, slope = begin * shift, max(slope * shift, PER_MB_LEAST)
    spread = lognormal([math.exp(one) for one in _residuals(sizes, logs, begin, slope)])
    return Transfer(begin, slope, _line_errors(sizes, begin, slope, spread.sigma), spread)


def _line(sizes: Sequence[float], observed: Sequence[float]) -> tuple[float, float]:
    ranked = sorted(zip(sizes, observed, strict=True))
    third = max(1, len(ranked) // 3)
    low, high = ranked[:third], ranked[-third:]
    x0, x1 = (median(size for size, _ in part) for part in (low, high))
    y0, y1 = (median(seconds for _, seconds in part) for part in (low, high))
    slope = max((y1 - y0) / (x1 - x0), y1 / x1 * 0.01)
    return max(y0 - slope * x0, y0 * 0.01, LEAST_S), slope


def _residuals(sizes: Sequence[float], logs: Sequence[float], begin: float, slope: float) -> list[float]:
    return [log - math.log(begin + slope * size) for size, log in zip(sizes, logs, strict=True)]


def _sigma(residuals: Sequence[float]) -> float:
    return DEVIATION_TO_SIGMA * median(abs(one) for one in residuals)


def _moments(
    sizes: Sequence[float], weights: Sequence[float], begin: float, slope: float
) -> tuple[float, float, float, float]:
    """Of the logarithm's derivatives by both numbers: three sums, and their determinant."""
    rows = [(weight / (begin + slope * size) ** 2, size) for size, weight in zip(sizes, weights, strict=True)]
    aa, ab, bb = (sum(one * size**power for one, size in rows) for power in (0, 1, 2))
    return aa, ab, bb, aa * bb - ab * ab


def _step(
    sizes: Sequence[float],
    residuals: Sequence[float],
    weights: Sequence[float],
    begin: float,
    slope: float,
) -> tuple[float, float]:
    """Gauss and Newton's, to be added to both."""
    aa, ab, bb, determinant = _moments(sizes, weights, begin, slope)
    pulls = [
        (weight * residual / (begin + slope * size), size)
        for size, residual, weight in zip(sizes, residuals, weights, strict=True)
    ]
    a, b = (sum(one * size**power for one, size in pulls) for power in (0, 1))
    return (bb * a - ab * b) / determinant, (aa * b - ab * a) / determinant


def _line_errors(sizes: Sequence[float], begin: float, slope: float, sigma: float) -> tuple[float, float]:
    aa, _, bb, determinant = _moments(sizes, [1.0] * len(sizes), begin, slope)
    return sigma * math.sqrt(bb / determinant / 0.95), sigma * math.sqrt(aa / determinant / 0.95)
