"""Random stories of requests to two services behind a load balancer, which are deployed, scaled, rolled back.

`web` is replaced task by task, never with fewer healthy ones than it wants; `shop` as blue/green. Clients ask
both all the time. Promise: whatever users do, and whatever becomes of the plane, its disk, its clock and its
links, each request is answered by a task. Only the death of tasks (a node's disk is lost, a node was away for
so long that its tasks were given up) excuses what is lost, until all is replaced.
"""

from __future__ import annotations

from typing import Any

from windlass.aws.quotas import load_profile
from windlass.fleet.messages import UnitSpec
from windlass.kernel.clock import MILLISECOND, MINUTE, SECOND, Duration, Instant
from windlass.proxy.probe import Answered, Found
from windlass.services import ec2, ecs, elbv2, iam, logs
from windlass.services.ecs.service_model import DEPLOYMENTS, SERVICE_DEPLOYMENTS, SERVICES, Service
from windlass.sim.course import Course
from windlass.sim.disk import SimulatedDisk
from windlass.sim.stories.clients import Clients
from windlass.sim.stories.telling import Deed, Script, Telling
from windlass.sim.world import ACCOUNT, REGION, World

ALL = (ec2.SERVICE, ecs.SERVICE, elbv2.SERVICE, iam.SERVICE, logs.SERVICE)
REFUSALS = frozenset({"InvalidParameterException", "ConflictException", "ClientException"})
"""What a user who does not look may be told."""
COURSES = {
    "good": Course(start=500 * MILLISECOND, stop=2 * SECOND),
    "slow": Course(pull=3 * SECOND, start=5 * SECOND, stop=4 * SECOND),
    "sick": Course(start=SECOND, stop=SECOND),
    "broken": Course(pull=SECOND, fails="CannotPullContainerError: no such image"),
}
"""Image → how a container of it fares; what checks find of a sick one `_look` says."""
IMAGES = ("good", "good", "slow", "sick", "broken")
CHECK = {
    "HealthCheckIntervalSeconds": 5,
    "HealthCheckTimeoutSeconds": 2,
    "HealthyThresholdCount": 2,
    "UnhealthyThresholdCount": 2,
}
DELAY_S = 5
"""Deregistration delay; no request takes so long."""
ROLLING = {
    "minimumHealthyPercent": 100,
    "maximumPercent": 200,
    "deploymentCircuitBreaker": {"enable": True, "rollback": True},
}
PORTS = {"web": 80, "shop": 8080, "test": 9090}
QUIET: Duration = 20 * MINUTE
"""Within that time after the last fault both services are as they were wanted last."""
MOURNING: Duration = 3 * MINUTE
"""For so long after the plane could learn that tasks died, requests may be lost: then others are healthy."""


