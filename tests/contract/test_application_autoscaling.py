"""Application Auto Scaling over the wire with boto3: targets, policies, alarms, schedules."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.alarm_build import raise_alarm
from tests.contract.test_lambda_invoke import deploy
from tests.fault.waiting import until

Client = Callable[..., Any]
TARGET = {
    "ServiceNamespace": "ecs",
    "ResourceId": "service/default/web",
    "ScalableDimension": "ecs:service:DesiredCount",
}
CPU = {
    "TargetValue": 50.0,
    "PredefinedMetricSpecification": {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"},
}
STEPS = {
    "AdjustmentType": "ChangeInCapacity",
    "StepAdjustments": [
        {"MetricIntervalLowerBound": 0.0, "MetricIntervalUpperBound": 10.0, "ScalingAdjustment": 1},
        {"MetricIntervalLowerBound": 10.0, "ScalingAdjustment": 2},
    ],
    "Cooldown": 60,
}


@pytest.fixture
def scaling(client: Client) -> Any:
    """A client, in an account with the ECS service `web` that wants one task."""
    ecs = client("ecs")
    ecs.create_cluster(clusterName="default")
    ecs.register_task_definition(
        family="web",
        containerDefinitions=[{"name": "m", "image": "i", "memory": 16, "command": ["sleep", "600"]}],
    )
    ecs.create_service(serviceName="web", taskDefinition="web", desiredCount=1)
    return client("application-autoscaling")


def register(scaling: Any, **params: Any) -> str:
    answer = scaling.register_scalable_target(**(TARGET | {"MinCapacity": 1, "MaxCapacity": 4} | params))
    return str(answer["ScalableTargetARN"])


def refused(call: Callable[..., Any], **params: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as error:
        call(**params)
    told = error.value.response["Error"]
    return told["Code"], told["Message"]


def activities(scaling: Any, **params: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = scaling.describe_scaling_activities(**TARGET, **params)["ScalingActivities"]
    return found


def test_the_life_of_a_target(scaling: Any, account: str) -> None:
    """Registered, changed in parts, suspended, tagged, deregistered."""
    arn = register(scaling, Tags={"team": "a"})
    assert f":{account}:scalable-target/" in arn
    assert register(scaling, MaxCapacity=6) == arn
    suspended = {"DynamicScalingInSuspended": True}
    scaling.register_scalable_target(**TARGET, SuspendedState=suspended)
    [target] = scaling.describe_scalable_targets(
        ServiceNamespace="ecs", ResourceIds=[TARGET["ResourceId"], "service/default/none"]
    )["ScalableTargets"]
    assert {name: target[name] for name in TARGET} == TARGET
    assert (target["MinCapacity"], target["MaxCapacity"], target["ScalableTargetARN"]) == (1, 6, arn)
    assert target["RoleARN"].endswith("/AWSServiceRoleForApplicationAutoScaling_ECSService")
    assert target["SuspendedState"] == {
        "DynamicScalingInSuspended": True,
        "DynamicScalingOutSuspended": False,
        "ScheduledScalingSuspended": False,
    }
    scaling.tag_resource(ResourceARN=arn, Tags={"env": "test"})
    scaling.untag_resource(ResourceARN=arn, TagKeys=["team"])
    assert scaling.list_tags_for_resource(ResourceARN=arn)["Tags"] == {"env": "test"}
    scaling.deregister_scalable_target(**TARGET)
    assert scaling.describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"] == []
    assert refused(scaling.deregister_scalable_target, **TARGET) == (
        "ObjectNotFoundException",
        "No scalable target registered for service namespace: ecs, resource ID: service/default/web, "
        "scalable dimension: ecs:service:DesiredCount",
    )
    assert refused(scaling.list_tags_for_resource, ResourceARN=arn)[0] == "ResourceNotFoundException"


def test_a_tracking_policy_has_its_alarms(scaling: Any, client: Client) -> None:
    """Two in CloudWatch with AWS's names and numbers, one without scale-in; gone with the policy."""
    register(scaling)
    put = scaling.put_scaling_policy(
        **TARGET,
        PolicyName="cpu",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration=CPU,
    )
    assert ":resource/ecs/service/default/web:policyName/cpu" in put["PolicyARN"]
    names = [alarm["AlarmName"] for alarm in put["Alarms"]]
    cloudwatch = client("cloudwatch")
    high, low = cloudwatch.describe_alarms(AlarmNames=names)["MetricAlarms"]
    assert high["AlarmName"].startswith("TargetTracking-service/default/web-AlarmHigh-")
    assert low["AlarmName"].startswith("TargetTracking-service/default/web-AlarmLow-")
    assert (high["Threshold"], high["EvaluationPeriods"], high["ComparisonOperator"]) == (
        50.0,
        3,
        "GreaterThanThreshold",
    )
    assert (low["Threshold"], low["EvaluationPeriods"], low["ComparisonOperator"]) == (
        45.0,
        15,
        "LessThanThreshold",
    )
    for alarm in (high, low):
        assert (alarm["Namespace"], alarm["MetricName"], alarm["Period"]) == ("AWS/ECS", "CPUUtilization", 60)
        assert alarm["Dimensions"] == [
            {"Name": "ClusterName", "Value": "default"},
            {"Name": "ServiceName", "Value": "web"},
        ]
        assert alarm["AlarmActions"] == [put["PolicyARN"]]
        assert alarm["AlarmDescription"] == (
            f"DO NOT EDIT OR DELETE. For TargetTrackingScaling policy {put['PolicyARN']}."
        )
    [policy] = scaling.describe_scaling_policies(ServiceNamespace="ecs", PolicyNames=["cpu"])[
        "ScalingPolicies"
    ]
    assert policy["TargetTrackingScalingPolicyConfiguration"] == CPU and policy["Alarms"] == put["Alarms"]
    changed = scaling.put_scaling_policy(
        **TARGET,
        PolicyName="cpu",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration=CPU | {"TargetValue": 60.0, "DisableScaleIn": True},
    )
    assert changed["Alarms"] == put["Alarms"][:1]
    [alarm] = cloudwatch.describe_alarms(AlarmNames=names)["MetricAlarms"]
    assert (alarm["AlarmName"], alarm["Threshold"]) == (names[0], 60.0)
    scaling.delete_scaling_policy(**TARGET, PolicyName="cpu")
    assert cloudwatch.describe_alarms()["MetricAlarms"] == []
    assert refused(scaling.delete_scaling_policy, **TARGET, PolicyName="cpu")[0] == "ObjectNotFoundException"


