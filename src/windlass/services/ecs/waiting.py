"""Tasks that wait for capacity: they are placed when their provider's instances have room, oldest first.

A task that RunTask or a service launched on a managed provider without room is a row of WAITING beside its
Task and its parked Unit. This loop gives it an instance, as placing.py would have, and connects it. Of tasks
that nothing tells apart only as many are looked at as find room.
"""

from __future__ import annotations

from collections.abc import Hashable
from operator import attrgetter
from typing import cast

from windlass.aws.bus import Bus
from windlass.aws.calls import Call, Principal
from windlass.fleet.model import UNITS, Unit
from windlass.fleet.transitions import ENDED
from windlass.kernel.clock import MINUTE, Duration, Instant
from windlass.kernel.faults import Fault
from windlass.kernel.reconcile import Loop
from windlass.kernel.rows import replace
from windlass.kernel.store import Change, Transaction
from windlass.services.ecs import launch, placement, placing, registration, stopping, task_rows, wiring
from windlass.services.ecs.instance_model import INSTANCES, ContainerInstance
from windlass.services.ecs.model import TASKS
from windlass.services.ecs.placement import Demand
from windlass.services.ecs.provider_model import WAITING, Pool, WaitingTask
from windlass.services.ecs.rooms import Rooms
from windlass.services.plane import Plane

PERIOD: Duration = MINUTE
BATCH_MAX = 200
"""Tasks placed per transaction, so that no pass holds up calls for long."""
PRINCIPAL = "ecs.amazonaws.com"


class WaitingRoom:
    """Run it with `spawn.start("ecs.waiting", waiting.loop.run())`."""

    def __init__(self, plane: Plane, rooms: Rooms) -> None:
        self._plane = plane
        self._rooms = rooms
        self.loop = Loop("ecs.waiting", plane.clock, plane.journal, self._pass, period=PERIOD)
        plane.store.watch((INSTANCES,), self._on_instance)
        plane.store.watch((UNITS,), self._on_unit, topic=launch.OWNER)

    def _on_instance(self, change: Change) -> None:
        row: ContainerInstance | None = change.new
        if row is not None and row.status == "ACTIVE" and row.capacity_provider:
            self._wake((*row.cluster_key, row.capacity_provider))

    def _on_unit(self, change: Change) -> None:
        """A unit that ends makes room on its instance."""
        old: Unit | None = change.old
        ended = change.new is None or change.new.state in ENDED
        if old is None or not old.target_id or old.state in ENDED or not ended:
            return
        row = self._plane.store[INSTANCES].get(old.target_id)
        if row is not None and row.capacity_provider:
            self._wake((*row.cluster_key, row.capacity_provider))

    def _wake(self, pool: Pool) -> None:
        if self._plane.store[WAITING].count("pool", pool):
            self.loop.wake(pool)

    async def _pass(self, now: Instant, keys: frozenset[Hashable]) -> Instant | None:
        store = self._plane.store
        pools = keys or store[WAITING].values("pool")
        for pool in sorted(cast(Pool, key) for key in pools):
            call = self._plane.calls.on_behalf(Principal(pool[0], pool[1], PRINCIPAL))
            with store.transact() as tx:
                more = self._place_all(tx, call, pool)
            if more:
                self.loop.wake(pool)
        return None

    def _place_all(self, tx: Transaction, call: Call, pool: Pool) -> bool:
        """Place what has room; returns whether there may be more of it."""
        placed: list[tuple[WaitingTask, str]] = []
        with self._rooms.within(tx):
            room = self._rooms.of(pool[:3], "EC2")
            for first in self._shapes(tx, pool):
                some = tx[WAITING].page("shape", (pool, first.shape), limit=BATCH_MAX - len(placed))
                demand = demand_of(first, _zones(tx, call, first))
                subjects = placing.Subjects(tx, room)
                chosen = placement.choose(room, demand, len(some), subjects, self._rooms.draw)
                self._rooms.expect(tx, room, demand, chosen)
                placed += zip(some, chosen, strict=False)
                if len(placed) >= BATCH_MAX:
                    break
        for waiting, instance_id in placed:
            self._settle(tx, call, waiting, tx[INSTANCES].require(instance_id))
        return len(placed) >= BATCH_MAX

    def _shapes(self, tx: Transaction, pool: Pool) -> list[WaitingTask]:
        """The oldest task of each shape, the oldest first."""
        values = [
            value for value in tx[WAITING].values("shape") if cast(tuple[Pool, bytes], value)[0] == pool
        ]
        firsts = [row for value in values if (row := tx[WAITING].first("shape", value)) is not None]
        return sorted(firsts, key=attrgetter("created_at", "number"))

    def _settle(self, tx: Transaction, call: Call, waiting: WaitingTask, host: ContainerInstance) -> None:
        """One task on its instance, connected there."""
        tx[WAITING].delete(waiting.id)
        task, unit = tx[TASKS].require(waiting.id), tx[UNITS].require(waiting.id)
        wired = _connected(tx, call, waiting, host)
        if wired.fault:
            stopping.stop(tx, call.part(Bus), task, "TaskFailedToStart", wired.fault, call.now)
            return
        told = host.attribute(registration.ZONE)
        after = replace(task, instance=host.id, zone=wired.zone or told, attachment=wired.attachment)
        tx[TASKS].put(after)
        unit = replace(unit, parked=False, why="", spec=replace(unit.spec, network=wired.network))
        tx[UNITS].put(task_rows.hosted(unit, host, waiting.need))


def demand_of(waiting: WaitingTask, zones: frozenset[str]) -> Demand:
    """What the task asks of its instance."""
    constraints = placement.constraints(waiting.constraints, waiting.group, zones, waiting.provider)
    return Demand(waiting.need, waiting.group, constraints, waiting.strategies)


def _zones(tx: Transaction, call: Call, waiting: WaitingTask) -> frozenset[str]:
    """Those of the tasks' subnets; none when they are gone, which is told when a task is connected."""
    try:
        return wiring.begin(tx, call, waiting).zones
    except Fault:
        return frozenset()


def _connected(tx: Transaction, call: Call, waiting: WaitingTask, host: ContainerInstance) -> wiring.Wired:
    try:
        return wiring.begin(tx, call, waiting).connect(registration.zone(host))
    except Fault as fault:
        return wiring.Wired(wiring.NOWHERE, fault=fault.message)
