"""Scaling policies and scheduled actions of Auto Scaling groups over the wire."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.alarm_build import raise_alarm
from tests.contract.test_autoscaling import a_group, ec2, scaling, template, the_group
from tests.fault.waiting import until

__all__ = ["ec2", "scaling", "template"]

Client = Callable[..., Any]
CUSTOM = {
    "TargetValue": 10.0,
    "CustomizedMetricSpecification": {"MetricName": "Load", "Namespace": "App", "Statistic": "Average"},
}
STEPS = [
    {"MetricIntervalLowerBound": 0.0, "MetricIntervalUpperBound": 10.0, "ScalingAdjustment": 1},
    {"MetricIntervalLowerBound": 10.0, "ScalingAdjustment": 2},
]


@pytest.fixture
def group(scaling: Any, template: str) -> str:
    a_group(scaling, DesiredCapacity=1)
    return "web"


def put(scaling: Any, name: str, **params: Any) -> Any:
    return scaling.put_scaling_policy(AutoScalingGroupName="web", PolicyName=name, **params)


def code(call: Callable[..., Any], *args: Any, **params: Any) -> str:
    with pytest.raises(ClientError) as refused:
        call(*args, **params)
    return str(refused.value.response["Error"]["Code"])


def test_policies_are_executed(scaling: Any, group: str) -> None:
    """Simple ones at once, with their cooldown if asked; step ones by a metric's value."""
    simple = put(scaling, "one-more", AdjustmentType="ChangeInCapacity", ScalingAdjustment=1)
    assert ":autoScalingGroupName/web:policyName/one-more" in simple["PolicyARN"]
    scaling.execute_policy(PolicyName=simple["PolicyARN"])
    assert the_group(scaling)["DesiredCapacity"] == 2
    named = {"AutoScalingGroupName": "web", "PolicyName": "one-more"}
    assert code(scaling.execute_policy, **named, HonorCooldown=True) == "ScalingActivityInProgress"
    put(
        scaling,
        "steps",
        PolicyType="StepScaling",
        AdjustmentType="ChangeInCapacity",
        StepAdjustments=STEPS,
        EstimatedInstanceWarmup=0,
    )
    until(
        lambda: [one["LifecycleState"] for one in the_group(scaling)["Instances"]] == ["InService"] * 2,
        "both instances are in service",
    )
    steps = {"AutoScalingGroupName": "web", "PolicyName": "steps"}
    assert code(scaling.execute_policy, **steps) == "ValidationError"
    scaling.execute_policy(**steps, MetricValue=65, BreachThreshold=50)
    assert the_group(scaling)["DesiredCapacity"] == 4
    activity = until(
        lambda: [
            one
            for one in scaling.describe_scaling_activities(AutoScalingGroupName="web")["Activities"]
            if "policy steps" in one["Cause"]
        ],
        "an instance is launched for it",
    )[0]
    assert (
        "a user request executed policy steps changing the desired capacity from 2 to 4." in activity["Cause"]
    )


def test_tracking_policies_have_alarms_until_the_group_goes(scaling: Any, client: Client, group: str) -> None:
    made = put(scaling, "track", PolicyType="TargetTrackingScaling", TargetTrackingConfiguration=CUSTOM)
    cloudwatch = client("cloudwatch")
    high, low = cloudwatch.describe_alarms()["MetricAlarms"]
    assert high["AlarmName"].startswith("TargetTracking-web-AlarmHigh-")
    assert (low["Threshold"], low["AlarmActions"]) == (9.0, [made["PolicyARN"]])
    [shown] = scaling.describe_policies(PolicyTypes=["TargetTrackingScaling"])["ScalingPolicies"]
    assert shown["TargetTrackingConfiguration"] == CUSTOM
    assert shown["Alarms"] == made["Alarms"] and shown["Enabled"] is True
    put(scaling, "other", PolicyType="TargetTrackingScaling", TargetTrackingConfiguration=CUSTOM)
    scaling.delete_policy(AutoScalingGroupName="web", PolicyName="other")
    assert len(cloudwatch.describe_alarms()["MetricAlarms"]) == 2
    scaling.delete_auto_scaling_group(AutoScalingGroupName="web", ForceDelete=True)
    assert cloudwatch.describe_alarms()["MetricAlarms"] == []
    assert scaling.describe_policies()["ScalingPolicies"] == []


