"""A service that is not spread over its zones is spread again, one or a few tasks at a time."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest

from tests.ec2_build import a_subnet
from tests.ecs_build import SUBNET, Ecs, a_container, a_fargate_definition, running, with_ecs
from windlass.services.ecs.model import TASKS, Task
from windlass.services.ecs.service_model import SERVICE_EVENTS

AB = {
    "awsvpcConfiguration": {
        "subnets": [*SUBNET["awsvpcConfiguration"]["subnets"], "subnet-0000000000000000a"]
    }
}


def wanted(ecs: Ecs) -> list[Task]:
    return [task for task in ecs.plane.store[TASKS].all() if task.desired_status == "RUNNING"]


def zones(ecs: Ecs) -> list[int]:
    """Tasks that are wanted to run, by zone."""
    return sorted(Counter(task.zone for task in wanted(ecs)).values())


async def settle(ecs: Ecs, spread: list[int], said: int = 0) -> None:
    """Let tasks run as soon as they are there, and stop when they are told to.

    Until those that are wanted are spread like that, and the service spoke so often of its balance.
    """
    told = asyncio.Event()
    ecs.plane.store.watch((TASKS, SERVICE_EVENTS), lambda change: told.set())
    while True:
        told.clear()
        fresh = [task for task in wanted(ecs) if task.last_status != "RUNNING"]
        old = [task for task in ecs.plane.store[TASKS].all() if task.desired_status == "STOPPED"]
        for task in fresh:
            await ecs.report(task.id, "running", containers=(running(),))
        for task in old:
            if task.last_status != "STOPPED":
                await ecs.report(task.id, "stopped")
        if zones(ecs) == spread and not fresh and len(await events(ecs)) >= said:
            return
        await asyncio.wait_for(told.wait(), 20)


async def events(ecs: Ecs) -> list[str]:
    """What the service says of its balance, the oldest first."""
    said = [event["message"] for event in (await ecs.service())["events"]]
    return [text for text in reversed(said) if "AZ balanced" in text]


@pytest.mark.parametrize("percent_max", [125, 200])
def test_a_zone_that_gets_an_instance_gets_tasks(percent_max: int) -> None:
    """Four tasks on two machines of one zone; a machine in another zone comes, and has two of them."""

    async def scenario(ecs: Ecs) -> None:
        await ecs.a_running_definition(containerDefinitions=[a_container(cpu=100, memory=100)])
        for number in range(2):
            await ecs.a_machine(f"i-000000000000000{number}", zone="eu-west-1a")
        rolling = {"maximumPercent": percent_max}
        await ecs.a_service(desiredCount=4, deploymentConfiguration=rolling)
        await settle(ecs, [4])
        await ecs.a_machine("i-0000000000000009", zone="eu-west-1b")
        await settle(ecs, [2, 2], said=2)
        assert await events(ecs) == [
            "(service web) is not AZ balanced with 4 tasks in eu-west-1a, 0 tasks in eu-west-1b. "
            "AZ Rebalancing in progress.",
            "(service web) is AZ balanced with 2 tasks in eu-west-1a, 2 tasks in eu-west-1b.",
        ]

    with_ecs(scenario)


@pytest.mark.parametrize(
    "asked",
    [
        {"availabilityZoneRebalancing": "DISABLED"},
        {"placementStrategy": [{"type": "binpack", "field": "memory"}]},
    ],
)
def test_services_that_are_left_alone(asked: dict[str, Any]) -> None:
    """Those that said so, and those that do not spread over zones in the first place."""

    async def scenario(ecs: Ecs) -> None:
        await ecs.a_running_definition(containerDefinitions=[a_container(cpu=100, memory=100)])
        await ecs.a_machine(zone="eu-west-1a")
        await ecs.a_service(desiredCount=2, **asked)
        await settle(ecs, [2])
        await ecs.a_machine("i-0000000000000009", zone="eu-west-1b")
        await ecs.call("UpdateService", service="web", desiredCount=4)
        await settle(ecs, [4] if "placementStrategy" in asked else [2, 2])
        assert await events(ecs) == []

    with_ecs(scenario)


def test_fargate_tasks_of_a_service_spread_over_the_zones_of_its_subnets() -> None:
    """Five tasks in two zones: three and two from the start, so that nothing is rebalanced."""

    async def scenario(ecs: Ecs) -> None:
        a_subnet(ecs.plane.store, "subnet-0000000000000000a", zone="eu-west-1a")
        await ecs.call("RegisterTaskDefinition", **a_fargate_definition())
        await ecs.a_service(desiredCount=5, launchType="FARGATE", networkConfiguration=AB)
        await settle(ecs, [2, 3])
        assert await events(ecs) == []

    with_ecs(scenario)


def test_a_full_subnet_stops_nobody() -> None:
    """Eleven addresses in one zone: the other has all further tasks, and is not balanced against it."""

    async def scenario(ecs: Ecs) -> None:
        a_subnet(ecs.plane.store, "subnet-0000000000000000a", prefix=28, zone="eu-west-1a")
        await ecs.call("RegisterTaskDefinition", **a_fargate_definition())
        await ecs.a_service(desiredCount=30, launchType="FARGATE", networkConfiguration=AB)
        await settle(ecs, [11, 19])
        assert await events(ecs) == []

    with_ecs(scenario)
