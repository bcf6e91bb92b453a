"""Alarms that tests act by."""

from __future__ import annotations

from typing import Any


def raise_alarm(cloudwatch: Any, name: str, action: str, metric: str = "Depth", threshold: int = 100) -> None:
    """An alarm on that metric of "App" with one action, in ALARM now; so many periods that it stays there."""
    cloudwatch.put_metric_alarm(
        AlarmName=name,
        Namespace="App",
        MetricName=metric,
        Statistic="Maximum",
        Period=60,
        EvaluationPeriods=60,
        Threshold=threshold,
        ComparisonOperator="GreaterThanThreshold",
        AlarmActions=[action],
    )
    cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="try")
