"""Room on targets: which of many takes a unit, without looking at all of them.

A target is whatever units are reserved on by somebody other than the fleet's own placement: an ECS container
instance. Targets that nothing here could tell apart (same size, same reservations, same ports, same traits)
are one kind, and a search walks kinds, the one with the largest share of free room first, so that units
spread; ten thousand machines that run the same tasks are a handful of kinds. Reservations are counted by
whole units, so removing what was added leaves exactly what was before.

Knows no rows, no clusters and no tasks. Strategies (binpack, spread by attribute) are not here yet: they are
another order of the kinds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from sortedcontainers import SortedDict, SortedList

from windlass.fleet.model import Port
from windlass.kernel.faults import Bug

Lack = Literal["cpu", "memory", "ports"]
_MILLION = 1_000_000


class Need(NamedTuple):
    """What one unit takes: CPU units (1,024 a vCPU), MiB, ports."""

    cpu_units: int = 0
    memory_mib: int = 0
    ports: frozenset[Port] = frozenset()


@dataclass(frozen=True, slots=True)
class Target:
    """What units are placed on. `unbounded` ones take any CPU and memory; `ports` are never given away."""

    id: str
    cpu_units: int
    memory_mib: int
    unbounded: bool = False
    ports: frozenset[Port] = frozenset()
    traits: Hashable = ()
    """Whatever else tells targets apart for those who choose; equal traits, same kind."""
    open: bool = True
    """Takes new units: an instance that drains, or whose agent is gone, does not."""


class Taken(NamedTuple):
    """What the units on one target reserve together."""

    cpu_units: int = 0
    memory_mib: int = 0
    ports: frozenset[Port] = frozenset()


class _Kind(NamedTuple):
    """Targets that are alike. `unbounded` ones are, however much they have taken."""

    unbounded: bool
    cpu_units: int
    memory_mib: int
    cpu_free: int
    memory_free: int
    ports: frozenset[Port]
    traits: Hashable

    def lacks(self, need: Need) -> Lack | None:
        if not self.unbounded:
            if need.cpu_units > self.cpu_free:
                return "cpu"
            if need.memory_mib > self.memory_free:
                return "memory"
        return None if self.ports.isdisjoint(need.ports) else "ports"

    def share(self) -> int:
        """Free room in millionths, of CPU or of memory, whichever is scarcer."""
        if self.unbounded:
            return _MILLION
        cpu = self.cpu_free * _MILLION // max(1, self.cpu_units)
        memory = self.memory_free * _MILLION // max(1, self.memory_mib)
        return min(cpu, memory)


def suits_all(target: Target) -> bool:
    """No further condition."""
    return True


class Room:
    """The targets of one group, and what is reserved on them. Mutable.

    Every method costs O(log n) or less, but `choose`, which costs as many kinds as it looks at.
    """

    def __init__(self) -> None:
        self._targets: dict[str, Target] = {}
        self._taken: dict[str, _Tally] = {}
        self._kind_of: dict[str, _Kind] = {}
        self._kinds: dict[_Kind, SortedList] = {}
        self._order: SortedDict = SortedDict()
        """(-share, number of the kind) → kind: the roomiest first, then the one seen first."""
        self._place: dict[_Kind, tuple[int, int]] = {}
        self._numbers = 0

    def __len__(self) -> int:
        """How many targets are open."""
        return len(self._kind_of)

    def targets(self) -> list[Target]:
        """All targets, by id; closed ones too."""
        return [self._targets[target_id] for target_id in sorted(self._targets)]

    def put(self, target: Target) -> None:
        """Add a target, or change what is known of it."""
        self._targets[target.id] = target
        self._arrange(target.id)

    def remove(self, target_id: str) -> None:
        """The target is gone; what is reserved on it stays counted until it is given back."""
        self._targets.pop(target_id, None)
        self._arrange(target_id)

    def take(self, target_id: str, need: Need) -> None:
        """Reserve on a target, whether it fits or not: what runs, runs."""
        tally = self._taken.get(target_id)
        if tally is None:
            tally = self._taken[target_id] = _Tally()
        tally.add(need, 1)
        self._arrange_after(target_id, need)

    def give_back(self, target_id: str, need: Need) -> None:
        """Undo one `take` of the same need."""
        tally = self._taken.get(target_id)
        if tally is None:
            raise Bug("more was given back than was taken", target_id, need)
        tally.add(need, -1)
        if not tally.units:
            del self._taken[target_id]
        self._arrange_after(target_id, need)

    def taken(self, target_id: str) -> Taken:
        """What is reserved on the target."""
        tally = self._taken.get(target_id)
        return Taken() if tally is None else tally.total()

    def lacks(self, target_id: str, need: Need) -> Lack | None:
        """What the target has too little of; None when it fits. The target is known here."""
        return self._make_kind(self._targets[target_id]).lacks(need)

    def choose(self, need: Need, suits: Callable[[Target], bool] = suits_all) -> str | None:
        """An open target that fits and suits: of the roomiest kind, the one with the lowest id."""
        for kind in self._order.values():
            if kind.lacks(need) is None:
                for target_id in self._kinds[kind]:
                    if suits(self._targets[target_id]):
                        return str(target_id)
        return None

    def kinds(self) -> int:
        """How many kinds of open targets there are: what `choose` may have to look at."""
        return len(self._kinds)

    # how targets become kinds

    def _arrange_after(self, target_id: str, need: Need) -> None:
        """After a change by that need; an unbounded target stays what it is, but for its ports."""
        target = self._targets.get(target_id)
        if target is None or need.ports or not target.unbounded:
            self._arrange(target_id)

    def _arrange(self, target_id: str) -> None:
        target = self._targets.get(target_id)
        kind = self._make_kind(target) if target is not None and target.open else None
        before = self._kind_of.get(target_id)
        if kind == before:
            return
        if before is not None:
            self._leave(target_id, before)
        if kind is not None:
            self._join(target_id, kind)

    def _make_kind(self, target: Target) -> _Kind:
        taken = self.taken(target.id)
        ports = target.ports | taken.ports
        if target.unbounded:
            return _Kind(True, 0, 0, 0, 0, ports, target.traits)
        cpu_free, memory_free = target.cpu_units - taken.cpu_units, target.memory_mib - taken.memory_mib
        return _Kind(False, target.cpu_units, target.memory_mib, cpu_free, memory_free, ports, target.traits)

    def _join(self, target_id: str, kind: _Kind) -> None:
        members = self._kinds.get(kind)
        if members is None:
            members = self._kinds[kind] = SortedList()
            self._numbers += 1
            self._place[kind] = (-kind.share(), self._numbers)
            self._order[self._place[kind]] = kind
        members.add(target_id)
        self._kind_of[target_id] = kind

    def _leave(self, target_id: str, kind: _Kind) -> None:
        del self._kind_of[target_id]
        members = self._kinds[kind]
        members.remove(target_id)
        if not members:
            del self._kinds[kind]
            del self._order[self._place.pop(kind)]


class _Tally:
    """Reservations of one target, countable both ways: two units may have taken one port by force."""

    __slots__ = ("_ports", "_sum", "cpu_units", "memory_mib", "units")

    def __init__(self) -> None:
        self.units = self.cpu_units = self.memory_mib = 0
        self._ports: Counter[Port] = Counter()
        self._sum: Taken | None = None

    def add(self, need: Need, count: int) -> None:
        self.units += count
        self.cpu_units += count * need.cpu_units
        self.memory_mib += count * need.memory_mib
        for port in need.ports:
            self._ports[port] += count
        self._sum = None

    def total(self) -> Taken:
        if self._sum is None:
            ports = frozenset(port for port, count in self._ports.items() if count > 0)
            self._sum = Taken(self.cpu_units, self.memory_mib, ports)
        return self._sum
