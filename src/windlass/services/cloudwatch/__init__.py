"""CloudWatch: metrics that callers put, those that services of this plane publish, and alarms on them.

What this decides: what a datum may say, what points come to in a period, in which state an alarm is. It must
not know who publishes, nor who acts on an alarm (they read aws/alarms.py or hear aws/bus.py).
Known gaps: see docs/aws/cloudwatch.md.
"""

from __future__ import annotations

from collections.abc import Sequence

from windlass.aws.metrics import Metrics
from windlass.services.cloudwatch.actions import Actions
from windlass.services.cloudwatch.composites import Composites
from windlass.services.cloudwatch.evaluator import Evaluator
from windlass.services.cloudwatch.handlers import (
    alarms,
    composite_alarms,
    dashboards,
    history,
    metric_data,
    metrics,
    tags,
)
from windlass.services.cloudwatch.keeping import Keeping
from windlass.services.cloudwatch.model import TABLES
from windlass.services.plane import Plane, Service


def _start(plane: Plane) -> Sequence[object]:
    keeping = Keeping(plane.store, plane.clock, plane.journal, plane.calls.part(Metrics))
    evaluator = Evaluator(plane)
    composites = Composites(plane)
    actions = Actions(plane, evaluator)
    for part in (keeping, evaluator, composites, actions):
        plane.spawn.start(part.loop.name, part.loop.run())
    return (keeping, evaluator, composites, actions)


SERVICE = Service(
    name="cloudwatch",
    handlers={
        "DeleteAlarms": alarms.delete_alarms,
        "DeleteDashboards": dashboards.delete_dashboards,
        "DescribeAlarmHistory": history.describe_alarm_history,
        "DescribeAlarms": alarms.describe_alarms,
        "DescribeAlarmsForMetric": alarms.describe_alarms_for_metric,
        "DisableAlarmActions": alarms.disable_alarm_actions,
        "EnableAlarmActions": alarms.enable_alarm_actions,
        "GetDashboard": dashboards.get_dashboard,
        "GetMetricData": metric_data.get_metric_data,
        "GetMetricStatistics": metrics.get_metric_statistics,
        "ListDashboards": dashboards.list_dashboards,
        "ListMetrics": metrics.list_metrics,
        "ListTagsForResource": tags.list_tags_for_resource,
        "PutCompositeAlarm": composite_alarms.put_composite_alarm,
        "PutDashboard": dashboards.put_dashboard,
        "PutMetricAlarm": alarms.put_metric_alarm,
        "PutMetricData": metrics.put_metric_data,
        "SetAlarmState": alarms.set_alarm_state,
        "TagResource": tags.tag_resource,
        "UntagResource": tags.untag_resource,
    },
    tables=TABLES,
    start=_start,
    partial={
        "GetMetricData": (
            "metric math without SEARCH, SLICE, SORT, REMOVE_EMPTY, ANOMALY_DETECTION_BAND, SERVICE_QUOTA, "
            "INSIGHT_RULE_METRIC; these, Metrics Insights and results of several series are refused; "
            "LabelOptions and AccountId change nothing"
        ),
        "GetMetricStatistics": "of extended statistics only percentiles; the others are refused",
        "PutMetricAlarm": (
            "of actions those of scaling policies and Lambda functions are taken, all others (SNS, EC2, "
            "Systems Manager) are stored, and the history tells of them as failed; "
            "EvaluateLowSampleCountPercentile changes nothing; anomaly detection and PromQL are refused"
        ),
        "PutCompositeAlarm": (
            "AT_LEAST and suppression of actions are refused; of actions the same as PutMetricAlarm"
        ),
        "PutDashboard": "kept and given back; widgets are not checked and not drawn; tags are not kept",
        "PutMetricData": "entities of EntityMetricData are not kept, their metrics are",
    },
    invalid="ValidationError",
    throttled="Throttling",
)
