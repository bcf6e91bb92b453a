"""The metrics that services share: what is kept, what is told apart, what is forgotten."""

from __future__ import annotations

from windlass.aws.metrics import Metrics, Point
from windlass.kernel.clock import MINUTE, Instant

WEB = {"ClusterName": "prod", "ServiceName": "web"}


def put(metrics: Metrics, value: float, at: Instant, dimensions: dict[str, str] = WEB) -> None:
    metrics.put("1", "eu-west-1", "AWS/ECS", "CPUUtilization", dimensions, value, "Percent", at)


def values(metrics: Metrics, dimensions: dict[str, str] = WEB, since: Instant = 0) -> list[Point]:
    return metrics.points("1", "eu-west-1", "AWS/ECS", "CPUUtilization", dimensions, since)


def test_points_are_found_by_their_dimensions_in_any_order() -> None:
    metrics = Metrics()
    put(metrics, 10.0, MINUTE)
    put(metrics, 20.0, 2 * MINUTE, {"ServiceName": "web", "ClusterName": "prod"})
    put(metrics, 99.0, 2 * MINUTE, {"ClusterName": "prod"})
    assert values(metrics) == [Point(MINUTE, 10.0), Point(2 * MINUTE, 20.0)]
    assert values(metrics, since=2 * MINUTE) == [Point(2 * MINUTE, 20.0)]
    assert values(metrics, {"ServiceName": "web"}) == []
    assert metrics.points("2", "eu-west-1", "AWS/ECS", "CPUUtilization", WEB) == []


def test_a_second_point_of_one_instant_takes_the_place_of_the_first() -> None:
    metrics = Metrics()
    put(metrics, 10.0, MINUTE)
    put(metrics, 11.0, MINUTE)
    assert values(metrics) == [Point(MINUTE, 11.0)]


def test_only_the_newest_points_are_kept() -> None:
    metrics = Metrics(points_max=2)
    for minute in range(1, 5):
        put(metrics, minute, minute * MINUTE)
    assert values(metrics) == [Point(3 * MINUTE, 3), Point(4 * MINUTE, 4)]


def test_the_longest_silent_series_makes_room() -> None:
    metrics = Metrics(series_max=2)
    for at, service in enumerate(("a", "b", "a", "c"), 1):
        put(metrics, 1.0, at * MINUTE, {"ServiceName": service})
    assert [series.dimensions for series, _, _ in metrics.latest()] == [
        (("ServiceName", "a"),),
        (("ServiceName", "c"),),
    ]
    assert values(metrics, {"ServiceName": "b"}) == []


def test_a_point_that_comes_late_replaces_the_last() -> None:
    """The host's clock went back: a series stays in order of time."""
    metrics = Metrics()
    put(metrics, 10.0, 3 * MINUTE)
    put(metrics, 20.0, 2 * MINUTE)
    put(metrics, 30.0, 4 * MINUTE)
    assert values(metrics) == [Point(2 * MINUTE, 20.0), Point(4 * MINUTE, 30.0)]
