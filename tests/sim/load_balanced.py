"""Worlds with an ECS service behind a load balancer, a proxy before it, and what a client may do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from windlass.aws.quotas import load_profile
from windlass.fleet.messages import UnitSpec
from windlass.kernel.clock import MILLISECOND, SECOND, Duration
from windlass.services import ec2, ecs, elbv2, iam, logs
from windlass.sim.course import Course
from windlass.sim.requests import Send, to_host
from windlass.sim.world import World

SERVICES = (ec2.SERVICE, ecs.SERVICE, elbv2.SERVICE, iam.SERVICE, logs.SERVICE)
CHECK = {
    "HealthCheckIntervalSeconds": 5,
    "HealthCheckTimeoutSeconds": 2,
    "HealthyThresholdCount": 2,
    "UnhealthyThresholdCount": 2,
}
LIFE = Course(start=2 * SECOND, stop=SECOND)


class Shop:
    """The service `web` of tasks in mode awsvpc, the target group and the load balancer `shop`."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.courses: dict[str, Course] = {}
        world.add_node("n1", course=self._course)
        self.proxy = world.add_proxy()
        self.host = self.group = ""

    def _course(self, spec: UnitSpec) -> Course:
        return self.courses.get(spec.containers[0].image, LIFE)

    async def open(self, tasks: int, **group: Any) -> None:
        """All of it, once every target is healthy."""
        elb = self.elb
        subnets = [one["SubnetId"] for one in (await self.world.call("ec2", "DescribeSubnets"))["Subnets"]]
        vpcs = (await self.world.call("ec2", "DescribeVpcs"))["Vpcs"]
        made = await elb("CreateLoadBalancer", Name="shop", Subnets=subnets[:2])
        balancer = made["LoadBalancers"][0]
        made = await elb(
            "CreateTargetGroup", Name="web", Protocol="HTTP", Port=80, TargetType="ip",
            VpcId=vpcs[0]["VpcId"], **CHECK,
        )  # fmt: skip
        self.group = made["TargetGroups"][0]["TargetGroupArn"]
        attributes = {"deregistration_delay.timeout_seconds": "5", **group}
        await elb(
            "ModifyTargetGroupAttributes",
            TargetGroupArn=self.group,
            Attributes=[{"Key": key, "Value": value} for key, value in attributes.items()],
        )
        forward = {"Type": "forward", "TargetGroupArn": self.group}
        await elb(
            "CreateListener", LoadBalancerArn=balancer["LoadBalancerArn"], Protocol="HTTP", Port=80,
            DefaultActions=[forward],
        )  # fmt: skip
        self.host = balancer["DNSName"].lower()
        await self.world.call("ecs", "CreateCluster")
        await self.world.call(
            "ecs", "CreateService", serviceName="web", taskDefinition=await self.define("one"),
            desiredCount=tasks, launchType="FARGATE",
            networkConfiguration={"awsvpcConfiguration": {"subnets": subnets[:2]}},
            loadBalancers=[{"targetGroupArn": self.group, "containerName": "main", "containerPort": 80}],
        )  # fmt: skip
        await self.settled(tasks)

    async def elb(self, operation: str, **params: Any) -> Any:
        return await self.world.call("elbv2", operation, **params)

    async def define(self, image: str, course: Course = LIFE) -> str:
        self.courses[image] = course
        answer = await self.world.call(
            "ecs", "RegisterTaskDefinition", family="web", networkMode="awsvpc",
            requiresCompatibilities=["FARGATE"], cpu="256", memory="512",
            containerDefinitions=[{"name": "main", "image": image, "portMappings": [{"containerPort": 80}]}],
        )  # fmt: skip
        return str(answer["taskDefinition"]["taskDefinitionArn"])

    async def update(self, **params: Any) -> None:
        await self.world.call("ecs", "UpdateService", service="web", **params)

    async def settled(self, tasks: int) -> None:
        """One deployment, all of its tasks healthy, and nobody left of the former."""
        while True:
            await self.world.pass_time(SECOND)
            service = (await self.world.call("ecs", "DescribeServices", services=["web"]))["services"][0]
            states = await self.states()
            if len(service["deployments"]) == 1 and states == ["healthy"] * tasks:
                return

    async def states(self) -> list[str]:
        found = await self.elb("DescribeTargetHealth", TargetGroupArn=self.group)
        return sorted(one["TargetHealth"]["State"] for one in found["TargetHealthDescriptions"])

    def send(self, work: Duration = 100 * MILLISECOND) -> Send:
        return to_host(self.proxy, self.host, lambda: work)


def play(story: Callable[[Shop], Awaitable[None]], seed: int = 1, *, faulty: bool = False) -> None:
    async def told(world: World) -> None:
        await story(Shop(world))

    World(SERVICES, load_profile("local"), seed, faulty=faulty).run(told)
