"""Target tracking: which capacity keeps a metric at its target, and which alarms watch it. Pure.

Of Application Auto Scaling and EC2 Auto Scaling: a policy has an alarm above the target and one well below
it, which are real ones of CloudWatch. Numbers: facts/autoscaling-elb-events.md, 2.1. Proportion is the
accepted model of what AWS does (it publishes none): a metric twice as high as its target asks for twice as
many. Knows no cooldowns or limits of capacity.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from windlass.kernel.clock import SECOND, Duration, Instant

HIGH_PERIODS = 3
LOW_PERIODS = 15
PERIOD_S = 60
LOW_SHARE = 0.9
"""The low alarm's threshold as a share of the target: AWS "usually more than 10 % lower"."""
AGREED_WITHIN: Duration = 90 * SECOND
"""How old what another policy asks for may be: 1.5 evaluations; ours."""
_LABEL = re.compile(r"(app/[^/]+/[0-9a-f]+)/(targetgroup/[^/]+/[0-9a-f]+)")
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


def more(capacity: int, metric: float, target: float) -> int | None:
    """The larger capacity that a metric above its target asks for; None of one that is not above it."""
    return max(wanted(capacity, metric, target), capacity + 1) if metric > target else None


class Voter(NamedTuple):
    """A target tracking policy that may scale in."""

    arn: str
    target: float
    low: bool
    """Whether its low alarm is in ALARM."""


class Votes:
    """What the low alarms of policies told last: any policy scales out, and all must want to scale in.

    In memory: they tell again each minute.
    """

    def __init__(self) -> None:
        self._metrics: dict[str, tuple[float, Instant]] = {}

    def tell(self, arn: str, metric: float, now: Instant) -> None:
        """The policy's low alarm is in ALARM, with that metric."""
        self._metrics[arn] = (metric, now)

    def agreed(self, voters: Iterable[Voter], capacity: int, now: Instant) -> int | None:
        """The most that the policies of a target ask for; None unless all of them want to scale in now."""
        most = 0
        for voter in voters:
            metric, at = self._metrics.get(voter.arn, (0.0, 0))
            if not voter.low or now - at > AGREED_WITHIN:
                return None
            most = max(most, min(wanted(capacity, metric, voter.target), capacity))
        return most


def names(resource: str, id: str) -> tuple[str, str]:
    """The names of a policy's high and low alarm.

    >>> names("service/c/s", "u")
    ('TargetTracking-service/c/s-AlarmHigh-u', 'TargetTracking-service/c/s-AlarmLow-u')
    """
    return (f"TargetTracking-{resource}-AlarmHigh-{id}", f"TargetTracking-{resource}-AlarmLow-{id}")


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
    return {"Period": given.get("Period", PERIOD_S)} | {name: given[name] for name in kept if name in given}


def requests_per_target(label: str) -> dict[str, Any] | None:
    """ALBRequestCountPerTarget as a customized metric; None for a ResourceLabel that is none."""
    found = _LABEL.fullmatch(label)
    if found is None:
        return None
    return {
        "Namespace": "AWS/ApplicationELB",
        "MetricName": "RequestCountPerTarget",
        "Statistic": "Sum",
        "Dimensions": [
            {"Name": "LoadBalancer", "Value": found[1]},
            {"Name": "TargetGroup", "Value": found[2]},
        ],
    }


def _query(one: Mapping[str, Any]) -> dict[str, Any]:
    """A metric data query with the period that the API leaves out."""
    query = {name: value for name, value in one.items() if name != "Period"}
    if "MetricStat" in query:
        query["MetricStat"] = {"Period": PERIOD_S, **query["MetricStat"]}
        query["MetricStat"]["Metric"] = {
            name: value for name, value in query["MetricStat"]["Metric"].items() if value
        }
    return query
