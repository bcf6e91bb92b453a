"""What a killed zone and Spot's interruptions do to tasks, jobs and instances: while they last, and after."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.sim.scaling_groups import make_group
from tests.sim.services import define_fargate
from windlass.aws.quotas import load_profile
from windlass.fleet.model import INSTANCES, UNITS
from windlass.kernel.clock import MINUTE, SECOND
from windlass.kernel.faults import Fault
from windlass.planner.playing.happening import Happening
from windlass.planner.scenario.model import Event, Percent, Span
from windlass.services.autoscaling.model import MEMBERS
from windlass.services.batch.model import JOBS
from windlass.services.catalogue import SERVICES
from windlass.services.ecs.model import TASKS
from windlass.sim.world import ACCOUNT, REGION, World

ZONE = f"{REGION}a"
KILL, FOR_A_WHILE = Event(Span(0), kill_zone=ZONE), Event(Span(0), kill_zone=ZONE, lasts=Span(10 * MINUTE))
HALF_OF_SPOT = Event(Span(0), interrupt_spot=Percent(0.5))


def play(story: Callable[[World, Happening], Awaitable[None]]) -> None:
    async def begun(world: World) -> None:
        world.add_node("n1")
        await world.call("ecs", "CreateCluster", capacityProviders=["FARGATE", "FARGATE_SPOT"])
        await story(world, Happening(world))

    World(SERVICES, load_profile("local"), seed=1, traced=False).run(begun)


async def network(world: World, zones: str = "abc") -> dict[str, Any]:
    found = (await world.call("ec2", "DescribeSubnets"))["Subnets"]
    subnets = [one["SubnetId"] for one in found if one["AvailabilityZone"][-1] in zones]
    return {"awsvpcConfiguration": {"subnets": subnets}}


def zones(world: World) -> set[str]:
    """Where tasks run."""
    return {task.zone for task in world.plane.store[TASKS].all() if task.last_status == "RUNNING"}


def test_services_leave_a_killed_zone_until_it_is_well() -> None:
    async def story(world: World, happening: Happening) -> None:
        await define_fargate(world, "web")
        named = {"serviceName": "web", "taskDefinition": "web", "launchType": "FARGATE"}
        await world.call(
            "ecs", "CreateService", **named, desiredCount=9, networkConfiguration=await network(world)
        )
        await world.pass_time(MINUTE)
        assert len(zones(world)) == 3
        world.begin("outage", happening.happen(FOR_A_WHILE))
        await world.pass_time(2 * MINUTE)
        assert zones(world) == {f"{REGION}b", f"{REGION}c"} and not happening.notes
        await world.call("ecs", "UpdateService", service="web", desiredCount=12)
        await world.pass_time(3 * MINUTE)
        assert zones(world) == {f"{REGION}b", f"{REGION}c"}
        await world.pass_time(10 * MINUTE)
        await world.call("ecs", "UpdateService", service="web", forceNewDeployment=True)
        await world.pass_time(5 * MINUTE)
        assert len(zones(world)) == 3

    play(story)


def test_a_call_and_a_service_that_know_no_other_zone() -> None:
    """RunTask is refused, the service says why and starts its task when the zone is back."""

    async def story(world: World, happening: Happening) -> None:
        await define_fargate(world, "web")
        world.begin("outage", happening.happen(FOR_A_WHILE))
        await world.pass_time(SECOND)
        asked = {
            "taskDefinition": "web",
            "launchType": "FARGATE",
            "networkConfiguration": await network(world, "a"),
        }
        with pytest.raises(Fault, match="Capacity is unavailable at this time"):
            await world.call("ecs", "RunTask", **asked)
        await world.call("ecs", "CreateService", serviceName="web", desiredCount=1, **asked)
        await world.pass_time(MINUTE)
        [told] = (await world.call("ecs", "DescribeServices", services=["web"]))["services"]
        assert "Capacity is unavailable at this time" in told["events"][0]["message"]
        await world.pass_time(20 * MINUTE)
        assert zones(world) == {ZONE} and f"nothing was in the zone {ZONE}" in happening.notes[0]

    play(story)


def test_a_group_launches_in_the_zones_that_are_left() -> None:
    """And nobody can have an instance in the other."""

    async def story(world: World, happening: Happening) -> None:
        await make_group(world, "abc", 6, 6)
        await world.pass_time(5 * MINUTE)
        members = world.plane.store[MEMBERS]
        assert sorted(one.zone[-1] for one in members.all()) == list("aabbcc")
        await happening.happen(KILL)
        await world.pass_time(10 * MINUTE)
        assert sorted(one.zone[-1] for one in members.all()) == list("bbbccc")
        with pytest.raises(Fault, match="do not have sufficient") as refused:
            await world.call(
                "ec2",
                "RunInstances",
                ImageId="ami-12345678",
                InstanceType="t3.small",
                MinCount=1,
                MaxCount=1,
                Placement={"AvailabilityZone": ZONE},
            )
        assert refused.value.code == "InsufficientInstanceCapacity"

    play(story)


async def a_queue(world: World, kind: str, **more: Any) -> None:
    group = (await world.call("ec2", "DescribeSecurityGroups"))["SecurityGroups"][0]["GroupId"]
    subnets = (await network(world))["awsvpcConfiguration"]["subnets"]
    resources = {"type": kind, "maxvCpus": 8, "subnets": subnets, "securityGroupIds": [group], **more}
    await world.call(
        "batch",
        "CreateComputeEnvironment",
        computeEnvironmentName="ce",
        type="MANAGED",
        computeResources=resources,
    )
    await world.pass_time(MINUTE)
    order = [{"order": 1, "computeEnvironment": "ce"}]
    await world.call("batch", "CreateJobQueue", jobQueueName="q", priority=1, computeEnvironmentOrder=order)
    sizes = [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "2048"}]
    on_fargate = "EC2" if kind == "SPOT" else "FARGATE"
    properties: dict[str, Any] = {"image": "busybox", "resourceRequirements": sizes}
    if on_fargate == "FARGATE":
        properties["executionRoleArn"] = f"arn:aws:iam::{ACCOUNT}:role/run"
    await world.call(
        "batch",
        "RegisterJobDefinition",
        jobDefinitionName="job",
        type="container",
        platformCapabilities=[on_fargate],
        containerProperties=properties,
        retryStrategy={"attempts": 3},
    )
    for number in range(4):
        await world.call("batch", "SubmitJob", jobName=f"job-{number}", jobQueue="q", jobDefinition="job")
    await world.pass_time(5 * MINUTE)


def attempts(world: World) -> list[int]:
    return sorted(len(job.run.attempts) for job in world.plane.store[JOBS].all())


def test_jobs_on_fargate_spot_are_interrupted() -> None:
    async def story(world: World, happening: Happening) -> None:
        await a_queue(world, "FARGATE_SPOT")
        await happening.happen(HALF_OF_SPOT)
        await world.pass_time(5 * MINUTE)
        assert attempts(world) == [0, 0, 1, 1] and not happening.notes

    play(story)


def test_machines_of_batch_on_spot_have_two_minutes() -> None:
    """Their jobs run until then, and again elsewhere."""

    async def story(world: World, happening: Happening) -> None:
        await a_queue(
            world,
            "SPOT",
            minvCpus=0,
            allocationStrategy="SPOT_CAPACITY_OPTIMIZED",
            instanceTypes=["c5.xlarge"],
            instanceRole="ecsInstanceRole",
        )
        machines = world.plane.store[INSTANCES]
        [machine] = machines.all()
        described = await world.call("ec2", "DescribeInstances")
        assert described["Reservations"][0]["Instances"][0]["InstanceLifecycle"] == "spot"
        whole = Event(Span(0), interrupt_spot=Percent(1.0))
        world.begin("interruption", happening.happen(whole))
        await world.pass_time(MINUTE)
        assert machines.require(machine.id).phase == "running" and attempts(world) == [0] * 4
        await world.pass_time(10 * MINUTE)
        assert machines.require(machine.id).phase == "terminated" and attempts(world) == [1] * 4
        assert sum(unit.state == "running" for unit in world.plane.store[UNITS].all()) == 4

    play(story)
