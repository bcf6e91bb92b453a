"""One turn of a service of 10,000 tasks: how long the plane does nothing else while it decides.

Every turn is taken back, so that each finds what the one before found.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any

from bench.result import Result
from windlass.aws.calls import Principal
from windlass.aws.quotas import load_profile
from windlass.kernel import garbage
from windlass.kernel.clock import MINUTE
from windlass.kernel.rows import replace
from windlass.services import ec2, ecs, logs
from windlass.services.ecs.scheduler import PRINCIPAL, Scheduler
from windlass.services.ecs.service_model import SERVICES, Service
from windlass.services.ecs.service_turn import STARTS_MAX, STOPS_MAX, Turn
from windlass.sim.course import Course
from windlass.sim.world import ACCOUNT, REGION, World

TASKS = 10_000
TURNS = 15
PROMISE_MS = 20
KEY = (ACCOUNT, REGION, "default", "web")
STRATEGY = [
    {"capacityProvider": "FARGATE", "weight": 1, "base": 10},
    {"capacityProvider": "FARGATE_SPOT", "weight": 3},
]
CASES: Mapping[str, Callable[[Service], Service]] = {
    "nothing to do": lambda service: service,
    f"starts {STARTS_MAX}": lambda service: replace(service, desired_count=2 * TASKS),
    f"stops {STOPS_MAX}": lambda service: replace(service, desired_count=TASKS // 2),
}


class _TakenBack(Exception):
    """Ends a turn that is to leave nothing behind."""


def results() -> Iterator[Result]:
    """On one EC2 instance that takes everything, and on Fargate in three zones with two providers."""
    yield from _turns("", {"networkMode": "host"}, _ec2)
    awsvpc = {"networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "cpu": "256", "memory": "512"}
    yield from _turns(" on Fargate", awsvpc, _fargate)


async def _ec2(world: World) -> dict[str, Any]:
    return {}


async def _fargate(world: World) -> dict[str, Any]:
    """Subnets that have an address for each task, and a strategy over both providers."""
    vpc = (await world.call("ec2", "CreateVpc", CidrBlock="10.0.0.0/16"))["Vpc"]["VpcId"]
    subnets = [
        (
            await world.call(
                "ec2",
                "CreateSubnet",
                VpcId=vpc,
                CidrBlock=f"10.0.{64 * number}.0/18",
                AvailabilityZone=f"{REGION}{zone}",
            )
        )["Subnet"]["SubnetId"]
        for number, zone in enumerate("abc")
    ]
    providers = [item["capacityProvider"] for item in STRATEGY]
    await world.call(
        "ecs", "CreateCluster", clusterName="default", capacityProviders=providers,
        defaultCapacityProviderStrategy=[],
    )  # fmt: skip
    network = {"awsvpcConfiguration": {"subnets": subnets}}
    return {"capacityProviderStrategy": STRATEGY, "networkConfiguration": network}


def _turns(
    where: str, definition: Mapping[str, Any], prepare: Callable[[World], Awaitable[Mapping[str, Any]]]
) -> Iterator[Result]:
    found: list[Result] = []

    async def story(world: World) -> None:
        world.add_node("n", course=lambda spec: Course())
        more = await prepare(world)
        container = {"name": "c", "image": "web", "memory": 64}
        await world.call(
            "ecs", "RegisterTaskDefinition", family="web", containerDefinitions=[container], **definition
        )
        await world.call(
            "ecs", "CreateService", serviceName="web", taskDefinition="web", desiredCount=TASKS, **more
        )
        await world.pass_time(10 * MINUTE)
        [service] = (await world.call("ecs", "DescribeServices", services=["web"]))["services"]
        assert service["runningCount"] == TASKS, service
        for name, change in CASES.items():
            found.append(_result(f"turn of 10,000 tasks{where}, {name}", _times(world, change)))

    world = World((ec2.SERVICE, ecs.SERVICE, logs.SERVICE), load_profile("local"), 7, check_every=60 * MINUTE)
    world.run(story)
    yield from found


def _times(world: World, change: Callable[[Service], Service]) -> list[float]:
    """Milliseconds of CPU of turns, the shortest first."""
    rules = Scheduler(world.plane).rules
    garbage.settle()  # as a plane does
    times = []
    for _ in range(TURNS):
        try:
            with world.plane.store.transact() as tx:
                service = tx[SERVICES].put(change(tx[SERVICES].require(KEY)))
                call = world.plane.calls.on_behalf(Principal(ACCOUNT, REGION, PRINCIPAL))
                began = time.process_time()
                Turn(tx, call, service, rules).take()
                times.append((time.process_time() - began) * 1e3)
                raise _TakenBack
        except _TakenBack:
            continue
    return sorted(times)


def _result(name: str, times: list[float]) -> Result:
    note = f"CPU, median of {TURNS}; {times[0]:.1f} to {times[-1]:.1f}"
    return Result(name, times[TURNS // 2], "ms", promise=PROMISE_MS, at_least=False, note=note)
