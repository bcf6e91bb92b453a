"""States of functions on a running plane: waiting, failing, falling idle and coming back."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.build import REGION, a_caller
from tests.lambda_build import Lambda, a_lambda
from windlass.kernel.clock import MILLISECOND, Instant
from windlass.kernel.faults import Fault
from windlass.services import ec2
from windlass.services.lambda_.controller import Controller
from windlass.services.lambda_.model import FUNCTIONS, VERSIONS, Function, Version
from windlass.services.lambda_.transitions import Readiness, Ready, Reason, Unable, Wait

REFUSED = Reason("InvalidSubnet", "The subnet is gone.")


async def in_a_vpc(world: Lambda, name: str = "f") -> None:
    """A function with something that can be taken back when it is idle, Active."""
    ask = world.plane.calls.run
    subnets = await ask("ec2", "DescribeSubnets", {}, caller=a_caller(), region=REGION)
    groups = await ask("ec2", "DescribeSecurityGroups", {}, caller=a_caller(), region=REGION)
    vpc = {
        "SubnetIds": [subnets["Subnets"][0]["SubnetId"]],
        "SecurityGroupIds": [groups["SecurityGroups"][0]["GroupId"]],
    }
    await world.function(name, VpcConfig=vpc)


async def refused(world: Lambda, **params: Any) -> Fault:
    with pytest.raises(Fault) as caught:
        await world.invoke(**params)
    return caught.value


def test_what_a_function_needs_may_not_be_had() -> None:
    """Creation: Failed, and neither invoked nor changed. Update: the old settings serve on."""

    async def story() -> None:
        async with a_lambda() as world:
            await world.function("good")

            def needs(row: Function | Version, now: Instant) -> Readiness:
                return Unable(REFUSED)

            world.plane.calls.part(Controller).needs.append(needs)
            await world.create("bad")
            await world.until(lambda store: world.row("bad").state == "Failed")
            shown = await world.do("GetFunctionConfiguration", FunctionName="bad")
            assert (shown["State"], shown["StateReasonCode"]) == ("Failed", "InvalidSubnet")
            assert shown["StateReason"] == REFUSED.text and "LastUpdateStatus" not in shown
            assert (await refused(world, FunctionName="bad")).code == "ResourceConflictException"
            with pytest.raises(Fault, match="state: Failed"):
                await world.do("UpdateFunctionConfiguration", FunctionName="bad", Timeout=9)
            await world.do("UpdateFunctionConfiguration", FunctionName="good", Timeout=9)
            await world.until(lambda store: world.row("good").update_status == "Failed")
            shown = await world.do("GetFunctionConfiguration", FunctionName="good")
            assert (shown["State"], shown["LastUpdateStatus"]) == ("Active", "Failed")
            assert shown["LastUpdateStatusReasonCode"] == "InvalidSubnet"
            assert await world.invoke(1, FunctionName="good") == 1
            assert world.row("good").served.timeout_s == 3

    asyncio.run(story())


def test_idle_functions_and_versions_become_inactive() -> None:
    """The setting says after how long; an invocation is refused once and brings it back."""

    async def story() -> None:
        async with a_lambda(others=(ec2.SERVICE,), inactive_after_s=0.05, idle_reclaim_s=0.05) as world:
            await in_a_vpc(world)
            await world.do("PublishVersion", FunctionName="f")
            await world.until(lambda store: store[VERSIONS].require((world.row().uid, 1)).state == "Inactive")
            await world.until(lambda store: world.row().state == "Inactive")
            shown = await world.do("GetFunctionConfiguration", FunctionName="f")
            assert (shown["State"], shown["StateReasonCode"]) == ("Inactive", "Idle")
            for qualifier in ("$LATEST", "1"):
                fault = await refused(world, Qualifier=qualifier)
                assert (fault.code, fault.status) == ("ResourceNotReadyException", 502)
            await world.until(lambda store: world.row().state == "Active")
            await world.until(lambda store: world.row().state == "Inactive")
            changed = await world.do("UpdateFunctionConfiguration", FunctionName="f", Timeout=9)
            assert changed["LastUpdateStatus"] == "InProgress"
            await world.until(lambda store: world.row().state == "Active")

    asyncio.run(story())


def test_what_has_an_environment_is_in_use() -> None:
    """It does not become Inactive, and the row says since when it is known to have been used."""

    async def story() -> None:
        async with a_lambda(others=(ec2.SERVICE,), inactive_after_s=0.2) as world:
            await in_a_vpc(world)
            await in_a_vpc(world, "g")
            await world.invoke(1)
            await world.until(lambda store: world.row("g").state == "Inactive")
            assert world.row().state == "Active"
            assert world.plane.store[FUNCTIONS].count("idle", True) == 1
            await world.invoke(2)
            await world.until(lambda store: world.row().active_at > 0)
            assert world.row().state == "Active"

    asyncio.run(story())


def test_a_need_that_is_met_later() -> None:
    """Pending as long as it waits, and so is the version that was published with it; then both run."""

    async def story() -> None:
        async with a_lambda() as world:
            looks = []

            def needs(row: Function | Version, now: Instant) -> Readiness:
                looks.append(row.state)
                return Ready() if len(looks) > 9 else Wait(now + MILLISECOND)

            world.plane.calls.part(Controller).needs.append(needs)
            arn = (await world.create(Publish=True))["FunctionArn"].removesuffix(":1")
            for qualifier in ("$LATEST", "1"):
                assert (await refused(world, Qualifier=qualifier)).message.endswith("state: Pending")
            await world.until(
                lambda store: world.row().state == "Active" and not store[VERSIONS].count("changing", True)
            )
            assert await world.invoke(1, Qualifier="1") == 1
            looks.clear()
            await world.do("UpdateFunctionConfiguration", FunctionName="f", Timeout=9)
            for operation, params in (
                ("TagResource", {"Resource": arn, "Tags": {"a": "b"}}),
                ("PublishVersion", {"FunctionName": "f"}),
                ("UpdateFunctionConfiguration", {"FunctionName": "f", "Timeout": 8}),
            ):
                with pytest.raises(Fault, match=f"An update is in progress for resource: {arn}"):
                    await world.do(operation, **params)

    asyncio.run(story())
