"""Which node takes which waiting unit.

Pure: the same units, nodes and reservations give the same answer. A unit that is bound to a node goes there
and nowhere else. Of the shared nodes bounded ones take what still fits, the one with the largest share of
free room first, so that units spread; unbounded nodes take whatever is left over, in turn. Knows nothing of
tasks, constraints or strategies: ECS chooses a container instance before it binds a unit (room.py).
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from windlass.fleet.model import Node, Unit
from windlass.kernel.rows import Row

NO_NODE = "no node is connected"


class Reserved(Row, frozen=True):
    """What the units of one node reserve together."""

    cpu_units: int = 0
    memory_mib: int = 0
    units: int = 0

    def plus(self, unit: Unit) -> Reserved:
        return Reserved(self.cpu_units + unit.cpu_units, self.memory_mib + unit.memory_mib, self.units + 1)

    def minus(self, unit: Unit) -> Reserved:
        return Reserved(self.cpu_units - unit.cpu_units, self.memory_mib - unit.memory_mib, self.units - 1)


NOTHING = Reserved()


class Assign(Row, frozen=True):
    """Run the unit on that node."""

    unit_id: str
    node_id: str


class Unplaceable(Row, frozen=True):
    """The unit waits on; `reason` is for people."""

    unit_id: str
    reason: str


Placement: TypeAlias = Assign | Unplaceable
_MILLION = 1_000_000


class Placer:
    """Places units one after the other, and remembers what it gave away.

    `nodes` are the shared and connected ones; `connected` is asked of nodes that units are bound to. A unit
    costs log nodes; one that the roomiest node cannot take looks further, but only the first of its size does
    so in vain.
    """

    def __init__(
        self,
        nodes: Sequence[Node],
        reserved: Mapping[str, Reserved],
        connected: Callable[[str], bool] = lambda node_id: True,
    ) -> None:
        self._nodes = nodes
        self._connected = connected
        self._roomy = _Roomy(nodes, reserved)
        self._turns = _Turns(nodes, reserved)
        self._hopeless: set[tuple[int, int]] = set()

    def take(self, unit: Unit) -> Placement:
        """Where the unit goes."""
        if unit.bound_to:
            return _bound(unit, self._connected)
        size = (unit.cpu_units, unit.memory_mib)
        node_id = None if size in self._hopeless else self._roomy.take(unit)
        if node_id is None:
            self._hopeless.add(size)
            node_id = self._turns.take()
        if node_id is None:
            return Unplaceable(unit.id, _reason(unit, self._nodes))
        return Assign(unit.id, node_id)


class _Roomy:
    """Bounded nodes, the one with the largest free share of its scarcer resource on top."""

    def __init__(self, nodes: Sequence[Node], reserved: Mapping[str, Reserved]) -> None:
        self._nodes = {node.id: node for node in nodes if not node.unbounded}
        self._taken = {node_id: reserved.get(node_id, NOTHING) for node_id in self._nodes}
        self._heap = [(-self._share(node_id), node_id) for node_id in self._nodes]
        heapq.heapify(self._heap)

    def take(self, unit: Unit) -> str | None:
        """Reserve the unit on the roomiest node that has room for it."""
        passed_over: list[tuple[int, str]] = []
        found: str | None = None
        while self._heap and found is None:
            share, node_id = heapq.heappop(self._heap)
            if self._fits(unit, node_id):
                found = node_id
                self._taken[node_id] = self._taken[node_id].plus(unit)
                share = -self._share(node_id)
            passed_over.append((share, node_id))
        for free in passed_over:
            heapq.heappush(self._heap, free)
        return found

    def _fits(self, unit: Unit, node_id: str) -> bool:
        node, after = self._nodes[node_id], self._taken[node_id].plus(unit)
        return after.cpu_units <= node.cpu_units and after.memory_mib <= node.memory_mib

    def _share(self, node_id: str) -> int:
        """Free room in millionths, of CPU or of memory, whichever is scarcer."""
        node, taken = self._nodes[node_id], self._taken[node_id]
        cpu = (node.cpu_units - taken.cpu_units) * _MILLION // max(1, node.cpu_units)
        memory = (node.memory_mib - taken.memory_mib) * _MILLION // max(1, node.memory_mib)
        return min(cpu, memory)


class _Turns:
    """Unbounded nodes, the one with the fewest units first."""

    def __init__(self, nodes: Sequence[Node], reserved: Mapping[str, Reserved]) -> None:
        self._heap = [(reserved.get(n.id, NOTHING).units, n.id) for n in nodes if n.unbounded]
        heapq.heapify(self._heap)

    def take(self) -> str | None:
        if not self._heap:
            return None
        count, node_id = self._heap[0]
        heapq.heapreplace(self._heap, (count + 1, node_id))
        return node_id


def _bound(unit: Unit, connected: Callable[[str], bool]) -> Placement:
    if connected(unit.bound_to):
        return Assign(unit.id, unit.bound_to)
    return Unplaceable(unit.id, f"its node {unit.bound_to} is not connected")


def _reason(unit: Unit, nodes: Sequence[Node]) -> str:
    if not nodes:
        return NO_NODE
    needs = [f"{unit.cpu_units} CPU units"] if unit.cpu_units else []
    needs += [f"{unit.memory_mib} MiB"] if unit.memory_mib else []
    return f"no node has {' and '.join(needs)} free"
