"""Page tokens: every row once, no token twice, no token where it does not belong."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.aws.paging import cut, open_token, page, seal
from windlass.kernel.durable import DurableLog, MemoryLog
from windlass.kernel.faults import Fault
from windlass.kernel.store import Index, Store, Table


@dataclass(frozen=True, slots=True)
class Row:
    account: str
    name: str
    rank: int


ROWS: Table[Row] = Table(
    "rows",
    Row,
    key=lambda row: (row.account, row.name),
    indexes={"account": Index(of=lambda row: row.account, order=lambda row: row.rank)},
)

places = st.recursive(
    st.text() | st.integers(), lambda inner: st.lists(inner, max_size=3).map(tuple), max_leaves=6
)


def bad_token() -> Fault:
    return Fault("InvalidNextTokenException", "bad")


@given(places, places)
def test_a_token_gives_back_its_place(position: object, filters: object) -> None:
    """Strings, integers and tuples of them, and only for the filters that made it."""
    token = seal("List", filters, position)
    assert open_token(token, "List", filters, bad_token) == position
    for operation, other in (("Describe", filters), ("List", [filters])):
        with pytest.raises(Fault):
            open_token(token, operation, other, bad_token)


@given(places, st.data())
def test_a_changed_token_is_refused(position: object, data: st.DataObject) -> None:
    """Any character replaced, dropped or doubled."""
    token = seal("List", [], position)
    at = data.draw(st.integers(0, len(token) - 1))
    character = data.draw(st.sampled_from("Aa0-_=é ").filter(lambda c: c != token[at]))
    for changed in (token[:at] + character + token[at + 1 :], token[:at], token + character):
        try:
            assert open_token(changed, "List", [], bad_token) == position  # base64 with slack bits at its end
        except Fault as fault:
            assert fault.code == "InvalidNextTokenException"


@given(st.text())
def test_any_other_text_is_refused(token: str) -> None:
    """Never another exception than the fault."""
    with pytest.raises(Fault):
        open_token(token, "List", [], bad_token)


@given(st.dictionaries(st.text(max_size=3), st.integers(0, 3), max_size=20), st.integers(1, 7))
def test_pages_show_every_row_once_in_order(rows: dict[str, int], limit: int) -> None:
    """Whatever the size of a page; tokens differ; rows of another account stay out."""
    store = Store((ROWS,), DurableLog(MemoryLog()))
    with store.transact() as tx:
        for name, rank in rows.items():
            tx[ROWS].put(Row("mine", name, rank))
            tx[ROWS].put(Row("theirs", name, rank))
    shown: list[Row] = []
    tokens: list[str] = []
    token: str | None = None
    while True:
        some, token = page(
            store[ROWS],
            "account",
            "mine",
            operation="L",
            filters=[],
            token=token,
            limit=limit,
            fault=bad_token,
        )
        assert len(some) <= limit
        shown += some
        if token is None:
            break
        tokens.append(token)
    assert [(row.rank, row.name) for row in shown] == sorted((rank, name) for name, rank in rows.items())
    assert len(set(tokens)) == len(tokens)


@given(st.lists(st.integers(), max_size=20), st.integers(1, 7))
def test_cutting_a_list(rows: list[int], limit: int) -> None:
    """The same of a list at hand."""
    shown: list[int] = []
    token: str | None = None
    for _ in range(len(rows) + 1):
        some, token = cut(rows, operation="L", filters=[], token=token, limit=limit, fault=bad_token)
        shown += some
        if token is None:
            break
    assert shown == rows


def test_rows_may_go_between_pages() -> None:
    """The place stays when its row is deleted."""
    store = Store((ROWS,), DurableLog(MemoryLog()))
    with store.transact() as tx:
        for name in "abc":
            tx[ROWS].put(Row("mine", name, 0))
    first, token = page(
        store[ROWS], "account", "mine", operation="L", filters=[], token=None, limit=1, fault=bad_token
    )
    with store.transact() as tx:
        tx[ROWS].delete(("mine", "a"))
    second, _ = page(
        store[ROWS], "account", "mine", operation="L", filters=[], token=token, limit=1, fault=bad_token
    )
    assert [row.name for row in first + second] == ["a", "b"]


def test_filters_may_be_instants() -> None:
    """What a request asked for may hold times, such as StartTime; another time is another listing."""
    noon, later = datetime(2026, 11, 22, 12, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)
    token = seal("List", [noon], "place")
    assert open_token(token, "List", [noon], bad_token) == "place"
    with pytest.raises(Fault):
        open_token(token, "List", [later], bad_token)
