"""The fleet's loop: assigns waiting units to nodes and keeps each node's desired set current.

Woken by changes of units and nodes, with their keys, so that a pass costs what changed and not what exists;
once a period it looks at everything. What a node should hold is computed from rows (desired.py); telling it
is the links' business.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import Protocol

from windlass.fleet.desired import difference
from windlass.fleet.entering import Entering, next_generation, placer
from windlass.fleet.intake import take_disconnect
from windlass.fleet.model import NODES, UNITS, Node, Unit
from windlass.fleet.place import NOTHING, Assign, Reserved, Unplaceable
from windlass.fleet.transitions import assign, occupies, withdraw
from windlass.kernel.clock import MINUTE, Clock, Duration, Instant
from windlass.kernel.faults import Retry
from windlass.kernel.journal import Journal
from windlass.kernel.reconcile import Loop
from windlass.kernel.rows import replace
from windlass.kernel.store import Change, Store
from windlass.kernel.turns import Lines

PERIOD: Duration = MINUTE
"""How often everything is looked at, in case a wake-up was lost."""
UNITS_PER_PASS = 100
"""Most units assigned in one pass and transaction: bounds how long other work waits."""
PAGE = 500
"""Waiting units of one size that are looked at when there is room."""

_ROOM = ("room",)
_UNITS = ("units",)
Touched = dict[str, dict[str, None]]
"""Node id → ids of units whose part in its desired set may have changed."""


class Offers(Protocol):
    """What the controller needs of the links."""

    def offer(self, node_id: str, unit_ids: Iterable[str]) -> None:
        """Tell the node soon what became of these units in its desired set."""

    def held(self, node_id: str) -> Mapping[str, bool] | None:
        """Unit id → whether it was told to run; None without a session."""


class Controller:
    """Run it with `spawn.start("fleet", controller.run())`."""

    def __init__(
        self, store: Store, links: Offers, clock: Clock, journal: Journal, entering: Entering
    ) -> None:
        self._store = store
        self._entering = entering
        self._links = links
        self._clock = clock
        self._journal = journal
        self._waiting = Lines[str]()
        """Ids of units to place, by account: each has its turn, whatever another launches."""
        self._passed_over = False
        """Whether there was no room for some unit that was looked at since all had their turn."""
        self._loop = Loop("fleet", clock, journal, self._pass, period=PERIOD)
        store.watch((UNITS,), self._on_unit)
        store.watch((NODES,), self._on_node)

    async def run(self) -> None:
        await self._loop.run()

    def reserved(self, node_id: str) -> Reserved:
        """What the units on that node reserve together."""
        return self._entering.reserved.get(node_id, NOTHING)

    # wake-ups

    def _on_unit(self, change: Change) -> None:
        old: Unit | None = change.old
        new: Unit | None = change.new
        if new is not None and new.state == "waiting":
            if old is None or _is_to_place(old) != _is_to_place(new) or old.desired != new.desired:
                self._waiting.add(new.account, new.id)
                self._loop.wake(_UNITS)
        elif old is not None and occupies(old) and (new is None or not occupies(new)):
            self._wake_for_room()
        if old is None and new is not None and new.node_id:
            # Entered with a place: the next set that is sent, for whatever reason, is of its generation, and
            # a node that accepted that without the unit would seem to have lost it.
            self._links.offer(new.node_id, (new.id,))
        elif _concerns_node(old, new):
            for node_id in _nodes_of(old, new):
                self._loop.wake(("desired", node_id, change.key))

    def _on_node(self, change: Change) -> None:
        old: Node | None = change.old
        new: Node | None = change.new
        if new is not None and new.connected and (old is None or _room_of(old) != _room_of(new)):
            self._wake_for_room()

    def _wake_for_room(self) -> None:
        if self._passed_over:
            self._loop.wake(_ROOM)

    # a pass

    async def _pass(self, now: Instant, keys: frozenset[Hashable]) -> Instant | None:
        for node_id, unit_ids in self._touched(keys).items():
            self._links.offer(node_id, unit_ids)
        paged = self._line_up() if not keys or _ROOM in keys else 0
        ids = self._waiting.take(UNITS_PER_PASS)
        if not ids:
            return None
        try:
            self._apply_placements(ids)
            await self._store.durable()
        except Retry:
            for unit_id in ids:
                self._waiting.add("", unit_id)
            raise
        if len(self._waiting):
            self._loop.wake(_UNITS)
        if paged >= PAGE and self._any_placed(ids):
            self._loop.wake(_ROOM)
        return None

    def _line_up(self) -> int:
        """There is room: the oldest units of each size have their turn. Returns how many there are."""
        view = self._store[UNITS]
        found = [unit for size in view.values("waiting") for unit in view.page("waiting", size, limit=PAGE)]
        for unit in sorted(found, key=lambda unit: (unit.created_at, unit.id)):
            self._waiting.add(unit.account, unit.id)
        self._passed_over = len(found) >= PAGE
        return len(found)

    def _any_placed(self, unit_ids: list[str]) -> bool:
        units = (self._store[UNITS].get(unit_id) for unit_id in unit_ids)
        return any(unit is None or unit.state != "waiting" for unit in units)

    def _touched(self, keys: frozenset[Hashable]) -> Touched:
        touched: Touched = {}
        if not keys:
            return self._drifted()
        for key in sorted(k for k in keys if isinstance(k, tuple) and k[0] == "desired"):
            _, node_id, unit_id = key
            touched.setdefault(node_id, {})[unit_id] = None
        return touched

    def _drifted(self) -> Touched:
        """Everything that a connected node holds and should not, or the other way round."""
        touched: Touched = {}
        for node in sorted(self._store[NODES].by("connected", True), key=lambda node: node.id):
            held = self._links.held(node.id)
            if held is None:  # its session ended while the log took no writes
                take_disconnect(self._store, node.id, self._clock.now())
                continue
            units: dict[str, Unit | None] = dict.fromkeys(held)
            units |= {unit.id: unit for unit in self._store[UNITS].by("node", node.id)}
            drift = difference(held, units)
            if drift:
                ids = (*(want.spec.unit_id for want in drift.changed), *drift.gone)
                touched[node.id] = dict.fromkeys(ids)
        return touched

    def _apply_placements(self, unit_ids: list[str]) -> None:
        """Read again, decide, write: one transaction, so nothing can have changed between."""
        offers: Touched = {}
        with self._store.transact() as tx:
            units = [u for i in unit_ids if (u := tx[UNITS].get(i)) is not None and u.state == "waiting"]
            for unit in units:
                if unit.desired == "stop":
                    tx[UNITS].put(withdraw(unit))
            wanted = [unit for unit in units if unit.desired == "run" and not unit.parked]
            placing = placer(tx, self._entering.reserved)
            generations: dict[str, int] = {}
            for unit in wanted:
                match placing.take(unit):
                    case Assign(unit_id, node_id):
                        if node_id not in generations:
                            generations[node_id] = next_generation(tx, node_id)
                        tx[UNITS].put(assign(unit, node_id, generations[node_id]))
                        offers.setdefault(node_id, {})[unit_id] = None
                    case Unplaceable(unit_id, reason):
                        self._passed_over = True
                        if reason != unit.why:
                            tx[UNITS].put(replace(unit, why=reason))
                            self._journal.note("fleet", unit_id, "waits", reason)
        for node_id, ids in offers.items():
            self._links.offer(node_id, ids)


def _is_to_place(unit: Unit) -> bool:
    return unit.state == "waiting" and not unit.parked


def _room_of(node: Node) -> tuple[bool, bool, int, int]:
    return (node.connected, node.unbounded, node.cpu_units, node.memory_mib)


def _nodes_of(old: Unit | None, new: Unit | None) -> list[str]:
    return sorted({unit.node_id for unit in (old, new) if unit is not None and unit.node_id})


def _concerns_node(old: Unit | None, new: Unit | None) -> bool:
    """Whether the change alters a desired set, other than by the assignment that this loop itself made."""
    if old is None or new is None:
        return True
    if old.node_id and not new.node_id:  # an assignment was undone by the log
        return True
    return old.desired != new.desired or (old.state == "lost") != (new.state == "lost")
