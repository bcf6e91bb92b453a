"""Interrupts Fargate Spot tasks: at the profile's rate (spot_hazard.py), or because somebody asks for it.

As on AWS the warning is the task state change event, and SIGTERM comes with it; SIGKILL follows after the
container's stopTimeout, and two minutes after the warning (`fargate.spot_warning`) nothing of the task is
left. Whoever balances load hears of it first, in the same transaction. Standalone tasks are not run again;
a service's scheduler replaces its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from windlass.aws.arn import parse
from windlass.aws.bus import Bus
from windlass.fleet import spot
from windlass.fleet.spot_hazard import SpotHazard
from windlass.kernel.clock import Instant
from windlass.kernel.faults import Fault
from windlass.kernel.store import Change, Transaction
from windlass.services.ecs import stopping
from windlass.services.ecs.model import FARGATE_SPOT, TASKS, Task
from windlass.services.plane import Plane

Departing: TypeAlias = Callable[[Transaction, Task, Instant], None]
"""Takes the task out of its target groups, before it is told to stop."""


class Interruptions:
    """A part with one loop, which sleeps while the profile interrupts nothing."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane
        self._departing: list[Departing] = []
        self._hazard = SpotHazard(
            "ecs.spot",
            plane.quotas,
            plane.clock,
            plane.journal,
            plane.chance.stream("ecs.spot"),
            self._take_back,
        )
        self.loop = self._hazard.loop
        if self._hazard.rate:
            for task in filter(_is_at_risk, plane.store[TASKS].all()):
                self._hazard.at_risk(task.id, True)
            plane.store.watch((TASKS,), self._changed)

    def before_each(self, departing: Departing) -> None:
        """Tell that one of each task that is to be interrupted, in the transaction that says so."""
        self._departing.append(departing)

    async def interrupt(self, reference: str) -> Task:
        """Interrupt the task of that id or ARN, in whatever account, now. Raises Fault."""
        with self._plane.store.transact() as tx:
            named = parse(reference)
            task = tx[TASKS].get(reference if named is None else reference.rpartition("/")[2])
            if task is None or (named is not None and task.arn != reference):
                raise Fault("Refused", f"there is no task {reference}", status=404)
            if task.capacity_provider != FARGATE_SPOT:
                raise Fault("Refused", f"{reference} does not run on {FARGATE_SPOT}: it is not interrupted")
            if task.desired_status == "STOPPED":
                raise Fault("Refused", f"{reference} is {task.last_status}, and was to stop already")
            after = self._interrupt(tx, task, self._plane.clock.now())
        await self._plane.store.durable()
        return after

    def _take_back(self, task_id: str, now: Instant) -> None:
        with self._plane.store.transact() as tx:
            self._interrupt(tx, tx[TASKS].require(task_id), now)

    def _interrupt(self, tx: Transaction, task: Task, now: Instant) -> Task:
        for departing in self._departing:
            departing(tx, task, now)
        task = tx[TASKS].require(task.id)  # as they left it
        bus = self._plane.calls.part(Bus)
        after = stopping.stop(tx, bus, task, spot.STOP_CODE, spot.REASON, now, self._hazard.warning)
        self._plane.journal.note("ecs", task.arn, "interrupted", spot.REASON)
        return after

    def _changed(self, change: Change) -> None:
        self._hazard.at_risk((change.new or change.old).id, _is_at_risk(change.new))


def _is_at_risk(task: Task | None) -> bool:
    """A Fargate Spot task that nobody has told to stop."""
    return task is not None and task.capacity_provider == FARGATE_SPOT and task.desired_status == "RUNNING"
