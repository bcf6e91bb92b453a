"""How far runs with different seeds lie apart: the middle, and the band around it. Pure.

With ten runs or more the band is from the 10th to the 90th percentile; with fewer there are no percentiles
worth the name, and it is from the lowest to the highest.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

RUNS_MIN = 10
"""From so many runs on percentiles are told instead of extremes; ours."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Of a number over several runs; `count` of them have it."""

    low: float
    middle: float
    high: float
    count: int


def spread(values: Iterable[float | None]) -> Spread | None:
    """None when most of the runs have no such number: then a middle would be the middle of a few."""
    given = list(values)
    there = sorted(value for value in given if value is not None)
    if not there or len(there) * 2 <= len(given):
        return None
    low, high = (0.1, 0.9) if len(given) >= RUNS_MIN else (0.0, 1.0)
    return Spread(quantile(there, low), quantile(there, 0.5), quantile(there, high), len(there))


def middle_of(found: Spread | None) -> float | None:
    """The middle, if there is one."""
    return None if found is None else found.middle


def quantile(ordered: Sequence[float], share: float) -> float:
    """Of values in order, between two of them as far as the share says.

    >>> quantile([1, 2, 3, 10], 0.5)
    2.5
    """
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def band_name(runs: int) -> str:
    """What the band is, for people; "" when there is none."""
    return f"{band_kind(runs)} of {runs} runs" if runs > 1 else ""


def band_kind(runs: int) -> str:
    """The same, where the number of runs is told already."""
    return "p10 to p90" if runs >= RUNS_MIN else "lowest to highest"
