"""Managed draining: instances of a provider's group that are to go are emptied first.

A lifecycle hook holds an instance that terminates. Its container instance drains: its services replace their
tasks elsewhere, tasks by themselves run to their end. When none is left, or after 48 hours, the instance goes
(ECS Developer Guide, managed instance draining). Looks at rows only; woken by groups and by tasks that end.
"""

from __future__ import annotations

from collections.abc import Hashable

from windlass.aws.bus import Bus
from windlass.fleet.groups import Group, Groups, Member, Source
from windlass.kernel.clock import MINUTE, Duration, Instant
from windlass.kernel.reconcile import Loop
from windlass.kernel.store import Change, Transaction
from windlass.services.ecs import instances
from windlass.services.ecs.attachments import DRAINING_HOOK
from windlass.services.ecs.instance_model import INSTANCES, ContainerInstance
from windlass.services.ecs.model import TASKS, UP_TO_RUNNING, Task
from windlass.services.ecs.provider_model import PROVIDERS, CapacityProvider
from windlass.services.ecs.rooms import Rooms
from windlass.services.plane import Plane

HELD_S_MAX = 48 * 3_600
"""Seconds that an instance waits for its tasks; ECS Developer Guide, managed instance draining."""
PERIOD: Duration = 5 * MINUTE
LEAVING = (*UP_TO_RUNNING, "DEACTIVATING", "STOPPING", "DEPROVISIONING")
"""Values of lastStatus of tasks that are on an instance."""


def arrange(tx: Transaction, groups: Groups, provider: CapacityProvider) -> None:
    """Put the hook on the provider's group, or take it away, as the provider is now."""
    if groups.source is None:
        return
    if provider.drains and provider.status == "ACTIVE":
        groups.source.hold(tx, provider.group_arn, DRAINING_HOOK, HELD_S_MAX)
    else:
        groups.source.unhold(tx, provider.group_arn, DRAINING_HOOK)


class ManagedDraining:
    """Run it with `spawn.start("ecs.draining", draining.loop.run())`."""

    def __init__(self, plane: Plane, rooms: Rooms) -> None:
        self._plane = plane
        self._rooms = rooms
        self._bus = plane.calls.part(Bus)
        self._groups = plane.calls.part(Groups)
        self.loop = Loop("ecs.draining", plane.clock, plane.journal, self._pass, period=PERIOD)
        self._groups.follow(self._on_group)
        plane.store.watch((TASKS,), self._on_task)

    def _on_group(self, arn: str) -> None:
        if self._plane.store[PROVIDERS].count("group", arn):
            self.loop.wake(arn)

    def _on_task(self, change: Change) -> None:
        task: Task | None = change.new
        if task is None or not task.instance or task.last_status != "STOPPED":
            return
        row = self._plane.store[INSTANCES].get(task.instance)
        if row is not None and row.status == "DRAINING" and row.capacity_provider:
            provider = self._plane.store[PROVIDERS].get((row.account, row.region, row.capacity_provider))
            if provider is not None:
                self.loop.wake(provider.group_arn)

    async def _pass(self, now: Instant, keys: frozenset[Hashable]) -> Instant | None:
        source = self._groups.source
        if source is None:
            return None
        store = self._plane.store
        for arn in sorted(map(str, keys or store[PROVIDERS].values("group"))):
            provider = store[PROVIDERS].first("group", arn)
            if provider is None:
                continue
            with store.transact() as tx:
                group = self._groups.find(tx, (provider.account, provider.region), arn)
                for member in _held(group):
                    self._empty(tx, source, member, now)
        return None

    def _empty(self, tx: Transaction, source: Source, member: Member, now: Instant) -> None:
        """Drain one instance, or let it go if nothing is left on it."""
        rows = [row for row in tx[INSTANCES].by("machine", member.id) if row.status != "INACTIVE"]
        for row in rows:
            instances.set_status(tx, self._bus, row, "DRAINING", self._rooms.taken(row), now)
        if not any(_has_tasks(tx, row) for row in rows):
            source.release(tx, member.id, DRAINING_HOOK)
            self._plane.journal.note("ecs", member.id, "drained")


def _held(group: Group | None) -> list[Member]:
    """Instances that wait for the hook."""
    return [] if group is None else [one for one in group.members if DRAINING_HOOK in one.hooks]


def _has_tasks(tx: Transaction, row: ContainerInstance) -> bool:
    return any(tx[TASKS].count("instance", (row.id, status)) for status in LEAVING)
