"""New units are on a node at once where there is room and nobody waits; else they wait as ever."""

from __future__ import annotations

import pytest

from tests.fleet_build import a_node, a_unit
from windlass.fleet.entering import Entering
from windlass.fleet.model import NODES, TABLES, UNITS, Node, Unit
from windlass.fleet.place import NOTHING, Reserved
from windlass.fleet.transitions import withdraw
from windlass.kernel.durable import DurableLog, MemoryLog
from windlass.kernel.rows import replace
from windlass.kernel.store import Store


def a_store(*nodes: Node) -> Store:
    store = Store(TABLES, DurableLog(MemoryLog()))
    with store.transact() as tx:
        for node in nodes:
            tx[NODES].put(replace(node, connected=True))
    return store


def enter(store: Store, entering: Entering, *units: Unit) -> list[tuple[str, str]]:
    """In one transaction; state and node of each."""
    with store.transact() as tx:
        entered = [entering.put(tx, unit) for unit in units]
    assert [store[UNITS].get(unit.id) for unit in units] == entered
    return [(unit.state, unit.node_id) for unit in entered]


def test_one_transaction_fills_a_node_and_no_more() -> None:
    """The second transaction counts what the first one took; a node's set grows once for each."""
    store = a_store(a_node("n"))
    entering = Entering(store)
    size = store[NODES].require("n").cpu_units // 2
    units = [a_unit(f"u{number}", cpu_units=size, memory_mib=1) for number in range(4)]
    assert enter(store, entering, units[0]) == [("assigned", "n")]
    before = store[NODES].require("n").generation
    assert enter(store, entering, *units[1:3]) == [("assigned", "n"), ("waiting", "")]
    assert store[NODES].require("n").generation == before + 1 == store[UNITS].require("u1").generation
    assert entering.reserved["n"] == Reserved(2 * size, 2, 2)


def test_nobody_is_overtaken() -> None:
    """A small unit waits behind a large one; when that is gone, the next goes on at once."""
    store = a_store(a_node("n"))
    entering = Entering(store)
    assert enter(store, entering, a_unit("large", cpu_units=10**9)) == [("waiting", "")]
    assert enter(store, entering, a_unit("small")) == [("waiting", "")]
    with store.transact() as tx:
        for unit_id in ("large", "small"):
            tx[UNITS].put(withdraw(tx[UNITS].require(unit_id)))
    assert enter(store, entering, a_unit("next")) == [("assigned", "n")]


def test_what_waits_whatever_room_there_is() -> None:
    """A parked unit, and one whose own node is away."""
    store = a_store(a_node("n"))
    entering = Entering(store)
    units = (replace(a_unit("parked"), parked=True), replace(a_unit("bound"), bound_to="away"))
    assert enter(store, entering, *units) == [("waiting", ""), ("waiting", "")]


def test_a_transaction_that_is_taken_back_took_nothing() -> None:
    store = a_store(a_node("n"))
    entering = Entering(store)
    with pytest.raises(ZeroDivisionError), store.transact() as tx:
        entering.put(tx, a_unit("u"))
        raise ZeroDivisionError
    assert entering.reserved.get("n", NOTHING) == NOTHING
    assert enter(store, entering, a_unit("u")) == [("assigned", "n")]


def test_what_there_is_at_the_start_is_counted() -> None:
    store = a_store(a_node("n"))
    enter(store, Entering(store), a_unit("u", cpu_units=7, memory_mib=9))
    assert Entering(store).reserved == {"n": Reserved(7, 9, 1)}
