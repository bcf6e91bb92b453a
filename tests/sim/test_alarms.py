"""Alarms in virtual time: a metric crosses a threshold, falls silent, states, events, metric math."""

from __future__ import annotations

import json
from typing import Any

from tests.sim.services import Told
from windlass.aws.alarms import Alarms, Occasion
from windlass.aws.quotas import load_profile
from windlass.kernel.clock import MINUTE, SECOND
from windlass.kernel.faults import Retry
from windlass.services import cloudwatch, ec2, ecs, events, lambda_, logs, sqs
from windlass.sim.course import Course
from windlass.sim.disk import SimulatedDisk
from windlass.sim.world import ACCOUNT, REGION, World

SERVICES = (cloudwatch.SERVICE, events.SERVICE, logs.SERVICE, sqs.SERVICE)
ALARM = {
    "AlarmName": "hot",
    "Namespace": "App",
    "MetricName": "Load",
    "Statistic": "Average",
    "Period": 60,
    "EvaluationPeriods": 3,
    "DatapointsToAlarm": 2,
    "Threshold": 10.0,
    "ComparisonOperator": "GreaterThanThreshold",
}


def play(story: Any) -> None:
    World(SERVICES, load_profile("local"), seed=1).run(story)


async def load(world: World, *values: float | None) -> list[str]:
    """A value a minute, none for None; returns the state after each."""
    states = []
    for value in values:
        if value is not None:
            data = [{"MetricName": "Load", "Value": value}]
            await world.call("cloudwatch", "PutMetricData", Namespace="App", MetricData=data)
        await world.pass_time(MINUTE)
        [alarm] = (await world.call("cloudwatch", "DescribeAlarms"))["MetricAlarms"]
        raised = world.plane.calls.part(Alarms).raised(ACCOUNT, REGION, ["hot"])
        assert bool(raised) == (alarm["StateValue"] == "ALARM")
        states.append(alarm["StateValue"])
    return states


def test_an_alarm_follows_its_metric() -> None:
    """Two of three high ones raise it, it ends when there are two low ones, and silence is not known."""

    async def story(world: World) -> None:
        await world.pass_time(30 * SECOND)
        await world.call("cloudwatch", "PutMetricAlarm", **ALARM)
        await world.pass_time(SECOND)
        assert await load(world, None, 1, 20, 1, 20, 20) == [
            "INSUFFICIENT_DATA",
            "OK",
            "OK",
            "OK",
            "ALARM",
            "ALARM",
        ]
        assert await load(world, 1, 1, 1) == ["ALARM", "OK", "OK"]
        assert (await load(world, *[None] * 6))[-1] == "INSUFFICIENT_DATA"
        answer = await world.call("cloudwatch", "DescribeAlarmHistory", HistoryItemType="StateUpdate")
        moves = [item["HistorySummary"] for item in reversed(answer["AlarmHistoryItems"])]
        assert moves == [
            "Alarm updated from INSUFFICIENT_DATA to OK",
            "Alarm updated from OK to ALARM",
            "Alarm updated from ALARM to OK",
            "Alarm updated from OK to INSUFFICIENT_DATA",
        ]

    play(story)


def test_short_periods_are_looked_at_every_ten_seconds() -> None:
    async def story(world: World) -> None:
        quick = ALARM | {"Period": 10, "EvaluationPeriods": 1, "DatapointsToAlarm": 1}
        await world.call("cloudwatch", "PutMetricAlarm", **quick)
        data = [{"MetricName": "Load", "Value": 11, "StorageResolution": 1}]
        await world.call("cloudwatch", "PutMetricData", Namespace="App", MetricData=data)
        await world.pass_time(13 * SECOND)
        [alarm] = (await world.call("cloudwatch", "DescribeAlarms", StateValue="ALARM"))["MetricAlarms"]
        assert "[11.0 (01/01/22 00:00:00)] was greater than" in alarm["StateReason"]

    play(story)


