"""The store: tables of frozen rows in memory, with indexes, transactions, revisions and watches.

One thread, one writer: a transaction is a `with` block without `await` in it, so it cannot interleave with
another. Its writes are applied at once and handed to the durable log when the block ends; an exception in
the block takes them all back. Until the log has them they can still be taken back (disk full), so nothing
may leave the process before `await store.durable()`: the gateway waits before it answers, loops wait before
they tell a node. See docs/decisions/0002.

Rows are frozen dataclasses; a key is a string or a tuple of strings and integers.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, Generic, TypeVar

from sortedcontainers import SortedList

from windlass.kernel.durable import Change as Change
from windlass.kernel.durable import Commit, DurableLog
from windlass.kernel.faults import Bug, Fault

R = TypeVar("R")
Key = Hashable
Watcher = Callable[[Change], None]


@dataclass(frozen=True)
class Index(Generic[R]):
    """Rows found by a value of theirs.

    `of` gives the value, or None for a row that is not in the index. With `order`, the rows of one value
    are kept sorted by it (ties by key), so that `first`, `page` and `upto` cost O(log n).

    `on` are the columns that both depend on, beside those that never change in the life of a row: while they
    stay as they are neither is asked again. None: they are asked at every change. Rows that change often in
    tables of many indexes are worth it, and a test that what is declared is so.
    """

    of: Callable[[R], Hashable | None]
    order: Callable[[R], Any] | None = None
    on: tuple[str, ...] | None = None


@dataclass(frozen=True, eq=False)
class Table(Generic[R]):
    """A table's declaration: its name in the log, its row class, its key, its indexes.

    `durable=False` keeps a table out of the log: for what is gone after a restart by its nature, such as
    node sessions. `topic`: a value of each row that never changes, and of which a watcher may want one only.
    """

    name: str
    row: type[R]
    key: Callable[[R], Key]
    indexes: Mapping[str, Index[R]] = field(default_factory=dict)
    durable: bool = True
    topic: Callable[[R], Hashable] | None = None


class _Above:
    """Greater than every key: bounds a search in an ordered bucket from above."""

    def __gt__(self, other: object) -> bool:
        return True

    def __lt__(self, other: object) -> bool:
        return False


_ABOVE = _Above()


class _LiveIndex(Generic[R]):
    """An index in use: value → bucket of keys, sorted when the index has an order.

    Buckets hold keys and not rows: replacing a row that keeps its value and order then costs nothing here.
    One without an order is a tuple while it holds a single key, as those of addresses do: a dict takes five
    times as much memory.
    """

    __slots__ = ("buckets", "of", "order")

    def __init__(self, declared: Index[R]) -> None:
        self.of = declared.of
        self.order = declared.order
        self.buckets: dict[Hashable, Any] = {}

    def add(self, key: Key, row: R, places: dict[Callable[[R], Any], Any]) -> None:
        """`places` are those of the row in other indexes of its table: equal orders share one."""
        value = self.of(row)
        if value is None:
            return
        place = None
        if self.order is not None:
            place = places.get(self.order)
            if place is None:
                place = places[self.order] = (self.order(row), key)
        self._add(value, key, place)

    def remove(self, key: Key, row: R) -> None:
        value = self.of(row)
        if value is not None:
            self._remove(value, key, None if self.order is None else self.order(row))

    def swap(self, key: Key, old: R, row: R, was: Hashable | None, value: Hashable | None) -> None:
        """Replace a row whose value `was`; one that keeps its value and order stays where it is."""
        before = after = None
        if self.order is not None:  # only of rows that are in the index: the order of others may not exist
            before = None if was is None else self.order(old)
            after = None if value is None else self.order(row)
        if was == value and before == after:
            return
        if was is not None:
            self._remove(was, key, before)
        if value is not None:
            self._add(value, key, None if self.order is None else (after, key))

    def _add(self, value: Hashable, key: Key, place: tuple[Any, Key] | None) -> None:
        bucket: Any = self.buckets.get(value)
        if place is not None:
            if bucket is None:
                bucket = self.buckets[value] = SortedList()
            bucket.add(place)
        elif bucket is None:
            self.buckets[value] = (key,)
        elif type(bucket) is tuple:
            self.buckets[value] = {bucket[0]: None, key: None}
        else:
            bucket[key] = None

    def _remove(self, value: Hashable, key: Key, order: Any) -> None:
        bucket = self.buckets[value]
        if self.order is not None:
            bucket.remove((order, key))
        elif type(bucket) is not tuple:
            del bucket[key]
        if not bucket or type(bucket) is tuple:
            del self.buckets[value]


_Group = tuple[Callable[[R], Any] | None, tuple[_LiveIndex[R], ...]]
"""Indexes that depend on the same columns, and what reads these of a row; None: on any."""


def _grouped(declared: Mapping[str, Index[R]], live: Mapping[str, _LiveIndex[R]]) -> tuple[_Group[R], ...]:
    """By the columns that they depend on, without those that depend on none."""
    groups: dict[tuple[str, ...] | None, list[_LiveIndex[R]]] = {}
    for name, index in declared.items():
        if index.on != ():
            groups.setdefault(index.on, []).append(live[name])
    return tuple((attrgetter(*on) if on else None, tuple(found)) for on, found in groups.items())


class View(Generic[R]):
    """Reads of one table. Valid until the next `await`; take rows out of it, they never change."""

    def __init__(self, table: Table[R]) -> None:
        self._table = table
        self._rows: dict[Key, R] = {}
        self._indexes = {name: _LiveIndex(index) for name, index in table.indexes.items()}
        self._live = tuple(self._indexes.values())
        self._groups = _grouped(table.indexes, self._indexes)

    def __len__(self) -> int:
        return len(self._rows)

    def get(self, key: Key) -> R | None:
        return self._rows.get(key)

    def require(self, key: Key, fault: Callable[[], Fault] | None = None) -> R:
        """The row, or the fault; without one a missing row is our bug."""
        found = self._rows.get(key)
        if found is None:
            raise fault() if fault else Bug(f"no row {key!r} in {self._table.name}")
        return found

    def all(self) -> Iterator[R]:
        """Every row, in no order that means anything. Costs a walk: not for requests."""
        return iter(list(self._rows.values()))

    def by(self, index: str, value: Hashable) -> list[R]:
        """All rows with that value; in the index's order if it has one, else oldest key first."""
        live, rows = self._indexes[index], self._rows
        bucket = live.buckets.get(value, ())
        return [rows[key] for key in bucket] if live.order is None else [rows[key] for _, key in bucket]

    def count(self, index: str, value: Hashable) -> int:
        bucket = self._indexes[index].buckets.get(value)
        return 0 if bucket is None else len(bucket)

    def values(self, index: str) -> list[Hashable]:
        """The values that some row has."""
        return list(self._indexes[index].buckets)

    def first(self, index: str, value: Hashable) -> R | None:
        """The first row in the index's order (or any, without one)."""
        live = self._indexes[index]
        bucket = live.buckets.get(value)
        if bucket is None:
            return None
        return self._rows[next(iter(bucket)) if live.order is None else bucket[0][1]]

    def last(self, index: str, value: Hashable) -> R | None:
        """The last row in the index's order; O(log n)."""
        bucket = self._sorted(index, value)
        return None if bucket is None else self._rows[bucket[-1][1]]

    def page(
        self,
        index: str,
        value: Hashable,
        after: Any = None,
        limit: int | None = None,
        reverse: bool = False,
    ) -> list[R]:
        """Rows in order, from past `after` (an `(order, key)` pair as `place` gives it), at most `limit`.

        With `reverse`, from the other end and down from `after`.
        """
        bucket = self._sorted(index, value)
        if bucket is None:
            return []
        if reverse:
            end = len(bucket) if after is None else bucket.bisect_left(after)
            begin = 0 if limit is None else max(0, end - limit)
            return [self._rows[key] for _, key in bucket.islice(begin, end, reverse=True)]
        start = 0 if after is None else bucket.bisect_right(after)
        stop = None if limit is None else start + limit
        return [self._rows[key] for _, key in bucket.islice(start, stop)]

    def upto(self, index: str, value: Hashable, bound: Any, limit: int | None = None) -> list[R]:
        """Rows whose order is at most `bound`, in order, at most `limit` of them."""
        end = self.count_upto(index, value, bound)
        return self.page(index, value, limit=end if limit is None else min(end, limit)) if end else []

    def count_upto(self, index: str, value: Hashable, bound: Any) -> int:
        """How many rows have an order of at most `bound`; O(log n)."""
        bucket = self._sorted(index, value)
        return 0 if bucket is None else bucket.bisect_right((bound, _ABOVE))

    def after(self, index: str, value: Hashable, bound: Any) -> R | None:
        """The first row whose order is greater than `bound`; O(log n)."""
        bucket = self._sorted(index, value)
        place = 0 if bucket is None else bucket.bisect_right((bound, _ABOVE))
        return None if bucket is None or place == len(bucket) else self._rows[bucket[place][1]]

    def past(self, index: str, value: Hashable, bound: Any) -> list[R]:
        """Rows whose order is greater than `bound`, in order."""
        return self.page(index, value, after=(bound, _ABOVE))

    def place(self, index: str, row: R) -> tuple[Any, Key]:
        """Where a row stands in an ordered index: what `page` takes as `after`."""
        order = self._indexes[index].order
        if order is None:
            raise Bug(f"index {index} of {self._table.name} has no order")
        return (order(row), self._table.key(row))

    def _sorted(self, index: str, value: Hashable) -> Any:
        live = self._indexes[index]
        if live.order is None:
            raise Bug(f"index {index} of {self._table.name} has no order")
        return live.buckets.get(value)

    def _set(self, key: Key, row: R | None) -> R | None:
        """Put or take away one row; the only place where a table changes. Returns the old row."""
        old = self._rows.get(key)
        if old is row:
            return old
        if row is None:
            assert old is not None
            del self._rows[key]
            for index in self._live:
                index.remove(key, old)
            return old
        if old is None:
            places: dict[Callable[[R], Any], Any] = {}
            for index in self._live:
                index.add(key, row, places)
        else:
            for columns, indexes in self._groups:
                if columns is not None and columns(old) == columns(row):
                    continue
                for index in indexes:
                    was, value = index.of(old), index.of(row)
                    if was != value or (value is not None and index.order is not None):
                        index.swap(key, old, row, was, value)
        self._rows[key] = row
        return old


