"""Metrics of all accounts: services publish theirs here, CloudWatch adds its callers' and answers from here.

The one store of points, in memory; metric_points.py says how points are kept and for how long. What ECS and
Lambda publish begins anew after a restart; what PutMetricData acknowledged is put back by CloudWatch from its
rows (docs/decisions/0040). Knows no service. Bounded twice: when there are too many series the longest silent
one is forgotten, when there are too many points every series forgets the older half of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from sortedcontainers import SortedList

from windlass.aws.metric_points import Bucket, Summary, Trail, gather, one
from windlass.kernel.clock import SECOND, Instant

SERIES_MAX = 10_000  # series kept of all accounts; ours
POINTS_MAX = 500_000  # points kept of all series, 20 MB; ours

Dimensions = Mapping[str, str]


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


class Latest(NamedTuple):
    """A series and the newest of its points."""

    series: Series
    unit: str
    bucket: Bucket


class Metrics:
    """All series of a plane: `plane.calls.part(Metrics)`."""

    def __init__(self, points_max: int = POINTS_MAX, series_max: int = SERIES_MAX) -> None:
        self._points_max = points_max
        self._series_max = series_max
        self._size = 0
        self._held: dict[Series, dict[str, Trail]] = {}
        """Series → unit → points; the longest silent series first."""
        self._listed: dict[tuple[str, str], SortedList] = {}
        """(account, region) → series in order of namespace, name, dimensions."""

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
        *,
        fine: bool = False,
    ) -> None:
        """Add one value of a period that began at `at`; `unit` as CloudWatch spells it (Percent, Count, …).

        `fine`: the period is shorter than a minute.
        """
        start, of = at // SECOND, series(account, region, namespace, name, dimensions)
        self.add(of, unit, start, one(value), now=start, fine=fine)

    def add(self, of: Series, unit: str, start: int, summary: Summary, *, now: int, fine: bool) -> None:
        """Add what was measured from `start` on; times are in seconds since the epoch."""
        trails = self._held.pop(of, None)
        if trails is None:
            if len(self._held) >= self._series_max:
                self._forget(next(iter(self._held)))
            trails = {}
            self._listed.setdefault(of[:2], SortedList()).add(of)
        self._held[of] = trails
        trail = trails.get(unit)
        if trail is None:
            trail = trails[unit] = Trail()
        before = trail.size
        trail.add(start, summary, now=now, fine=fine)
        self._size += trail.size - before
        if not trail.size:  # the only point was too old
            del trails[unit]
            if not trails:
                self._forget(of)
        if self._size > self._points_max:
            self._shed()

    def read(self, of: Series, start: int, end: int, period: int, unit: str | None = None) -> list[Bucket]:
        """The periods from `start` until before `end` in which something was measured, in seconds.

        Without a unit, points in all units together.
        """
        trails = self._held.get(of, {})
        wanted = trails.values() if unit is None else [trails[unit]] if unit in trails else []
        return gather((point for one in wanted for point in one.read(start, end, period)), start, period)

    def units(self, of: Series) -> list[str]:
        """The units that points of the series have, sorted."""
        return sorted(self._held.get(of, ()))

    def last(self, of: Series) -> int:
        """Start of its newest point, in seconds since the epoch; 0 for a series that is not there."""
        return max((trail.last for trail in self._held.get(of, {}).values()), default=0)

    def listed(self, account: str, region: str, since: tuple[object, ...] = ()) -> Iterator[Series]:
        """Series in order of namespace, name and dimensions, from past `since`: the first of these."""
        rows = self._listed.get((account, region), SortedList())
        yield from rows.irange(minimum=(account, region, *since), inclusive=(False, True))

    def latest(self) -> list[Latest]:
        """Each series with its unit and its newest point, the longest silent first."""
        return [
            Latest(one, unit, trail.newest())
            for one, trails in self._held.items()
            for unit, trail in trails.items()
        ]

    def clear(self) -> None:
        """Forget everything."""
        self._held.clear()
        self._listed.clear()
        self._size = 0

    def _forget(self, gone: Series) -> None:
        self._size -= sum(trail.size for trail in self._held.pop(gone).values())
        self._listed[gone[:2]].remove(gone)

    def _shed(self) -> None:
        for trails in self._held.values():
            for trail in trails.values():
                trail.shed()
        self._size = sum(trail.size for trails in self._held.values() for trail in trails.values())


def series(account: str, region: str, namespace: str, name: str, dimensions: Dimensions) -> Series:
    """The series of these dimensions, which may be in any order."""
    return Series(account, region, namespace, name, tuple(sorted(dimensions.items())))
