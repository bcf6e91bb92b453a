"""Blue/green, linear and canary deployments in virtual time, behind load balancers of the tests' own.

Each world is watched second by second: no rule sends requests to a group without healthy targets.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import Any

import pytest

from tests.sim.balancers import BAD, GROUP, OTHER, RULE, TEST_RULE, SimulatedBalancers
from tests.sim.services import Told, tell
from tests.sim.test_targets import define, healthy, tasks
from windlass.aws.alarms import Alarms
from windlass.kernel.clock import MINUTE, SECOND, Duration
from windlass.services.ecs.targets import target
from windlass.sim.course import Course
from windlass.sim.world import ACCOUNT, REGION

ROLE = "arn:aws:iam::000000000000:role/lb"
ADVANCED = {
    "alternateTargetGroupArn": OTHER,
    "productionListenerRule": RULE,
    "testListenerRule": TEST_RULE,
    "roleArn": ROLE,
}
BLUE_GREEN = {"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 3}
CANARY = {
    "strategy": "CANARY",
    "bakeTimeInMinutes": 1,
    "canaryConfiguration": {"canaryPercent": 12.5, "canaryBakeTimeInMinutes": 2},
}
LINEAR = {
    "strategy": "LINEAR",
    "linearConfiguration": {"stepPercent": 40, "stepBakeTimeInMinutes": 1},
}


class Shifting:
    """A service that shifts requests."""

    def __init__(self, told: Told) -> None:
        self.told = told
        self.balancers = SimulatedBalancers(told.world, "ip")
        self.balancers.kinds[OTHER] = "ip"

    async def begin(self, count: int, configuration: Any) -> None:
        """The service, once its first deployment is over."""
        await self.create(count, configuration)
        await self.told.stable()

    async def create(self, count: int, configuration: Any) -> None:
        await define(self.told, "one")
        subnets = (await self.told.world.call("ec2", "DescribeSubnets"))["Subnets"]
        vpc = {"subnets": [subnets[0]["SubnetId"]], "assignPublicIp": "ENABLED"}
        balancer = {"targetGroupArn": GROUP, "containerName": "main", "containerPort": 80}
        await self.told.create(
            count,
            launchType="FARGATE",
            networkConfiguration={"awsvpcConfiguration": vpc},
            loadBalancers=[{**balancer, "advancedConfiguration": ADVANCED}],
            deploymentConfiguration=configuration,
        )

    async def update(self, image: str, course: Course | None = None, **params: Any) -> str:
        """Deploy that image; the ARN of the service deployment."""
        definition = await define(self.told, image, course or Course())
        await self.told.update(taskDefinition=definition, **params)
        return str((await self.told.service())["currentServiceDeployment"])

    async def deployment(self) -> Any:
        arn = (await self.told.service())["currentServiceDeployment"]
        answer = await self.told.ecs("DescribeServiceDeployments", serviceDeploymentArns=[arn])
        return answer["serviceDeployments"][0]

    async def until(
        self, true: Callable[[Any], bool], floor: int = 1, within: Duration = 30 * MINUTE
    ) -> list[str]:
        """Pass time until that is true of the deployment; the stages that were seen meanwhile."""
        seen: list[str] = []
        end = self.told.world.clock.now() + within
        while self.told.world.clock.now() < end:
            found = await self.deployment()
            if found.get("lifecycleStage") not in (None, *seen[-1:]):
                seen.append(found["lifecycleStage"])
            self.check(floor)
            if true(found):
                return seen
            await self.told.world.pass_time(SECOND)
        raise AssertionError((found, await self.told.messages()))

    def check(self, floor: int) -> None:
        for rule in (RULE, TEST_RULE):
            for group, weight in self.balancers.shares[rule].items():
                assert not weight or self.balancers.healthy_in(group) >= floor, (rule, group)

    def production(self) -> list[int]:
        """The weights that the alternate group has had in production, in their order."""
        return [shares[OTHER] for _, rule, shares in self.balancers.forwarded if rule == RULE]


def over(found: Any) -> bool:
    return found["status"] not in ("PENDING", "IN_PROGRESS", "STOP_REQUESTED") and "finishedAt" in found


def at(stage: str) -> Callable[[Any], bool]:
    return lambda found: found.get("lifecycleStage") == stage


def play(story: Callable[[Shifting], Awaitable[None]]) -> None:
    async def told(world: Told) -> None:
        await story(Shifting(world))

    tell(told)


def test_blue_green() -> None:
    """Test requests first, then production at once; blue stays through the bake time, then it drains."""

    async def story(it: Shifting) -> None:
        await it.begin(2, BLUE_GREEN)
        first = await it.deployment()
        assert first["status"] == "SUCCESSFUL"
        assert it.balancers.shares == {rule: {GROUP: 100, OTHER: 0} for rule in (RULE, TEST_RULE)}
        await it.update("two")
        stages = await it.until(at("BAKE_TIME"), floor=2)
        assert stages[-1] == "BAKE_TIME" and "CLEAN_UP" not in stages
        baking = await it.deployment()
        new, [old] = baking["targetServiceRevision"], baking["sourceServiceRevisions"]
        shown = ("runningTaskCount", "requestedProductionTrafficWeight", "requestedTestTrafficWeight")
        assert [new[name] for name in shown] == [2, 100.0, 100.0]
        assert [old[name] for name in shown] == [2, 0.0, 0.0]
        assert it.balancers.healthy_in(GROUP) == 2 == it.balancers.healthy_in(OTHER)
        began = it.told.world.clock.now()
        await it.until(at("CLEAN_UP"), floor=2)
        assert it.told.world.clock.now() - began >= 179 * SECOND
        await it.until(over)
        assert (it.told.running("one"), it.told.running("two")) == (0, 2)
        order = [rule for _, rule, shares in it.balancers.forwarded if shares[OTHER] == 100]
        assert order == [TEST_RULE, RULE]
        [revision] = (await it.told.ecs("DescribeServiceRevisions", serviceRevisionArns=[new["arn"]]))[
            "serviceRevisions"
        ]
        assert revision["resolvedConfiguration"]["loadBalancers"] == [
            {"targetGroupArn": OTHER, "productionListenerRule": RULE}
        ]
        await it.update("three")
        await it.until(over, floor=2)
        assert it.balancers.shares[RULE] == {GROUP: 100, OTHER: 0}
        assert it.told.running("three") == 2 == it.balancers.healthy_in(GROUP)

    play(story)


STEPS = [(CANARY, [0, 125, 100]), (LINEAR, [0, 40, 80, 100])]


@pytest.mark.parametrize(("configuration", "weights"), STEPS, ids=["canary", "linear"])
def test_steps(configuration: Any, weights: list[int]) -> None:
    """Production is shifted in steps, with the time between them that was asked for."""

    async def story(it: Shifting) -> None:
        await it.begin(2, configuration)
        await it.update("two")
        await it.until(over, floor=2)
        assert (await it.deployment())["status"] == "SUCCESSFUL"
        assert it.production() == weights
        times = [time for time, rule, _ in it.balancers.forwarded if rule == RULE][1:]
        pause = 2 if configuration is CANARY else 1
        assert all(later - time >= pause * MINUTE for time, later in pairwise(times))

    play(story)


def test_an_alarm_in_the_canary_brings_everything_back() -> None:
    """At once, and to tasks that never went away; the new ones go, and the service is steady again."""

    async def story(it: Shifting) -> None:
        alarms = {"alarmNames": ["hot"], "enable": True, "rollback": True}
        await it.begin(2, {**CANARY, "alarms": alarms})
        before = {task.id for task in tasks(it.told, last_status="RUNNING")}
        await it.update("two")
        await it.until(lambda found: it.production()[-1] == 125, floor=2)
        it.told.world.plane.calls.part(Alarms).set(ACCOUNT, REGION, "hot", raised=True)
        await it.until(over, floor=2)
        found = await it.deployment()
        assert found["status"] == "ROLLBACK_SUCCESSFUL"
        assert found["alarms"]["triggeredAlarmNames"] == ["hot"]
        assert it.production() == [0, 125, 0]
        assert {task.id for task in tasks(it.told, last_status="RUNNING")} == before
        await it.told.stable()
        assert (await it.told.service())["deployments"][0]["rolloutState"] == "COMPLETED"

    play(story)


def test_tasks_that_never_get_healthy_get_no_requests() -> None:
    """The circuit breaker turns back before anything was shifted."""

    async def story(it: Shifting) -> None:
        breaker = {"enable": True, "rollback": True}
        await it.begin(2, {**BLUE_GREEN, "deploymentCircuitBreaker": breaker})
        it.balancers.finds[OTHER] = BAD
        await it.update("two")
        await it.until(over, floor=2)
        assert (await it.deployment())["status"] == "ROLLBACK_SUCCESSFUL"
        assert set(it.production()) == {0}
        assert it.told.running("one") == 2

    play(story)


def test_a_pause_holds_every_shift() -> None:
    """A hook of PRODUCTION_TRAFFIC_SHIFT is asked at each step; ROLLBACK turns back."""

    async def story(it: Shifting) -> None:
        pause = {"targetType": "PAUSE", "lifecycleStages": ["PRODUCTION_TRAFFIC_SHIFT"]}
        await it.begin(1, LINEAR)
        arn = await it.update("two", deploymentConfiguration={"lifecycleHooks": [pause]})
        for weight in (40, 80):
            await it.until(lambda found, weight=weight: it.production()[-1] == weight)  # type: ignore[misc]
            await it.told.world.pass_time(3 * MINUTE)
            assert it.production()[-1] == weight
            [waiting] = [
                hook
                for hook in (await it.deployment())["lifecycleHookDetails"]
                if hook["status"] == "AWAITING_ACTION"
            ]
            action = "CONTINUE" if weight == 40 else "ROLLBACK"
            await it.told.ecs(
                "ContinueServiceDeployment",
                serviceDeploymentArn=arn,
                hookId=waiting["hookId"],
                action=action,
            )
        await it.until(over)
        assert it.production() == [0, 40, 80, 0]
        assert (await it.deployment())["status"] == "ROLLBACK_SUCCESSFUL"

    play(story)


def test_back_when_the_old_tasks_have_gone() -> None:
    """In CLEAN_UP: requests stay with the new tasks until the old revision stands again."""

    async def story(it: Shifting) -> None:
        await it.begin(2, {**BLUE_GREEN, "bakeTimeInMinutes": 0})
        arn = await it.update("two")
        await it.until(at("CLEAN_UP"), floor=2)
        await it.told.ecs("StopServiceDeployment", serviceDeploymentArn=arn, stopType="ROLLBACK")
        await it.until(over, floor=2)
        assert (await it.deployment())["status"] == "ROLLBACK_SUCCESSFUL"
        assert (it.told.running("one"), it.told.running("two")) == (2, 0)
        assert it.production() == [0, 100, 0]

    play(story)


def test_another_update_while_it_bakes() -> None:
    """What was not over is given up: requests go back, its tasks go, the newest takes their side."""

    async def story(it: Shifting) -> None:
        await it.begin(2, BLUE_GREEN)
        given_up = await it.update("two")
        await it.until(at("BAKE_TIME"), floor=2)
        await it.update("three")
        await it.until(over, floor=2)
        assert it.production() == [0, 100, 0, 100]
        assert [it.told.running(image) for image in ("one", "two", "three")] == [0, 0, 2]
        answer = await it.told.ecs("DescribeServiceDeployments", serviceDeploymentArns=[given_up])
        assert answer["serviceDeployments"][0]["status"] == "STOPPED"

    play(story)


def test_back_to_the_set_that_has_the_requests() -> None:
    """Not to the last that completed: what replaced it was only waiting for a protected task to go."""

    async def story(it: Shifting) -> None:
        await it.begin(2, {**BLUE_GREEN, "bakeTimeInMinutes": 0})
        protected = {"tasks": [tasks(it.told)[0].arn], "protectionEnabled": True, "expiresInMinutes": 2}
        await it.told.ecs("UpdateTaskProtection", cluster="default", **protected)
        await it.update("two")
        await it.until(at("CLEAN_UP"), floor=2)
        arn = await it.update("three")
        await it.told.world.pass_time(SECOND)
        await it.told.ecs("StopServiceDeployment", serviceDeploymentArn=arn, stopType="ROLLBACK")
        await it.until(over, floor=2)
        assert (await it.deployment())["status"] == "ROLLBACK_SUCCESSFUL"
        assert [it.told.running(image) for image in ("one", "two", "three")] == [0, 2, 0]
        assert it.production() == [0, 100]

    play(story)


def test_an_update_while_the_old_set_is_ill() -> None:
    """Requests stay with what is given up: that is replaced, and the newest takes the other side."""

    async def story(it: Shifting) -> None:
        await it.begin(2, BLUE_GREEN)
        await it.update("two")
        await it.until(at("BAKE_TIME"), floor=2)
        it.balancers.finds[GROUP] = BAD
        for task in tasks(it.told):
            if task.containers[0].image == "one":
                it.balancers.say(GROUP, target(task.targets[0]), BAD)
        await it.update("three")
        await it.told.world.pass_time(MINUTE)
        del it.balancers.finds[GROUP]
        await it.until(over, floor=2)
        assert it.production() == [0, 100, 0]
        assert [it.told.running(image) for image in ("one", "two", "three")] == [0, 0, 2]

    play(story)


def test_a_first_revision_that_never_was_healthy() -> None:
    """What is given up for the third is all that is healthy: it stays until the third is whole."""

    async def story(it: Shifting) -> None:
        it.balancers.finds[GROUP] = BAD
        rolling = {"minimumHealthyPercent": 50, "maximumPercent": 100}
        await it.create(4, {**BLUE_GREEN, **rolling})
        await it.told.world.pass_time(MINUTE)
        await it.update("two", Course(start=5 * SECOND))
        await it.told.world.pass_time(8 * SECOND)
        await it.update("three")
        await it.until(over, floor=0)
        assert (await it.deployment())["status"] == "SUCCESSFUL"
        assert [it.told.running(image) for image in ("one", "two", "three")] == [0, 0, 4]

    play(story)


def test_aborted_both_sets_stay() -> None:
    """ABORT leaves requests where they are; a task of the old set that dies is replaced all the same."""

    async def story(it: Shifting) -> None:
        await it.begin(2, CANARY)
        arn = await it.update("two")
        await it.until(lambda found: it.production()[-1] == 125, floor=2)
        await it.told.ecs("StopServiceDeployment", serviceDeploymentArn=arn, stopType="ABORT")
        await it.until(over, floor=2)
        assert (await it.deployment())["status"] == "STOPPED"
        victim = next(task for task in tasks(it.told) if task.containers[0].image == "one")
        await it.told.ecs("StopTask", task=victim.id)
        await it.told.world.pass_time(5 * MINUTE)
        assert (it.told.running("one"), it.told.running("two")) == (2, 2)
        assert it.production()[-1] == 125
        await it.update("three")
        await it.until(over)
        assert [it.told.running(image) for image in ("one", "two", "three")] == [0, 0, 2]

    play(story)


def test_what_a_load_balancer_refuses_is_tried_again() -> None:
    """The stage is not entered; the service says why; it goes on once the rule is there."""

    async def story(it: Shifting) -> None:
        await it.begin(1, BLUE_GREEN)
        it.balancers.refuses = "One or more rules not found"
        await it.update("two")
        await it.told.world.pass_time(MINUTE)
        why = "was unable to shift traffic. Reason: One or more rules not found."
        assert why in await it.told.messages()
        assert "lifecycleStage" not in await it.deployment()
        it.balancers.refuses = ""
        await it.until(over)
        assert it.production() == [0, 100]

    play(story)


def test_an_old_task_that_fails_is_replaced_while_both_stand() -> None:
    """The set that has the requests is kept whole, also when it is the one to go."""

    async def story(it: Shifting) -> None:
        await it.begin(2, CANARY)
        await it.update("two")
        await it.until(lambda found: it.production()[-1] == 125, floor=2)
        victim = next(task for task in tasks(it.told) if task.containers[0].image == "one")
        it.balancers.say(GROUP, target(victim.targets[0]), BAD)
        while it.told.running("one") < 3:
            await it.told.world.pass_time(SECOND)
        await healthy(it.told, it.balancers, 4)
        await it.until(over)
        assert (await it.deployment())["status"] == "SUCCESSFUL"

    play(story)


def test_it_can_be_deleted_in_mid_shift() -> None:
    """Both sets go."""

    async def story(it: Shifting) -> None:
        await it.begin(1, CANARY)
        await it.update("two")
        await it.until(lambda found: it.production()[-1] == 125)
        await it.told.ecs("DeleteService", service="web", force=True)
        await it.told.world.pass_time(2 * MINUTE)
        assert (await it.told.service())["status"] == "INACTIVE"
        assert it.told.running("one") == 0 == it.told.running("two")

    play(story)


def test_a_rolling_update_bakes() -> None:
    """When its last old task has gone it stays in progress for the bake time; a first deployment does not."""

    async def story(told: Told) -> None:
        await told.define("one")
        await told.create(1, deploymentConfiguration={"bakeTimeInMinutes": 5})
        await told.stable(within=MINUTE)
        await told.define("two")
        await told.update(taskDefinition="web")
        await told.world.pass_time(4 * MINUTE)
        [baking] = (await told.service())["deployments"]
        assert (baking["rolloutState"], told.running("one")) == ("IN_PROGRESS", 0)
        await told.stable(within=2 * MINUTE)
        assert "(deployment" in (await told.messages())[-2]

    tell(story)