def test_a_rule_hears_of_the_change_and_math_raises_alarms() -> None:
    """Metric math over two metrics; the event says what it was and is."""

    async def story(world: World) -> None:
        await world.call("sqs", "CreateQueue", QueueName="heard")
        pattern = json.dumps({"source": ["aws.cloudwatch"], "detail": {"state": {"value": ["ALARM"]}}})
        await world.call("events", "PutRule", Name="r", EventPattern=pattern)
        target = {"Id": "q", "Arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:heard"}
        await world.call("events", "PutTargets", Rule="r", Targets=[target])
        stats = [
            {
                "Id": name,
                "ReturnData": False,
                "MetricStat": {
                    "Metric": {"Namespace": "App", "MetricName": metric},
                    "Period": 60,
                    "Stat": "Sum",
                },
            }
            for name, metric in (("errors", "Errors"), ("all", "Requests"))
        ]
        rate = {"Id": "rate", "Expression": "100 * errors / all"}
        alarm = {name: ALARM[name] for name in ("AlarmName", "Threshold", "ComparisonOperator")}
        await world.call("cloudwatch", "PutMetricAlarm", **alarm, EvaluationPeriods=1, Metrics=[*stats, rate])
        data = [{"MetricName": "Errors", "Value": 3}, {"MetricName": "Requests", "Value": 20}]
        await world.call("cloudwatch", "PutMetricData", Namespace="App", MetricData=data)
        await world.pass_time(2 * MINUTE)
        url = f"http://127.0.0.1:4566/{ACCOUNT}/heard"
        [message] = (await world.call("sqs", "ReceiveMessage", QueueUrl=url))["Messages"]
        event = json.loads(message["Body"])
        assert event["detail-type"] == "CloudWatch Alarm State Change"
        assert event["resources"] == [f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:hot"]
        detail = event["detail"]
        assert (detail["previousState"]["value"], detail["state"]["value"]) == ("INSUFFICIENT_DATA", "ALARM")
        assert "15.0" in detail["state"]["reason"]
        assert [metric["id"] for metric in detail["configuration"]["metrics"]] == ["errors", "all", "rate"]

    play(story)


def test_an_alarm_rolls_a_deployment_back() -> None:
    """The new revision raises its metric while it is being rolled out: the old one comes back."""

    async def story(world: World) -> None:
        told = Told(world)
        watched = {"alarms": {"alarmNames": ["hot"], "enable": True, "rollback": True}}
        await world.call("cloudwatch", "PutMetricAlarm", **(ALARM | {"DatapointsToAlarm": 1}))
        await told.define("good")
        await told.create(2, deploymentConfiguration=watched)
        await told.stable()
        bad = await told.define("bad", Course(start=3 * MINUTE))
        await told.update(taskDefinition=bad)
        assert (await load(world, 20, 20))[-1] == "ALARM"
        after = await told.stable(within=20 * MINUTE)
        assert (told.running("good"), told.running("bad")) == (2, 0)
        assert after["taskDefinition"].endswith("web:1")

    World((*SERVICES, ec2.SERVICE, ecs.SERVICE), load_profile("local"), seed=1).run(story)


def test_actions_are_taken_and_those_of_scaling_repeated() -> None:
    """A policy is told once a minute what the alarm is evaluated by, while it is in ALARM and may act."""
    policy = f"arn:aws:autoscaling:{REGION}:{ACCOUNT}:scalingPolicy:u:autoScalingGroupName/g:policyName/p"
    topic, gone = f"arn:aws:sns:{REGION}:{ACCOUNT}:t", f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:gone"
    told: list[Occasion] = []

    async def act(occasion: Occasion) -> str:
        told.append(occasion)
        return ""

    async def story(world: World) -> None:
        world.plane.calls.part(Alarms).on_action("autoscaling", act)
        wanted = ALARM | {"EvaluationPeriods": 1, "DatapointsToAlarm": 1}
        await world.pass_time(30 * SECOND)
        await world.call("cloudwatch", "PutMetricAlarm", **wanted, AlarmActions=[policy, topic, gone])
        assert (await load(world, 20, 30, 40))[-1] == "ALARM"
        assert [occasion.points[0][1] for occasion in told] == [20, 30, 40]
        assert {(one.action, one.alarm, one.state, one.threshold) for one in told} == {
            (policy, "hot", "ALARM", 10.0)
        }
        await world.call("cloudwatch", "DisableAlarmActions", AlarmNames=["hot"])
        await load(world, 50)
        await world.call("cloudwatch", "EnableAlarmActions", AlarmNames=["hot"])
        await load(world, 5, 60)
        assert [occasion.points[0][1] for occasion in told] == [20, 30, 40, 60]
        answer = await world.call("cloudwatch", "DescribeAlarmHistory", HistoryItemType="Action")
        items = [json.loads(item["HistoryData"]) for item in answer["AlarmHistoryItems"]]
        outcomes = {item["notificationResource"]: (item["actionState"], item["error"]) for item in items}
        assert (len(items), outcomes[policy]) == (6, ("Succeeded", None))
        assert outcomes[topic] == ("Failed", "Windlass has no SNS")
        assert outcomes[gone][0] == "Failed" and "Function not found" in outcomes[gone][1]

    World((*SERVICES, lambda_.SERVICE, ec2.SERVICE), load_profile("local"), seed=1).run(story)


def test_an_action_survives_the_plane() -> None:
    """Killed between the change and the action: the next plane takes it, once."""
    policy = f"arn:aws:autoscaling:{REGION}:{ACCOUNT}:scalingPolicy:u:autoScalingGroupName/g:policyName/p"
    told: list[str] = []

    async def never(occasion: Occasion) -> str:
        raise Retry("the plane dies before it can")

    async def act(occasion: Occasion) -> str:
        told.append(occasion.action)
        return ""

    async def story(world: World) -> None:
        world.plane.calls.part(Alarms).on_action("autoscaling", never)
        await world.call("cloudwatch", "PutMetricAlarm", **ALARM, AlarmActions=[policy])
        await world.call(
            "cloudwatch", "SetAlarmState", AlarmName="hot", StateValue="ALARM", StateReason="try"
        )
        world.kill()
        await world.revive()
        world.plane.calls.part(Alarms).on_action("autoscaling", act)
        await world.pass_time(10 * SECOND)
        assert told == [policy]

    World(SERVICES, load_profile("local"), seed=1, disk=SimulatedDisk()).run(story)
