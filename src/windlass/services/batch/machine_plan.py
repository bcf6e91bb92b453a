"""Which machines an environment on EC2 gets, and which it gives back. Pure.

Machines are launched for jobs that wait, as far as maxvCpus allows, and to have minvCpus at all times. For
the jobs of one size it is the type of which they use most, of those the one that takes most of them: fewer
machines. What is idle for long enough goes, down to minvCpus. AWS's strategies weigh prices and the depth of
Spot pools, which do not exist here (facts/batch.md, 2): all of them do the same.
Known gap: no strategy goes above maxvCpus, as AWS's others than BEST_FIT may, by one machine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from windlass.fleet.blueprints import Size
from windlass.kernel.clock import Duration, Instant


@dataclass(frozen=True, slots=True)
class Demand:
    """`count` attempts of one size that wait."""

    size: Size
    count: int


@dataclass(frozen=True, slots=True)
class Held:
    """A machine of the environment that boots or runs: its size, and what is free of it."""

    id: str
    size: Size
    free: Size
    idle_since: Instant | None = None
    """None while something runs on it, or it boots."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """CPU units that the environment has at least, and at most."""

    least: int
    most: int


@dataclass(frozen=True, slots=True)
class Launches:
    """Types to launch, one machine each, and what still has no place then."""

    types: tuple[str, ...]
    left: tuple[Demand, ...]


def launches(
    types: Mapping[str, Size], held: Sequence[Held], demands: Sequence[Demand], bounds: Bounds
) -> Launches:
    """What to launch, by what has no place on the machines that there are.

    Ten attempts of a vCPU and 2 GiB, c5 and m5 types, at most 8 vCPUs → one c5.2xlarge; two are left.
    """
    free = [one.free for one in held]
    total = sum(one.size.cpu_units for one in held)
    chosen: list[str] = []
    left: list[Demand] = []
    for demand in demands:
        count = _fill(free, demand.size, demand.count)
        while count and (name := _best(types, demand.size, count, bounds.most - total)) is not None:
            chosen.append(name)
            total += types[name].cpu_units
            free.append(types[name])
            count = _fill(free, demand.size, count)
        if count:
            left.append(Demand(demand.size, count))
    while total < bounds.least and (name := _filler(types, bounds.least - total, bounds.most - total)):
        chosen.append(name)
        total += types[name].cpu_units
    return Launches(tuple(chosen), tuple(left))


def surplus(
    held: Sequence[Held], firsts: Sequence[Size], least: int, now: Instant, idle_for: Duration
) -> tuple[str, ...]:
    """Machines to give back: idle for so long, the smallest first, never below `least` CPU units in all.

    `firsts` are the attempts that are first in line: a machine on which one of them fits is about to be used.
    What is behind them keeps none: a machine too small for the first would take its share of maxvCpus, and
    the larger one that is needed would never come.
    """
    total = sum(one.size.cpu_units for one in held)
    idle = [
        one
        for one in held
        if one.idle_since is not None
        and one.idle_since + idle_for <= now
        and not any(fits(one.free, need) for need in firsts)
    ]
    gone = []
    for one in sorted(idle, key=lambda one: (one.size.cpu_units, one.id)):
        if total - one.size.cpu_units >= least:
            total -= one.size.cpu_units
            gone.append(one.id)
    return tuple(gone)


def fits(free: Size, need: Size) -> int:
    """How many attempts of that size go there."""
    counts = [
        have // want
        for have, want in (
            (free.cpu_units, need.cpu_units),
            (free.memory_mib, need.memory_mib),
            (free.gpus, need.gpus),
        )
        if want
    ]
    return max(0, min(counts, default=0))


def less(free: Size, need: Size, count: int = 1) -> Size:
    """What is free when so many more run there."""
    return Size(
        free.cpu_units - count * need.cpu_units,
        free.memory_mib - count * need.memory_mib,
        free.gpus - count * need.gpus,
    )


def largest(types: Mapping[str, Size]) -> Size | None:
    """More than no type has: the most of each; None without types."""
    if not types:
        return None
    sizes = types.values()
    return Size(
        max(one.cpu_units for one in sizes),
        max(one.memory_mib for one in sizes),
        max(one.gpus for one in sizes),
    )


def _fill(free: list[Size], need: Size, count: int) -> int:
    """Give attempts a place where there is room; returns how many have none."""
    for place, size in enumerate(free):
        if not count:
            break
        here = min(count, fits(size, need))
        free[place] = less(size, need, here)
        count -= here
    return count


def _best(types: Mapping[str, Size], need: Size, count: int, room: int) -> str | None:
    """The type for so many attempts, of those that do not go above `room` CPU units."""

    def rank(name: str) -> tuple[float, int, int, str]:
        size = types[name]
        used = min(count, fits(size, need))
        return (-round(used * need.cpu_units / size.cpu_units, 2), -used, size.memory_mib, name)

    able = [name for name, size in types.items() if size.cpu_units <= room and fits(size, need)]
    return min(able, key=rank, default=None)


def _filler(types: Mapping[str, Size], missing: int, room: int) -> str | None:
    """The type that brings the environment nearest to its least: the largest that does not overshoot, else

    the smallest there is.
    """
    able = sorted(
        (size.cpu_units, size.memory_mib, name) for name, size in types.items() if size.cpu_units <= room
    )
    within = [one for one in able if one[0] <= missing]
    chosen = within[-1] if within else able[0] if able else None
    return None if chosen is None else chosen[2]
