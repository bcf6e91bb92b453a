"""A function in a VPC that scales out, in virtual time: seed 001's graph, before and after 2019.

Every event finds all environments busy, so each is a cold start. Works on a plane with a profile's delays;
which of the two models connects environments is the profile's choice.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import msgspec

from windlass.aws.quotas import Profile
from windlass.fleet.messages import UnitSpec
from windlass.kernel.clock import SECOND, Duration, in_seconds, seconds
from windlass.services import ec2, iam, lambda_
from windlass.services.lambda_.cold_starts import PHASES, ColdStarts
from windlass.services.lambda_.model import FUNCTIONS
from windlass.services.lambda_.vpc import MODEL
from windlass.sim.course import Course
from windlass.sim.packages import ANY_PACKAGE
from windlass.sim.world import ACCOUNT, REGION, World

__all__ = ("PHASES", "ScaleOut", "scale_out", "with_model")
LOOK: Duration = SECOND // 10


@dataclass(frozen=True, slots=True)
class ScaleOut:
    """What came of it. Seconds; each start's phases are in the order of PHASES."""

    pending: float
    """From the function's creation until it was Active."""
    starts: tuple[tuple[float, ...], ...]
    interfaces: int
    """As many as Lambda had while all events ran."""


def with_model(profile: Profile, model: str) -> Profile:
    """The profile, with functions connected in that way."""
    return replace(profile, choices={**profile.choices, MODEL: model})


def scale_out(profile: Profile, *, starts: int, every_s: float, seed: int) -> ScaleOut:
    """A new function gets so many events, one every `every_s` seconds; all run until the last has begun."""
    found: list[ScaleOut] = []
    every = seconds(every_s)
    world = World((ec2.SERVICE, iam.SERVICE, lambda_.SERVICE), profile, seed)

    def course(spec: UnitSpec) -> Course:
        return msgspec.structs.replace(world.course(spec), event=(starts + 1) * every + 60 * SECOND)

    async def story(world: World) -> None:
        world.add_node("n1", course=course)
        await _create(world)
        began = world.clock.now()
        while await _state(world) != "Active":
            await world.pass_time(LOOK)
        pending = in_seconds(world.clock.now() - began)
        events = []
        for number in range(starts):
            events.append(world.begin(f"event {number}", world.call("lambda", "Invoke", FunctionName="f")))
            await world.pass_time(every)
        await world.pass_time(seconds(20))
        interfaces = await world.call("ec2", "DescribeNetworkInterfaces")
        for event in events:
            await event
        function = world.plane.store[FUNCTIONS].require((ACCOUNT, REGION, "f"))
        kept = sorted(world.plane.calls.part(ColdStarts).of(function), key=lambda start: start.began_at)
        phases = tuple(tuple(in_seconds(took) for took in start.phases) for start in kept)
        found.append(ScaleOut(pending, phases, len(interfaces["NetworkInterfaces"])))

    world.run(story)
    return found[0]


async def _create(world: World) -> None:
    subnets = (await world.call("ec2", "DescribeSubnets"))["Subnets"]
    groups = (await world.call("ec2", "DescribeSecurityGroups"))["SecurityGroups"]
    await world.call(
        "lambda",
        "CreateFunction",
        FunctionName="f",
        Runtime="python3.12",
        Handler="app.handler",
        Role=f"arn:aws:iam::{ACCOUNT}:role/r",
        Timeout=900,
        Code={"ZipFile": ANY_PACKAGE},
        VpcConfig={
            "SubnetIds": [subnets[0]["SubnetId"]],
            "SecurityGroupIds": [groups[0]["GroupId"]],
        },
    )


async def _state(world: World) -> str:
    return str((await world.call("lambda", "GetFunctionConfiguration", FunctionName="f"))["State"])
