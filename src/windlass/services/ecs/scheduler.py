"""The loop that makes services what they are wanted to be: wakes for what changed, one turn per service.

A service has its turn when its row, one of its tasks or an instance of its cluster changes, when it asked for
one, and now and then in case a wake-up was lost. Under profiles that say so, what its tasks come to is looked
at only so often: a service of thousands would have a turn for each. Decides nothing: service_turn.py does.
"""

from __future__ import annotations

import heapq
from collections.abc import Hashable
from typing import cast

from windlass.aws.calls import Principal
from windlass.kernel.alarm import Alarm
from windlass.kernel.clock import MINUTE, Duration, Instant, seconds
from windlass.kernel.faults import Retry
from windlass.kernel.reconcile import Loop
from windlass.kernel.store import Change
from windlass.kernel.turns import Lines
from windlass.services.ecs import shift_turn
from windlass.services.ecs.instance_model import INSTANCES, ContainerInstance
from windlass.services.ecs.launch_rates import backoff_policy
from windlass.services.ecs.lookup import Reads
from windlass.services.ecs.model import TASKS, Task
from windlass.services.ecs.service_model import (
    SERVICE_DEPLOYMENTS,
    SERVICES,
    TASK_SETS,
    Service,
    ServiceDeployment,
    ServiceKey,
    TaskSet,
)
from windlass.services.ecs.service_turn import Rules, Turn
from windlass.services.ecs.shift_turn import ShiftTurn
from windlass.services.ecs.task_set_turn import TaskSetTurn
from windlass.services.plane import Plane

LOOK_PERIOD: Duration = MINUTE
"""How often every service has a turn, whatever happened."""
TURNS_MAX = 20
"""Turns per pass, so that no pass holds up calls for long."""
BACKLOG_MAX = 300
"""Rows that may wait for the log until a pass ends before its turns are over."""
TASK_LOOK = "ecs.task_look"
"""Of the profile: how far apart two looks of a service at its tasks are."""
PRINCIPAL = "ecs.amazonaws.com"
_MORE = "more"
_REQUESTED = ("STOP_REQUESTED", "ROLLBACK_REQUESTED")


def _kind(reads: Reads, service: Service) -> type[Turn]:
    """Which kind of turn the service has."""
    if service.controller == "EXTERNAL":
        return TaskSetTurn
    return ShiftTurn if shift_turn.concerns(reads, service) else Turn


class Scheduler:
    """Gives services their turns."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane
        self.rules = Rules(
            healthy_after=seconds(plane.quotas.delay_s("ecs.healthy_after")),
            backoff=backoff_policy(plane.quotas),
            task_look=seconds(plane.quotas.delay_s(TASK_LOOK)),
        )
        self._looked_at: dict[ServiceKey, Instant] = {}
        """When services had their last turn, where looks are apart."""
        self._alarm = Alarm(plane.clock, lambda: self.loop.wake(_MORE))
        self._due: dict[ServiceKey, Instant] = {}
        self._queue: list[tuple[Instant, ServiceKey]] = []
        self._ready = Lines[ServiceKey]()
        self._all_at: Instant = 0
        """When every service has a turn again: a pass without keys may be one that a service asked for."""
        self.loop = Loop("ecs.scheduler", plane.clock, plane.journal, self._pass, period=LOOK_PERIOD)
        plane.store.watch((SERVICES,), self._on_service)
        plane.store.watch((SERVICE_DEPLOYMENTS,), self._on_record)
        plane.store.watch((TASK_SETS,), self._on_task_set)
        plane.store.watch((TASKS,), self._on_task)
        plane.store.watch((INSTANCES,), self._on_instance)

    def _on_service(self, change: Change) -> None:
        row: Service | None = change.new
        if row is not None and row.status != "INACTIVE":
            self.loop.wake(row.key)

    def _on_record(self, change: Change) -> None:
        """It was asked to stop, or one of its hooks has answered."""
        row: ServiceDeployment | None = change.new
        if row is not None and not row.ended and (row.hooks or row.status in _REQUESTED):
            self.loop.wake((row.account, row.region, row.cluster, row.service))

    def _on_task_set(self, change: Change) -> None:
        """One is wanted, or wanted otherwise."""
        row: TaskSet | None = change.new
        if row is not None:
            self.loop.wake((row.account, row.region, row.cluster, row.service))

    def _on_task(self, change: Change) -> None:
        row: Task | None = change.new
        if row is None or not row.service:
            return
        old: Task | None = change.old
        if old is None or (old.standing, old.protected_until) != (row.standing, row.protected_until):
            self._look_at_tasks((*row.cluster_key, row.service))

    def _look_at_tasks(self, key: ServiceKey) -> None:
        """Now, or when it is time again."""
        now = self._plane.clock.now()
        at = self._looked_at.get(key, 0) + self.rules.task_look
        if at <= now:
            self.loop.wake(key)
        elif key not in self._due or at < self._due[key]:
            self._look_at(key, at)
            self._alarm.set(self._queue[0][0])

    def _on_instance(self, change: Change) -> None:
        """Room for tasks that had none, or one that is to be left."""
        row: ContainerInstance = change.new or change.old
        for service in self._plane.store[SERVICES].by("cluster", row.cluster_key):
            self.loop.wake(service.key)

    async def _pass(self, now: Instant, keys: frozenset[Hashable]) -> Instant | None:
        """Turns of those that were woken and of those whose time has come, one of each account at a time."""
        store = self._plane.store
        if now >= self._all_at:
            keys, self._all_at = frozenset(self._all()), now + LOOK_PERIOD
        for key in keys - {_MORE}:
            self._look_at(cast(ServiceKey, key), now)
        while (key := self._next(now)) is not None:
            self._ready.add(key[0], key)
        for _ in range(TURNS_MAX):
            if not len(self._ready) or store.backlog > BACKLOG_MAX:
                break
            [key] = self._ready.take(1)
            try:
                self._turn(key, now)
            except Retry:
                self._ready.add(key[0], key)
                raise
        await store.durable()
        if len(self._ready):
            self.loop.wake(_MORE)
        return self._queue[0][0] if self._queue else None

    def _turn(self, key: ServiceKey, now: Instant) -> None:
        store = self._plane.store
        with store.transact() as tx:
            service = tx[SERVICES].get(key)
            if service is None or service.status == "INACTIVE":
                self._looked_at.pop(key, None)
                return
            if self.rules.task_look:
                self._looked_at[key] = now
            call = self._plane.calls.on_behalf(Principal(service.account, service.region, PRINCIPAL))
            again = _kind(tx, service)(tx, call, service, self.rules).take()
        if again is not None:
            self._look_at(key, max(again, now))

    def _all(self) -> list[ServiceKey]:
        return [row.key for row in self._plane.store[SERVICES].all() if row.status != "INACTIVE"]

    def _look_at(self, key: ServiceKey, at: Instant) -> None:
        """At that instant, or sooner if that was said before."""
        if key not in self._due or at < self._due[key]:
            self._due[key] = at
            heapq.heappush(self._queue, (at, key))

    def _next(self, now: Instant) -> ServiceKey | None:
        """The service whose time came first; None when none has come."""
        while self._queue and self._queue[0][0] <= now:
            at, key = heapq.heappop(self._queue)
            if self._due.get(key) == at:
                del self._due[key]
                return key
        return None
