"""The points of a metric, for tests of those who publish it: one for each second or minute."""

from __future__ import annotations

from collections.abc import Mapping

from windlass.aws.metric_points import Summary
from windlass.aws.metrics import Metrics, series

FOREVER = 1 << 40


def means(
    metrics: Metrics, account: str, region: str, namespace: str, name: str, dimensions: Mapping[str, str]
) -> list[float]:
    """What `summaries` gives, as their means."""
    return [one.mean for one in summaries(metrics, account, region, namespace, name, dimensions)]


def summaries(
    metrics: Metrics, account: str, region: str, namespace: str, name: str, dimensions: Mapping[str, str]
) -> list[Summary]:
    """One for each second or minute in which something was published, oldest first."""
    of = series(account, region, namespace, name, dimensions)
    period = 60 if metrics.read(of, 0, FOREVER, 1) == [] else 1
    return [bucket.summary for bucket in metrics.read(of, 0, FOREVER, period)]
