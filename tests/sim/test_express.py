"""ECS Express Mode in virtual time: what it makes, updates as canaries, and leaves nothing behind."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from windlass.aws.quotas import load_profile
from windlass.kernel.clock import MINUTE, SECOND, Duration
from windlass.kernel.faults import Fault
from windlass.kernel.rows import replace
from windlass.services import application_autoscaling, cloudwatch, ec2, ecs, elbv2, events, iam, logs
from windlass.services.ecs.express.model import EXPRESS
from windlass.services.elbv2.model import TARGETS
from windlass.sim.world import World

SERVICES = tuple(
    one.SERVICE for one in (application_autoscaling, cloudwatch, ec2, ecs, elbv2, events, iam, logs)
)
ROLE = "arn:aws:iam::123456789012:role/express"
ASKED = {
    "serviceName": "my_App",
    "executionRoleArn": ROLE,
    "infrastructureRoleArn": ROLE,
    "primaryContainer": {"image": "shop/web:1", "containerPort": 8080},
}


class Told:
    """A world with a node, in which every target is found healthy within a second, and drains in its time."""

    def __init__(self, world: World) -> None:
        self.world = world
        world.add_node("n1")

    async def ecs(self, operation: str, **params: Any) -> Any:
        return (await self.world.call("ecs", operation, **params))["service"]

    async def elb(self, what: str, **params: Any) -> Any:
        return (await self.world.call("elbv2", f"Describe{what}", **params))[what]

    async def pass_time(self, duration: Duration) -> None:
        for _ in range(duration // SECOND):
            with self.world.plane.store.transact() as tx:
                for row in tx[TARGETS].all():
                    if row.state == "initial":
                        tx[TARGETS].put(replace(row, state="healthy"))
                    if row.state == "draining" and row.drained_at <= self.world.clock.now():
                        tx[TARGETS].delete(row.key)
            await self.world.pass_time(SECOND)

    async def stable(self) -> None:
        for _ in range(40):
            await self.pass_time(MINUTE)
            [found] = (await self.world.call("ecs", "DescribeServices", services=["my_App"]))["services"]
            [primary, *older] = found["deployments"]
            if not older and primary["rolloutState"] == "COMPLETED":
                return
        raise AssertionError([event["message"] for event in found["events"]])


def play(story: Callable[[Told], Awaitable[None]]) -> None:
    async def told(world: World) -> None:
        await story(Told(world))

    World(SERVICES, load_profile("local"), seed=3).run(told)


def test_what_an_image_and_two_roles_become() -> None:
    """An ECS service behind a rule of its own, scaled by its CPU, reached under a name of its own."""

    async def story(told: Told) -> None:
        made = await told.ecs("CreateExpressGatewayService", **ASKED)
        assert made["status"] == {"statusCode": "ACTIVE"}
        [config] = made["activeConfigurations"]
        assert (config["cpu"], config["memory"], config["healthCheckPath"]) == ("256", "512", "/ping")
        [path] = config["ingressPaths"]
        host = path["endpoint"].removeprefix("http://").partition(":")[0]
        assert path["accessType"] == "PUBLIC" and host.startswith("my-app-")
        await told.stable()
        [balancer] = await told.elb("LoadBalancers")
        [listener] = await told.elb("Listeners", LoadBalancerArn=balancer["LoadBalancerArn"])
        [rule, default] = await told.elb("Rules", ListenerArn=listener["ListenerArn"])
        assert rule["Conditions"][0]["HostHeaderConfig"]["Values"][0] == host
        assert default["Actions"][0]["Type"] == "fixed-response"
        weights = [group["Weight"] for group in rule["Actions"][0]["ForwardConfig"]["TargetGroups"]]
        assert weights == [100, 0]
        [service] = (await told.world.call("ecs", "DescribeServices", services=["my_App"]))["services"]
        assert (service["runningCount"], service["resourceManagementType"]) == (1, "ECS")
        assert service["deploymentConfiguration"]["strategy"] == "CANARY"
        [alarm] = (await told.world.call("cloudwatch", "DescribeAlarms", AlarmNamePrefix="ecs-express"))[
            "MetricAlarms"
        ]
        assert service["deploymentConfiguration"]["alarms"]["alarmNames"] == [alarm["AlarmName"]]
        scaled = await told.world.call(
            "application-autoscaling", "DescribeScalingPolicies", ServiceNamespace="ecs"
        )
        [policy] = scaled["ScalingPolicies"]
        assert policy["ResourceId"] == "service/default/my_App"
        revisions = await told.world.call(
            "ecs", "DescribeServiceRevisions", serviceRevisionArns=[config["serviceRevisionArn"]]
        )
        managed = revisions["serviceRevisions"][0]["ecsManagedResources"]
        assert managed["ingressPaths"][0]["rule"]["arn"] == rule["RuleArn"]
        assert managed["autoScaling"]["scalableTarget"]["maxCapacity"] == 20

    play(story)


def test_an_update_is_a_canary_and_both_configurations_are_shown() -> None:
    """What is left out stays; while requests shift there are two active configurations."""

    async def story(told: Told) -> None:
        arn = (await told.ecs("CreateExpressGatewayService", **ASKED))["serviceArn"]
        await told.stable()
        after = await told.ecs(
            "UpdateExpressGatewayService",
            serviceArn=arn,
            primaryContainer={"image": "shop/web:2"},
            scalingTarget={"maxTaskCount": 5},
        )
        target = after["targetConfiguration"]
        assert target["primaryContainer"]["image"] == "shop/web:2"
        assert target["primaryContainer"]["containerPort"] == 8080
        assert target["scalingTarget"]["minTaskCount"] == 1
        await told.pass_time(MINUTE)
        shown = await told.ecs("DescribeExpressGatewayService", serviceArn=arn)
        images = [one["primaryContainer"]["image"] for one in shown["activeConfigurations"]]
        assert images == ["shop/web:2", "shop/web:1"]
        await told.stable()
        shown = await told.ecs("DescribeExpressGatewayService", serviceArn=arn, include=["TAGS"])
        assert len(shown["activeConfigurations"]) == 1

    play(story)


def test_two_share_a_load_balancer_and_the_last_takes_it_along() -> None:
    """1. One goes: the other's rule stays. 2. Both are gone: so is everything but the logs."""

    async def story(told: Told) -> None:
        one = await told.ecs("CreateExpressGatewayService", **ASKED)
        other = await told.ecs("CreateExpressGatewayService", **{**ASKED, "serviceName": "other"})
        groups = (await told.world.call("ec2", "DescribeSecurityGroups"))["SecurityGroups"]
        assert len(await told.elb("LoadBalancers")) == 1 and len(groups) == 4
        await told.stable()
        gone = await told.ecs("DeleteExpressGatewayService", serviceArn=one["serviceArn"])
        assert gone["status"]["statusCode"] == "DRAINING"
        await told.pass_time(10 * MINUTE)
        shown = await told.ecs("DescribeExpressGatewayService", serviceArn=one["serviceArn"])
        assert shown["status"]["statusCode"] == "INACTIVE"
        assert len(await told.elb("LoadBalancers")) == 1 and len(await told.elb("TargetGroups")) == 2
        await told.world.call("ecs", "DeleteService", service="other", force=True)
        await told.pass_time(10 * MINUTE)
        assert await told.elb("LoadBalancers") == [] == await told.elb("TargetGroups")
        groups = (await told.world.call("ec2", "DescribeSecurityGroups"))["SecurityGroups"]
        assert [group["GroupName"] for group in groups] == ["default"]
        shown = await told.ecs("DescribeExpressGatewayService", serviceArn=other["serviceArn"])
        assert shown["status"]["statusCode"] == "INACTIVE"
        again = await told.ecs("CreateExpressGatewayService", **ASKED)
        assert again["status"]["statusCode"] == "ACTIVE"

    play(story)


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("CreateExpressGatewayService", {"infrastructureRoleArn": "role"}, "Invalid infrastructureRoleArn"),
    ("CreateExpressGatewayService", {"healthCheckPath": "ping"}, "forward slash"),
    ("CreateExpressGatewayService", {"serviceName": "a b"}, "Invalid service name"),
    ("CreateExpressGatewayService", {"scalingTarget": {"minTaskCount": 30}}, "minTaskCount"),
    ("CreateExpressGatewayService", {"cpu": "255"}, "No Fargate configuration exists"),
    ("CreateExpressGatewayService", {"networkConfiguration": {"subnets": ["subnet-1"]}}, "subnet-1"),
]


