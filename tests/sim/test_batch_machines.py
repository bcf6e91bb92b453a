"""The machines of Batch environments on EC2, in virtual time."""

from __future__ import annotations

from typing import Any

from windlass.aws.quotas import load_profile
from windlass.kernel.clock import MINUTE, SECOND
from windlass.services import batch, ec2, ecs, logs
from windlass.sim.course import Course
from windlass.sim.world import World

SERVICES = (ec2.SERVICE, ecs.SERVICE, logs.SERVICE, batch.SERVICE)


async def a_queue(world: World, most: int) -> None:
    """A queue `q` over one environment of c5 machines, and a definition `job` of one vCPU."""
    subnets = (await world.call("ec2", "DescribeSubnets"))["Subnets"]
    groups = (await world.call("ec2", "DescribeSecurityGroups"))["SecurityGroups"]
    await world.call(
        "batch",
        "CreateComputeEnvironment",
        computeEnvironmentName="ce",
        type="MANAGED",
        computeResources={
            "type": "EC2",
            "minvCpus": 0,
            "maxvCpus": most,
            "instanceTypes": ["c5"],
            "instanceRole": "ecsInstanceRole",
            "subnets": [subnets[0]["SubnetId"]],
            "securityGroupIds": [groups[0]["GroupId"]],
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
        containerProperties={"image": "busybox", "resourceRequirements": sizes(1)},
    )
    await world.pass_time(MINUTE)


def sizes(vcpus: int) -> list[dict[str, str]]:
    return [{"type": "VCPU", "value": str(vcpus)}, {"type": "MEMORY", "value": "512"}]


async def submit(world: World, vcpus: int) -> str:
    overrides = {"resourceRequirements": sizes(vcpus)}
    job: dict[str, Any] = {"jobName": "j", "jobQueue": "q", "jobDefinition": "job"}
    return str((await world.call("batch", "SubmitJob", **job, containerOverrides=overrides))["jobId"])


async def status(world: World, job_id: str) -> str:
    [job] = (await world.call("batch", "DescribeJobs", jobs=[job_id]))["jobs"]
    return str(job["status"])


def test_a_small_machine_makes_room_for_a_large_one() -> None:
    """The cap is taken up by an idle machine on which the next job does not fit: it goes, another comes.

    What is behind that job would fit, and does not keep the small machine.
    """

    async def story(world: World) -> None:
        world.add_node("n1", course=lambda spec: Course(run=SECOND))
        await a_queue(world, most=4)
        first = await submit(world, 1)
        await world.pass_time(10 * SECOND)
        assert await status(world, first) == "SUCCEEDED"
        large, small = await submit(world, 4), await submit(world, 1)
        await world.pass_time(SECOND)
        assert await status(world, large) == "RUNNABLE"
        await world.pass_time(30 * MINUTE)
        assert await status(world, large) == "SUCCEEDED"
        assert await status(world, small) == "SUCCEEDED"

    World(SERVICES, load_profile("local"), 1, check_every=MINUTE).run(story)


def test_a_job_says_that_no_machine_can_be_had() -> None:
    """Without an agent no instance can be launched: CAPACITY, until there is one."""

    async def story(world: World) -> None:
        await a_queue(world, most=4)
        job_id = await submit(world, 1)
        await world.pass_time(SECOND)
        [job] = (await world.call("batch", "DescribeJobs", jobs=[job_id]))["jobs"]
        assert job["statusReason"].startswith("CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY - ")
        assert job["statusReason"].endswith("for instance type [c5.large]")
        world.add_node("n1", course=lambda spec: Course(run=SECOND))
        await world.pass_time(5 * MINUTE)
        assert await status(world, job_id) == "SUCCEEDED"

    World(SERVICES, load_profile("local"), 1, check_every=MINUTE).run(story)
