"""What PutMetricAlarm says, checked. Pure.

Known gaps, refused: anomaly detection, PromQL. Source: CloudWatch API reference, PutMetricAlarm; User Guide,
"Alarm evaluation". Wording is AWS's where it is known.
"""

from __future__ import annotations

import json

from windlass.kernel.clock import Instant
from windlass.kernel.faults import Fault
from windlass.services.cloudwatch import queries
from windlass.services.cloudwatch.datum import Shape, combination, dimensions
from windlass.services.cloudwatch.evaluate import COMPARISONS
from windlass.services.cloudwatch.limits import ALARM_PERIODS_S, ALARM_SPAN_LONG_S, ALARM_SPAN_S
from windlass.services.cloudwatch.model import Alarm, Scope
from windlass.services.cloudwatch.queries import Query

_MISSING = ("breaching", "notBreaching", "ignore", "missing")
_ONE_METRIC = ("MetricName", "Namespace", "Dimensions", "Period", "Unit", "Statistic", "ExtendedStatistic")
_NOT_THERE = ("ThresholdMetricId", "EvaluationCriteria", "EvaluationInterval")


def take(scope: Scope, given: Shape, now: Instant) -> Alarm:
    """The alarm, in the state of a new one. Raises Fault ValidationError and AWS's others."""
    for name in _NOT_THERE:
        if name in given:
            raise _wrong(f"Windlass does not have alarms with {name}")
    if given.get("ComparisonOperator") not in COMPARISONS:
        raise _wrong("Windlass does not have anomaly detection: use an operator with a threshold")
    if "Threshold" not in given:
        raise Fault("MissingParameter", "The parameter Threshold is required.")
    if given.get("TreatMissingData", "missing") not in _MISSING:
        raise _wrong(f"TreatMissingData {given['TreatMissingData']} is not one of {', '.join(_MISSING)}")
    periods = given.get("EvaluationPeriods")
    if periods is None:
        raise Fault("MissingParameter", "The parameter EvaluationPeriods is required.")
    if given.get("DatapointsToAlarm", 1) > periods:
        raise _wrong("The parameter DatapointsToAlarm must not be greater than EvaluationPeriods.")
    alarm = Alarm(
        *scope,
        name=given["AlarmName"],
        configured_at=now,
        state_at=now,
        transitioned_at=now,
        description=given.get("AlarmDescription"),
        actions_enabled=given.get("ActionsEnabled", True),
        ok_actions=tuple(given.get("OKActions", ())),
        alarm_actions=tuple(given.get("AlarmActions", ())),
        insufficient_actions=tuple(given.get("InsufficientDataActions", ())),
        namespace=given.get("Namespace"),
        metric=given.get("MetricName"),
        dimensions=dimensions(given.get("Dimensions", ())),
        statistic=given.get("Statistic"),
        extended_statistic=given.get("ExtendedStatistic"),
        period=given.get("Period"),
        unit=given.get("Unit"),
        metrics=json.dumps(given["Metrics"]) if "Metrics" in given else None,
        comparison=given["ComparisonOperator"],
        threshold=given["Threshold"],
        evaluation_periods=periods,
        datapoints_to_alarm=given.get("DatapointsToAlarm"),
        missing=given.get("TreatMissingData"),
        low_samples=given.get("EvaluateLowSampleCountPercentile"),
        tags={tag["Key"]: tag["Value"] for tag in given.get("Tags", ())},
    )
    _check_span(asked(alarm), periods)
    return alarm


def asked(alarm: Alarm) -> tuple[Query, ...]:
    """The queries that an alarm is evaluated by; the one that is returned counts. Raises Fault."""
    if alarm.metrics is not None:
        if alarm.metric is not None or alarm.period is not None:
            raise combination(
                f"The parameter Metrics and {', '.join(_ONE_METRIC)} are mutually exclusive: specify one way."
            )
        found = queries.take(json.loads(alarm.metrics))
        if sum(query.returned for query in found) != 1:
            raise _wrong("Exactly one element of the metrics list should return data.")
        return found
    if (alarm.statistic is None) == (alarm.extended_statistic is None):
        raise combination("Exactly one of the parameters Statistic and ExtendedStatistic must be specified.")
    if alarm.period is None:
        raise Fault("MissingParameter", "The parameter Period is required.")
    metric = {
        "Namespace": alarm.namespace,
        "MetricName": alarm.metric,
        "Dimensions": [{"Name": name, "Value": value} for name, value in alarm.dimensions],
        "Unit": alarm.unit,
    }
    known = {name: value for name, value in metric.items() if value is not None}
    stat = queries.of_metric(known, alarm.statistic or alarm.extended_statistic or "", alarm.period)
    return (Query("m1", stat, "", stat.name, returned=True),)


def period(asks: tuple[Query, ...]) -> int:
    """Seconds of a period of the alarm: the longest of its metrics."""
    return max((query.stat.period for query in asks if query.stat is not None), default=60)


def _check_span(asks: tuple[Query, ...], periods: int) -> None:
    length = period(asks)
    if length not in ALARM_PERIODS_S and length % 60:
        raise _wrong("Period must be 10, 20, 30 or a multiple of 60")
    span_max = ALARM_SPAN_LONG_S if length >= 3_600 else ALARM_SPAN_S
    if length * periods > span_max:
        over = "a day" if span_max == ALARM_SPAN_S else "a week"
        raise _wrong(
            f"Metrics cannot be checked across more than {over} "
            f"(EvaluationPeriods * Period must be <= {span_max})."
        )


def _wrong(why: str) -> Fault:
    return Fault("ValidationError", why)
