"""Searching an ordered index: counts and successors against a plain sort."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from windlass.kernel.durable import DurableLog, MemoryLog
from windlass.kernel.store import Index, Store, Table


@dataclass(frozen=True, slots=True)
class Row:
    key: tuple[str, int]
    color: str
    at: int


ROWS: Table[Row] = Table(
    "row", Row, lambda row: row.key, {"color": Index(of=lambda row: row.color, order=lambda row: row.at)}
)
rows = st.builds(
    Row, st.tuples(st.sampled_from("xy"), st.integers(0, 5)), st.sampled_from("rg"), st.integers(0, 9)
)


@given(st.lists(rows, max_size=30), st.integers(-1, 10))
def test_counts_and_successors(puts: list[Row], bound: int) -> None:
    """After any puts and replacements: count_upto and after agree with a sort of what is stored."""
    store = Store((ROWS,), DurableLog(MemoryLog()))
    for row in puts:
        with store.transact() as tx:
            tx[ROWS].put(row)
    stored = {row.key: row for row in puts}
    for color in "rg":
        ordered = sorted((row.at, row.key) for row in stored.values() if row.color == color)
        later = [place for place in ordered if place[0] > bound]
        found = store[ROWS].after("color", color, bound)
        assert store[ROWS].count_upto("color", color, bound) == len(ordered) - len(later)
        assert (found and (found.at, found.key)) == (later[0] if later else None)
        assert [(row.at, row.key) for row in store[ROWS].by("color", color)] == ordered
        assert all(row is stored[row.key] for row in store[ROWS].by("color", color))
