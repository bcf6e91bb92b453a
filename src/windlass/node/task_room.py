"""The room of a task: which control groups its containers are in, and what each of those holds to. Pure.

A container's group is inside its task's, which has the size of the task; where one node stands for several
machines, that is inside its instance's. Decides names and limits as values, and what is to be written into
which file of cgroup version 1 or 2; knows no directory, makes nothing (task_groups.py does).
Sources: ECS API, RegisterTaskDefinition: `cpu` and `memory` of a task are hard limits, on EC2 too;
amazon-ecs-agent, agent/api/task/task_linux.go: a quota for a task that has `cpu`, else the sum of shares.
Known gap: limits are written once; an instance does not change its size while tasks run on it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from windlass.fleet.messages import UnitSpec

CPU_UNITS_PER_VCPU = 1024
CPU_PERIOD_US = 100_000
"""Microseconds; the kernel's own, and the ECS agent's (ECS_CGROUP_CPU_PERIOD)."""
CPU_QUOTA_US_MIN = 1_000
"""The kernel takes no less."""
CPU_SHARES_MIN = 2
CPU_SHARES_MAX = 262_144
"""cgroup version 1, cpu.shares. The least is what the ECS agent gives containers with 0 CPU units."""
MEBIBYTE = 2**20


@dataclass(frozen=True, slots=True)
class Level:
    """A control group above containers. All in it get no more than `cpu_units` and `memory_mib` together,

    0: as much as there is. `shares` is its weight among its neighbours; `swap_mib` may be swapped on top of
    the memory, -1: what each container may.
    """

    name: str
    cpu_units: int = 0
    memory_mib: int = 0
    shares: int = CPU_SHARES_MIN
    swap_mib: int = -1


@dataclass(frozen=True, slots=True)
class Setting:
    """One value in one file of a group, of that controller's hierarchy."""

    controller: Literal["cpu", "memory"]
    file: str
    value: str


def levels(unit: UnitSpec) -> tuple[Level, ...]:
    """The groups of a unit, outermost first: of its instance, if it has one, and its own."""
    if unit.instance is None:
        return (_task(unit),)
    room = unit.instance
    instance = Level(
        f"instance-{_plain(room.id)}",
        room.cpu_units,
        room.memory_mib,
        max(CPU_SHARES_MIN, room.cpu_units),
    )
    return instance, _task(unit, room.cpu_units)


def _task(unit: UnitSpec, cpu_units_max: int = 0) -> Level:
    """Version 1 refuses a quota beyond that of the group around it, so it is no more than that."""
    cpu, memory = (unit.task.cpu_units, unit.task.memory_mib) if unit.task else (0, 0)
    swaps = [container.swap_mib for container in unit.containers]
    return Level(
        unit.unit_id,
        min(cpu, cpu_units_max or cpu),
        memory,
        cpu or sum(max(CPU_SHARES_MIN, container.cpu_units) for container in unit.containers),
        -1 if any(swap < 0 for swap in swaps) else sum(swaps),
    )


def settings(level: Level, version: int, swap: bool) -> tuple[Setting, ...]:
    """What to write into a new group of that cgroup version, in this order. `swap`: it can be limited."""
    shares = min(max(CPU_SHARES_MIN, level.shares), CPU_SHARES_MAX)
    quota = max(CPU_QUOTA_US_MIN, level.cpu_units * CPU_PERIOD_US // CPU_UNITS_PER_VCPU)
    memory, swapped = level.memory_mib * MEBIBYTE, level.swap_mib * MEBIBYTE
    bounded = bool(memory) and swap and level.swap_mib >= 0
    found: list[Setting | None]
    if version == 1:
        found = [
            Setting("cpu", "cpu.shares", str(shares)),
            Setting("cpu", "cpu.cfs_quota_us", str(quota)) if level.cpu_units else None,
            Setting("memory", "memory.limit_in_bytes", str(memory)) if memory else None,
            Setting("memory", "memory.memsw.limit_in_bytes", str(memory + swapped)) if bounded else None,
        ]
    else:
        found = [
            Setting("cpu", "cpu.weight", str(weight(shares))),
            Setting("cpu", "cpu.max", f"{quota} {CPU_PERIOD_US}") if level.cpu_units else None,
            Setting("memory", "memory.max", str(memory)) if memory else None,
            Setting("memory", "memory.swap.max", str(swapped)) if bounded else None,
        ]
    return tuple(setting for setting in found if setting is not None)


def weight(shares: int) -> int:
    """cpu.weight (1 to 10,000) for cpu.shares (2 to 262,144), as OCI runtimes translate them."""
    return 1 + (shares - CPU_SHARES_MIN) * 9_999 // (CPU_SHARES_MAX - CPU_SHARES_MIN)


def _plain(name: str) -> str:
    """Fit to be a part of one directory's name, whatever the plane calls its machines."""
    return "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "_" for c in name)
