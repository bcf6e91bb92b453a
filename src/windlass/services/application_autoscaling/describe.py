"""Rows of Application Auto Scaling as its API shows them. Reads only."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from windlass.aws.arn import arn
from windlass.aws.calls import Result
from windlass.kernel.clock import SECOND
from windlass.services.application_autoscaling.model import (
    Activity,
    OfTarget,
    Policy,
    ScheduledAction,
    Suspended,
    Target,
)

_BOUND_OF = {"AlreadyAtMaxCapacity": "MaxCapacity", "AlreadyAtMinCapacity": "MinCapacity"}


def target(row: Target) -> Result:
    """ScalableTarget."""
    return _named(row) | {
        "MinCapacity": row.least,
        "MaxCapacity": row.most,
        "RoleARN": row.role_arn,
        "CreationTime": row.created_at / SECOND,
        "SuspendedState": suspended(row.suspended),
        "ScalableTargetARN": row.arn,
    }


def suspended(row: Suspended) -> Result:
    return {
        "DynamicScalingInSuspended": row.scale_in,
        "DynamicScalingOutSuspended": row.scale_out,
        "ScheduledScalingSuspended": row.scheduled,
    }


def policy(row: Policy, alarm_names: Iterable[str]) -> Result:
    """ScalingPolicy; `alarm_names`: those that are there."""
    return _named(row) | {
        "PolicyARN": row.arn,
        "PolicyName": row.name,
        "PolicyType": row.kind,
        f"{row.kind}PolicyConfiguration": dict(row.configuration),
        "Alarms": alarms(row, alarm_names),
        "CreationTime": row.created_at / SECOND,
    }


def alarms(row: Policy, names: Iterable[str]) -> list[Result]:
    """Alarm, of each name."""
    return [
        {"AlarmName": name, "AlarmARN": arn("cloudwatch", row.region, row.account, f"alarm:{name}")}
        for name in names
    ]


def scheduled_action(row: ScheduledAction) -> Result:
    """ScheduledAction."""
    bounds = {"MinCapacity": row.least, "MaxCapacity": row.most}
    shown = {
        "ScheduledActionName": row.name,
        "ScheduledActionARN": row.arn,
        "Schedule": row.schedule,
        "ScalableTargetAction": {name: value for name, value in bounds.items() if value is not None},
        "CreationTime": row.created_at / SECOND,
    }
    times = {"StartTime": row.starts_at, "EndTime": row.ends_at}
    shown |= {name: at / SECOND for name, at in times.items() if at is not None}
    return _named(row) | shown | ({"Timezone": row.zone} if row.zone != "UTC" else {})


def activity(row: Activity) -> Result:
    """ScalingActivity."""
    shown: dict[str, Any] = {
        "ActivityId": row.id,
        "Description": row.description,
        "Cause": row.cause,
        "StartTime": row.started_at / SECOND,
        "StatusCode": row.status,
    }
    if row.ended_at:
        shown["EndTime"] = row.ended_at / SECOND
    if row.message:
        shown["StatusMessage"] = row.message
    if row.not_scaled:
        bound = {} if row.bound is None else {_BOUND_OF.get(row.not_scaled, "CurrentCapacity"): row.bound}
        shown["NotScaledReasons"] = [{"Code": row.not_scaled, **bound}]
    return _named(row) | shown


def _named(row: OfTarget) -> Result:
    return {
        "ServiceNamespace": row.namespace,
        "ResourceId": row.resource,
        "ScalableDimension": row.dimension,
    }
