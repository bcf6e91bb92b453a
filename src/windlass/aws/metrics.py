"""Metrics of services: where ECS puts a service's CPU utilisation, and who wants to scale by it reads it.

Services do not import each other, so they meet here; CloudWatch will be one more reader. What is held is the
newest points of each series, in memory: after a restart series begin anew, as metrics are no promises. Knows
no service and no statistics: a point is what its publisher made of its period.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import NamedTuple

from windlass.kernel.clock import Instant

POINTS_MAX = 60  # points kept of a series, an hour at one a minute; ours
SERIES_MAX = 10_000  # series kept of all accounts; with more, the longest silent one is forgotten; ours

Dimensions = Mapping[str, str]


class Point(NamedTuple):
    """One value of a series, at the end of the period that it is of."""

    at: Instant
    value: float


class Series(NamedTuple):
    """What tells one metric from all others (CloudWatch User Guide, dimensions): two with other dimensions

    are two metrics.
    """

    account: str
    region: str
    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...]
    """Sorted by name."""


class _Held(NamedTuple):
    unit: str
    points: deque[Point]


class Metrics:
    """All series of a plane: `plane.calls.part(Metrics)`."""

    def __init__(self, points_max: int = POINTS_MAX, series_max: int = SERIES_MAX) -> None:
        self._points_max = points_max
        self._series_max = series_max
        self._held: dict[Series, _Held] = {}
        """The longest silent series first."""

    def put(
        self,
        account: str,
        region: str,
        namespace: str,
        name: str,
        dimensions: Dimensions,
        value: float,
        unit: str,
        at: Instant,
    ) -> None:
        """Add a point. `unit` as CloudWatch spells it (Percent, Count, …); a series keeps the first it had.

        Points come in order of time: one that is not newer than the last of its series takes its place.
        """
        series = _series(account, region, namespace, name, dimensions)
        held = self._held.pop(series, None)
        if held is None:
            if len(self._held) >= self._series_max:
                del self._held[next(iter(self._held))]
            held = _Held(unit, deque(maxlen=self._points_max))
        self._held[series] = held
        if held.points and at <= held.points[-1].at:
            held.points.pop()
        held.points.append(Point(at, value))

    def points(
        self,
        account: str,
        region: str,
        namespace: str,
        name: str,
        dimensions: Dimensions,
        since: Instant = 0,
    ) -> list[Point]:
        """The points of a series from `since` on, oldest first; none of a series that is not there."""
        held = self._held.get(_series(account, region, namespace, name, dimensions))
        return [] if held is None else [point for point in held.points if point.at >= since]

    def latest(self) -> list[tuple[Series, str, Point]]:
        """Each series with its unit and its newest point, the longest silent first."""
        return [(series, held.unit, held.points[-1]) for series, held in self._held.items()]


def _series(account: str, region: str, namespace: str, name: str, dimensions: Dimensions) -> Series:
    return Series(account, region, namespace, name, tuple(sorted(dimensions.items())))
