"""A service that has too many tasks: what it stops, it stops by its strategies."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from tests.ecs_build import Ecs, a_container, with_ecs
from windlass.services.ecs.model import TASKS, Task

PACKED = [{"type": "binpack", "field": "memory"}]


async def until(ecs: Ecs, holds: Callable[[list[Task]], bool]) -> list[Task]:
    """The tasks that are wanted to run, as soon as that holds of them."""
    told = asyncio.Event()
    ecs.plane.store.watch((TASKS,), lambda change: told.set())
    while True:
        told.clear()
        wanted = [task for task in ecs.plane.store[TASKS].all() if task.desired_status == "RUNNING"]
        if holds(wanted):
            return wanted
        await asyncio.wait_for(told.wait(), 20)


async def three_machines(ecs: Ecs) -> None:
    for number, zone in enumerate("abc"):
        await ecs.a_machine(f"i-000000000000000{number}", zone=f"eu-west-1{zone}")


@pytest.mark.parametrize(
    ("asked", "before", "after"),
    [
        ({}, [2, 2, 2], [1, 1, 1]),
        ({"placementStrategy": PACKED}, [2, 4], [3]),
    ],
)
def test_scaling_in(asked: dict[str, Any], before: list[int], after: list[int]) -> None:
    """Six tasks of 1,000 MiB on three machines of 4 GiB become three: spread, or on one machine."""

    async def scenario(ecs: Ecs) -> None:
        await three_machines(ecs)
        await ecs.a_running_definition(containerDefinitions=[a_container(memory=1000)])
        await ecs.a_service(desiredCount=6, **asked)
        tasks = await until(ecs, lambda tasks: len(tasks) == 6)
        assert sorted(Counter(task.instance for task in tasks).values()) == before
        await ecs.call("UpdateService", service="web", desiredCount=3)
        tasks = await until(ecs, lambda tasks: len(tasks) == 3)
        assert sorted(Counter(task.instance for task in tasks).values()) == after

    with_ecs(scenario)


def test_a_service_says_what_the_closest_instance_lacks() -> None:
    async def scenario(ecs: Ecs) -> None:
        await three_machines(ecs)
        await ecs.a_running_definition(containerDefinitions=[a_container(memory=3000)])
        await ecs.a_service(desiredCount=4)
        await until(ecs, lambda tasks: len(tasks) == 3)
        [event] = [e for e in (await ecs.service())["events"] if "unable to place" in e["message"]]
        assert event["message"].startswith(
            "(service web) was unable to place a task because no container instance met all of its "
            "requirements. The closest matching (container-instance "
        )
        assert event["message"].endswith(") has insufficient memory available.")

    with_ecs(scenario)
