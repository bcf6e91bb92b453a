"""Room on targets: which of many takes a unit, without looking at all of them. Pure.

A target is whatever units are reserved on by somebody other than the fleet's own placement: an ECS container
instance. Room counts what is reserved on each and keeps the open ones sorted into kinds (kinds.py), which
strategies.py searches. Reservations are counted by whole units, so removing what was added leaves exactly
what was before.

Targets are told apart by those traits only that somebody has asked for; units are counted by group and kind
only for groups that somebody has asked for. The first question costs a look at every target, those after it
do not. Knows no rows, no clusters and no tasks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import filterfalse
from typing import NamedTuple, TypeAlias

from sortedcontainers import SortedDict

from windlass.fleet.kinds import UNLIMITED, Free, Lack, Need, Shelf, Traits
from windlass.fleet.model import Port
from windlass.fleet.strategies import Draw, Search, Strategy, Wish
from windlass.kernel.faults import Bug

__all__ = ["UNLIMITED", "Draw", "Lack", "Need", "Room", "Strategy", "Taken", "Target", "Wish"]

TRAITS_MAX = 64
"""Traits by which targets are told apart at a time: our choice. With one more, all but the last asked go."""
_Values: TypeAlias = tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class Target:
    """What units are placed on. `unbounded` ones take any CPU and memory; `ports` are never given away."""

    id: str
    cpu_units: int
    memory_mib: int
    unbounded: bool = False
    ports: frozenset[Port] = frozenset()
    gpus: int = 0
    enis: int = UNLIMITED
    """How many units with a network interface of their own it takes."""
    traits: Traits = field(default_factory=dict)
    """Name → value: whatever else tells targets apart for those who choose."""
    open: bool = True
    """Takes new units: an instance that drains, or whose agent is gone, does not."""


class Taken(NamedTuple):
    """What the units on one target reserve together."""

    cpu_units: int = 0
    memory_mib: int = 0
    ports: frozenset[Port] = frozenset()
    gpus: int = 0
    enis: int = 0


class _Seat(NamedTuple):
    """Where an open target is: its shelf, what is free of it, its units of watched groups."""

    values: _Values
    free: Free
    counts: dict[str, int]


class Room:
    """The targets of one group, and what is reserved on them. Mutable.

    Changes cost O(log n), `choose` as many shelves and kinds as it looks at.
    """

    def __init__(self) -> None:
        self._targets: SortedDict = SortedDict()
        self._taken: dict[str, _Tally] = {}
        self._holding: dict[str, dict[str, int]] = {}
        """Group → target → units."""
        self._seats: dict[str, _Seat] = {}
        self._shelves: dict[_Values, Shelf] = {}
        self._told: tuple[str, ...] = ()
        """The traits by which targets are told apart, sorted."""
        self._having: Counter[str] = Counter()
        """Trait → targets that have it."""
        self._watched: set[str] = set()
        """Groups whose units are counted by kind; of a group without units nothing is kept."""
        self._spreads: dict[str, dict[str, Counter[str | None]]] = {}
        """Group → trait that was asked for → value → units."""
        self._numbers = 0

    def __len__(self) -> int:
        """How many targets are open."""
        return len(self._seats)

    def targets(self) -> Iterator[Target]:
        """All targets, by id; closed ones too."""
        return iter(self._targets.values())

    def put(self, target: Target) -> None:
        """Add a target, or change what is known of it."""
        known: Target | None = self._targets.get(target.id)
        self._targets[target.id] = target
        if known is None or known.traits != target.traits:
            self._tell_traits(target.id, known, target)
        self._arrange(target.id)

    def remove(self, target_id: str) -> None:
        """The target is gone; what is reserved on it stays counted until it is given back."""
        known: Target | None = self._targets.pop(target_id, None)
        if known is not None:
            self._tell_traits(target_id, known, None)
        self._arrange(target_id)

    def take(self, target_id: str, need: Need, group: str = "") -> None:
        """Reserve on a target for a unit of that group, whether it fits or not: what runs, runs."""
        tally = self._taken.get(target_id)
        if tally is None:
            tally = self._taken[target_id] = _Tally()
        tally.add(need, group, 1)
        self._count(target_id, group, 1)
        self._arrange_after(target_id, need, group)

    def give_back(self, target_id: str, need: Need, group: str = "") -> None:
        """Undo one `take` of the same need and group."""
        tally = self._taken.get(target_id)
        if tally is None:
            raise Bug("more was given back than was taken", target_id, need)
        tally.add(need, group, -1)
        if not tally.units:
            del self._taken[target_id]
        self._count(target_id, group, -1)
        self._arrange_after(target_id, need, group)

    def taken(self, target_id: str) -> Taken:
        """What is reserved on the target."""
        tally = self._taken.get(target_id)
        return Taken() if tally is None else tally.total()

    def holds(self, target_id: str, group: str) -> int:
        """How many units of the group are on the target."""
        return self._holding.get(group, {}).get(target_id, 0)

    def lacks(self, target_id: str, need: Need) -> Lack | None:
        """What the target has too little of; None when it fits. The target is known here."""
        return self._free(self._targets[target_id]).lacks(need)

    def choose(self, wish: Wish, draw: Draw) -> str | None:
        """An open target for one more unit, by its strategies; None when none fits."""
        self._tell_apart(wish.traits)
        if wish.counts_units:
            self._watch(wish.group)
        admits = wish.admits
        shelves = [shelf for shelf in self._shelves.values() if admits is None or admits(shelf.traits)]
        held = self._holding.get(wish.group, {})
        return Search(wish, draw, lambda trait: self._spread(wish.group, trait), held).best(shelves)

    def values(self, trait: str) -> list[str]:
        """The values that open targets have of that trait, sorted."""
        self._tell_apart(frozenset((trait,)))
        found = {shelf.traits[trait] for shelf in self._shelves.values() if trait in shelf.traits}
        return sorted(found)

    def kinds(self) -> int:
        """How many kinds of open targets there are: what `choose` may have to look at."""
        return sum(shelf.kinds() for shelf in self._shelves.values())

    # units by group

    def _count(self, target_id: str, group: str, count: int) -> None:
        if not group:
            return
        holding = self._holding.setdefault(group, {})
        holding[target_id] = holding.get(target_id, 0) + count
        if not holding[target_id]:
            del holding[target_id]
        target: Target | None = self._targets.get(target_id)
        for trait, units in self._spreads.get(group, {}).items():
            if target is not None:
                units[target.traits.get(trait)] += count
        if not holding:
            del self._holding[group]
            self._watched.discard(group)
            self._spreads.pop(group, None)

    def _spread(self, group: str, trait: str) -> Mapping[str | None, int]:
        """Units of the group by the trait of their targets; those on targets that are gone do not count."""
        holding = self._holding.get(group)
        if holding is None:
            return {}
        spreads = self._spreads.setdefault(group, {})
        found = spreads.get(trait)
        if found is None:
            found = spreads[trait] = Counter()
            for target_id, count in holding.items():
                if target_id in self._targets:
                    found[self._targets[target_id].traits.get(trait)] += count
        return found

    def _watch(self, group: str) -> None:
        """Count units of the group by kind from now on, as long as there are any."""
        if group in self._watched or group not in self._holding:
            return
        self._watched.add(group)
        for target_id in self._holding[group]:
            self._arrange(target_id)

    # traits

    def _tell_traits(self, target_id: str, before: Target | None, after: Target | None) -> None:
        """The target's traits are others: units are counted anew when somebody asks."""
        self._having.subtract(before.traits.keys() if before is not None else ())
        self._having.update(after.traits.keys() if after is not None else ())
        tally = self._taken.get(target_id)
        for group in tally.groups if tally is not None else ():
            self._spreads.pop(group, None)

    def _tell_apart(self, traits: frozenset[str]) -> None:
        """Sort the targets by these traits too, as far as there are any that have them."""
        new = [trait for trait in filterfalse(self._told.__contains__, traits) if self._having[trait] > 0]
        if not new:
            return
        kept = self._told if len(self._told) + len(new) <= TRAITS_MAX else ()
        self._told = tuple(sorted({*kept, *(trait for trait in traits if self._having[trait] > 0)}))
        seated = list(self._seats)
        self._seats.clear()
        self._shelves.clear()
        for target_id in seated:
            self._arrange(target_id)

    # how targets become kinds

    def _arrange_after(self, target_id: str, need: Need, group: str) -> None:
        """After a change by that need; a target without bounds mostly stays what it is."""
        target: Target | None = self._targets.get(target_id)
        unlimited = target is not None and target.unbounded and target.enis >= UNLIMITED
        if not unlimited or need.ports or need.gpus or group in self._watched:
            self._arrange(target_id)

    def _arrange(self, target_id: str) -> None:
        """Seat the target where it belongs now."""
        target: Target | None = self._targets.get(target_id)
        seat = self._seat(target) if target is not None and target.open else None
        before = self._seats.get(target_id)
        if seat == before:
            return
        if before is not None:
            self._shelves[before.values].leave(target_id, before.counts)
        if before is not None and (seat is None or seat.values != before.values):
            self._shelves[before.values].members.remove(target_id)
        if seat is None:
            del self._seats[target_id]
        else:
            self._sit(target_id, seat, None if before is None else before.values)
        if before is not None and not self._shelves[before.values]:
            del self._shelves[before.values]

    def _sit(self, target_id: str, seat: _Seat, before: _Values | None) -> None:
        shelf = self._shelves.get(seat.values)
        if shelf is None:
            told = zip(self._told, seat.values, strict=True)
            shelf = self._shelves[seat.values] = Shelf({name: v for name, v in told if v is not None})
        if seat.values != before:
            shelf.members.add(target_id)
        self._numbers += 1
        shelf.join(target_id, seat.free, seat.counts, self._numbers)
        self._seats[target_id] = seat

    def _seat(self, target: Target) -> _Seat:
        tally = self._taken.get(target.id)
        groups = {} if tally is None or not self._watched else tally.groups
        return _Seat(
            tuple(map(target.traits.get, self._told)),
            self._free(target),
            {group: count for group, count in groups.items() if group in self._watched},
        )

    def _free(self, target: Target) -> Free:
        taken = self.taken(target.id)
        ports = target.ports | taken.ports if taken.ports else target.ports
        gpus, enis = target.gpus - taken.gpus, target.enis - taken.enis
        if target.enis >= UNLIMITED:
            enis = UNLIMITED
        if target.unbounded:
            return Free(True, 0, 0, 0, 0, gpus, enis, ports)
        cpu_free, memory_free = target.cpu_units - taken.cpu_units, target.memory_mib - taken.memory_mib
        return Free(False, target.cpu_units, target.memory_mib, cpu_free, memory_free, gpus, enis, ports)


class _Tally:
    """Reservations of one target, countable both ways: two units may have taken one port by force."""

    __slots__ = ("_ports", "_sum", "cpu_units", "enis", "gpus", "groups", "memory_mib", "units")

    def __init__(self) -> None:
        self.units = self.cpu_units = self.memory_mib = self.gpus = self.enis = 0
        self.groups: dict[str, int] = {}
        """Group → units of it; without zeros."""
        self._ports: Counter[Port] = Counter()
        self._sum: Taken | None = None

    def add(self, need: Need, group: str, count: int) -> None:
        self.units += count
        self.cpu_units += count * need.cpu_units
        self.memory_mib += count * need.memory_mib
        self.gpus += count * need.gpus
        self.enis += count * need.enis
        for port in need.ports:
            self._ports[port] += count
        if group:
            self.groups[group] = self.groups.get(group, 0) + count
            if not self.groups[group]:
                del self.groups[group]
        self._sum = None

    def total(self) -> Taken:
        if self._sum is None:
            ports = frozenset(port for port, count in self._ports.items() if count > 0)
            self._sum = Taken(self.cpu_units, self.memory_mib, ports, self.gpus, self.enis)
        return self._sum
