"""Task sets in virtual time: each keeps its own share, whatever happens to the others."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.sim.services import Told, tell
from windlass.kernel.clock import SECOND
from windlass.services.ecs.model import TASKS
from windlass.sim.course import Course

OF: dict[str, Any] = {"cluster": "default", "service": "web"}
BROKEN = Course(fails="CannotPullContainerError: no such image")
SLOW = Course(provision=2 * SECOND, pull=3 * SECOND, start=SECOND, stop=2 * SECOND)


async def external(told: Told, count: int) -> None:
    controller = {"type": "EXTERNAL"}
    await told.ecs("CreateService", serviceName="web", desiredCount=count, deploymentController=controller)


async def a_set(told: Told, definition: str, percent: float) -> str:
    scale = {"value": percent, "unit": "PERCENT"}
    made = await told.ecs("CreateTaskSet", **OF, taskDefinition=definition, scale=scale)
    return str(made["taskSet"]["id"])


async def sets(told: Told) -> dict[str, Any]:
    found = await told.ecs("DescribeTaskSets", **OF)
    return {row["id"]: row for row in found["taskSets"]}


def live(told: Told) -> list[str]:
    """The task set of each task that has not stopped."""
    return [row.deployment for row in told.world.plane.store[TASKS].all() if row.last_status != "STOPPED"]


def test_a_broken_set_leaves_its_neighbour_alone() -> None:
    """Green never starts and backs off; blue is steady all the while and stays so when green goes."""

    async def story(told: Told) -> None:
        await external(told, 4)
        blue = await a_set(told, await told.define("good"), 100)
        await told.world.pass_time(2 * SECOND)
        steady = (await sets(told))[blue]
        assert (steady["stabilityStatus"], steady["runningCount"]) == ("STEADY_STATE", 4)
        green = await a_set(told, await told.define("broken", BROKEN), 50)
        await told.world.pass_time(60 * SECOND)
        seen = await sets(told)
        assert (seen[green]["stabilityStatus"], seen[green]["runningCount"]) == ("STABILIZING", 0)
        assert seen[blue] == steady
        messages = await told.messages()
        told_of_green = [text for text in messages if text.startswith(f"(service web, taskSet {green})")]
        assert f"(service web, taskSet {green}) is unable to consistently start tasks successfully." in (
            told_of_green
        )
        assert 2 < len(told_of_green) < 20
        await told.ecs("DeleteTaskSet", **OF, taskSet=green, force=True)
        await told.world.pass_time(5 * SECOND)
        assert await sets(told) == {blue: steady}
        assert live(told) == [blue] * 4

    tell(story)


@pytest.mark.parametrize("seed", range(12))
def test_sets_come_to_what_is_wanted(seed: int) -> None:
    """Made, scaled, promoted and deleted at random while tasks start and stop: in the end all is as asked."""

    async def story(told: Told) -> None:
        chance = random.Random(seed)
        definition = await told.define("slow", SLOW)
        await external(told, chance.randint(0, 8))
        for _ in range(15):
            there = [id for id, row in (await sets(told)).items() if row["status"] != "DRAINING"]
            percent = float(chance.choice((0, 10, 33.3, 50, 100)))
            what = chance.choice(("make", "scale", "count", "promote", "delete"))
            if what == "make" and len(await sets(told)) < 5:
                await a_set(told, definition, percent)
            elif what == "count":
                await told.update(desiredCount=chance.randint(0, 8))
            elif there:
                one = chance.choice(there)
                if what == "scale":
                    scale = {"value": percent, "unit": "PERCENT"}
                    await told.ecs("UpdateTaskSet", **OF, taskSet=one, scale=scale)
                elif what == "promote":
                    await told.ecs("UpdateServicePrimaryTaskSet", **OF, primaryTaskSet=one)
                elif what == "delete":
                    await told.ecs("DeleteTaskSet", **OF, taskSet=one, force=True)
            await told.world.pass_time(chance.randint(0, 8) * SECOND)
        await told.world.pass_time(120 * SECOND)
        seen = await sets(told)
        assert {row["stabilityStatus"] for row in seen.values()} <= {"STEADY_STATE"}
        wanted = {id: row["computedDesiredCount"] for id, row in seen.items()}
        assert {id: live(told).count(id) for id in {*seen, *live(told)}} == wanted
        assert sum(row["status"] == "PRIMARY" for row in seen.values()) <= 1
        assert "DRAINING" not in {row["status"] for row in seen.values()}
        await told.ecs("DeleteService", service="web", force=True)
        await told.world.pass_time(60 * SECOND)
        assert (await told.service())["status"] == "INACTIVE"
        assert live(told) == []

    tell(story, seed)
