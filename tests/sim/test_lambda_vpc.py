"""Functions in a VPC in virtual time: both models of seed 001 with the delays of the aws profile."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import pytest

from tests.lambda_build import a_zip
from windlass.aws.quotas import Profile, load_profile
from windlass.kernel.clock import HOUR, MINUTE, SECOND, Duration, seconds
from windlass.kernel.faults import Fault, Retry
from windlass.services import ec2, iam, lambda_
from windlass.services.lambda_.cold_starts import PHASES, ColdStarts
from windlass.services.lambda_.model import FUNCTIONS
from windlass.sim.disk import SimulatedDisk
from windlass.sim.world import ACCOUNT, REGION, World

AWS = load_profile("aws")
EACH = replace(AWS, choices={**AWS.choices, "lambda.vpc_model": "per-environment"})


@dataclass
class Lambda:
    """A world with one node, and the calls that these stories make."""

    world: World
    vpc: dict[str, Any]

    async def do(self, operation: str, **params: Any) -> dict[str, Any]:
        return await self.world.call("lambda", operation, **params)

    async def create(self, name: str, **params: Any) -> None:
        fields = {
            "Runtime": "python3.12",
            "Handler": "app.handler",
            "Role": f"arn:aws:iam::{ACCOUNT}:role/r",
            "Code": {"ZipFile": a_zip()},
            "VpcConfig": self.vpc,
            **params,
        }
        await self.do("CreateFunction", FunctionName=name, **fields)

    async def state(self, name: str) -> tuple[str, str]:
        """(State, its reason's code)."""
        found = await self.do("GetFunctionConfiguration", FunctionName=name)
        return found["State"], found.get("StateReasonCode", "")

    async def active_after(self, name: str) -> Duration:
        """How long it takes from now on until it is Active."""
        began = self.world.clock.now()
        while (await self.state(name))[0] != "Active":
            await self.world.pass_time(SECOND // 10)
        return self.world.clock.now() - began

    async def interfaces(self) -> list[dict[str, Any]]:
        return list((await self.world.call("ec2", "DescribeNetworkInterfaces"))["NetworkInterfaces"])

    async def refused(self, name: str) -> str:
        """The code with which an invocation ends."""
        with pytest.raises(Fault) as caught:
            await self.do("Invoke", FunctionName=name)
        assert caught.value.status in (409, 502) or caught.value.code == "ResourceConflictException"
        return caught.value.code

    def starts(self, name: str) -> list[dict[str, float]]:
        """The phases of its cold starts, in seconds."""
        function = self.world.plane.store[FUNCTIONS].require((ACCOUNT, REGION, name))
        kept = self.world.plane.calls.part(ColdStarts).of(function)
        return [dict(zip(PHASES, (took / SECOND for took in one.phases), strict=True)) for one in kept]


def play(
    profile: Profile, story: Callable[[Lambda], Awaitable[None]], disk: SimulatedDisk | None = None
) -> None:
    services = (ec2.SERVICE, iam.SERVICE, lambda_.SERVICE)
    world = World(services, profile, 1, check_every=MINUTE, disk=disk)

    async def go(world: World) -> None:
        world.add_node("n1")
        subnets = (await world.call("ec2", "DescribeSubnets"))["Subnets"]
        groups = (await world.call("ec2", "DescribeSecurityGroups"))["SecurityGroups"]
        vpc = {"SubnetIds": [subnets[0]["SubnetId"]], "SecurityGroupIds": [groups[0]["GroupId"]]}
        await story(Lambda(world, vpc))

    world.run(go)


def test_one_interface_is_made_once_and_shared() -> None:
    """1. The first function is Pending for 90 s. 2. The second is quick. 3. Neither waits at its cold start.

    4. The interface goes 20 minutes after both have gone, and not before.
    """

    async def story(aws: Lambda) -> None:
        await aws.create("first")
        assert await aws.state("first") == ("Pending", "Creating")
        assert await aws.refused("first") == "ResourceConflictException"
        assert 89 * SECOND <= await aws.active_after("first") <= 91 * SECOND
        await aws.create("second")
        assert await aws.active_after("second") < 5 * SECOND
        [interface] = await aws.interfaces()
        assert (interface["InterfaceType"], interface["Status"]) == ("lambda", "in-use")
        assert interface["Description"].startswith("AWS Lambda VPC ENI-first-")
        for name in ("first", "second"):
            await aws.do("Invoke", FunctionName=name)
            [start] = aws.starts(name)
            assert start["network"] == 0 and sum(start.values()) < 1
        await aws.do("UpdateFunctionConfiguration", FunctionName="first",
                     VpcConfig={"SubnetIds": [], "SecurityGroupIds": []})  # fmt: skip
        await aws.do("DeleteFunction", FunctionName="second")
        await aws.world.pass_time(19 * MINUTE)
        assert len(await aws.interfaces()) == 1
        await aws.world.pass_time(7 * MINUTE)  # environments may idle for some minutes before they go
        assert await aws.interfaces() == []

    play(AWS, story)


def test_each_environment_has_its_own_and_waits_for_it() -> None:
    """The old model: Active at once; three events at a time are three interfaces and 8 to 10 s each."""

    async def story(aws: Lambda) -> None:
        await aws.create("f", Timeout=30)
        assert await aws.active_after("f") < 5 * SECOND and await aws.interfaces() == []
        events = [aws.world.begin(f"event {n}", aws.do("Invoke", FunctionName="f")) for n in range(3)]
        for event in events:
            await event
        assert len(await aws.interfaces()) == 3
        waits = [start["network"] for start in aws.starts("f")]
        assert len(set(waits)) == 3 and all(7 <= wait <= 11 for wait in waits)
        await aws.do("DeleteFunction", FunctionName="f")
        await aws.world.pass_time(MINUTE)
        assert await aws.interfaces() == []

    play(EACH, story)


def test_the_subnets_addresses_are_used_up() -> None:
    """A /28 has 11 addresses: eleven environments, and the twelfth event gets AWS's error."""

    async def story(aws: Lambda) -> None:
        vpcs = await aws.world.call("ec2", "CreateVpc", CidrBlock="10.9.0.0/24")
        vpc_id = vpcs["Vpc"]["VpcId"]
        made = await aws.world.call("ec2", "CreateSubnet", VpcId=vpc_id, CidrBlock="10.9.0.0/28")
        filters = [{"Name": "vpc-id", "Values": [vpc_id]}]
        groups = (await aws.world.call("ec2", "DescribeSecurityGroups", Filters=filters))["SecurityGroups"]
        small = {
            "SubnetIds": [made["Subnet"]["SubnetId"]],
            "SecurityGroupIds": [groups[0]["GroupId"]],
        }
        await aws.create("f", VpcConfig=small)
        await aws.active_after("f")
        events = [aws.world.begin(f"event {n}", aws.do("Invoke", FunctionName="f")) for n in range(11)]
        await aws.world.pass_time(SECOND)
        assert await aws.refused("f") == "SubnetIPAddressLimitReachedException"
        for event in events:
            await event
        await aws.do("Invoke", FunctionName="f")  # a warm one

    play(EACH, story)


@pytest.mark.parametrize(("profile", "error"), [(EACH, "ENILimitReachedException"), (AWS, "")])
def test_a_vpc_has_room_for_so_many_interfaces(profile: Profile, error: str) -> None:
    """With a quota of one, a second environment of the old model is refused; in the new one it shares."""

    async def story(aws: Lambda) -> None:
        await aws.create("f", Timeout=60)
        await aws.active_after("f")
        event = aws.world.begin("event", aws.do("Invoke", FunctionName="f"))
        if error:
            await aws.world.pass_time(SECOND)
            assert await aws.refused("f") == error
        else:
            await aws.do("Invoke", FunctionName="f")
        await event
        assert len(await aws.interfaces()) == 1

    play(replace(profile, quotas={**profile.quotas, "lambda.interfaces_per_vpc": 1}), story)


def test_a_function_that_cannot_be_connected_fails() -> None:
    """No address left: a new function is Failed; an update fails and the old configuration serves on."""

    async def story(aws: Lambda) -> None:
        subnet, group = aws.vpc["SubnetIds"][0], aws.vpc["SecurityGroupIds"][0]
        made = await aws.world.call("ec2", "CreateSecurityGroup", GroupName="other", Description="d")
        other = {"SubnetIds": [subnet], "SecurityGroupIds": [made["GroupId"]]}
        await aws.create("f")
        await aws.active_after("f")
        update = {
            "FunctionName": "f",
            "VpcConfig": {"SubnetIds": [subnet], "SecurityGroupIds": [made["GroupId"]]},
        }
        await aws.do("UpdateFunctionConfiguration", **update)
        await aws.create("g", VpcConfig={"SubnetIds": [subnet], "SecurityGroupIds": [group, made["GroupId"]]})
        await aws.world.pass_time(2 * MINUTE)
        found = await aws.do("GetFunctionConfiguration", FunctionName="f")
        assert (found["State"], found["LastUpdateStatus"]) == ("Active", "Failed")
        assert found["LastUpdateStatusReasonCode"] == "EniLimitExceeded"
        assert await aws.state("g") == ("Failed", "EniLimitExceeded")
        await aws.do("Invoke", FunctionName="f")
        assert await aws.refused("g") == "ResourceConflictException"
        await aws.create("h", VpcConfig=aws.vpc)  # the combination that there is takes one more function
        assert await aws.active_after("h") < 5 * SECOND
        await aws.create("i", VpcConfig=other)
        await aws.world.pass_time(2 * MINUTE)
        assert await aws.state("i") == ("Failed", "EniLimitExceeded")

    play(replace(AWS, quotas={**AWS.quotas, "ec2.network_interfaces": 1}), story)


def test_an_idle_function_loses_its_interface_and_wakes_up() -> None:
    """13 h after its last event it is Active, after 16 Inactive; a call fails, and 90 s later it runs.

    Its version's last event was 6 h earlier, so soon after it was made that nothing is written of it.
    Hours in place of days: nodes beat every few seconds, and 20 days of that is no quick test.
    """

    async def story(aws: Lambda) -> None:
        await aws.create("f", Publish=True)
        await aws.active_after("f")
        await aws.world.pass_time(1 * HOUR)
        await aws.do("Invoke", FunctionName="f", Qualifier="1")
        await aws.world.pass_time(6 * HOUR)
        await aws.do("Invoke", FunctionName="f")
        await aws.world.pass_time(7 * HOUR + HOUR // 2)  # 14 h after it was made
        version = {"FunctionName": "f", "Qualifier": "1"}
        assert (await aws.do("GetFunctionConfiguration", **version))["State"] == "Active"
        await aws.world.pass_time(HOUR)
        assert (await aws.do("GetFunctionConfiguration", **version))["State"] == "Inactive"
        await aws.world.pass_time(4 * HOUR + HOUR // 2)
        assert await aws.state("f") == ("Active", "")
        await aws.world.pass_time(3 * HOUR)
        assert await aws.state("f") == ("Inactive", "Idle")
        assert await aws.interfaces() == []
        assert await aws.refused("f") == "ResourceNotReadyException"
        assert await aws.state("f") == ("Pending", "Restoring")
        assert await aws.active_after("f") >= 89 * SECOND
        await aws.do("Invoke", FunctionName="f")

    play(replace(AWS, quotas={**AWS.quotas, "lambda.inactive_after_s": 14 * 3600}), story)


async def lost(work: Awaitable[Any]) -> None:
    """A call whose plane dies under it."""
    with suppress(Fault, Retry, asyncio.CancelledError):
        await work


@pytest.mark.parametrize("after_s", [1, 8.9, 9.3])
def test_a_plane_that_dies_over_an_interface_leaves_none(after_s: float) -> None:
    """Killed while an environment's interface is attached, or just after: the next plane gives it back or

    uses it, and the function runs.
    """

    async def story(aws: Lambda) -> None:
        await aws.create("f")
        await aws.active_after("f")
        aws.world.begin("event", lost(aws.do("Invoke", FunctionName="f")))
        await aws.world.pass_time(seconds(after_s))
        assert len(await aws.interfaces()) == 1
        aws.world.kill()
        await aws.world.revive()
        await aws.world.pass_time(2 * MINUTE)
        assert (await aws.do("Invoke", FunctionName="f"))["StatusCode"] == 200
        assert len(await aws.interfaces()) == 1
        await aws.world.pass_time(7 * MINUTE)
        assert await aws.interfaces() == []

    play(EACH, story, SimulatedDisk())


@pytest.mark.parametrize("after_s", [0.01, 1, 60, 89.99])
def test_a_plane_that_dies_over_a_shared_interface_goes_on_with_it(after_s: float) -> None:
    """The setup is not begun anew, and no second interface made."""

    async def story(aws: Lambda) -> None:
        await aws.create("f")
        await aws.world.pass_time(seconds(after_s))
        aws.world.kill()
        await aws.world.revive()
        assert await aws.active_after("f") <= seconds(92 - after_s)
        assert len(await aws.interfaces()) == 1

    play(AWS, story, SimulatedDisk())
