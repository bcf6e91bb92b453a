"""Alarms and their history as CloudWatch shows them."""

from __future__ import annotations

import json
from typing import Any

from windlass.aws.calls import Result
from windlass.kernel.clock import in_seconds
from windlass.services.cloudwatch.model import Alarm, HistoryItem


def alarm(row: Alarm) -> Result:
    """A member of MetricAlarms: what was not said is not shown."""
    shown: dict[str, Any] = {
        "AlarmName": row.name,
        "AlarmArn": row.arn,
        "AlarmDescription": row.description,
        "AlarmConfigurationUpdatedTimestamp": in_seconds(row.configured_at),
        "ActionsEnabled": row.actions_enabled,
        "OKActions": list(row.ok_actions),
        "AlarmActions": list(row.alarm_actions),
        "InsufficientDataActions": list(row.insufficient_actions),
        "StateValue": row.state,
        "StateReason": row.reason,
        "StateReasonData": row.reason_data,
        "StateUpdatedTimestamp": in_seconds(row.state_at),
        "StateTransitionedTimestamp": in_seconds(row.transitioned_at),
        "MetricName": row.metric,
        "Namespace": row.namespace,
        "Statistic": row.statistic,
        "ExtendedStatistic": row.extended_statistic,
        "Dimensions": [{"Name": name, "Value": value} for name, value in row.dimensions],
        "Period": row.period,
        "Unit": row.unit,
        "EvaluationPeriods": row.evaluation_periods,
        "DatapointsToAlarm": row.datapoints_to_alarm,
        "Threshold": row.threshold,
        "ComparisonOperator": row.comparison,
        "TreatMissingData": row.missing,
        "EvaluateLowSampleCountPercentile": row.low_samples,
        "Metrics": None if row.metrics is None else json.loads(row.metrics),
    }
    return {name: value for name, value in shown.items() if value is not None}


def composite(row: Alarm) -> Result:
    """A member of CompositeAlarms."""
    metric = ("Dimensions", "EvaluationPeriods", "Threshold", "ComparisonOperator")
    shown = {name: value for name, value in alarm(row).items() if name not in metric}
    return shown | {"AlarmRule": row.rule}


def history_item(row: HistoryItem) -> Result:
    """A member of AlarmHistoryItems."""
    return {
        "AlarmName": row.alarm,
        "AlarmType": row.alarm_type,
        "Timestamp": in_seconds(row.at),
        "HistoryItemType": row.kind,
        "HistorySummary": row.summary,
        "HistoryData": row.data,
    }
