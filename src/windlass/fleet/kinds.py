"""Targets that are alike, in orders that a search can walk: kinds, and shelves of kinds. Pure.

A kind is a set of targets with equal size and equal free room; a shelf is a set of targets with equal traits,
its kinds ordered by share of free room, by free CPU and by free memory. Ten thousand machines that run the
same tasks are a few shelves of a handful of kinds. A kind also knows, for the groups it was told to watch,
which of its targets hold how many units of the group, so that a target without any is found by halving, not
by looking at all.

Knows no strategies (strategies.py) and no reservations (room.py).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from heapq import merge
from typing import Literal, NamedTuple, TypeAlias

from sortedcontainers import SortedDict, SortedList

from windlass.fleet.model import Port

Lack = Literal["cpu", "memory", "gpus", "ports", "enis"]
Amount = Literal["cpu", "memory"]
AMOUNTS: tuple[Amount, ...] = ("cpu", "memory")
Level: TypeAlias = int | None
"""How many units of the group in question a target holds already; None: that does not matter."""
Traits: TypeAlias = Mapping[str, str]
Counts: TypeAlias = Mapping[str, int]
"""Group → units of it on one target; without zeros."""
UNLIMITED = 1 << 62
"""Free room of what has no bounds."""
_MILLION = 1_000_000


class Need(NamedTuple):
    """What one unit takes: CPU units (1,024 a vCPU), MiB, ports, GPUs, and slots for network interfaces."""

    cpu_units: int = 0
    memory_mib: int = 0
    ports: frozenset[Port] = frozenset()
    gpus: int = 0
    enis: int = 0


class Free(NamedTuple):
    """A target's size and what is free of it: what makes its kind. Of unbounded ones CPU and memory are 0."""

    unbounded: bool
    cpu_units: int
    memory_mib: int
    cpu_free: int
    memory_free: int
    gpus_free: int
    enis_free: int
    ports: frozenset[Port]
    """Those that are taken."""

    def lacks(self, need: Need) -> Lack | None:
        """What there is too little of: the first of CPU, memory, GPUs, ports, interfaces, or None."""
        if not self.unbounded:
            if need.cpu_units > self.cpu_free:
                return "cpu"
            if need.memory_mib > self.memory_free:
                return "memory"
        if need.gpus and need.gpus > self.gpus_free:
            return "gpus"
        if not self.ports.isdisjoint(need.ports):
            return "ports"
        return "enis" if need.enis and need.enis > self.enis_free else None

    def share(self) -> int:
        """Free room in millionths, of CPU or of memory, whichever is scarcer."""
        if self.unbounded:
            return _MILLION
        cpu = self.cpu_free * _MILLION // max(1, self.cpu_units)
        memory = self.memory_free * _MILLION // max(1, self.memory_mib)
        return min(cpu, memory)

    def amount(self, of: Amount) -> int:
        """Free CPU units or MiB."""
        if self.unbounded:
            return UNLIMITED
        return self.cpu_free if of == "cpu" else self.memory_free

    def digits_beside(self, of: Amount) -> int:
        """How many binary digits the other amount has."""
        return max(0, self.amount("memory" if of == "cpu" else "cpu")).bit_length()


class Kind:
    """Targets that are alike in everything but which units they hold."""

    __slots__ = ("_held", "free", "members", "number", "shelf")

    def __init__(self, shelf: Shelf, free: Free, number: int) -> None:
        self.shelf = shelf
        self.free = free
        self.number = number
        """Kinds that came earlier have lower numbers."""
        self.members: SortedList = SortedList()
        self._held: dict[str, _Holders] = {}

    def hold(self, group: str, target_id: str, count: int) -> None:
        """That member holds so many units of a watched group."""
        holders = self._held.get(group)
        if holders is None:
            holders = self._held[group] = _Holders()
        holders.add(target_id, count)

    def let_go(self, group: str, target_id: str, count: int) -> None:
        holders = self._held[group]
        holders.remove(target_id, count)
        if not holders.all:
            del self._held[group]

    def levels(self, group: str) -> list[int]:
        """How many units of the group its members hold: each number once, ascending."""
        holders = self._held.get(group)
        if holders is None:
            return [0]
        without = [0] if len(self.members) > len(holders.all) else []
        return without + sorted(holders.levels)

    def count(self, group: str, level: Level) -> int:
        """How many members are at that level."""
        holders = self._held.get(group)
        if level is None or (level == 0 and holders is None):
            return len(self.members)
        if holders is None:
            return 0
        return len(self.members) - len(holders.all) if level == 0 else len(holders.levels.get(level, ()))

    def at(self, group: str, level: Level, place: int) -> str:
        """The member in that place, by id, among those of the level; there is one."""
        holders = self._held.get(group)
        if level is None or holders is None:
            return str(self.members[place])
        if level:
            return str(holders.levels[level][place])
        return str(self.members[_place_without(self.members, holders.all, place)])

    def ids(self, group: str, level: Level) -> Iterator[str]:
        """The members of that level, by id."""
        holders = self._held.get(group)
        if level is None or (level == 0 and holders is None):
            return iter(self.members)
        if holders is None:
            return iter(())
        if level:
            return iter(holders.levels.get(level, ()))
        return (target_id for target_id in self.members if target_id not in holders.all)


