"""Which groups a task's containers are in, and what is written into them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.fleet.messages import ContainerSpec, UnitSpec
from windlass.fleet.task_messages import InstanceRoom, TaskFacts
from windlass.node.task_room import CPU_SHARES_MAX, CPU_SHARES_MIN, Level, levels, settings, weight


def a_unit(
    *containers: ContainerSpec, cpu: int = 0, memory: int = 0, instance: InstanceRoom | None = None
) -> UnitSpec:
    task = TaskFacts("arn", "c", "f", 1, "EC2", cpu_units=cpu, memory_mib=memory)
    return UnitSpec("u1", "task", containers, task=task, instance=instance)


def test_a_task_has_its_own_size() -> None:
    unit = a_unit(ContainerSpec("a", cpu_units=100), cpu=512, memory=1024)
    assert levels(unit) == (Level("u1", 512, 1024, 512, 0),)


def test_a_task_without_a_size_weighs_what_its_containers_do() -> None:
    """And has no limits; a container with 0 units weighs the least that there is."""
    containers = (ContainerSpec("a", cpu_units=100), ContainerSpec("b"))
    assert levels(a_unit(*containers)) == (Level("u1", shares=102, swap_mib=0),)
    assert levels(UnitSpec("u1", "task", containers)) == (Level("u1", shares=102, swap_mib=0),)


@pytest.mark.parametrize(("swaps", "swap"), [((), 0), ((5, 6), 11), ((5, -1), -1)])
def test_a_task_may_swap_what_its_containers_may(swaps: tuple[int, ...], swap: int) -> None:
    containers = (ContainerSpec(f"c{n}", swap_mib=swap) for n, swap in enumerate(swaps))
    assert levels(a_unit(*containers))[0].swap_mib == swap


def test_an_instance_is_around_its_tasks() -> None:
    """Its name may be anything; no task in it has more CPU than it, which version 1 would refuse."""
    room = InstanceRoom("i-0/../x", 1024, 2048)
    assert levels(a_unit(cpu=4096, memory=512, instance=room)) == (
        Level("instance-i-0_.._x", 1024, 2048, 1024),
        Level("u1", 1024, 512, 4096, 0),
    )


WHOLE = Level("u1", 512, 64, 512, 16)


@pytest.mark.parametrize(
    ("level", "version", "swap", "written"),
    [
        (
            WHOLE, 1, True,
            {
                "cpu.shares": "512", "cpu.cfs_quota_us": "50000", "memory.limit_in_bytes": "67108864",
                "memory.memsw.limit_in_bytes": "83886080",
            },
        ),
        (
            WHOLE, 2, True,
            {
                "cpu.weight": "20", "cpu.max": "50000 100000", "memory.max": "67108864",
                "memory.swap.max": "16777216",
            },
        ),
        (Level("u1", 0, 64), 1, False, {"cpu.shares": "2", "memory.limit_in_bytes": "67108864"}),
        (Level("u1", 0, 64, swap_mib=-1), 2, True, {"cpu.weight": "1", "memory.max": "67108864"}),
        (Level("u1", 1, 0, 1_000_000, 0), 1, True, {"cpu.shares": "262144", "cpu.cfs_quota_us": "1000"}),
        (Level("u1", shares=0), 2, True, {"cpu.weight": "1"}),
    ],
)  # fmt: skip
def test_settings(level: Level, version: int, swap: bool, written: dict[str, str]) -> None:
    found = settings(level, version, swap)
    assert {setting.file: setting.value for setting in found} == written
    assert all(setting.file.startswith(setting.controller) for setting in found)


@given(st.integers(CPU_SHARES_MIN, CPU_SHARES_MAX), st.integers(CPU_SHARES_MIN, CPU_SHARES_MAX))
def test_weights_keep_the_order_of_shares(one: int, other: int) -> None:
    assert 1 <= weight(one) <= 10_000
    assert (weight(one) <= weight(other)) or one > other
