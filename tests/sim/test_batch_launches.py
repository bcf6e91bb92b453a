"""Batch under ECS's launch rates, in virtual time."""

from __future__ import annotations

from typing import Any

from windlass.aws.quotas import load_profile
from windlass.fleet.model import UNITS
from windlass.kernel.clock import MINUTE, SECOND
from windlass.services import batch, ec2, ecs, logs
from windlass.sim.world import World

SERVICES = (ec2.SERVICE, ecs.SERVICE, logs.SERVICE, batch.SERVICE)
ROLE = "arn:aws:iam::123456789012:role/exec"


async def a_queue(world: World, kind: str = "FARGATE", subnet: str = "", group: str = "") -> None:
    """A queue `q` over one environment with room for everything, and a definition `job`.

    Without a subnet and its security group they are in the default VPC.
    """
    subnets = (await world.call("ec2", "DescribeSubnets"))["Subnets"]
    groups = (await world.call("ec2", "DescribeSecurityGroups"))["SecurityGroups"]
    await world.call(
        "batch",
        "CreateComputeEnvironment",
        computeEnvironmentName="ce",
        type="MANAGED",
        computeResources={
            "type": kind,
            "maxvCpus": 10_000,
            "subnets": [subnet or subnets[0]["SubnetId"]],
            "securityGroupIds": [group or groups[0]["GroupId"]],
        },
    )
    await world.pass_time(MINUTE)
    order = [{"order": 1, "computeEnvironment": "ce"}]
    await world.call("batch", "CreateJobQueue", jobQueueName="q", priority=1, computeEnvironmentOrder=order)
    await world.call(
        "batch",
        "RegisterJobDefinition",
        jobDefinitionName="job",
        type="container",
        platformCapabilities=["FARGATE"],
        containerProperties={
            "image": "busybox",
            "executionRoleArn": ROLE,
            "resourceRequirements": [
                {"type": "VCPU", "value": "0.25"},
                {"type": "MEMORY", "value": "512"},
            ],
        },
    )
    await world.pass_time(MINUTE)


async def submit(world: World, **params: Any) -> str:
    """The id of a job of `job` in `q`."""
    answer = await world.call("batch", "SubmitJob", jobName="j", jobQueue="q", jobDefinition="job", **params)
    return str(answer["jobId"])


def test_a_hundred_at_once_then_twenty_a_second() -> None:
    """An array of 500 starts as fast as Fargate launches tasks, though there is room for all of it."""

    async def story(world: World) -> None:
        world.add_node("n1")
        await a_queue(world)
        await submit(world, arrayProperties={"size": 500})
        for second in range(25):
            await world.pass_time(SECOND)
            started = world.plane.store[UNITS].count("owner", "batch")
            assert min(500, 100 + 20 * second) <= started <= 120 + 20 * second
        await world.pass_time(SECOND)
        assert world.plane.store[UNITS].count("owner", "batch") == 500

    World(SERVICES, load_profile("aws-2022"), 1, check_every=MINUTE).run(story)
