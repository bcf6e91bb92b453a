"""Clients of a simulated world: what they ask for, and how they take no for an answer."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from windlass.aws.calls import Principal
from windlass.kernel.clock import MILLISECOND, Duration, Instant
from windlass.kernel.faults import Fault
from windlass.sim.world import ACCOUNT, REGION, World

TASKS_PER_CALL_MAX = 10
"""Tasks that one RunTask call may start; ECS API reference, RunTask, count."""
AGAIN_AFTER: Duration = 50 * MILLISECOND
"""How soon a client that was throttled asks again: as often as one Fargate token comes in."""


@dataclass(slots=True)
class Answers:
    """What a client was told, and when."""

    accepted: list[tuple[Instant, int]] = field(default_factory=list)
    """(instant, number of tasks) of each call that succeeded."""
    refused: Counter[str] = field(default_factory=Counter)
    """Error code and message → how often."""

    def accepted_by(self, at: Instant) -> int:
        """Tasks that were accepted up to and at that instant."""
        return sum(count for when, count in self.accepted if when <= at)


async def ask_for_tasks(
    world: World,
    answers: Answers,
    *,
    tasks: int,
    per_call: int,
    definition: str,
    cluster: str = "default",
    account: str = ACCOUNT,
) -> None:
    """Start so many Fargate tasks through RunTask, as fast as the buckets let it; never give up."""
    subnets = await subnets_of(world, account)
    left = tasks
    while left:
        count = min(left, per_call, TASKS_PER_CALL_MAX)
        try:
            await world.call_as(
                account,
                "ecs",
                "RunTask",
                cluster=cluster,
                taskDefinition=definition,
                count=count,
                launchType="FARGATE",
                networkConfiguration={"awsvpcConfiguration": {"subnets": subnets}},
            )
        except Fault as fault:
            answers.refused[f"{fault.code}: {fault.message}"] += 1
            await world.pass_time(AGAIN_AFTER)
        else:
            answers.accepted.append((world.clock.now(), count))
            left -= count


async def subnets_of(world: World, account: str) -> list[str]:
    """The account's default subnets.

    Not by world.call, which would read EC2's model to check parameters: that takes as long as half a world.
    """
    principal = Principal(account, REGION, "test")
    described = await world.plane.calls.call("ec2", "DescribeSubnets", {}, principal)
    return [subnet["SubnetId"] for subnet in described["Subnets"]]