def test_an_alarm_drives_a_policy(scaling: Any, client: Client, group: str) -> None:
    made = put(scaling, "more", AdjustmentType="ExactCapacity", ScalingAdjustment=3, Cooldown=0)
    raise_alarm(client("cloudwatch"), "busy", made["PolicyARN"], metric="Load", threshold=10)
    until(lambda: the_group(scaling)["DesiredCapacity"] == 3, "the group follows its alarm")
    [policy] = scaling.describe_policies(AutoScalingGroupName="web")["ScalingPolicies"]
    assert [alarm["AlarmName"] for alarm in policy["Alarms"]] == ["busy"]


def test_scheduled_actions(scaling: Any, group: str) -> None:
    soon = datetime.fromtimestamp(int(time.time()) + 2, UTC)
    scaling.put_scheduled_update_group_action(
        AutoScalingGroupName="web", ScheduledActionName="soon", StartTime=soon, DesiredCapacity=2
    )
    failed = scaling.batch_put_scheduled_update_group_action(
        AutoScalingGroupName="web",
        ScheduledUpdateGroupActions=[
            {
                "ScheduledActionName": "night",
                "Recurrence": "0 22 * * *",
                "TimeZone": "Europe/Berlin",
                "MaxSize": 1,
            },
            {"ScheduledActionName": "never", "Recurrence": "nonsense", "MaxSize": 1},
        ],
    )["FailedScheduledUpdateGroupActions"]
    assert [one["ScheduledActionName"] for one in failed] == ["never"]
    night = scaling.describe_scheduled_actions(ScheduledActionNames=["night"])["ScheduledUpdateGroupActions"][
        0
    ]
    assert (night["Recurrence"], night["TimeZone"], night["MaxSize"]) == ("0 22 * * *", "Europe/Berlin", 1)
    until(lambda: the_group(scaling)["DesiredCapacity"] == 2, "the action fires")
    listed = scaling.describe_scheduled_actions(AutoScalingGroupName="web")["ScheduledUpdateGroupActions"]
    assert [one["ScheduledActionName"] for one in listed] == ["night"]
    gone = scaling.batch_delete_scheduled_action(
        AutoScalingGroupName="web", ScheduledActionNames=["night", "none"]
    )
    assert [one["ScheduledActionName"] for one in gone["FailedScheduledActions"]] == ["none"]


def test_what_is_refused(scaling: Any, group: str) -> None:
    types = scaling.describe_adjustment_types()["AdjustmentTypes"]
    assert {"AdjustmentType": "ExactCapacity"} in types
    cpu = {"PredefinedMetricSpecification": {"PredefinedMetricType": "ASGAverageCPUUtilization"}}
    for params in (
        {},
        {"AdjustmentType": "ChangeInCapacity"},
        {"AdjustmentType": "Sideways", "ScalingAdjustment": 1},
        {"PolicyType": "PredictiveScaling"},
        {"PolicyType": "StepScaling", "AdjustmentType": "ChangeInCapacity"},
        {"PolicyType": "StepScaling", "AdjustmentType": "ChangeInCapacity", "ScalingAdjustment": 1},
        {"PolicyType": "TargetTrackingScaling"},
        {"PolicyType": "TargetTrackingScaling", "TargetTrackingConfiguration": {"TargetValue": 5.0, **cpu}},
        {"PolicyType": "TargetTrackingScaling", "TargetTrackingConfiguration": CUSTOM | {"TargetValue": 0.0}},
    ):
        assert code(put, scaling, "p", **params) == "ValidationError", params
    assert scaling.describe_policies()["ScalingPolicies"] == []
    assert code(scaling.delete_policy, AutoScalingGroupName="web", PolicyName="p") == "ValidationError"
    past = {"StartTime": datetime(2020, 1, 1, tzinfo=UTC), "MinSize": 1}
    for given in (past, {"Recurrence": "0 0 * * *"}, {"Recurrence": "0 0 * * *", "MinSize": 2, "MaxSize": 1}):
        named = {"AutoScalingGroupName": "web", "ScheduledActionName": "s"}
        assert code(scaling.put_scheduled_update_group_action, **named, **given) == "ValidationError"
