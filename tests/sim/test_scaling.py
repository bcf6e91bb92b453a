"""Application Auto Scaling in virtual time: services follow load through real alarms, and nothing else."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from tests.sim.services import SERVICES as OF_ECS
from tests.sim.services import Told
from windlass.aws.quotas import load_profile
from windlass.kernel.clock import MINUTE, SECOND
from windlass.services import application_autoscaling, cloudwatch
from windlass.services.application_autoscaling.model import ACTIVITIES, TARGETS
from windlass.services.ecs.model import TASKS
from windlass.sim.course import Course
from windlass.sim.disk import SimulatedDisk
from windlass.sim.world import World

SERVICES = (*OF_ECS, application_autoscaling.SERVICE, cloudwatch.SERVICE)
TARGET = {
    "ServiceNamespace": "ecs",
    "ResourceId": "service/default/web",
    "ScalableDimension": "ecs:service:DesiredCount",
}
LOAD = {"MetricName": "Load", "Namespace": "App", "Statistic": "Average"}
Story = Callable[["Scaled"], Awaitable[None]]


class Scaled(Told):
    """A service with bounds of 1 to 10, on which an outside load is spread evenly."""

    async def begin(self, count: int = 1, least: int = 1, most: int = 10) -> None:
        await self.define()
        await self.create(count)
        await self.stable()
        await self.scaling("RegisterScalableTarget", MinCapacity=least, MaxCapacity=most)

    async def scaling(self, operation: str, **params: Any) -> Any:
        return await self.world.call("application-autoscaling", operation, **TARGET, **params)

    async def track(self, name: str = "load", target: float = 10.0, **configuration: Any) -> Any:
        """A policy that keeps the metric of that name at the target."""
        metric = {"CustomizedMetricSpecification": LOAD | {"MetricName": name.capitalize()}}
        return await self.scaling(
            "PutScalingPolicy",
            PolicyName=name,
            PolicyType="TargetTrackingScaling",
            TargetTrackingScalingPolicyConfiguration={"TargetValue": target, **metric, **configuration},
        )

    async def bear(self, total: float, minutes: int, *names: str) -> list[int]:
        """So much load for so long, told as load per task; returns the desired count after each minute."""
        counts = []
        for _ in range(minutes):
            share = total / max(1, (await self.service())["runningCount"])
            data = [{"MetricName": name, "Value": share} for name in names or ("Load",)]
            await self.world.call("cloudwatch", "PutMetricData", Namespace="App", MetricData=data)
            await self.world.pass_time(MINUTE)
            counts.append((await self.service())["desiredCount"])
        return counts

    async def activities(self) -> list[tuple[str, str]]:
        """(description or why not, status) of all, oldest first."""
        answer = await self.scaling("DescribeScalingActivities", IncludeNotScaledActivities=True)
        return [
            (
                one["NotScaledReasons"][0]["Code"] if "NotScaledReasons" in one else one["Description"],
                one["StatusCode"],
            )
            for one in reversed(answer["ScalingActivities"])
        ]


def tell(story: Story, **how: Any) -> World:
    world = World(SERVICES, load_profile("local"), 7, **how)

    async def play(played: World) -> None:
        await played.pass_time(30 * SECOND)  # metrics come in the middle of minutes
        await story(Scaled(played))

    world.run(play)
    return world


def changes(counts: Sequence[int]) -> list[int]:
    """The counts without repeats."""
    return [count for place, count in enumerate(counts) if place == 0 or counts[place - 1] != count]


def test_desired_counts_follow_load() -> None:
    """Out three minutes after the load came, to what it needs; in fifteen minutes after it went."""

    async def story(scaled: Scaled) -> None:
        await scaled.begin()
        await scaled.track()
        quiet = await scaled.bear(9.5, 5)
        assert changes(quiet) == [1]
        risen = await scaled.bear(60, 10)
        assert changes(risen) == [1, 6] and risen.index(6) == 2
        assert scaled.running("good") == 6
        fallen = await scaled.bear(20, 40)
        assert changes(fallen) == [6, 2]
        assert 13 <= fallen.index(2) <= 16
        assert await scaled.activities() == [
            ("Setting desired count to 6.", "Successful"),
            ("Setting desired count to 2.", "Successful"),
        ]

    tell(story)


def test_bounds_end_what_load_can_ask_for() -> None:
    async def story(scaled: Scaled) -> None:
        await scaled.begin(2, least=2, most=4)
        await scaled.track(ScaleOutCooldown=0, ScaleInCooldown=0)
        assert changes(await scaled.bear(500, 8)) == [2, 4]
        assert changes(await scaled.bear(1, 40)) == [4, 2]
        assert await scaled.activities() == [
            ("Setting desired count to 4.", "Successful"),
            ("AlreadyAtMaxCapacity", "Failed"),
            ("Setting desired count to 2.", "Successful"),
            ("AlreadyAtMinCapacity", "Failed"),
        ]

    tell(story)


def test_a_metric_that_is_missing_scales_nothing() -> None:
    async def story(scaled: Scaled) -> None:
        await scaled.begin(3)
        await scaled.track()
        await scaled.world.pass_time(30 * MINUTE)
        assert (await scaled.service())["desiredCount"] == 3
        assert changes(await scaled.bear(28.5, 2)) == [3]
        await scaled.world.pass_time(60 * MINUTE)
        assert (await scaled.service())["desiredCount"] == 3
        assert await scaled.activities() == []

    tell(story)


def test_all_policies_must_want_to_scale_in() -> None:
    """Any scales out and the largest wins; one without scale-in has no say in it."""

    async def story(scaled: Scaled) -> None:
        await scaled.begin()
        await scaled.track("load", 10)
        await scaled.track("heat", 5)
        assert changes(await scaled.bear(40, 12, "Load", "Heat"))[-1] == 8
        assert changes(await scaled.bear(30, 25, "Load", "Heat"))[-1] == 6
        # Load alone would be served by one: Heat says nothing any more, and must agree
        assert changes(await scaled.bear(5, 30, "Load")) == [6]
        await scaled.track("heat", 5, DisableScaleIn=True)
        assert changes(await scaled.bear(5, 10, "Load"))[-1] == 1

    tell(story)


@pytest.mark.parametrize("period", [3, 20])
def test_flapping_load_is_not_followed_each_time(period: int) -> None:
    """Hours of load that comes and goes, without cooldowns of its own choosing: changes are bounded."""

    async def story(scaled: Scaled) -> None:
        await scaled.begin()
        await scaled.track()
        counts: list[int] = []
        for turn in range(96 // period):
            counts += await scaled.bear(80 if turn % 2 else 4, period)
        turned = len(changes(counts)) - 1
        assert turned <= 2 * len(counts) / 15 + 2  # a scale-in needs a quiet quarter of an hour
        assert period < 15 or turned >= 2

    tell(story)


def test_no_scale_in_during_a_deployment_nor_while_suspended() -> None:
    async def story(scaled: Scaled) -> None:
        await scaled.begin(4)
        await scaled.track()
        slow = await scaled.define("slow", Course(start=25 * MINUTE))
        await scaled.update(taskDefinition=slow)
        assert changes(await scaled.bear(2, 20)) == [4]
        assert ("TargetServicePutResourceAsUnscalable", "Failed") in await scaled.activities()
        await scaled.scaling("RegisterScalableTarget", SuspendedState={"DynamicScalingInSuspended": True})
        await scaled.stable(within=40 * MINUTE)
        assert changes(await scaled.bear(2, 20)) == [4]
        await scaled.scaling("RegisterScalableTarget", SuspendedState={"DynamicScalingInSuspended": False})
        assert changes(await scaled.bear(2, 3))[-1] == 1

    tell(story)


def test_scheduled_actions_set_bounds_and_move_at_once() -> None:
    """In the zone's time, up and down at once, whatever cools down; suspended ones do not fire."""

    async def story(scaled: Scaled) -> None:
        await scaled.begin(1, most=2)
        for name, schedule, bounds in (
            ("up", "cron(5 1 * * ? *)", {"MinCapacity": 5, "MaxCapacity": 20}),
            ("down", "cron(10 1 * * ? *)", {"MinCapacity": 1, "MaxCapacity": 2}),
            ("again", "cron(15 1 * * ? *)", {"MinCapacity": 3, "MaxCapacity": 3}),
        ):
            await scaled.scaling(
                "PutScheduledAction",
                ScheduledActionName=name,
                Schedule=schedule,
                Timezone="Europe/Berlin",
                ScalableTargetAction=bounds,
            )
        await scaled.world.pass_time(4 * MINUTE)
        assert (await scaled.service())["desiredCount"] == 1
        await scaled.world.pass_time(MINUTE)
        assert (await scaled.stable())["desiredCount"] == 5
        await scaled.world.pass_time(5 * MINUTE)
        assert (await scaled.stable())["desiredCount"] == 2
        await scaled.scaling("RegisterScalableTarget", SuspendedState={"ScheduledScalingSuspended": True})
        await scaled.world.pass_time(10 * MINUTE)
        assert (await scaled.service())["desiredCount"] == 2
        assert [what for what, _ in await scaled.activities()] == [
            "Setting min capacity to 5 and max capacity to 20",
            "Setting desired count to 5.",
            "Setting min capacity to 1 and max capacity to 2",
            "Setting desired count to 2.",
        ]

    tell(story)


