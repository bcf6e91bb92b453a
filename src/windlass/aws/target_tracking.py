"""Target tracking: which capacity keeps a metric at its target, and which alarms watch it. Pure.

Of Application Auto Scaling and EC2 Auto Scaling: a policy has an alarm above the target and one well below
it, which are real ones of CloudWatch. Numbers: facts/autoscaling-elb-events.md, 2.1. Proportion is the
accepted model of what AWS does (it publishes none): a metric twice as high as its target asks for twice as
many. Knows no cooldowns or limits of capacity.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

HIGH_PERIODS = 3
LOW_PERIODS = 15
PERIOD_S = 60
LOW_SHARE = 0.9
"""The low alarm's threshold as a share of the target: AWS "usually more than 10 % lower"."""
SLACK = 1e-9
"""What floating point may add to a whole number."""


def wanted(capacity: int, metric: float, target: float) -> int:
    """The capacity at which a metric that is shared by all would be at its target, rounded up.

    Four at 75 with a target of 50 are six; none at all counts as one, or there was never a first.

    >>> wanted(4, 75, 50), wanted(10, 20, 50), wanted(0, 3, 10)
    (6, 4, 1)
    """
    share = max(0.0, max(1, capacity) * metric / target)
    if not math.isfinite(share):
        return 2**31 - 1
    return math.ceil(share - share * SLACK)


def alarms(
    names: tuple[str, str], arn: str, target: float, metric: Mapping[str, Any], *, scales_in: bool
) -> list[dict[str, Any]]:
    """The parameters of PutMetricAlarm for a policy: the high alarm, and the low one if it scales in.

    `metric` is what says of what: of a metric its name and so on, or Metrics.
    """
    high, low = names
    shared = {
        **metric,
        "AlarmDescription": f"DO NOT EDIT OR DELETE. For TargetTrackingScaling policy {arn}.",
        "AlarmActions": [arn],
    }
    above = {
        "AlarmName": high,
        "ComparisonOperator": "GreaterThanThreshold",
        "Threshold": target,
        "EvaluationPeriods": HIGH_PERIODS,
    }
    below = {
        "AlarmName": low,
        "ComparisonOperator": "LessThanThreshold",
        "Threshold": target * LOW_SHARE,
        "EvaluationPeriods": LOW_PERIODS,
    }
    return [shared | above, shared | below] if scales_in else [shared | above]


def customized(given: Mapping[str, Any]) -> dict[str, Any]:
    """A CustomizedMetricSpecification as PutMetricAlarm takes it. Raises ValueError for half of one."""
    if "Metrics" in given:
        if len(given) > 1:
            raise ValueError("Metrics and a single metric exclude each other")
        if sum(one.get("ReturnData", True) for one in given["Metrics"]) != 1:
            raise ValueError("Exactly one element of Metrics must return data")
        return {"Metrics": [_query(one) for one in given["Metrics"]]}
    missing = [name for name in ("MetricName", "Namespace", "Statistic") if name not in given]
    if missing:
        raise ValueError(f"{missing[0]} is required")
    kept = ("MetricName", "Namespace", "Dimensions", "Statistic", "Unit")
    return {name: given[name] for name in kept if name in given} | {"Period": PERIOD_S}


def _query(one: Mapping[str, Any]) -> dict[str, Any]:
    """A metric data query with the period that the API leaves out."""
    query = dict(one)
    if "MetricStat" in query:
        query["MetricStat"] = {"Period": PERIOD_S, **query["MetricStat"]}
        query["MetricStat"]["Metric"] = {
            name: value for name, value in query["MetricStat"]["Metric"].items() if value
        }
    return query
