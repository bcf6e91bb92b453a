"""The room on every cluster's container instances, always current: rows in, `fleet.room.Room` out.

A part of the plane. It follows container instances and units commit by commit, so inside of a transaction it
knows everything but that transaction's own writes. A unit takes room from the moment that it is placed,
before its node has heard of it, until it has ended: what is chosen for tasks that have no row yet stays
reserved until their units come, so that each takes its room once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TypeAlias

from windlass.fleet.model import UNITS, Unit
from windlass.fleet.room import Draw, Need, Room, Taken, Target
from windlass.fleet.transitions import ENDED
from windlass.kernel.store import Change, Store, Transaction
from windlass.services.ecs import placement, registration
from windlass.services.ecs.instance_model import INSTANCES, ContainerInstance
from windlass.services.ecs.launch import OWNER
from windlass.services.ecs.placement import Demand

Pool: TypeAlias = tuple[str, str, str, str]
"""(account, region, cluster name, launch type): what a task of that launch type may be placed on."""
_NO_ROOM = Room()


class Rooms:
    """All pools of the plane."""

    def __init__(self, store: Store, draw: Draw) -> None:
        self._store = store
        self.draw = draw
        """Chance for the strategy random."""
        self._rooms: dict[Pool, Room] = {}
        self._pools: dict[str, Pool] = {}
        self._expected: Counter[tuple[Pool, str, Need, str]] = Counter()
        """(…, instance, need, group) → units of the transaction that goes on whose room is taken already."""
        for instance in store[INSTANCES].all():
            self._put(instance)
        for unit in store[UNITS].all():
            self._reserve(unit, 1)
        store.watch((INSTANCES,), self._on_instance)
        store.watch((UNITS,), self._on_unit, topic=OWNER)

    def of(self, cluster: tuple[str, str, str], launch_type: str) -> Room:
        """The instances of that launch type in that cluster: to be read, or put back as it was."""
        return self._rooms.get((*cluster, launch_type), _NO_ROOM)

    @contextmanager
    def within(self, tx: Transaction) -> Iterator[None]:
        """While it lasts, what that transaction wrote until now is known, too."""
        written = [change for change in tx.changes if change.table in (INSTANCES.name, UNITS.name)]
        for change in written:
            self._on(change)
        try:
            yield
        finally:
            for change in reversed(written):
                self._on(change.undone())

    def expect(self, tx: Transaction, room: Room, demand: Demand, chosen: Sequence[str]) -> None:
        """Have what placement.choose reserved there be that of units which the transaction is to write.

        What it does not write is given back when it is over. Instances that are not known here yet, as the
        one that is lent, have their room from their rows.
        """
        if not self._expected:
            tx.at_end(self._give_back)
        for instance_id in chosen:
            pool = self._pools.get(instance_id)
            if pool is not None and self._rooms[pool] is room:
                self._expected[pool, instance_id, demand.need, demand.group] += 1

    def _give_back(self) -> None:
        """What was expected and did not come."""
        for pool, instance_id, need, group in self._expected.elements():
            self._rooms[pool].give_back(instance_id, need, group)
        self._expected.clear()

    def taken(self, instance: ContainerInstance) -> Taken:
        """What the tasks on that instance reserve."""
        return self.of(instance.cluster_key, instance.launch_type).taken(instance.id)

    def _on(self, change: Change) -> None:
        if change.table == UNITS.name:
            self._on_unit(change)
        else:
            self._on_instance(change)

    def _on_instance(self, change: Change) -> None:
        if change.new is not None:
            self._put(change.new)
        else:
            room = self._rooms[self._pools.pop(change.old.id)]
            room.remove(change.old.id)

    def _put(self, instance: ContainerInstance) -> None:
        pool: Pool = (*instance.cluster_key, instance.launch_type)
        self._pools[instance.id] = pool
        room = self._rooms.setdefault(pool, Room())
        if instance.status == "INACTIVE":
            room.remove(instance.id)
        else:
            room.put(target(instance))

    def _on_unit(self, change: Change) -> None:
        old: Unit | None = change.old
        new: Unit | None = change.new
        held = old is not None and _holds(old)
        holds = new is not None and _holds(new)
        if held and not holds:
            self._reserve(change.old, -1)
        elif holds and not held:
            self._reserve(change.new, 1)

    def _reserve(self, unit: Unit, count: int) -> None:
        """Only of units that are on an instance whose row is there: others take nobody's room."""
        pool = self._pools.get(unit.target_id) if _holds(unit) else None
        if pool is None:
            return
        reserved = (unit.target_id, need(unit), group(unit))
        if count < 0:
            self._rooms[pool].give_back(*reserved)
        elif self._expected[pool, *reserved] > 0:
            self._expected[pool, *reserved] -= 1
        else:
            self._rooms[pool].take(*reserved)


def target(instance: ContainerInstance) -> Target:
    """A container instance as placement sees it."""
    return Target(
        id=instance.id,
        cpu_units=instance.cpu_units,
        memory_mib=instance.memory_mib,
        unbounded=instance.unbounded,
        ports=registration.reserved(instance),
        gpus=len(instance.gpus),
        enis=registration.enis(instance),
        traits=placement.traits(instance),
        open=instance.status == "ACTIVE" and instance.reachable,
    )


def need(unit: Unit) -> Need:
    """What a unit reserves."""
    own_interface = unit.spec.network.mode == "awsvpc"
    return Need(unit.cpu_units, unit.memory_mib, frozenset(unit.ports), unit.gpus, int(own_interface))


def group(unit: Unit) -> str:
    """The task group of the task that it is."""
    return unit.spec.task.group if unit.spec.task is not None else ""


def _holds(unit: Unit) -> bool:
    return bool(unit.target_id) and unit.state not in ENDED
