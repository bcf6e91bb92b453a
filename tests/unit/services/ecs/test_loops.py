"""The ECS loops: notices of task changes, and what the observer does with strays."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from tests.ecs_build import Ecs, a_task, a_task_unit, exited, with_ecs
from windlass.aws.bus import Bus, Notice
from windlass.fleet.model import UNITS
from windlass.services.ecs.controller import BATCH_MAX
from windlass.services.ecs.model import TASKS


def heard(ecs: Ecs, count: int) -> tuple[list[Notice], asyncio.Event]:
    """What the bus tells, and an event once there are so many."""
    notices: list[Notice] = []
    enough = asyncio.Event()

    def hear(notice: Notice) -> None:
        notices.append(notice)
        if len(notices) >= count:
            enough.set()

    ecs.plane.calls.part(Bus).subscribe(hear)
    return notices, enough


def test_task_state_changes_are_told() -> None:
    """From RunTask to the end, one notice per version, in order, as EventBridge shows them."""

    async def scenario(ecs: Ecs) -> None:
        notices, enough = heard(ecs, 3)
        await ecs.a_running_definition()
        task = await ecs.run_one()
        await ecs.report(task, "running")
        await ecs.report(task, "stopped", containers=(exited(code=1),), stop_code="EssentialContainerExited")
        await asyncio.wait_for(enough.wait(), 5)
        assert [n.detail["version"] for n in notices] == [1, 2, 3]
        assert [n.detail["lastStatus"] for n in notices] == ["PROVISIONING", "RUNNING", "STOPPED"]
        last = notices[-1]
        assert (last.source, last.detail_type) == ("aws.ecs", "ECS Task State Change")
        assert last.resources == (last.detail["taskArn"],)
        assert last.detail["stoppedAt"] == "2027-01-15T08:00:00.000Z"
        assert last.detail["containers"][0]["exitCode"] == 1

    with_ecs(scenario)


def test_a_unit_without_a_task_is_taken_away() -> None:
    """What nobody owns any more is not kept running."""

    async def scenario(ecs: Ecs) -> None:
        gone = asyncio.Event()
        ecs.plane.store.watch((UNITS,), lambda change: gone.set() if change.new is None else None)
        with ecs.plane.store.transact() as tx:
            tx[UNITS].put(a_task_unit(a_task(), "running"))
        await asyncio.wait_for(gone.wait(), 5)
        assert len(ecs.plane.store[UNITS]) == 0

    with_ecs(scenario)


def test_more_than_a_batch() -> None:
    """A burst of changes is taken in whole, batch by batch."""

    async def scenario(ecs: Ecs) -> None:
        done = asyncio.Event()
        count = BATCH_MAX + 7

        def stopped(_: object) -> None:
            if ecs.plane.store[UNITS].count("owner", "ecs") == 0:
                done.set()

        tasks = [a_task(f"t{n}") for n in range(count)]
        with ecs.plane.store.transact() as tx:
            for task in tasks:
                tx[TASKS].put(task)
                tx[UNITS].put(a_task_unit(task, "running"))
        ecs.plane.store.watch((UNITS,), stopped)
        with ecs.plane.store.transact() as tx:
            for task in tasks:
                tx[UNITS].put(replace(tx[UNITS].require(task.id), state="stopped"))
        await asyncio.wait_for(done.wait(), 10)
        assert {task.last_status for task in ecs.plane.store[TASKS].all()} == {"STOPPED"}

    with_ecs(scenario)