def test_metric_math_and_lambda(scaling: Any, client: Client, account: str) -> None:
    """Backlog per task as an alarm on metric math; provisioned concurrency; a target takes all with it."""
    register(scaling)
    queue = {
        "Namespace": "AWS/SQS",
        "MetricName": "ApproximateNumberOfMessagesVisible",
        "Dimensions": [{"Name": "QueueName", "Value": "jobs"}],
    }
    running = {
        "Namespace": "ECS/ContainerInsights",
        "MetricName": "RunningTaskCount",
        "Dimensions": [{"Name": "ClusterName", "Value": "default"}, {"Name": "ServiceName", "Value": "web"}],
    }
    backlog = {
        "TargetValue": 10.0,
        "CustomizedMetricSpecification": {
            "Metrics": [
                {"Id": "m1", "MetricStat": {"Metric": queue, "Stat": "Sum"}, "ReturnData": False},
                {"Id": "m2", "MetricStat": {"Metric": running, "Stat": "Average"}, "ReturnData": False},
                {"Id": "e1", "Expression": "m1 / m2", "Label": "backlog per task"},
            ]
        },
    }
    put = scaling.put_scaling_policy(
        **TARGET,
        PolicyName="backlog",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration=backlog,
    )
    cloudwatch = client("cloudwatch")
    high, _ = cloudwatch.describe_alarms()["MetricAlarms"]
    assert [query["Id"] for query in high["Metrics"]] == ["m1", "m2", "e1"]
    assert high["Metrics"][0]["MetricStat"]["Period"] == 60
    assert len(put["Alarms"]) == 2
    scaling.deregister_scalable_target(**TARGET)
    assert cloudwatch.describe_alarms()["MetricAlarms"] == []
    assert scaling.describe_scaling_policies(ServiceNamespace="ecs")["ScalingPolicies"] == []

    deploy(client("lambda"), account, "def handler(e, c):\n    return e", Publish=True)
    function = {
        "ServiceNamespace": "lambda",
        "ResourceId": "function:f:1",
        "ScalableDimension": "lambda:function:ProvisionedConcurrency",
    }
    scaling.register_scalable_target(**function, MinCapacity=0, MaxCapacity=2)
    scaling.put_scaling_policy(
        **function,
        PolicyName="busy",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={
            "TargetValue": 0.7,
            "PredefinedMetricSpecification": {
                "PredefinedMetricType": "LambdaProvisionedConcurrencyUtilization"
            },
        },
    )
    alarm = cloudwatch.describe_alarms()["MetricAlarms"][0]
    assert alarm["AlarmName"].startswith("TargetTracking-function:f:1-AlarmHigh-")
    assert {"Name": "Resource", "Value": "f:1"} in alarm["Dimensions"]
    soon = datetime.fromtimestamp(time.time() + 1, UTC)
    scaling.put_scheduled_action(
        **function,
        ScheduledActionName="warm",
        Schedule=f"at({soon:%Y-%m-%dT%H:%M:%S})",
        ScalableTargetAction={"MinCapacity": 1},
    )

    def done() -> Any:
        found = scaling.describe_scaling_activities(**function)["ScalingActivities"]
        return found and found[0]["StatusCode"] == "Successful" and len(found) == 2 and found

    change, _ = until(done, "the function has its provisioned concurrency")
    assert change["StatusMessage"] == (
        "Successfully set provisioned concurrency to 1. Change successfully fulfilled by lambda."
    )
    config = client("lambda").get_provisioned_concurrency_config(FunctionName="f", Qualifier="1")
    assert (config["RequestedProvisionedConcurrentExecutions"], config["Status"]) == (1, "READY")


