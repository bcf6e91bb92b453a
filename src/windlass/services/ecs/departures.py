"""Which tasks of a service go first when there are too many. Pure.

Those that serve nobody go first: pending ones, then unhealthy ones. Among the others the placement strategies
are turned round (ECS Developer Guide, task placement strategies): under `spread` a task goes from where most
are, so that what stays is spread; under `binpack` the one whose host has the most free of that resource
afterwards, so that hosts become empty. What the strategies leave equal, chance decides. Protected tasks never
go, but count for the balance.

Each rule gives every task a value that can be compared over all of them, so a chain of rules is a comparison
of tuples. Tasks that no rule can tell apart are one candidate, and a heap holds those; only the ones on the
host that a task just left get another place in it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import takewhile
from typing import Literal, TypeAlias

from windlass.fleet.room import Draw, Strategy
from windlass.fleet.strategies import TARGET

_Key: TypeAlias = tuple[int, ...]
_Part: TypeAlias = tuple[str | None, ...]
_Place: TypeAlias = tuple[_Key, int, str]
"""A key, a lot among equals, and a name, so that no two places are one."""
_LOTS = 1 << 32


@dataclass(frozen=True, slots=True)
class Candidate:
    """Tasks that run or are to run, and are alike as far as this choice looks at them: one host, one size."""

    ids: tuple[str, ...]
    phase: Literal["pending", "running"] = "running"
    healthy: bool = True
    protected: bool = False
    instance: str = ""
    """Their host; "" on Fargate, where only zones are spread over."""
    traits: Mapping[str, str] = field(default_factory=dict)
    """Attributes of the host, among them the availability zone; on Fargate that alone."""
    cpu_units: int = 0
    memory_mib: int = 0
    """What each takes of the host."""
    cpu_free: int = 0
    memory_free: int = 0
    """What the host has free while they are on it."""

    @property
    def host(self) -> str:
        return self.instance or self.ids[0]

    @property
    def rank(self) -> int:
        """The lowest goes first."""
        return 0 if self.phase == "pending" else 1 if not self.healthy else 2

    def value(self, trait: str) -> str | None:
        """What a spread counts by."""
        return self.host if trait == TARGET else self.traits.get(trait)


def choose(
    candidates: Sequence[Candidate],
    count: int,
    strategies: Iterable[Strategy],
    draw: Draw,
    staying: Iterable[Candidate] = (),
) -> list[str]:
    """Ids of up to `count` of the candidates, in the order in which they go.

    `staying` are other tasks of the service, which count for the balance. O(n log n) in the candidates, and
    for each task that goes as much as there are combinations of the attributes that the first rules spread
    over (zones, as a rule).
    """
    rules = tuple(takewhile(lambda rule: rule.kind != "random", strategies))
    leave = _Leave(rules, [*candidates, *staying], draw)
    free = sorted((alike for alike in candidates if not alike.protected), key=lambda alike: alike.ids[0])
    chosen: list[str] = []
    for rank in sorted({alike.rank for alike in free}):
        chosen += leave.some([alike for alike in free if alike.rank == rank], count - len(chosen))
    return chosen


class _Leave:
    """How many tasks are where, and what hosts have free, while one task after the other goes."""

    def __init__(self, rules: tuple[Strategy, ...], there: Sequence[Candidate], draw: Draw) -> None:
        self._draw = draw
        self._leading = [rule.field for rule in takewhile(_is_over_a_trait, rules)]
        """The traits that the first rules spread over: few combinations, each of many hosts."""
        self._rules = rules[len(self._leading) :]
        self._units: dict[str, Counter[str | None]] = {
            rule.field: Counter() for rule in rules if rule.kind == "spread"
        }
        for alike in there:
            for trait, units in self._units.items():
                units[alike.value(trait)] += len(alike.ids)
        self._cpu = {alike.host: alike.cpu_free for alike in there}
        self._memory = {alike.host: alike.memory_free for alike in there}

    def some(self, candidates: Sequence[Candidate], count: int) -> list[str]:
        """Up to so many of their tasks; they are of one rank."""
        parts: dict[_Part, _Queue] = {}
        for alike in candidates:
            part = tuple(map(alike.value, self._leading))
            if part not in parts:
                parts[part] = _Queue(self._key, self._draw)
            parts[part].add(alike)
        chosen: list[str] = []
        while parts and len(chosen) < count:
            part = min(parts, key=lambda part: (self._most(part), parts[part].head()))
            alike, task_id = parts[part].take()
            self._go(alike)
            chosen.append(task_id)
            parts[part].changed(alike.host)
            if not parts[part]:
                del parts[part]
        return chosen

    def _most(self, part: _Part) -> _Key:
        return tuple(-self._units[trait][value] for trait, value in zip(self._leading, part, strict=True))

    def _key(self, alike: Candidate) -> _Key:
        """By the rules after the leading ones: the lower, the sooner it goes."""
        return tuple(self._value(rule, alike) for rule in self._rules)

    def _value(self, rule: Strategy, alike: Candidate) -> int:
        if rule.kind == "spread":
            return -self._units[rule.field][alike.value(rule.field)]
        if rule.field == "cpu":
            return -(self._cpu[alike.host] + alike.cpu_units)
        return -(self._memory[alike.host] + alike.memory_mib)

    def _go(self, alike: Candidate) -> None:
        """One of them goes."""
        for trait, units in self._units.items():
            units[alike.value(trait)] -= 1
        self._cpu[alike.host] += alike.cpu_units
        self._memory[alike.host] += alike.memory_mib


def _is_over_a_trait(rule: Strategy) -> bool:
    return rule.kind == "spread" and rule.field != TARGET


class _Queue:
    """Candidates by key, equals in an order that is drawn anew whenever one of them gives a task.

    A key gets better only when a task left its host, which `changed` says; that it got worse is seen when its
    turn comes.
    """

    def __init__(self, key: Callable[[Candidate], _Key], draw: Draw) -> None:
        self._key = key
        self._draw = draw
        self._stacks: dict[str, list[_Stack]] = {}
        self._heap: list[tuple[_Place, _Stack]] = []
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, alike: Candidate) -> None:
        stack = _Stack(alike)
        self._stacks.setdefault(alike.host, []).append(stack)
        self._count += len(stack.ids)
        self._push(stack)

    def head(self) -> _Place:
        """The lowest place; there is one."""
        while True:
            place, stack = self._heap[0]
            if place == stack.place and stack.ids:
                if self._key(stack.alike) == place[0]:
                    return place
                self._push(stack)
            heappop(self._heap)

    def take(self) -> tuple[Candidate, str]:
        """The candidate at the head, and one of its tasks."""
        self.head()
        _, stack = heappop(self._heap)
        self._count -= 1
        drawn = self._draw(len(stack.ids))
        stack.ids[drawn], stack.ids[-1] = stack.ids[-1], stack.ids[drawn]
        return stack.alike, stack.ids.pop()

    def changed(self, host: str) -> None:
        """A task left that host."""
        for stack in self._stacks.get(host, ()):
            if stack.ids:
                self._push(stack)

    def _push(self, stack: _Stack) -> None:
        stack.place = (self._key(stack.alike), self._draw(_LOTS), stack.alike.ids[0])
        heappush(self._heap, (stack.place, stack))


class _Stack:
    """What is left of a candidate; `place` is that of its entry in the heap that counts."""

    __slots__ = ("alike", "ids", "place")

    def __init__(self, alike: Candidate) -> None:
        self.alike = alike
        self.ids = list(alike.ids)
        self.place: _Place = ((), 0, "")
