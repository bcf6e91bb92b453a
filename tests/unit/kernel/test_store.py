"""The store: rows, indexes, transactions, watches."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.kernel.durable import DurableLog, MemoryLog
from windlass.kernel.faults import Bug, Fault
from windlass.kernel.store import Change, Index, Store, Table


@dataclass(frozen=True, slots=True)
class Boat:
    name: str
    harbour: str | None
    length: int


BOATS = Table(
    name="boat",
    row=Boat,
    key=lambda boat: boat.name,
    indexes={
        "harbour": Index(of=lambda boat: boat.harbour, on=("harbour",)),
        "by_length": Index(of=lambda boat: boat.harbour, order=lambda boat: boat.length),
        "first_letter": Index(of=lambda boat: boat.name[0], on=()),
    },
)


def a_store() -> Store:
    return Store((BOATS,), DurableLog(MemoryLog()))


def fill(store: Store, *boats: Boat) -> None:
    with store.transact() as tx:
        for boat in boats:
            tx[BOATS].put(boat)


def test_rows_are_found_by_key_and_index() -> None:
    store = a_store()
    fill(store, Boat("Anna", "Kiel", 9), Boat("Berta", "Kiel", 7), Boat("Carl", None, 3))
    view = store[BOATS]
    assert view.get("Anna") == Boat("Anna", "Kiel", 9)
    assert [b.name for b in view.by("harbour", "Kiel")] == ["Anna", "Berta"]
    assert [b.name for b in view.by("by_length", "Kiel")] == ["Berta", "Anna"]
    assert view.count("harbour", "Kiel") == 2
    assert view.count("harbour", "Bremen") == 0
    assert view.first("by_length", "Kiel") == Boat("Berta", "Kiel", 7)
    assert view.last("by_length", "Kiel") == Boat("Anna", "Kiel", 9)
    assert view.last("by_length", "Bremen") is None


def test_a_row_moves_between_index_values() -> None:
    store = a_store()
    fill(store, Boat("Anna", "Kiel", 9))
    with store.transact() as tx:
        boat = tx[BOATS].require("Anna")
        tx[BOATS].put(replace(boat, harbour="Bremen"))
    assert store[BOATS].by("harbour", "Kiel") == []
    assert store[BOATS].count("harbour", "Bremen") == 1
    assert store[BOATS].count("first_letter", "A") == 1
    with store.transact() as tx:
        tx[BOATS].delete("Anna")
    assert len(store[BOATS]) == 0
    assert store[BOATS].values("harbour") == []


def test_an_exception_takes_everything_back() -> None:
    store = a_store()
    fill(store, Boat("Anna", "Kiel", 9))
    revision = store.revision
    with pytest.raises(Fault), store.transact() as tx:
        tx[BOATS].put(Boat("Berta", "Kiel", 7))
        tx[BOATS].delete("Anna")
        tx[BOATS].require("Nobody", lambda: Fault("NoSuchBoat"))
    assert [b.name for b in store[BOATS].by("harbour", "Kiel")] == ["Anna"]
    assert store.revision == revision


def test_a_transaction_inside_a_transaction_is_a_bug() -> None:
    store = a_store()
    with pytest.raises(Bug), store.transact(), store.transact():
        pass


def test_pages_continue_after_a_place() -> None:
    store = a_store()
    fill(store, *(Boat(f"b{i}", "Kiel", i // 2) for i in range(10)))
    view = store[BOATS]
    first = view.page("by_length", "Kiel", limit=4)
    second = view.page("by_length", "Kiel", after=view.place("by_length", first[-1]), limit=100)
    assert [b.name for b in first + second] == [f"b{i}" for i in range(10)]
    assert [b.name for b in view.upto("by_length", "Kiel", 1)] == ["b0", "b1", "b2", "b3"]
    assert [b.name for b in view.upto("by_length", "Kiel", 1, limit=1)] == ["b0"]


def test_watchers_hear_each_change_once_after_the_commit() -> None:
    store = a_store()
    heard: list[Change] = []
    store.watch((BOATS,), heard.append)
    with store.transact() as tx:
        tx[BOATS].put(Boat("Anna", None, 1))
        assert heard == []
    assert heard == [Change("boat", "Anna", None, Boat("Anna", None, 1))]


def test_a_watcher_of_one_topic_hears_nothing_of_others() -> None:
    by_length = replace(BOATS, topic=lambda boat: boat.length)
    store = Store((by_length,), DurableLog(MemoryLog()))
    heard: list[tuple[str, str | None]] = []
    store.watch((by_length,), lambda change: heard.append(("short", change.key)), topic=1)
    store.watch((by_length,), lambda change: heard.append(("any", change.key)))
    with store.transact() as tx:
        tx[by_length].put(Boat("Anna", None, 1))
        tx[by_length].put(Boat("Berta", None, 2))
        tx[by_length].delete("Anna")
    assert heard == [("any", "Anna"), ("short", "Anna"), ("any", "Berta"), ("any", "Anna"), ("short", "Anna")]
    with pytest.raises(Bug):
        a_store().watch((BOATS,), lambda change: None, topic=1)


@given(
    st.lists(
        st.tuples(
            st.sampled_from("abcde"),
            st.sampled_from(["Kiel", "Bremen", None]),
            st.integers(0, 5),
            st.booleans(),
        )
    )
)
def test_indexes_agree_with_a_walk(steps: list[tuple[str, str | None, int, bool]]) -> None:
    """After any puts and deletes an index finds just what a walk over all rows finds, in order."""
    store = a_store()
    for name, harbour, length, delete in steps:
        with store.transact() as tx:
            if delete:
                tx[BOATS].delete(name)
            else:
                tx[BOATS].put(Boat(name, harbour, length))
    for harbour in ("Kiel", "Bremen"):
        walked = sorted(
            (b for b in store[BOATS].all() if b.harbour == harbour), key=lambda b: (b.length, b.name)
        )
        assert store[BOATS].by("by_length", harbour) == walked
        assert set(store[BOATS].by("harbour", harbour)) == set(walked)


def test_derived_rows_are_filled_in() -> None:
    """At a start, into a table that the log does not keep: indexed, told to nobody, in no commit."""
    afloat = Table(
        name="afloat",
        row=Boat,
        key=lambda boat: boat.name,
        indexes={"harbour": Index(of=lambda boat: boat.harbour)},
        durable=False,
    )
    store = Store((BOATS, afloat), DurableLog(MemoryLog()))
    told: list[Change] = []
    store.watch((afloat,), told.append)
    anna = Boat("Anna", "Kiel", 9)
    store.fill(afloat, [anna])
    assert store[afloat].by("harbour", "Kiel") == [anna] and (told, store.revision) == ([], 0)
    with pytest.raises(Bug, match="boat is the log's"):
        store.fill(BOATS, [anna])
