from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from hypothesis import given
from hypothesis import strategies as st

from tests.fleet_build import a_node, a_unit
from windlass.fleet.model import Node, Unit
from windlass.fleet.place import NO_NODE, Assign, Placement, Placer, Reserved, Unplaceable


def place(units: Sequence[Unit], nodes: Sequence[Node], reserved: Mapping[str, Reserved]) -> list[Placement]:
    """All of them, one after the other."""
    placer = Placer(nodes, reserved)
    return [placer.take(unit) for unit in units]


def test_no_node() -> None:
    """Without a node every unit waits, and says why."""
    assert place([a_unit("u")], [], {}) == [Unplaceable("u", NO_NODE)]


def test_spreads_over_equal_nodes() -> None:
    """Four units on two equal nodes: two each."""
    placed = place([a_unit(f"u{i}") for i in range(4)], [a_node("a"), a_node("b")], {})
    assert [p.node_id for p in placed if isinstance(p, Assign)] == ["a", "b", "a", "b"]


def test_full_node_takes_no_more() -> None:
    """A node with room for one unit takes one; the next is told what is missing."""
    nodes = [a_node("a", cpu=300, memory=8192)]
    assert place([a_unit("u1"), a_unit("u2")], nodes, {}) == [
        Assign("u1", "a"),
        Unplaceable("u2", "no node has 256 CPU units and 512 MiB free"),
    ]


def test_small_unit_fits_behind_a_large_one() -> None:
    """A unit that fits nowhere does not keep out a smaller one behind it."""
    placed = place([a_unit("large", memory_mib=9000), a_unit("small")], [a_node("a")], {})
    assert placed[1] == Assign("small", "a")


def test_reservations_count() -> None:
    """What is reserved already is not given away again."""
    nodes = [a_node("a", cpu=1024), a_node("b", cpu=1024)]
    placed = place([a_unit("u")], nodes, {"a": Reserved(900, 0, 3)})
    assert placed == [Assign("u", "b")]


def test_unbounded_takes_the_rest_in_turn() -> None:
    """Unbounded nodes take what fits nowhere, the one with fewer units first."""
    nodes = [a_node("x", unbounded=True), a_node("y", unbounded=True)]
    placed = place([a_unit(f"u{i}", cpu_units=10**6) for i in range(3)], nodes, {"x": Reserved(units=1)})
    assert [p.node_id for p in placed if isinstance(p, Assign)] == ["y", "x", "y"]


nodes_of = st.lists(
    st.builds(
        a_node,
        st.sampled_from("abcdefgh"),
        cpu=st.integers(0, 4096),
        memory=st.integers(0, 8192),
        unbounded=st.booleans(),
    ),
    unique_by=lambda node: node.id,
)
units_of = st.lists(st.tuples(st.integers(0, 2048), st.integers(0, 4096)), max_size=30).map(
    lambda sizes: [a_unit(f"u{i}", cpu_units=c, memory_mib=m) for i, (c, m) in enumerate(sizes)]
)


@given(units_of, nodes_of)
def test_never_over_reserves(units: list[Unit], nodes: list[Node]) -> None:
    """From any situation: each unit once, in order, and no bounded node above its size."""
    placed = place(units, nodes, {})
    assert [p.unit_id for p in placed] == [unit.id for unit in units]
    assert placed == place(units, nodes, {})
    for node in nodes:
        mine = [
            u for u, p in zip(units, placed, strict=True) if isinstance(p, Assign) and p.node_id == node.id
        ]
        if not node.unbounded:
            assert sum(u.cpu_units for u in mine) <= node.cpu_units
            assert sum(u.memory_mib for u in mine) <= node.memory_mib


@given(units_of, nodes_of)
def test_waits_only_when_nothing_fits(units: list[Unit], nodes: list[Node]) -> None:
    """A unit that waits fits on no node as they are afterwards."""
    placed = place(units, nodes, {})
    left = {n.id: [n.cpu_units, n.memory_mib] for n in nodes}
    for unit, placement in zip(units, placed, strict=True):
        if isinstance(placement, Assign):
            left[placement.node_id][0] -= unit.cpu_units
            left[placement.node_id][1] -= unit.memory_mib
    for unit, placement in zip(units, placed, strict=True):
        if isinstance(placement, Unplaceable):
            assert not any(n.unbounded for n in nodes)
            assert not any(unit.cpu_units <= c and unit.memory_mib <= m for c, m in left.values())


def test_cost_does_not_multiply() -> None:
    """2,000 units on 2,000 nodes cost about as much as on 20: not units × nodes."""
    units = [a_unit(f"u{i:04}") for i in range(2_000)]

    def cost(count: int) -> float:
        nodes = [a_node(f"n{i:04}") for i in range(count)]
        began = time.process_time()
        place(units, nodes, {})
        return time.process_time() - began

    assert min(cost(2_000) for _ in range(3)) < 20 * min(cost(20) for _ in range(3))
