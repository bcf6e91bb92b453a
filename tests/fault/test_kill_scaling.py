"""SIGKILL of the plane as an alarm changes: the next one takes the action and sets the capacity, once."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from tests.alarm_build import raise_alarm
from tests.fault.waiting import until
from tests.process import PlaneProcess

ACCOUNT = "123456789012"
TARGET = {
    "ServiceNamespace": "ecs",
    "ResourceId": "service/default/web",
    "ScalableDimension": "ecs:service:DesiredCount",
}


def test_an_action_that_was_due_is_taken(own_plane: Callable[..., PlaneProcess], tmp_path: Path) -> None:
    plane = own_plane("--no-agent", data=tmp_path / "data")
    ecs = plane.client("ecs", ACCOUNT)
    ecs.create_cluster(clusterName="default")
    ecs.register_task_definition(
        family="web", containerDefinitions=[{"name": "m", "image": "i", "memory": 16}]
    )
    ecs.create_service(serviceName="web", taskDefinition="web", desiredCount=1)
    scaling = plane.client("application-autoscaling", ACCOUNT)
    scaling.register_scalable_target(**TARGET, MinCapacity=1, MaxCapacity=5)
    steps = [{"MetricIntervalLowerBound": 0.0, "ScalingAdjustment": 2}]
    policy = scaling.put_scaling_policy(
        **TARGET,
        PolicyName="deep",
        StepScalingPolicyConfiguration={"AdjustmentType": "ChangeInCapacity", "StepAdjustments": steps},
    )
    cloudwatch = plane.client("cloudwatch", ACCOUNT)
    depth = {"MetricName": "Depth", "Value": 125, "Timestamp": time.time() - 60}
    cloudwatch.put_metric_data(Namespace="App", MetricData=[depth])
    raise_alarm(cloudwatch, "depth", policy["PolicyARN"])
    plane.kill()
    plane.start()
    ecs, scaling = plane.client("ecs", ACCOUNT), plane.client("application-autoscaling", ACCOUNT)

    def desired() -> int:
        return int(ecs.describe_services(services=["web"])["services"][0]["desiredCount"])

    until(lambda: desired() == 3, "the service is scaled out by two")
    activities = scaling.describe_scaling_activities(**TARGET)["ScalingActivities"]
    assert [one["Description"] for one in activities] == ["Setting desired count to 3."]
    cloudwatch = plane.client("cloudwatch", ACCOUNT)

    def told() -> int:
        found = cloudwatch.describe_alarm_history(AlarmName="depth", HistoryItemType="Action")
        return len(found["AlarmHistoryItems"])

    until(lambda: told() == 1, "the history has the action once")
