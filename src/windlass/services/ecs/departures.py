"""Which tasks of a service go first when there are too many. Pure.

Those that serve nobody go first: pending ones, then unhealthy ones. Among the others the placement strategies
are turned round (ECS Developer Guide, task placement strategies): under `spread` a task goes from where most
are, so that what stays is spread; under `binpack` the one whose host has the most free of that resource
afterwards, so that hosts become empty. What the strategies leave equal, chance decides. Protected tasks never
go, but count for the balance.

Each rule gives every task a value that can be compared over all of them, so a chain of rules is a comparison
of tuples. A heap of hosts holds them; only the host that a task just left gets another place in it.
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


@dataclass(frozen=True, slots=True)
class Candidate:
    """A task that runs or is to run, as far as this choice looks at it."""

    id: str
    phase: Literal["pending", "running"] = "running"
    healthy: bool = True
    protected: bool = False
    instance: str = ""
    """Its host; on Fargate every task is a host of its own."""
    traits: Mapping[str, str] = field(default_factory=dict)
    """Attributes of its host, among them the availability zone; on Fargate that alone."""
    cpu_units: int = 0
    memory_mib: int = 0
    """What it takes of its host."""
    cpu_free: int = 0
    memory_free: int = 0
    """What its host has free while the task is on it."""

    @property
    def host(self) -> str:
        return self.instance or self.id

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

    `staying` are other tasks of the service, which count for the balance. O(n log n), and as much for each
    that goes as there are combinations of the attributes that the first rules spread over (zones, as a rule).
    """
    rules = tuple(takewhile(lambda rule: rule.kind != "random", strategies))
    leave = _Leave(rules, [*candidates, *staying])
    free = sorted((task for task in candidates if not task.protected), key=lambda task: task.id)
    _shuffle(free, draw)
    chosen: list[str] = []
    for rank in sorted({task.rank for task in free}):
        chosen += leave.some([task for task in free if task.rank == rank], count - len(chosen))
    return chosen


class _Leave:
    """How many tasks are where, and what hosts have free, while one task after the other goes."""

    def __init__(self, rules: tuple[Strategy, ...], tasks: Sequence[Candidate]) -> None:
        self._leading = [rule.field for rule in takewhile(_is_over_a_trait, rules)]
        """The traits that the first rules spread over: few combinations, each of many hosts."""
        self._rules = rules[len(self._leading) :]
        spreads = [rule.field for rule in rules if rule.kind == "spread"]
        self._units = {trait: Counter(task.value(trait) for task in tasks) for trait in spreads}
        self._cpu = {task.host: task.cpu_free for task in tasks}
        self._memory = {task.host: task.memory_free for task in tasks}

    def some(self, tasks: Sequence[Candidate], count: int) -> list[str]:
        """Up to so many of them, which are of one rank."""
        parts: dict[_Part, _Queue] = {}
        for number, task in enumerate(tasks):
            part = tuple(map(task.value, self._leading))
            if part not in parts:
                parts[part] = _Queue(self._key)
            parts[part].add(task, number)
        chosen: list[str] = []
        while parts and len(chosen) < count:
            part = min(parts, key=lambda part: (self._most(part), parts[part].head()))
            task = parts[part].take()
            self._go(task)
            chosen.append(task.id)
            parts[part].changed(task.host)
            if not parts[part]:
                del parts[part]
        return chosen

    def _most(self, part: _Part) -> _Key:
        return tuple(-self._units[trait][value] for trait, value in zip(self._leading, part, strict=True))

    def _key(self, task: Candidate) -> _Key:
        """By the rules after the leading ones: the lower, the sooner it goes."""
        return tuple(self._value(rule, task) for rule in self._rules)

    def _value(self, rule: Strategy, task: Candidate) -> int:
        if rule.kind == "spread":
            return -self._units[rule.field][task.value(rule.field)]
        if rule.field == "cpu":
            return -(self._cpu[task.host] + task.cpu_units)
        return -(self._memory[task.host] + task.memory_mib)

    def _go(self, task: Candidate) -> None:
        for trait, units in self._units.items():
            units[task.value(trait)] -= 1
        self._cpu[task.host] += task.cpu_units
        self._memory[task.host] += task.memory_mib


def _is_over_a_trait(rule: Strategy) -> bool:
    return rule.kind == "spread" and rule.field != TARGET


class _Queue:
    """Tasks by key, those that are alike (one host, one size) as one stack.

    A key gets better only when a task left its host, which `changed` says; that it got worse is seen when its
    turn comes.
    """

    def __init__(self, key: Callable[[Candidate], _Key]) -> None:
        self._key = key
        self._stacks: dict[str, list[_Stack]] = {}
        self._heap: list[tuple[_Key, int, _Stack]] = []
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, task: Candidate, number: int) -> None:
        """Among equals the one with the lowest number is the first."""
        stacks = self._stacks.setdefault(task.host, [])
        stack = next((stack for stack in stacks if stack.size == _size(task)), None)
        if stack is None:
            stack = _Stack(number, _size(task))
            stacks.append(stack)
        stack.tasks.append(task)
        self._count += 1
        if len(stack.tasks) == 1:
            self._push(stack)

    def head(self) -> tuple[_Key, int]:
        """The lowest key and its number; there is one."""
        while True:
            key, number, stack = self._heap[0]
            if key == stack.key and stack.tasks:
                if self._key(stack.tasks[-1]) == key:
                    return key, number
                self._push(stack)
            heappop(self._heap)

    def take(self) -> Candidate:
        """The task of the head."""
        self.head()
        _, _, stack = heappop(self._heap)
        self._count -= 1
        return stack.tasks.pop()

    def changed(self, host: str) -> None:
        """A task left that host."""
        for stack in self._stacks.get(host, ()):
            if stack.tasks:
                self._push(stack)

    def _push(self, stack: _Stack) -> None:
        stack.key = self._key(stack.tasks[-1])
        heappush(self._heap, (stack.key, stack.number, stack))


class _Stack:
    """Tasks that are alike; `key` is that of its entry in the heap that counts."""

    __slots__ = ("key", "number", "size", "tasks")

    def __init__(self, number: int, size: tuple[int, int]) -> None:
        self.number = number
        self.size = size
        self.tasks: list[Candidate] = []
        self.key: _Key = ()


def _size(task: Candidate) -> tuple[int, int]:
    return (task.cpu_units, task.memory_mib)


def _shuffle(tasks: list[Candidate], draw: Draw) -> None:
    for last in range(len(tasks) - 1, 0, -1):
        other = draw(last + 1)
        tasks[last], tasks[other] = tasks[other], tasks[last]