def test_a_target_or_service_that_goes_in_mid_action() -> None:
    """The service is deleted under a policy, which says so once; the target goes, and its alarms with it."""

    async def story(scaled: Scaled) -> None:
        await scaled.begin()
        await scaled.track()
        await scaled.bear(60, 4)
        slow = await scaled.define("slow", Course(start=30 * MINUTE))
        await scaled.update(taskDefinition=slow)
        await scaled.ecs("DeleteService", service="web", force=True)
        data = [{"MetricName": "Load", "Value": 60}]
        for _ in range(10):
            await scaled.world.call("cloudwatch", "PutMetricData", Namespace="App", MetricData=data)
            await scaled.world.pass_time(MINUTE)
        answer = await scaled.scaling("DescribeScalingActivities")
        told = [one for one in answer["ScalingActivities"] if one["StatusCode"] == "Failed"]
        assert [one["StatusMessage"] for one in told] == ["ECS service doesn't exist: service/default/web"]
        await scaled.scaling("DeregisterScalableTarget")
        assert (await scaled.world.call("cloudwatch", "DescribeAlarms"))["MetricAlarms"] == []
        await scaled.world.pass_time(10 * MINUTE)
        assert not len(scaled.world.plane.store[TARGETS]) and not len(scaled.world.plane.store[ACTIVITIES])

    tell(story)


