"""Interrupts Fargate Spot tasks: at the profile's rate (spot.py decides), or because somebody asks for it.

As on AWS the warning is the task state change event, and SIGTERM comes with it; SIGKILL follows after the
container's stopTimeout, and two minutes after the warning (`fargate.spot_warning`) nothing of the task is
left. Whoever balances load hears of it first, in the same transaction. Standalone tasks are not run again;
a service's scheduler replaces its own.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TypeAlias

from windlass.aws.arn import parse
from windlass.aws.bus import Bus
from windlass.kernel.clock import HOUR, Duration, Instant, seconds
from windlass.kernel.faults import Fault
from windlass.kernel.reconcile import Loop
from windlass.kernel.store import Change, Transaction
from windlass.services.ecs import spot, stopping
from windlass.services.ecs.model import FARGATE_SPOT, TASKS, Task
from windlass.services.plane import Plane

RATE = "fargate.spot.interruptions_per_task_hour"
WARNING = "fargate.spot_warning"
PERIOD: Duration = HOUR

Departing: TypeAlias = Callable[[Transaction, Task, Instant], None]
"""Takes the task out of its target groups, before it is told to stop."""


class Interruptions:
    """A part with one loop, which sleeps while the profile interrupts nothing."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane
        self._chance = plane.chance.stream("ecs.spot")
        self._rate = plane.quotas.value(RATE) or 0.0
        self._departing: list[Departing] = []
        self._at_risk: dict[str, None] = {}
        """Ids of tasks that may be interrupted; kept while the profile interrupts any."""
        self.loop = Loop("ecs.spot", plane.clock, plane.journal, self._pass, period=PERIOD)
        if self._rate:
            tasks = filter(_is_at_risk, plane.store[TASKS].all())
            self._at_risk = dict.fromkeys(task.id for task in tasks)
            plane.store.watch((TASKS,), self._changed)
        self._budget = self._drawn(plane.clock.now())

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

    def _interrupt(self, tx: Transaction, task: Task, now: Instant) -> Task:
        for departing in self._departing:
            departing(tx, task, now)
        task = tx[TASKS].require(task.id)  # as they left it
        within = seconds(self._plane.quotas.delay_s(WARNING))
        bus = self._plane.calls.part(Bus)
        after = stopping.stop(tx, bus, task, spot.STOP_CODE, spot.REASON, now, within)
        self._plane.journal.note("ecs", task.arn, "interrupted", spot.REASON)
        return after

    def _drawn(self, now: Instant) -> spot.Budget:
        return spot.drawn(self._rate, self._chance.random(), now, len(self._at_risk))

    def _changed(self, change: Change) -> None:
        before, after = _is_at_risk(change.old), _is_at_risk(change.new)
        if before != after:
            if after:
                self._at_risk[change.new.id] = None
            else:
                self._at_risk.pop(change.old.id, None)
            self.loop.wake()

    async def _pass(self, now: Instant, keys: frozenset[Hashable]) -> Instant | None:
        """Take note of how many tasks there are now; interrupt one when its time has come."""
        if not self._rate:
            return None
        self._budget = spot.used(self._budget, len(self._at_risk), now)
        if self._budget.left <= 0:
            task_id = spot.victim(sorted(self._at_risk), self._chance.random())
            if task_id is not None:
                with self._plane.store.transact() as tx:
                    self._interrupt(tx, tx[TASKS].require(task_id), now)
            self._budget = self._drawn(now)
        return spot.due(self._budget)


def _is_at_risk(task: Task | None) -> bool:
    """A Fargate Spot task that nobody has told to stop."""
    return task is not None and task.capacity_provider == FARGATE_SPOT and task.desired_status == "RUNNING"