class Street(Telling):
    """The load balancer, both services and their clients."""

    apis = ALL
    profile = load_profile("local")
    refusals = REFUSALS

    def __init__(self, world: World, disk: SimulatedDisk, seed: int, script: Script) -> None:
        super().__init__(world, disk, seed, script)
        self.proxy = world.add_proxy()
        self.proxy.sites.health = self._look
        self.clients = Clients(world, self.proxy)
        self._hosts: dict[str, str] = {}
        self._sick: dict[str, None] = {}
        """Units of the sick image."""
        self._revisions: dict[tuple[str, str], str] = {}

    # what there is

    async def open(self) -> None:
        """All of it, once every target is healthy; clients come then."""
        for number in range(2):
            self.world.add_node(f"n{number}", course=self._course)
        subnets = [one["SubnetId"] for one in (await self.call("ec2", "DescribeSubnets"))["Subnets"]][:2]
        vpc = (await self.call("ec2", "DescribeVpcs"))["Vpcs"][0]["VpcId"]
        made = await self.call("elbv2", "CreateLoadBalancer", Name="street", Subnets=subnets)
        balancer = made["LoadBalancers"][0]
        groups = {name: await self._a_group(name, vpc) for name in ("web", "blue", "green")}
        rules = {name: await self._a_rule(balancer, name, groups) for name in PORTS}
        await self.call("ecs", "CreateCluster")
        network = {"awsvpcConfiguration": {"subnets": subnets}}
        shifts = {
            "alternateTargetGroupArn": groups["green"],
            "productionListenerRule": rules["shop"],
            "testListenerRule": rules["test"],
            "roleArn": f"arn:aws:iam::{ACCOUNT}:role/lb",
        }
        for name, group, strategy, more in (
            ("web", "web", {}, {}),
            (
                "shop",
                "blue",
                {"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 0},
                {"advancedConfiguration": shifts},
            ),
        ):
            target = {"targetGroupArn": groups[group], "containerName": "main", "containerPort": 80}
            await self.call(
                "ecs", "CreateService", serviceName=name, taskDefinition=await self.define(name, "good"),
                desiredCount=2, launchType="FARGATE", networkConfiguration=network,
                loadBalancers=[{**target, **more}], deploymentConfiguration=ROLLING | strategy,
            )  # fmt: skip
        await self.until(self.is_steady, 2 * MINUTE)
        assert self.is_steady()
        await self.world.pass_time(20 * SECOND)
        for name in ("web", "shop"):
            chance = self.stream(f"clients of {name}")
            self.clients.begin(self._hosts[name], chance, 400 * MILLISECOND, look=self._excuse)

    async def _a_group(self, name: str, vpc: str) -> str:
        made = await self.call(
            "elbv2",
            "CreateTargetGroup",
            Name=name,
            Protocol="HTTP",
            Port=80,
            TargetType="ip",
            VpcId=vpc,
            **CHECK,
        )
        arn = str(made["TargetGroups"][0]["TargetGroupArn"])
        delay = {"Key": "deregistration_delay.timeout_seconds", "Value": str(DELAY_S)}
        await self.call("elbv2", "ModifyTargetGroupAttributes", TargetGroupArn=arn, Attributes=[delay])
        return arn

    async def _a_rule(self, balancer: Any, name: str, groups: dict[str, str]) -> str:
        """A listener, and in it a rule for all paths."""
        port, dns = PORTS[name], balancer["DNSName"].lower()
        self._hosts[name] = dns if port == 80 else f"{dns}:{port}"
        forward = {"Type": "forward", "TargetGroupArn": groups["web" if name == "web" else "blue"]}
        made = await self.call(
            "elbv2", "CreateListener", LoadBalancerArn=balancer["LoadBalancerArn"], DefaultActions=[forward],
            Protocol="HTTP", Port=port,
        )  # fmt: skip
        made = await self.call(
            "elbv2", "CreateRule", ListenerArn=made["Listeners"][0]["ListenerArn"], Priority=1,
            Actions=[forward], Conditions=[{"Field": "path-pattern", "Values": ["/*"]}],
        )  # fmt: skip
        return str(made["Rules"][0]["RuleArn"])

    def _course(self, spec: UnitSpec) -> Course:
        image = spec.containers[0].image
        if image == "sick":
            self._sick[spec.unit_id] = None
        return COURSES[image]

    def _look(self, unit_id: str, now: Instant) -> Found:
        """What a health check finds."""
        return Answered(500 if unit_id in self._sick else 200)

    async def call(self, api: str, operation: str, /, **params: Any) -> Any:
        return await self.world.call(api, operation, **params)

    async def define(self, name: str, image: str) -> str:
        """A revision with that image, registered when it is first asked for."""
        known = self._revisions.get((name, image))
        if known is not None:
            return known
        container = {"name": "main", "image": image, "portMappings": [{"containerPort": 80}]}
        made = await self.call(
            "ecs", "RegisterTaskDefinition", family=name, networkMode="awsvpc",
            containerDefinitions=[container], requiresCompatibilities=["FARGATE"], cpu="256", memory="512",
        )  # fmt: skip
        arn = str(made["taskDefinition"]["taskDefinitionArn"])
        self._revisions[name, image] = arn
        return arn

    def _excuse(self) -> None:
        """What may be lost at this instant: tasks are dead, or, of a lost node, for the plane.

        As long as there is no plane nobody replaces them.
        """
        if self.mourns() or (self.world.down and self.clients.excused()):
            self.clients.excuse(MOURNING)

    # what happens

    def users(self) -> list[Deed]:
        return [*[self.deploy] * 5, *[self.scale] * 3, self.force, self.turn_back]

    async def deploy(self) -> None:
        name = self._name()
        await self._update(name, taskDefinition=await self.define(name, self.chance.choice(IMAGES)))

    async def scale(self) -> None:
        await self._update(self._name(), desiredCount=self.chance.randrange(1, 5))

    async def force(self) -> None:
        await self._update(self._name(), forceNewDeployment=True)

    async def turn_back(self) -> None:
        """Roll back what is being deployed."""
        record = self.world.plane.store[SERVICE_DEPLOYMENTS].require(
            self._service(self._name()).service_deployment_id
        )
        if not record.ended:
            await self.call(
                "ecs", "StopServiceDeployment", serviceDeploymentArn=record.arn, stopType="ROLLBACK"
            )

    async def _update(self, name: str, **params: Any) -> None:
        await self.call("ecs", "UpdateService", service=name, **params)

    def _name(self) -> str:
        return self.chance.choice(("web", "shop"))

    def _service(self, name: str) -> Service:
        return self.world.plane.store[SERVICES].require((ACCOUNT, REGION, "default", name))

    # what it comes to

    def is_steady(self) -> bool:
        """Whether both services have what they want, and are done with what they were at."""
        store = self.world.plane.store
        rows = [self._service(name) for name in ("web", "shop")]
        return all(
            store[DEPLOYMENTS].require(row.deployment_id).rollout == "COMPLETED"
            and store[SERVICE_DEPLOYMENTS].require(row.service_deployment_id).ended
            for row in rows
        )

    async def heal(self) -> None:
        """Both services get a revision that works."""
        for name in ("web", "shop"):
            await self._update(name, taskDefinition=await self.define(name, "good"), forceNewDeployment=True)

    async def ends_well(self) -> None:
        """No more faults: both services are deployed, and nothing was lost that nothing excuses."""
        await self.end_faults()
        await self.heal()
        await self.until(self.is_steady, QUIET)
        assert self.is_steady()
        await self.world.pass_time(20 * SECOND)
        await self.clients.close()
        assert self.clients.answered
        assert not self.clients.lost, self.clients.lost
