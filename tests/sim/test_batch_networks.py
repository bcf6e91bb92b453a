"""Attempts with network interfaces of their own, in virtual time."""

from __future__ import annotations

from tests.sim.test_batch_launches import SERVICES, a_queue, submit
from windlass.aws.quotas import Profile
from windlass.fleet.model import UNITS
from windlass.kernel.clock import MINUTE, SECOND
from windlass.services.batch.wiring import OWN_INTERFACES
from windlass.services.ec2.model import INTERFACES
from windlass.sim.world import World

ADDRESSES = 11
"""What a subnet of 16 addresses has for interfaces; VPC User Guide, subnet sizing."""


async def a_small_subnet(world: World) -> tuple[str, str]:
    """A subnet, and a security group of its VPC."""
    vpc = (await world.call("ec2", "CreateVpc", CidrBlock="10.9.0.0/24"))["Vpc"]["VpcId"]
    made = await world.call("ec2", "CreateSubnet", VpcId=vpc, CidrBlock="10.9.0.0/28")
    groups = await world.call("ec2", "DescribeSecurityGroups", Filters=[{"Name": "vpc-id", "Values": [vpc]}])
    return made["Subnet"]["SubnetId"], groups["SecurityGroups"][0]["GroupId"]


def test_attempts_take_turns_on_the_addresses() -> None:
    """1. Of 30 children 11 start: so many addresses are there. 2. Some end, others start. 3. None is kept."""

    async def story(world: World) -> None:
        world.add_node("n1")
        subnet, group = await a_small_subnet(world)
        await a_queue(world, subnet=subnet, group=group)
        store = world.plane.store
        job_id = await submit(world, arrayProperties={"size": 30})
        await world.pass_time(10 * SECOND)
        assert store[INTERFACES].count("subnet", subnet) == ADDRESSES
        assert store[UNITS].count("owner", "batch") == ADDRESSES
        shown = await world.call("batch", "DescribeJobs", jobs=[f"{job_id}:0", f"{job_id}:20"])
        first, waiting = (job["container"]["networkInterfaces"] for job in shown["jobs"])
        assert first[0]["privateIpv4Address"].startswith("10.9.0.") and first[0]["attachmentId"]
        assert (waiting, shown["jobs"][1]["status"]) == ([], "RUNNABLE")
        for index in range(3):
            await world.call("batch", "TerminateJob", jobId=f"{job_id}:{index}", reason="enough")
        await world.pass_time(MINUTE)
        running = await world.call("batch", "ListJobs", arrayJobId=job_id, jobStatus="RUNNING")
        assert [job["jobId"].rpartition(":")[2] for job in running["jobSummaryList"]] == [
            str(index) for index in range(3, 3 + ADDRESSES)
        ]
        [ended] = (await world.call("batch", "DescribeJobs", jobs=[f"{job_id}:0"]))["jobs"]
        assert ended["attempts"][0]["container"]["networkInterfaces"] == first
        await world.call("batch", "TerminateJob", jobId=job_id, reason="all of it")
        await world.pass_time(MINUTE)
        assert store[INTERFACES].count("subnet", subnet) == 0

    World(SERVICES, Profile("test", switches={OWN_INTERFACES: True}), 1).run(story)


def test_a_subnet_that_is_gone() -> None:
    """Nothing can start there, and nothing else suffers: jobs stay in line."""

    async def story(world: World) -> None:
        world.add_node("n1")
        subnet, group = await a_small_subnet(world)
        await a_queue(world, subnet=subnet, group=group)
        await world.call("ec2", "DeleteSubnet", SubnetId=subnet)
        job_id = await submit(world)
        await world.pass_time(MINUTE)
        [job] = (await world.call("batch", "DescribeJobs", jobs=[job_id]))["jobs"]
        assert (job["status"], job["attempts"]) == ("RUNNABLE", [])
        assert world.plane.store[UNITS].count("owner", "batch") == 0

    World(SERVICES, Profile("test", switches={OWN_INTERFACES: True}), 1).run(story)
