"""How large an Auto Scaling group should be for the tasks that use it: ECS cluster auto scaling. Pure.

The metric is CapacityProviderReservation = M / N x 100: N instances there are, M would be needed; the group
is sized so that it comes to the target. Sources: ECS Developer Guide, cluster auto scaling; facts in
docs/aws/ecs.md. Tasks that wait are grouped by equal needs and packed onto the largest type of the group;
those that do not fit on the smallest never scale it. Known gaps: memberOf constraints and zones of subnets
are not looked at, and tasks are packed by CPU, memory and ports only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from windlass.fleet.blueprints import Size
from windlass.fleet.room import Need

FIRST = 2
"""Instances of the first step from none; ECS Developer Guide, scale-out considerations."""
IDLE = 100
"""The reservation of a group that has no instance and needs none."""
NONE_YET = 200
"""The reservation of a group that has no instance and needs some."""
LOW_POINTS = 15
"""Minutes below the target until a group is made smaller."""


@dataclass(frozen=True, slots=True)
class Waits:
    """So many equal tasks that wait; `apart` when no two of them may share an instance."""

    need: Need
    count: int
    apart: bool = False


@dataclass(frozen=True, slots=True)
class Rules:
    """A provider's managed scaling. `target` is in percent, steps are instances."""

    target: int = 100
    step_min: int = 1
    step_max: int = 10_000


@dataclass(frozen=True, slots=True)
class Situation:
    """What a group is and has. `there` are its instances, those that boot too; `joined` have registered."""

    there: int
    joined: int
    busy: int
    """Registered instances that run tasks other than daemons."""
    lacking: int
    """Instances that the waiting tasks would fill."""
    warming: bool = False
    """Some instance is younger than the warm-up period."""
    low_points: int = 0
    """Minutes in a row that the reservation was below the target, this one not counted."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The metric, how many instances there should be, and why."""

    reservation: float
    desired: int
    low_points: int
    why: str = ""


def lacking(waits: Sequence[Waits], sizes: Sequence[Size]) -> int:
    """How many instances the waiting tasks would fill.

    >>> lacking([Waits(Need(512, 512), 5)], [Size(1024, 4096)])
    3
    """
    if not sizes:
        return 0
    smallest = Size(min(one.cpu_units for one in sizes), min(one.memory_mib for one in sizes))
    largest = max(sizes, key=lambda one: (one.cpu_units, one.memory_mib))
    fitting = [one for one in waits if _fits(one.need, smallest)]
    fitting.sort(key=lambda one: (one.need.cpu_units, one.need.memory_mib), reverse=True)
    bins: Counter[Size] = Counter()
    alone = 0
    for one in fitting:
        if one.apart or one.need.ports:  # each keeps an instance to itself, as far as its group is concerned
            alone = max(alone, one.count)
        else:
            _pack(bins, one, largest)
    return max(alone, bins.total())


def _pack(bins: Counter[Size], one: Waits, largest: Size) -> None:
    """First onto what is open already, the rest onto as few new ones as hold it."""
    left = one.count
    for free, count in sorted(bins.items(), key=lambda item: (item[0].cpu_units, item[0].memory_mib)):
        each = _times(one.need, free)
        if not each or not left:
            continue
        used = min(count, -(-left // each))
        bins[free] -= used
        left -= _fill(bins, one.need, free, used, min(left, used * each))
    each = _times(one.need, largest)
    if left:
        _fill(bins, one.need, largest, -(-left // each), left)
    for free in [size for size, count in bins.items() if not count]:
        del bins[free]


def _fill(bins: Counter[Size], need: Need, free: Size, count: int, tasks: int) -> int:
    """Put so many tasks onto so many instances that have that much free; returns the tasks."""
    each = -(-tasks // count)
    full, rest = divmod(tasks, each)
    for instances, on_each in ((full, each), (1 if rest else 0, rest), (count - full - bool(rest), 0)):
        if instances:
            after = Size(
                free.cpu_units - on_each * need.cpu_units, free.memory_mib - on_each * need.memory_mib
            )
            bins[after] += instances
    return tasks


def _fits(need: Need, size: Size) -> bool:
    return need.cpu_units <= size.cpu_units and need.memory_mib <= size.memory_mib


def _times(need: Need, free: Size) -> int:
    """How many tasks of that need go into that room."""
    cpu = free.cpu_units // need.cpu_units if need.cpu_units else _MANY
    memory = free.memory_mib // need.memory_mib if need.memory_mib else _MANY
    return min(cpu, memory)


_MANY = 1_000
"""Tasks without a size that are reckoned onto one instance: our choice."""


def reservation(there: int, needed: int) -> float:
    """CapacityProviderReservation in percent.

    >>> reservation(10, 5), reservation(0, 3), reservation(0, 0)
    (50.0, 200, 100)
    """
    if not there:
        return NONE_YET if needed else IDLE
    return needed / there * 100


def decide(now: Situation, rules: Rules) -> Verdict:
    """How many instances there should be. `desired` is `there` when nothing is to be changed.

    While tasks wait, all instances that have joined are taken for used: what waits found no room on them.
    Instances that boot count as there, so that what was ordered is not ordered again.
    """
    needed = now.joined + now.lacking if now.lacking else now.busy
    metric = reservation(now.there, needed)
    wanted = -(-needed * 100 // rules.target)
    if metric > rules.target and wanted > now.there:
        return _out(now, rules, metric, wanted)
    if metric >= rules.target or not now.there:
        return Verdict(metric, now.there, 0)
    points = now.low_points + 1
    floor = now.there - max(1, now.there // 2)
    smaller = max(wanted, floor)
    if points < LOW_POINTS or smaller >= now.there:
        return Verdict(metric, now.there, points)
    return Verdict(metric, smaller, points, f"{needed} of {now.there} instances are needed")


def _out(now: Situation, rules: Rules, metric: float, wanted: int) -> Verdict:
    """One step out, unless instances that were started a short while ago may be enough."""
    if now.warming:
        return Verdict(metric, now.there, 0, "instances warm up")
    step = wanted - now.there if now.there else FIRST
    step = min(max(step, rules.step_min), rules.step_max)
    return Verdict(metric, now.there + step, 0, f"{wanted} instances are needed, {now.there} there")
