"""Which machine an attempt goes to."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from windlass.fleet.blueprints import Size
from windlass.fleet.model import Instance
from windlass.services.batch.hosts import Host, take
from windlass.services.batch.machine_plan import fits

NEED = Size(1_024, 2_048)


def a_host(name: str, vcpus: int, gib: int = 64) -> Host:
    machine = Instance(name, "EC2", "n", "a", "r", "c", vcpus * 1_024, gib * 1_024, launched_at=0)
    return Host(machine, Size(vcpus * 1_024, gib * 1_024))


def test_the_fullest_machine_is_filled_first() -> None:
    """Three attempts: the one that has room for one gets one, the next two go to the next."""
    hosts = [a_host("large", 8), a_host("nearly-full", 1), a_host("full", 0), a_host("middle", 4)]
    assert [machine.id for machine in take(hosts, NEED, 3)] == ["nearly-full", "middle", "middle"]
    assert [host.free.cpu_units // 1_024 for host in hosts] == [8, 0, 0, 2]


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 16)), max_size=6), st.integers(0, 40))
def test_nothing_is_given_twice(sizes: list[tuple[int, int]], count: int) -> None:
    """As many as are asked for, or as fit; no machine has less than nothing left."""
    hosts = [a_host(str(n), *size) for n, size in enumerate(sizes)]
    room = sum(fits(host.free, NEED) for host in hosts)
    assert len(take(hosts, NEED, count)) == min(count, room)
    assert all(host.free.cpu_units >= 0 and host.free.memory_mib >= 0 for host in hosts)