class _Holders:
    """Members of one kind that hold units of one group."""

    __slots__ = ("all", "levels")

    def __init__(self) -> None:
        self.all: SortedList = SortedList()
        self.levels: dict[int, SortedList] = {}

    def add(self, target_id: str, count: int) -> None:
        self.all.add(target_id)
        self.levels.setdefault(count, SortedList()).add(target_id)

    def remove(self, target_id: str, count: int) -> None:
        self.all.remove(target_id)
        self.levels[count].remove(target_id)
        if not self.levels[count]:
            del self.levels[count]


def _place_without(members: SortedList, left_out: SortedList, place: int) -> int:
    """Where in `members` is what would be in that place if `left_out`, some of the members, were not there.

    >>> _place_without(SortedList("abcde"), SortedList("abd"), 1)
    4
    """
    low, high = place, place + len(left_out)
    while low < high:
        middle = (low + high) // 2
        if middle + 1 - left_out.bisect_right(members[middle]) > place:
            high = middle
        else:
            low = middle + 1
    return low


def _from(order: SortedDict, least: int) -> Iterator[tuple[int, int, Kind]]:
    for key in order.irange((least, -1)):
        yield (*key, order[key])


class Shelf:
    """The open targets with equal traits, by kind. Every change costs O(log n)."""

    def __init__(self, traits: Traits) -> None:
        self.traits = traits
        self.members: SortedList = SortedList()
        self.by_share: SortedDict = SortedDict()
        """(-share, number) → kind: the roomiest first."""
        self._by_amount: dict[tuple[Amount, int], SortedDict] = {}
        """Amount, and binary digits of the other one → (free, number) → kind: the fullest first.

        So kinds without any CPU left are not in the way of those who look for the least memory.
        """
        self.kind_of: dict[str, Kind] = {}
        self._kinds: dict[Free, Kind] = {}
        self._levels: dict[str, Counter[int]] = {}

    def __len__(self) -> int:
        return len(self.members)

    def kinds(self) -> int:
        return len(self._kinds)

    def fullest(self, of: Amount, need: Need) -> Iterator[tuple[int, int, Kind]]:
        """(free, number, kind), the fullest first: all kinds that have room for the need, and some others."""
        least, other = need.cpu_units, need.memory_mib
        if of == "memory":
            least, other = other, least
        digits = other.bit_length()
        orders = [self._by_amount[key] for key in self._by_amount if key[0] == of and key[1] >= digits]
        return merge(*(_from(order, least) for order in orders))

    def levels(self, group: str) -> list[int]:
        """How many units of a watched group its targets hold: each number once."""
        levels = self._levels.get(group)
        if levels is None:
            return [0]
        without = [0] if len(self.members) > levels.total() else []
        return without + list(levels)

    def join(self, target_id: str, free: Free, counts: Counts, number: int) -> None:
        """A target that is on the shelf is of that kind now; `number` is for a kind that is new."""
        kind = self._kinds.get(free)
        if kind is None:
            kind = self._kinds[free] = Kind(self, free, number)
            self.by_share[-free.share(), number] = kind
            for of in AMOUNTS:
                order = self._by_amount.setdefault((of, free.digits_beside(of)), SortedDict())
                order[free.amount(of), number] = kind
        kind.members.add(target_id)
        self.kind_of[target_id] = kind
        for group, count in counts.items():
            self.hold(kind, group, target_id, count)

    def leave(self, target_id: str, counts: Counts) -> None:
        """The opposite of `join`; the counts are those of then."""
        kind = self.kind_of.pop(target_id)
        kind.members.remove(target_id)
        for group, count in counts.items():
            kind.let_go(group, target_id, count)
            levels = self._levels[group]
            levels[count] -= 1
            if not levels[count]:
                del levels[count]
            if not levels:
                del self._levels[group]
        if not kind.members:
            del self._kinds[kind.free]
            del self.by_share[-kind.free.share(), kind.number]
            for of in AMOUNTS:
                key = (of, kind.free.digits_beside(of))
                del self._by_amount[key][kind.free.amount(of), kind.number]
                if not self._by_amount[key]:
                    del self._by_amount[key]

    def hold(self, kind: Kind, group: str, target_id: str, count: int) -> None:
        """Also of a group that is watched from now on, of which the target held units before."""
        kind.hold(group, target_id, count)
        self._levels.setdefault(group, Counter())[count] += 1
