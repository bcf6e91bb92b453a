"""How queries have the points of an account's metrics."""

from __future__ import annotations

from collections.abc import Sequence

from windlass.aws.metric_points import Bucket
from windlass.aws.metrics import Metrics, Series
from windlass.services.cloudwatch.model import Scope
from windlass.services.cloudwatch.queries import Read, Stat


def reader(metrics: Metrics, scope: Scope) -> Read:
    """Reads the metrics of one account and Region."""

    def read(stat: Stat, start: int, end: int) -> Sequence[Bucket]:
        series = Series(*scope, stat.namespace, stat.name, stat.dimensions)
        return metrics.read(series, start, end, stat.period, stat.unit)

    return read
