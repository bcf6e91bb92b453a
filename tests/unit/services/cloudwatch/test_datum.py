"""What the data of a PutMetricData say, and why they are refused."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from windlass.aws.metric_points import Summary, of_values
from windlass.kernel.faults import Fault
from windlass.services.cloudwatch import packing, statistics
from windlass.services.cloudwatch.datum import take
from windlass.services.cloudwatch.packing import Point, Source

NOW = 1_800_000_007
VALUE = {"MetricName": "m", "Value": 1.0}
SET = {"SampleCount": 3.0, "Sum": 6.0, "Minimum": 1.0, "Maximum": 3.0}


def at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


@pytest.mark.parametrize(
    ("datum", "point"),
    [
        ({"Value": 2.5}, Point(NOW - NOW % 60, False, Summary(1, 2.5, 2.5, 2.5))),
        ({"Value": 0, "StorageResolution": 1}, Point(NOW, True, Summary(1, 0, 0, 0))),
        (
            {"Value": -1, "Timestamp": at(NOW - 14 * 86_400)},
            Point((NOW - 14 * 86_400) // 60 * 60, False, Summary(1, -1, -1, -1)),
        ),
        ({"StatisticValues": SET}, Point(NOW - NOW % 60, False, Summary(3, 6, 1, 3))),
        (
            {"Values": [1.0, 4.0], "Counts": [2.0, 1.0]},
            Point(NOW - NOW % 60, False, Summary(3, 6, 1, 4, {1.0: 2.0, 4.0: 1.0})),
        ),
    ],
)
def test_every_form_is_a_summary(datum: dict[str, Any], point: Point) -> None:
    dimensions = [{"Name": "b", "Value": "2"}, {"Name": "a", "Value": "1"}]
    given = {"MetricName": "m", "Dimensions": dimensions, "Unit": "Count", **datum}
    taken = take({"Namespace": "App", "MetricData": [given]}, NOW)
    assert taken == {Source("App", "m", (("a", "1"), ("b", "2")), "Count"): [point]}


@pytest.mark.parametrize(
    ("params", "code", "said"),
    [
        ({"Namespace": "AWS/ECS", "MetricData": [VALUE]}, "InvalidParameterValue", "AWS/"),
        ({}, "MissingParameter", "MetricData"),
        ({"MetricData": [VALUE] * 1_001}, "InvalidParameterValue", "1000"),
        ({"MetricData": [{"MetricName": "m"}]}, "MissingParameter", "member.1"),
        (
            {"MetricData": [VALUE, VALUE | {"StatisticValues": SET}]},
            "InvalidParameterCombination",
            "member.2",
        ),
        ({"MetricData": [VALUE | {"Value": float("nan")}]}, "InvalidParameterValue", "nan"),
        ({"MetricData": [VALUE | {"Value": float("inf")}]}, "InvalidParameterValue", "inf"),
        ({"MetricData": [VALUE | {"Value": 2.0**361}]}, "InvalidParameterValue", "Value"),
        ({"MetricData": [VALUE | {"StorageResolution": 30}]}, "InvalidParameterValue", "30"),
        ({"MetricData": [VALUE | {"Timestamp": at(NOW + 7_201)}]}, "InvalidParameterValue", "two hours"),
        (
            {"MetricData": [VALUE | {"Timestamp": at(NOW - 14 * 86_400 - 1)}]},
            "InvalidParameterValue",
            "two weeks",
        ),
        ({"MetricData": [{"MetricName": "m", "Values": []}]}, "InvalidParameterValue", "150"),
        ({"MetricData": [{"MetricName": "m", "Values": [1.0] * 151}]}, "InvalidParameterValue", "150"),
        (
            {"MetricData": [{"MetricName": "m", "Values": [1.0], "Counts": [1.0, 2.0]}]},
            "InvalidParameterCombination",
            "same size",
        ),
        (
            {"MetricData": [{"MetricName": "m", "Values": [1.0], "Counts": [0.0]}]},
            "InvalidParameterValue",
            "Counts",
        ),
        (
            {"MetricData": [{"MetricName": "m", "StatisticValues": SET | {"Maximum": 0.0}}]},
            "InvalidParameterValue",
            "Minimum",
        ),
        (
            {"MetricData": [VALUE | {"Dimensions": [{"Name": "a", "Value": "1"}] * 2}]},
            "InvalidParameterValue",
            "more than once",
        ),
    ],
)
def test_what_is_refused(params: dict[str, Any], code: str, said: str) -> None:
    with pytest.raises(Fault) as refused:
        take({"Namespace": "App", **params}, NOW)
    assert refused.value.code == code and said in refused.value.message


def test_points_survive_packing_and_are_joined() -> None:
    source, other = Source("App", "m", (("a", "1"),), "None"), Source("App", "n", (), "Seconds")
    lot = {
        source: [Point(120, False, Summary(1, 2, 2, 2)), Point(121, True, of_values([(1, 1), (3, 2)]))],
        other: [Point(60, False, Summary(2, 3, 1, 2))],
    }
    assert packing.unpack(packing.pack(lot)) == lot
    joined = packing.join([lot, {source: [Point(120, False, Summary(1, 5, 5, 5))]}], now=180)
    assert sorted(joined[source]) == [
        Point(120, False, Summary(2, 7, 2, 5, {2: 1, 5: 1})),
        Point(121, True, Summary(3, 7, 1, 3, {1: 1, 3: 2})),
    ]
    assert packing.newest(joined) == 121
    assert packing.join([lot], now=180 + 10**8) == {}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("p0", 1),
        ("p10", 1),
        ("p50", 2),
        ("p90", 9),
        ("p90.5", 100),
        ("p100", 100),
        ("Average", 12.3),
        ("SampleCount", 10),
        ("Minimum", 1),
        ("Maximum", 100),
        ("Sum", 123),
    ],
)
def test_statistics(name: str, value: float) -> None:
    """Of ten values: a percentile is the least value that so many percent are not above."""
    summary = of_values([(1, 1), (2, 5), (1.5, 2), (9, 1), (100, 1)])
    assert summary.samples == 10
    assert statistics.value(summary._replace(total=123), name) == value


def test_percentiles_need_values() -> None:
    assert statistics.value(Summary(3, 6, 1, 3), "p50") is None
    assert statistics.value(Summary(3, 6, 2, 2), "p50") == 2


@pytest.mark.parametrize("name", ["p101", "p", "average", "tm90", "IQM", "p99.12345678901", "TM(10%:90%)"])
def test_other_statistics_are_refused(name: str) -> None:
    with pytest.raises(Fault, match="InvalidParameterValue"):
        statistics.check_name(name, "Stat")
