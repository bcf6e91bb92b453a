"""SIGKILL of the plane amid PutMetricData: what was acknowledged is read afterwards, each value once."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from tests.process import PlaneProcess

ACCOUNT = "123456789012"
CALLS = 150
"""More than are joined to one row, twice."""


def test_acknowledged_points_survive(own_plane: Callable[..., PlaneProcess], tmp_path: Path) -> None:
    plane = own_plane("--no-agent", data=tmp_path / "data")
    cloudwatch = plane.client("cloudwatch", ACCOUNT)
    begun = time.time() // 60 * 60
    for number in range(CALLS):
        at = datetime.fromtimestamp(begun - 60 * (number % 5), UTC)
        data = [{"MetricName": "m", "Value": number, "Timestamp": at}, {"MetricName": "n", "Value": 1}]
        cloudwatch.put_metric_data(Namespace="App", MetricData=data)
    plane.kill()
    plane.start()
    cloudwatch = plane.client("cloudwatch", ACCOUNT)
    answer = cloudwatch.get_metric_statistics(
        Namespace="App",
        MetricName="m",
        StartTime=datetime.fromtimestamp(begun - 240, UTC),
        EndTime=datetime.fromtimestamp(begun + 60, UTC),
        Period=60,
        Statistics=["SampleCount", "Sum"],
    )
    points = answer["Datapoints"]
    assert [point["SampleCount"] for point in points] == [CALLS / 5] * 5
    assert sum(point["Sum"] for point in points) == sum(range(CALLS))
    assert {row["MetricName"] for row in cloudwatch.list_metrics()["Metrics"]} == {"m", "n"}
