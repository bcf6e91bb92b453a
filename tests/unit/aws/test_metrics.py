"""The metrics that services share: what is told apart, joined, rolled up, forgotten."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from windlass.aws.metric_points import (
    KEPT_S,
    SPANS,
    VALUES_MAX,
    Bucket,
    Summary,
    Trail,
    gather,
    join,
    of_values,
    one,
)
from windlass.aws.metrics import Metrics, series
from windlass.kernel.clock import MINUTE, Instant

WEB = {"ClusterName": "prod", "ServiceName": "web"}
NOW = 1_800_000_000 // 3_600 * 3_600


def put(metrics: Metrics, value: float, at: Instant, dimensions: dict[str, str] = WEB) -> None:
    metrics.put("1", "eu-west-1", "AWS/ECS", "CPUUtilization", dimensions, value, "Percent", at)


def values(metrics: Metrics, dimensions: dict[str, str] = WEB, since: int = 0) -> list[tuple[int, float]]:
    of = series("1", "eu-west-1", "AWS/ECS", "CPUUtilization", dimensions)
    return [(start, summary.total) for start, summary in metrics.read(of, since, 1 << 40, 60)]


def test_points_are_found_by_their_dimensions_in_any_order() -> None:
    metrics = Metrics()
    put(metrics, 10.0, MINUTE)
    put(metrics, 20.0, 2 * MINUTE, {"ServiceName": "web", "ClusterName": "prod"})
    put(metrics, 99.0, 2 * MINUTE, {"ClusterName": "prod"})
    assert values(metrics) == [(60, 10.0), (120, 20.0)]
    assert values(metrics, since=120) == [(120, 20.0)]
    assert values(metrics, {"ServiceName": "web"}) == []
    assert metrics.read(series("2", "eu-west-1", "AWS/ECS", "CPUUtilization", WEB), 0, 999, 60) == []


def test_points_of_one_minute_are_joined_and_those_that_come_late_are_in_order() -> None:
    metrics = Metrics()
    for value, at in ((10.0, 3 * MINUTE), (20.0, 2 * MINUTE), (30.0, 4 * MINUTE), (5.0, 2 * MINUTE + 1)):
        put(metrics, value, at)
    assert values(metrics) == [(120, 25.0), (180, 10.0), (240, 30.0)]


def test_units_are_kept_apart_and_read_together() -> None:
    metrics, of = Metrics(), series("1", "r", "App", "Latency", {})
    for unit, value in (("Seconds", 1), ("Count", 5)):
        metrics.add(of, unit, 60, one(value), now=60, fine=False)
    assert metrics.units(of) == ["Count", "Seconds"]
    assert metrics.read(of, 60, 120, 60, "Count") == [Bucket(60, one(5))]
    assert metrics.read(of, 60, 120, 60)[0].summary == Summary(2, 6, 1, 5, {1: 1, 5: 1})
    assert metrics.read(of, 60, 120, 60, "Bytes") == []


def test_with_too_many_points_each_series_forgets_its_older_half() -> None:
    metrics = Metrics(points_max=9)
    for minute in range(1, 11):
        put(metrics, minute, minute * MINUTE)
    assert [value for _, value in values(metrics)] == [6, 7, 8, 9, 10]


def test_the_longest_silent_series_makes_room() -> None:
    metrics = Metrics(series_max=2)
    for at, service in enumerate(("a", "b", "a", "c"), 1):
        put(metrics, 1.0, at * MINUTE, {"ServiceName": service})
    assert [one.series.dimensions for one in metrics.latest()] == [
        (("ServiceName", "a"),),
        (("ServiceName", "c"),),
    ]
    assert values(metrics, {"ServiceName": "b"}) == []
    assert [row.dimensions[0][1] for row in metrics.listed("1", "eu-west-1")] == ["a", "c"]


def test_a_series_whose_only_point_is_too_old_is_none() -> None:
    metrics, of = Metrics(), series("1", "r", "App", "Latency", {})
    metrics.add(of, "None", NOW - KEPT_S - 3_600, one(1), now=NOW, fine=False)
    assert metrics.latest() == [] and list(metrics.listed("1", "r")) == []


def test_points_grow_longer_as_they_age() -> None:
    """An hour of seconds, ten hours later: minutes; long after: hours; at last nothing."""
    trail = Trail()
    for second in range(3_600):
        trail.add(NOW + second, one(1), now=NOW + second, fine=True)
    assert trail.size == 3_600
    for later, length, points in ((10 * 3_600, 60, 60), (3 * 86_400, 300, 12), (20 * 86_400, 3_600, 1)):
        trail.add(NOW + later, one(1), now=NOW + later, fine=False)
        old = [bucket for span, bucket in trail.all() if bucket.start < NOW + 3_600]
        assert {span for span, bucket in trail.all() if bucket.start < NOW + 3_600} == {length}
        assert (len(old), sum(bucket.summary.samples for bucket in old)) == (points, 3_600)
        assert sum(b.summary.samples for b in trail.read(NOW, NOW + 3_600, 3_600)) == 3_600
    trail.add(NOW + 2 * KEPT_S, one(1), now=NOW + 2 * KEPT_S, fine=False)
    assert trail.size == 1 and trail.newest().start == NOW + 2 * KEPT_S


def test_values_are_known_exactly_until_there_are_many() -> None:
    few = of_values((float(n), 1) for n in range(VALUES_MAX))
    assert few.values is not None and len(few.values) == VALUES_MAX
    many = of_values((1_000 + n / 7, 2) for n in range(5_000))
    assert many.values is not None and len(many.values) <= VALUES_MAX
    assert sum(many.values.values()) == 10_000 and many.least == 1_000
    assert join(Summary(2, 3, 1, 2), one(1)).values is None


numbers = st.floats(-1e6, 1e6)
points = st.lists(st.tuples(st.integers(0, KEPT_S), numbers, st.booleans()), min_size=1, max_size=60)


@given(points)
def test_nothing_is_lost_or_doubled_whatever_the_order(lot: list[tuple[int, float, bool]]) -> None:
    """Counts, sums and extremes of a trail are those of what was put, within what is kept."""
    trail = Trail()
    for age, value, fine in lot:
        trail.add(NOW - age, one(value), now=NOW, fine=fine)
    kept = [bucket for _, bucket in trail.all()]
    assert trail.size == len(kept)
    assert sum(bucket.summary.samples for bucket in kept) == len(lot)
    assert math.isclose(sum(bucket.summary.total for bucket in kept), sum(v for _, v, _ in lot), abs_tol=1e-3)
    assert min(bucket.summary.least for bucket in kept) == min(v for _, v, _ in lot)
    assert all(bucket.start % span == 0 for span, bucket in trail.all())
    assert {span for span, _ in trail.all()} <= {span for span, _ in SPANS}


@given(st.lists(st.tuples(st.integers(0, 3_600), numbers), max_size=40), st.integers(1, 600))
def test_periods_begin_at_the_start_that_was_asked_for(lot: list[tuple[int, float]], period: int) -> None:
    found = gather((Bucket(NOW + at, one(value)) for at, value in lot), NOW, period)
    assert [bucket.start for bucket in found] == sorted({NOW + at // period * period for at, _ in lot})
    assert sum(bucket.summary.samples for bucket in found) == len(lot)
