"""CloudWatch: metrics that callers put, and those that services of this plane publish.

What this decides: what a datum may say, how long points are kept, what they come to in a period. It must not
know who publishes or what follows from a metric. Known gaps: see docs/aws/cloudwatch.md.
"""

from __future__ import annotations

from collections.abc import Sequence

from windlass.aws.metrics import Metrics
from windlass.services.cloudwatch.handlers import metrics
from windlass.services.cloudwatch.keeping import Keeping
from windlass.services.cloudwatch.model import TABLES
from windlass.services.plane import Plane, Service


def _start(plane: Plane) -> Sequence[object]:
    keeping = Keeping(plane.store, plane.clock, plane.journal, plane.calls.part(Metrics))
    plane.spawn.start(keeping.loop.name, keeping.loop.run())
    return (keeping,)


SERVICE = Service(
    name="cloudwatch",
    handlers={
        "GetMetricStatistics": metrics.get_metric_statistics,
        "ListMetrics": metrics.list_metrics,
        "PutMetricData": metrics.put_metric_data,
    },
    tables=TABLES,
    start=_start,
    partial={
        "GetMetricStatistics": "of extended statistics only percentiles; the others are refused",
        "PutMetricData": "entities of EntityMetricData are not kept, their metrics are",
    },
    invalid="ValidationError",
    throttled="Throttling",
)