class TableTx(View[R]):
    """Reads and writes of one table inside a transaction."""

    def __init__(self, view: View[R], changes: list[Change]) -> None:
        self._table = view._table
        self._rows = view._rows
        self._indexes = view._indexes
        self._live = view._live
        self._groups = view._groups
        self._changes = changes

    def put(self, row: R) -> R:
        """Insert or replace; returns the row."""
        key = self._table.key(row)
        old = self._set(key, row)
        if old is not row:
            self._changes.append(Change(self._table.name, key, old, row))
        return row

    def delete(self, key: Key) -> R | None:
        """Take the row away, if it is there; returns it."""
        old = self._set(key, None)
        if old is not None:
            self._changes.append(Change(self._table.name, key, old, None))
        return old


class Transaction:
    """What `with store.transact() as tx` gives: `tx[TASKS].put(row)`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.changes: list[Change] = []
        self._open: dict[str, TableTx[Any]] = {}
        self._at_end: list[Callable[[], None]] = []

    def __getitem__(self, table: Table[R]) -> TableTx[R]:
        found = self._open.get(table.name)
        if found is None:
            found = self._open[table.name] = TableTx(self._store.view(table), self.changes)
        return found

    def at_end(self, call: Callable[[], None]) -> None:
        """Call that when the transaction is over: after it was told, or taken back."""
        self._at_end.append(call)

    def end(self) -> None:
        """It is over; for the store."""
        for call in self._at_end:
            call()


class Store:
    """All tables of a plane, and the log behind them."""

    def __init__(self, tables: tuple[Table[Any], ...], log: DurableLog) -> None:
        self._views: dict[str, View[Any]] = {}
        self._tables = {table.name: table for table in tables}
        self._durable = frozenset(table.name for table in tables if table.durable)
        if len(self._tables) != len(tables):
            raise Bug("two tables have one name", sorted(t.name for t in tables))
        for table in tables:
            self._views[table.name] = View(table)
        self._log = log
        self._watchers = {table.name: _Watchers(table.topic) for table in tables}
        self._open = False
        self.written = 0
        """Rows that transactions have put and deleted so far."""
        log.on_undo(self._undo)
        for name, rows in log.load({t.name: t.row for t in tables if t.durable}).items():
            view = self._views[name]
            key = self._tables[name].key
            for row in rows:
                view._set(key(row), row)

    @property
    def revision(self) -> int:
        """Number of the last transaction that changed something."""
        return self._log.revision

    @property
    def trouble(self) -> str | None:
        """Why writes are refused now; None when they are taken."""
        return self._log.failure

    @property
    def backlog(self) -> int:
        """Rows that wait for the log, behind the batch that it is writing."""
        return self._log.backlog

    def on_written(self, written: Callable[[], None]) -> None:
        """Call that after each batch of the log."""
        self._log.on_written(written)

    def clear(self, tables: tuple[Table[Any], ...]) -> int:
        """Delete every row of these tables in one transaction; returns how many."""
        count = 0
        with self.transact() as tx:
            for table in tables:
                for row in tx[table].all():
                    tx[table].delete(table.key(row))
                    count += 1
        return count

    def fill(self, table: Table[R], rows: Iterable[R]) -> None:
        """Rows of a table that the log does not keep, made of rows that it does: at start, told to nobody.

        In a transaction they would be undone with it, should the disk be full just then.
        """
        if table.name in self._durable:
            raise Bug(f"table {table.name} is the log's", table)
        view = self.view(table)
        for row in rows:
            view._set(table.key(row), row)

    def view(self, table: Table[R]) -> View[R]:
        found = self._views.get(table.name)
        if found is None:
            raise Bug(f"table {table.name} is not in this store")
        return found

    def __getitem__(self, table: Table[R]) -> View[R]:
        """Read a table: `store[TASKS].get(key)`."""
        return self.view(table)

    @contextmanager
    def transact(self) -> Iterator[Transaction]:
        """One transaction. Raises Retry when the log takes no writes; see DurableLog.check."""
        if self._open:
            raise Bug("a transaction inside a transaction")
        self._log.check()
        tx = Transaction(self)
        self._open = True
        try:
            yield tx
            if tx.changes:
                self._append(tx.changes)
        except BaseException:
            self._take_back(tx.changes)
            tx.end()
            raise
        finally:
            self._open = False
        self._tell(tx.changes)
        tx.end()

    async def durable(self) -> None:
        """Return when everything written so far is on disk; raises Retry when it could not be."""
        await self._log.durable()

    def watch(
        self, tables: tuple[Table[Any], ...], watcher: Watcher, *, topic: Hashable | None = None
    ) -> None:
        """Call `watcher` after each commit, once per changed row of these tables (also when undone).

        With `topic`, only for rows of that topic of their table; those without one are told first. A watcher
        only notes that something is to do (wakes a loop, resolves a future); it never writes.
        """
        for table in tables:
            self._watchers[table.name].add(watcher, topic)

    def _append(self, changes: list[Change]) -> None:
        self.written += len(changes)
        durable = self._durable
        self._log.append(Commit([change for change in changes if change.table in durable], changes))

    def _undo(self, commits: list[Commit]) -> None:
        """The log could not keep these (newest last): put everything back as it was before them."""
        for commit in reversed(commits):
            self._take_back(commit.changes)
        for commit in reversed(commits):
            self._tell([change.undone() for change in reversed(commit.changes)])

    def _take_back(self, changes: Sequence[Change]) -> None:
        for change in reversed(changes):
            self._views[change.table]._set(change.key, change.old)

    def _tell(self, changes: Sequence[Change]) -> None:
        for change in changes:
            watchers = self._watchers[change.table]
            for watcher in watchers.of_all:
                watcher(change)
            if watchers.of_topic:
                for watcher in watchers.of_one(change.old if change.new is None else change.new):
                    watcher(change)


class _Watchers:
    """Who is told of a table's changes."""

    __slots__ = ("_topic", "of_all", "of_topic")

    def __init__(self, topic: Callable[[Any], Hashable] | None) -> None:
        self._topic = topic
        self.of_all: list[Watcher] = []
        self.of_topic: dict[Hashable, list[Watcher]] = {}

    def add(self, watcher: Watcher, topic: Hashable | None) -> None:
        if topic is not None and self._topic is None:
            raise Bug("rows of this table have no topic", topic)
        (self.of_all if topic is None else self.of_topic.setdefault(topic, [])).append(watcher)

    def of_one(self, row: Any) -> Sequence[Watcher]:
        """Those that are told of rows of that row's topic only."""
        assert self._topic is not None
        return self.of_topic.get(self._topic(row), ())