def test_a_step_policy_scales_and_says_why(scaling: Any, client: Client) -> None:
    """An alarm of the caller's drives it up to the maximum; the service really has the tasks."""
    register(scaling, MaxCapacity=3)
    put = scaling.put_scaling_policy(**TARGET, PolicyName="deep", StepScalingPolicyConfiguration=STEPS)
    assert put["Alarms"] == []
    cloudwatch, ecs = client("cloudwatch"), client("ecs")
    cloudwatch.put_metric_data(
        Namespace="App", MetricData=[{"MetricName": "Depth", "Value": 125, "Timestamp": time.time() - 60}]
    )
    raise_alarm(cloudwatch, "depth", put["PolicyARN"])

    def done() -> Any:
        found = activities(scaling)
        return found and found[0]["StatusCode"] == "Successful" and found

    [activity] = until(done, "the activity is over")
    assert activity["Description"] == "Setting desired count to 3."
    assert activity["Cause"] == "monitor alarm depth in state ALARM triggered policy deep"
    assert activity["StatusMessage"] == (
        "Successfully set desired count to 3. Change successfully fulfilled by ecs."
    )
    [service] = ecs.describe_services(services=["web"])["services"]
    assert (service["desiredCount"], service["runningCount"]) == (3, 3)
    [policy] = scaling.describe_scaling_policies(**TARGET)["ScalingPolicies"]
    assert [alarm["AlarmName"] for alarm in policy["Alarms"]] == ["depth"]
    cloudwatch.set_alarm_state(AlarmName="depth", StateValue="OK", StateReason="try")
    cloudwatch.set_alarm_state(AlarmName="depth", StateValue="ALARM", StateReason="again")
    held = until(
        lambda: [
            one for one in activities(scaling, IncludeNotScaledActivities=True) if "NotScaledReasons" in one
        ],
        "it tells that it is at its maximum",
    )
    assert held[0]["NotScaledReasons"] == [{"Code": "AlreadyAtMaxCapacity", "MaxCapacity": 3}]
    assert held[0]["Description"] == "Attempting to scale due to alarm triggered"
    assert len(activities(scaling)) == 1


def test_scheduled_actions(scaling: Any, client: Client) -> None:
    """One fires at once and takes the service along; others are described, changed and deleted."""
    register(scaling)
    soon = datetime.fromtimestamp(time.time() + 1, UTC)
    scaling.put_scheduled_action(
        **TARGET,
        ScheduledActionName="now",
        Schedule=f"at({soon:%Y-%m-%dT%H:%M:%S})",
        ScalableTargetAction={"MinCapacity": 2, "MaxCapacity": 5},
    )
    scaling.put_scheduled_action(
        **TARGET,
        ScheduledActionName="nights",
        Schedule="cron(0 22 * * ? *)",
        Timezone="Europe/Berlin",
        StartTime=soon + timedelta(days=1),
        ScalableTargetAction={"MaxCapacity": 1},
    )
    scaling.put_scheduled_action(**TARGET, ScheduledActionName="nights", Schedule="rate(1 day)")
    nights, _ = scaling.describe_scheduled_actions(**TARGET)["ScheduledActions"]
    assert (nights["Schedule"], nights["Timezone"], nights["ScalableTargetAction"]) == (
        "rate(1 day)",
        "Europe/Berlin",
        {"MaxCapacity": 1},
    )
    assert ":scheduledActionName/nights" in nights["ScheduledActionARN"]

    def done() -> Any:
        found = activities(scaling)
        return len(found) == 2 and found[0]["StatusCode"] == "Successful" and found

    change, bounds = until(done, "the action fired and the service followed")
    assert bounds["Description"] == "Setting min capacity to 2 and max capacity to 5"
    assert bounds["Cause"] == "scheduled action name now was triggered"
    assert (change["Description"], change["Cause"]) == (
        "Setting desired count to 2.",
        "minimum capacity was set to 2",
    )
    [target] = scaling.describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"]
    assert (target["MinCapacity"], target["MaxCapacity"]) == (2, 5)
    scaling.delete_scheduled_action(**TARGET, ScheduledActionName="nights")
    gone = refused(scaling.delete_scheduled_action, **TARGET, ScheduledActionName="nights")
    assert gone[0] == "ObjectNotFoundException"