@pytest.mark.parametrize(("operation", "given", "says"), REFUSED)
def test_what_is_refused(operation: str, given: dict[str, Any], says: str) -> None:
    async def story(told: Told) -> None:
        with pytest.raises(Fault, match=says):
            await told.ecs(operation, **{**ASKED, **given})

    play(story)


def test_one_that_failed_half_way_is_finished_by_the_same_call() -> None:
    """The definition is refused after the load balancer was made; the second call takes that up."""

    async def story(told: Told) -> None:
        with pytest.raises(Fault):
            await told.ecs("CreateExpressGatewayService", **ASKED, cpu="255")
        [half] = told.world.plane.store[EXPRESS].all()
        assert half.made["rule"] and not half.service_id
        made = await told.ecs("CreateExpressGatewayService", **ASKED)
        await told.stable()
        assert len(await told.elb("TargetGroups")) == 2
        with pytest.raises(Fault, match="idempotent"):
            await told.ecs("CreateExpressGatewayService", **ASKED)
        await told.ecs("DeleteExpressGatewayService", serviceArn=made["serviceArn"])
        with pytest.raises(Fault) as caught:
            await told.ecs("UpdateExpressGatewayService", serviceArn=made["serviceArn"])
        assert caught.value.code == "ServiceNotActiveException"
        missing = made["serviceArn"] + "x"
        with pytest.raises(Fault) as caught:
            await told.ecs("DescribeExpressGatewayService", serviceArn=missing)
        assert caught.value.code == "ResourceNotFoundException"

    play(story)
