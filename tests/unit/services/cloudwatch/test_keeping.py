"""Points that were acknowledged: joined, bounded, and there again after a restart."""

from __future__ import annotations

import asyncio

from tests.build import ACCOUNT, NOW, REGION, SetClock, a_plane
from windlass.aws.metric_points import KEPT_S, one
from windlass.aws.metrics import Metrics, Series
from windlass.kernel.clock import SECOND, Instant
from windlass.services.cloudwatch import SERVICE, packing
from windlass.services.cloudwatch.keeping import Keeping
from windlass.services.cloudwatch.limits import FOLDED_AT, ROW_FULL_BYTES
from windlass.services.cloudwatch.model import POINT_ROWS
from windlass.services.cloudwatch.packing import Point, Points, Source

SCOPE = (ACCOUNT, REGION)
MINUTE_S = NOW // SECOND // 60 * 60


def lot(name: str, start: int, value: float) -> Points:
    return {Source("App", name, (), "None"): [Point(start, False, one(value))]}


def kept(metrics: Metrics, name: str) -> list[tuple[int, float]]:
    found = metrics.read(Series(*SCOPE, "App", name, ()), 0, 1 << 40, 60)
    return [(bucket.start, bucket.summary.total) for bucket in found]


async def settle(keeping: Keeping, now: Instant = NOW) -> None:
    while await keeping.run_pass(now, frozenset()) is not None:
        pass


def test_points_are_there_after_a_restart_however_many_rows_were_joined() -> None:
    async def story() -> None:
        plane = a_plane(SERVICE, clock=SetClock())
        keeping = Keeping(plane.store, plane.clock, plane.journal, Metrics())
        for number in range(FOLDED_AT * 3 + 5):
            await keeping.put(SCOPE, lot("m", MINUTE_S - 60 * (number % 7), 1), NOW)
            await settle(keeping)
        rows = list(plane.store[POINT_ROWS].all())
        assert sorted(row.level for row in rows) == [0] * 5 + [1] * 3
        assert keeping.kept == sum(len(row.packed) for row in rows)
        again = Metrics()
        Keeping(plane.store, plane.clock, plane.journal, again)
        assert sum(total for _, total in kept(again, "m")) == FOLDED_AT * 3 + 5
        assert len(kept(again, "m")) == 7

    asyncio.run(story())


def test_full_rows_are_joined_no_more() -> None:
    """However much comes in one call, no pass joins more than two rows that are not full."""

    async def story() -> None:
        plane = a_plane(SERVICE, clock=SetClock())
        keeping = Keeping(plane.store, plane.clock, plane.journal, Metrics())
        source = [Source("App", "m", (("host", f"h{n * 7919 % 500:x}"),), "None") for n in range(500)]
        calls = 2 * FOLDED_AT
        for ago in range(calls):
            start = MINUTE_S - 60 * ago
            lots = {of: [Point(start, False, one(n * 1.37 + ago))] for n, of in enumerate(source)}
            await keeping.put(SCOPE, lots, NOW)
            await settle(keeping)
        rows = list(plane.store[POINT_ROWS].all())
        assert any(row.full for row in rows)
        assert max(len(row.packed) for row in rows) < 2 * ROW_FULL_BYTES
        again = Metrics()
        Keeping(plane.store, plane.clock, plane.journal, again)
        series = Series(*SCOPE, "App", "m", source[5].dimensions)
        assert len(again.read(series, 0, 1 << 40, 60)) == calls

    asyncio.run(story())


def test_rows_go_when_they_are_too_old_or_too_many() -> None:
    async def story() -> None:
        plane = a_plane(SERVICE, clock=SetClock())
        size = len(packing.pack(lot("m", MINUTE_S, 1)))
        keeping = Keeping(plane.store, plane.clock, plane.journal, Metrics(), bytes_max=3 * size + size // 2)
        for age in (3, 1, 2, 0, 4):
            await keeping.put(SCOPE, lot("m", MINUTE_S - age * 60, age), NOW)
        await settle(keeping)
        left = sorted(row.newest for row in plane.store[POINT_ROWS].all())
        assert left == [MINUTE_S - 120, MINUTE_S - 60, MINUTE_S]
        assert "oldest" in str(plane.journal.since(0, 10))
        await settle(keeping, NOW + (KEPT_S + 60) * SECOND)
        assert len(plane.store[POINT_ROWS]) == 0 and keeping.kept == 0

    asyncio.run(story())