def test_lists_come_in_pages(scaling: Any) -> None:
    register(scaling)
    for name in "cab":
        scaling.put_scaling_policy(**TARGET, PolicyName=name, StepScalingPolicyConfiguration=STEPS)
    pages = list(
        scaling.get_paginator("describe_scaling_policies").paginate(
            ServiceNamespace="ecs", PaginationConfig={"PageSize": 2}
        )
    )
    assert [[one["PolicyName"] for one in page["ScalingPolicies"]] for page in pages] == [["a", "b"], ["c"]]
    wrong = refused(scaling.describe_scaling_policies, ServiceNamespace="ecs", NextToken="x")
    assert wrong[0] == "InvalidNextTokenException"


def test_what_is_refused(scaling: Any) -> None:
    table = {
        "ServiceNamespace": "dynamodb",
        "ResourceId": "table/t",
        "ScalableDimension": "dynamodb:table:ReadCapacityUnits",
    }
    code, said = refused(scaling.register_scalable_target, **table, MinCapacity=1, MaxCapacity=2)
    assert code == "ValidationException" and "Windlass does not scale dynamodb" in said
    one = TARGET | {"ResourceId": "service/default/none"}
    assert refused(scaling.register_scalable_target, **one, MinCapacity=1, MaxCapacity=2) == (
        "ValidationException",
        "ECS service doesn't exist: service/default/none",
    )
    for params in (
        {"MinCapacity": 1},
        {"MinCapacity": 3, "MaxCapacity": 2},
        {"MinCapacity": -1, "MaxCapacity": 2},
        {"ResourceId": "service/web", "MinCapacity": 1, "MaxCapacity": 2},
    ):
        assert refused(scaling.register_scalable_target, **(TARGET | params))[0] == "ValidationException"
    put = scaling.put_scaling_policy
    absent = refused(put, **TARGET, PolicyName="p", StepScalingPolicyConfiguration=STEPS)
    assert absent[0] == "ObjectNotFoundException"
    register(scaling)
    track = {"PolicyName": "p", "PolicyType": "TargetTrackingScaling"}
    gap = STEPS | {"StepAdjustments": [STEPS["StepAdjustments"][1] | {"MetricIntervalUpperBound": 20.0}]}  # type: ignore[index]
    label = {"PredefinedMetricSpecification": {"PredefinedMetricType": "ALBRequestCountPerTarget"}}
    other = {"PredefinedMetricSpecification": {"PredefinedMetricType": "RDSReaderAverageCPUUtilization"}}
    half = {"CustomizedMetricSpecification": {"MetricName": "m", "Namespace": "App"}}
    math = {"Metrics": [{"Id": "e", "Expression": "nothing / 2"}]}
    for params in (
        {"PolicyName": "p"},
        {"PolicyName": "p", "StepScalingPolicyConfiguration": gap},
        {"PolicyName": "p", "StepScalingPolicyConfiguration": {"StepAdjustments": []}},
        {"PolicyName": "p", "PolicyType": "PredictiveScaling"},
        track,
        track | {"TargetTrackingScalingPolicyConfiguration": CPU | {"TargetValue": 0.0}},
        track | {"TargetTrackingScalingPolicyConfiguration": CPU | {"ScaleInCooldown": -1}},
        track | {"TargetTrackingScalingPolicyConfiguration": {"TargetValue": 1.0}},
        track | {"TargetTrackingScalingPolicyConfiguration": {"TargetValue": 1.0, **label}},
        track | {"TargetTrackingScalingPolicyConfiguration": {"TargetValue": 1.0, **other}},
        track | {"TargetTrackingScalingPolicyConfiguration": {"TargetValue": 1.0, **half}},
        track
        | {
            "TargetTrackingScalingPolicyConfiguration": {
                "TargetValue": 1.0,
                "CustomizedMetricSpecification": math,
            }
        },
    ):
        assert refused(put, **TARGET, **params)[0] == "ValidationException", params
    assert scaling.describe_scaling_policies(ServiceNamespace="ecs")["ScalingPolicies"] == []
    action = {"ScheduledActionName": "a", "ScalableTargetAction": {"MinCapacity": 1}}
    for params in (
        {"Schedule": "cron(x)"},
        {"Schedule": "rate(1 day)", "Timezone": "Mars/Olympus"},
        {"Schedule": "rate(1 day)", "ScalableTargetAction": {}},
        {"Schedule": "rate(1 day)", "EndTime": datetime(2020, 1, 1, tzinfo=UTC)},
    ):
        assert (
            refused(scaling.put_scheduled_action, **TARGET, **(action | params))[0] == "ValidationException"
        )
    assert refused(scaling.describe_scalable_targets, ServiceNamespace="rds")[0] == "ValidationException"