@pytest.mark.parametrize("after", (1, 2, 3, 5))
def test_the_plane_is_killed_with_each_step_of_a_scale_out(after: int) -> None:
    """Whatever of alarm, activity and desired count was written: the next plane comes to the same."""

    async def story(scaled: Scaled) -> None:
        await scaled.begin()
        await scaled.track()
        await scaled.bear(60, 2)
        data = [{"MetricName": "Load", "Value": 60}]
        await scaled.world.call("cloudwatch", "PutMetricData", Namespace="App", MetricData=data)
        scaled.world.kill_at(disk.commits + after)
        await scaled.world.pass_time(MINUTE)
        if scaled.world.down:
            await scaled.world.revive()
        scaled.world.kill_at(0)
        await scaled.bear(60, 12)
        service = await scaled.stable()
        assert service["desiredCount"] == 6
        answer = await scaled.scaling("DescribeScalingActivities")
        done = [one for one in answer["ScalingActivities"] if one["StatusCode"] == "Successful"]
        assert [one["Description"] for one in done] == ["Setting desired count to 6."]

    disk = SimulatedDisk()
    tell(story, disk=disk)


def test_scale_in_spares_who_is_at_work() -> None:
    """Ten workers, three of them protected in mid-work: a fall to one leaves these until they are done."""

    async def story(scaled: Scaled) -> None:
        await scaled.begin(10)
        await scaled.track()
        arns = (await scaled.ecs("ListTasks", serviceName="web"))["taskArns"]
        busy = sorted(arns)[3:6]
        await scaled.ecs(
            "UpdateTaskProtection", cluster="default", tasks=busy, protectionEnabled=True, expiresInMinutes=60
        )
        assert changes(await scaled.bear(1, 20))[-1] == 1
        left = [task for task in scaled.world.plane.store[TASKS].all() if task.last_status == "RUNNING"]
        assert sorted(task.arn for task in left) == busy
        [activity] = (await scaled.scaling("DescribeScalingActivities"))["ScalingActivities"]
        assert activity["StatusCode"] == "InProgress"
        await scaled.ecs("UpdateTaskProtection", cluster="default", tasks=busy[:2], protectionEnabled=False)
        await scaled.world.pass_time(MINUTE)
        left = [task for task in scaled.world.plane.store[TASKS].all() if task.last_status == "RUNNING"]
        assert [task.arn for task in left] == busy[2:]
        [activity] = (await scaled.scaling("DescribeScalingActivities"))["ScalingActivities"]
        assert activity["StatusCode"] == "Successful"

    tell(story)
