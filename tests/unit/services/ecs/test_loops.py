"""The ECS loops: notices of task changes, and what the observer does with strays."""

from __future__ import annotations

import asyncio

from tests.ecs_build import Ecs, a_task, a_task_unit, exited, with_ecs
from windlass.aws.bus import Bus, Notice
from windlass.fleet.model import UNITS
from windlass.kernel.rows import replace
from windlass.kernel.store import Transaction
from windlass.services.ecs.controller import BATCH_MAX
from windlass.services.ecs.model import TASKS


class Hearer:
    """A listener on the bus that keeps what it hears."""

    def __init__(self, ecs: Ecs, source: str = "aws.ecs") -> None:
        self.notices: list[Notice] = []
        self._source = source
        ecs.plane.calls.part(Bus).subscribe(self)

    def wants(self, account: str, region: str, source: str) -> bool:
        return source == self._source

    def take(self, tx: Transaction, notice: Notice) -> None:
        """The transaction must be the one that wrote what the notice tells, or what came of it at once.

        Instances are another story.
        """
        if notice.detail_type != "ECS Task State Change":
            return
        task = tx[TASKS].require(notice.resources[0].rpartition("/")[2])
        begun = (notice.detail["version"], task.version, task.last_status) == (1, 2, "PENDING")
        assert begun or task.version == notice.detail["version"]
        assert any(change.new is task for change in tx.changes)
        self.notices.append(notice)


def test_task_state_changes_are_told() -> None:
    """From RunTask to the end, one notice per version, in the transaction that wrote it, in order."""

    async def scenario(ecs: Ecs) -> None:
        notices, elsewhere = Hearer(ecs).notices, Hearer(ecs, "aws.batch").notices
        await ecs.a_running_definition()
        task = await ecs.run_one()
        await ecs.report(task, "running")
        await ecs.report(task, "stopped", containers=(exited(code=1),), stop_code="EssentialContainerExited")
        assert elsewhere == []
        assert [n.detail["version"] for n in notices] == [1, 2, 3, 4]
        assert [n.detail["lastStatus"] for n in notices] == ["PROVISIONING", "PENDING", "RUNNING", "STOPPED"]
        last = notices[-1]
        assert (last.source, last.detail_type) == ("aws.ecs", "ECS Task State Change")
        assert last.resources == (last.detail["taskArn"],)
        assert last.detail["stoppedAt"] == "2027-01-15T08:00:00.000Z"
        assert last.detail["containers"][0]["exitCode"] == 1

    with_ecs(scenario)


def test_a_stop_is_told() -> None:
    """StopTask raises the version once, however often it is called."""

    async def scenario(ecs: Ecs) -> None:
        await ecs.a_running_definition()
        task = await ecs.run_one()
        notices = Hearer(ecs).notices
        await ecs.call("StopTask", task=task)
        await ecs.call("StopTask", task=task)
        assert [n.detail["desiredStatus"] for n in notices] == ["STOPPED"]

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
