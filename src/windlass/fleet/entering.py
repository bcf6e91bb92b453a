"""How new units enter the store: on a node at once, if there is room and nobody waits for it.

A unit that is inserted "waiting" costs its owner's transaction, then the controller's, and twice the telling;
most find a node at once. What does not, or would overtake others, waits as ever, and the controller has its
turns. Knows rows and place.py; not sessions: the controller sees the new row and has its node told.
"""

from __future__ import annotations

from functools import partial
from operator import attrgetter

from windlass.fleet.model import NODES, UNITS, Node, Unit
from windlass.fleet.place import NOTHING, Assign, Placer, Reserved
from windlass.fleet.transitions import assign, occupies
from windlass.kernel.rows import replace
from windlass.kernel.store import Change, Store, Transaction


class Entering:
    """One per plane: `plane.calls.part(Entering)`. Counts what the units of each node reserve."""

    def __init__(self, store: Store) -> None:
        self.reserved: dict[str, Reserved] = {}
        """Node id → what its units reserve together, as far as that is committed."""
        self._tx: Transaction | None = None
        self._placer: Placer | None = None
        """For the transaction that entered units last; None: others wait, so nobody is placed past them."""
        self._generations: dict[str, int] = {}
        for unit in store[UNITS].all():
            self._count(None, unit)
        store.watch((UNITS,), self._on_unit)

    def put(self, tx: Transaction, unit: Unit) -> Unit:
        """Insert a unit that its owner wants to run: what `tx[UNITS].put(unit)` does, and the next step."""
        if self._tx is not tx:
            self._begin(tx)
        if self._placer is not None and not unit.parked:
            placement = self._placer.take(unit)
            if isinstance(placement, Assign):
                generation = self._generation(tx, placement.node_id)
                unit = assign(unit, placement.node_id, generation)
        return tx[UNITS].put(unit)

    def _begin(self, tx: Transaction) -> None:
        self._tx, self._placer = tx, None
        self._generations.clear()
        if not tx[UNITS].values("waiting"):
            self._placer = placer(tx, self.reserved)

    def _generation(self, tx: Transaction, node_id: str) -> int:
        """One more for each node that gets units in this transaction."""
        found = self._generations.get(node_id)
        if found is None:
            found = self._generations[node_id] = next_generation(tx, node_id)
        return found

    def _on_unit(self, change: Change) -> None:
        self._tx = self._placer = None  # whatever transaction it was is over
        self._count(change.old, change.new)

    def _count(self, old: Unit | None, new: Unit | None) -> None:
        before = old if old is not None and occupies(old) else None
        after = new if new is not None and occupies(new) else None
        if before is not None and after is not None and _share(before) == _share(after):
            return
        if before is not None:
            self.reserved[before.node_id] = self.reserved.get(before.node_id, NOTHING).minus(before)
        if after is not None:
            self.reserved[after.node_id] = self.reserved.get(after.node_id, NOTHING).plus(after)


_share = attrgetter("node_id", "cpu_units", "memory_mib")


def placer(tx: Transaction, reserved: dict[str, Reserved]) -> Placer:
    """For the nodes as they are now."""
    nodes = sorted(tx[NODES].by("shared", "connected"), key=lambda node: node.id)
    return Placer(nodes, reserved, partial(_is_connected, tx))


def next_generation(tx: Transaction, node_id: str) -> int:
    """Begin the node's next desired set."""
    node: Node = tx[NODES].require(node_id)
    return tx[NODES].put(replace(node, generation=node.generation + 1)).generation


def _is_connected(tx: Transaction, node_id: str) -> bool:
    node = tx[NODES].get(node_id)
    return node is not None and node.connected
