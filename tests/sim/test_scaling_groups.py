"""Policies of Auto Scaling groups in virtual time: groups follow load, and wait for who warms up."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from tests.sim.scaling_groups import make_group
from tests.sim.test_scaling import changes
from windlass.aws.quotas import load_profile
from windlass.kernel.clock import MINUTE, SECOND
from windlass.services import autoscaling, cloudwatch, ec2, ecs, logs
from windlass.services.autoscaling.model import GROUPS, MEMBERS
from windlass.sim.world import ACCOUNT, REGION, World

SERVICES = (autoscaling.SERVICE, cloudwatch.SERVICE, ec2.SERVICE, ecs.SERVICE, logs.SERVICE)
KEY = (ACCOUNT, REGION, "web")


def play(story: Callable[[World], Awaitable[None]]) -> None:
    async def begun(world: World) -> None:
        world.add_node("embedded")
        await make_group(world, "a", 1, 8)
        await world.pass_time(30 * MINUTE + 30 * SECOND)
        await story(world)

    World(SERVICES, load_profile("local"), seed=1).run(begun)


async def put(world: World, name: str, **params: Any) -> str:
    answer = await world.call(
        "autoscaling", "PutScalingPolicy", AutoScalingGroupName="web", PolicyName=name, **params
    )
    return str(answer["PolicyARN"])


async def bear(world: World, total: float, minutes: int) -> list[int]:
    """So much load for so long, shared by the instances; the desired capacity after each minute."""
    counts = []
    for _ in range(minutes):
        share = total / max(1, world.plane.store[MEMBERS].count("group", KEY))
        data = [{"MetricName": "Load", "Value": share}]
        await world.call("cloudwatch", "PutMetricData", Namespace="App", MetricData=data)
        await world.pass_time(MINUTE)
        counts.append(world.plane.store[GROUPS].require(KEY).desired)
    return counts


def test_a_group_follows_load() -> None:
    """Out after three minutes, further when the load rises while instances warm up, in after fifteen."""

    async def story(world: World) -> None:
        metric = {"MetricName": "Load", "Namespace": "App", "Statistic": "Average"}
        await put(
            world,
            "track",
            PolicyType="TargetTrackingScaling",
            TargetTrackingConfiguration={"TargetValue": 10.0, "CustomizedMetricSpecification": metric},
            EstimatedInstanceWarmup=300,
        )
        assert changes(await bear(world, 9.5, 3)) == [1]
        assert changes(await bear(world, 30, 5)) == [1, 3]
        assert changes(await bear(world, 30, 5)) == [3]
        assert changes(await bear(world, 9, 40)) == [3, 1]

    play(story)


def test_steps_count_from_what_is_warm_and_simple_policies_cool_down() -> None:
    """Told each minute: a step of two is two while they warm up; a simple policy adds one a cooldown."""

    async def story(world: World) -> None:
        alarm = {
            "AlarmName": "hot",
            "Namespace": "App",
            "MetricName": "Load",
            "Statistic": "Average",
            "Period": 60,
            "EvaluationPeriods": 1,
            "Threshold": 10.0,
            "ComparisonOperator": "GreaterThanThreshold",
        }
        steps = await put(
            world,
            "steps",
            PolicyType="StepScaling",
            AdjustmentType="ChangeInCapacity",
            StepAdjustments=[{"MetricIntervalLowerBound": 0.0, "ScalingAdjustment": 2}],
            EstimatedInstanceWarmup=600,
        )
        await world.call("cloudwatch", "PutMetricAlarm", **alarm, AlarmActions=[steps])
        assert changes(await bear(world, 100, 8)) == [3]
        simple = await put(
            world, "simple", AdjustmentType="ChangeInCapacity", ScalingAdjustment=1, Cooldown=180
        )
        await world.call("cloudwatch", "PutMetricAlarm", **alarm, AlarmActions=[simple])
        counts = await bear(world, 1_000, 7)
        assert 2 <= counts[-1] - 3 <= 3
        suspended = {"AutoScalingGroupName": "web", "ScalingProcesses": ["AlarmNotification"]}
        await world.call("autoscaling", "SuspendProcesses", **suspended)
        assert changes(await bear(world, 1_000, 10)) == [counts[-1]]

    play(story)
