"""The log: group commit, replay after a kill, a disk that says no, a damaged directory."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from windlass.kernel.durable import Change, DurableLog
from windlass.kernel.faults import Retry
from windlass.kernel.log_sqlite import ROWS_PER_STATEMENT, Damaged, SqliteLog
from windlass.kernel.store import Store, Table


@dataclass(frozen=True, slots=True)
class Note:
    key: tuple[str, int]
    text: str
    blob: bytes = b""


NOTES = Table(name="note", row=Note, key=lambda note: note.key)


class FailingLog:
    """A disk that can be full."""

    threaded = True

    def __init__(self) -> None:
        self.full = False
        self.batches: list[int] = []

    def load(self, rows: Mapping[str, type]) -> dict[str, list[Any]]:
        return {}

    def prepare(self, writes: Sequence[Change]) -> Sequence[Any]:
        return writes

    def write(self, writes: Sequence[Any]) -> None:
        if self.full:
            raise OSError("no space left on device")
        self.batches.append(len(writes))

    def close(self) -> None:
        pass


def put(store: Store, number: int, text: str) -> None:
    with store.transact() as tx:
        tx[NOTES].put(Note(("a", number), text, b"\x00\xff"))


def test_rows_come_back_after_a_restart(tmp_path: Path) -> None:
    """Written, changed and deleted rows are as they were when the file is opened again."""

    async def write() -> None:
        log = DurableLog(SqliteLog(tmp_path))
        store = Store((NOTES,), log)
        for number in range(100):
            put(store, number, "first")
        put(store, 7, "ünï'\"cödé\n")
        with store.transact() as tx:
            tx[NOTES].delete(("a", 8))
        await store.durable()
        await log.close()

    asyncio.run(write())
    log = SqliteLog(tmp_path)
    store = Store((NOTES,), DurableLog(log))
    assert len(store[NOTES]) == 99
    assert store[NOTES].get(("a", 7)) == Note(("a", 7), "ünï'\"cödé\n", b"\x00\xff")
    assert store[NOTES].get(("a", 8)) is None
    log.close()


@pytest.mark.parametrize("key", ["a", ("a", 7), ("a", "b", ("c", "d")), ("a", ())], ids=repr)
def test_keys_come_back_whatever_their_shape(tmp_path: Path, key: Any) -> None:
    """A row is found again by its key when it is deleted after a restart; keys may hold a set, sorted."""
    row = Note(("a", 1), "text")

    def change(to: Note | None) -> list[Any]:
        log = SqliteLog(tmp_path)
        found = log.load({"note": Note})["note"]
        log.write(log.prepare([Change("note", key, None, to)]))
        log.close()
        return found

    assert [change(row), change(None), change(None)] == [[], [row], []]


def test_a_copy_taken_from_a_crash_opens(tmp_path: Path) -> None:
    """The directory as a killed process leaves it (log not folded in) has all that was durable."""

    async def write() -> None:
        store = Store((NOTES,), log := DurableLog(SqliteLog(tmp_path / "live")))
        put(store, 1, "kept")
        await store.durable()
        shutil.copytree(tmp_path / "live", tmp_path / "copy")
        await log.close()

    asyncio.run(write())
    log = SqliteLog(tmp_path / "copy")
    assert [note.text for note in log.load({"note": Note})["note"]] == ["kept"]
    log.close()


def test_commits_share_batches() -> None:
    """What arrives while a batch is being written goes into the next one, together."""

    async def scenario() -> list[int]:
        engine = FailingLog()
        store = Store((NOTES,), DurableLog(engine))
        for number in range(50):
            put(store, number, "x")
        await store.durable()
        return engine.batches

    assert asyncio.run(scenario()) == [1, 49]


def test_a_full_disk_refuses_writes_and_takes_back_what_was_not_durable() -> None:
    """1. A write is durable. 2. The disk fills. 3. Writes are undone. 4. Reads go on. 5. Space again."""

    async def scenario() -> None:
        engine = FailingLog()
        log = DurableLog(engine)
        store = Store((NOTES,), log)
        put(store, 1, "kept")
        await store.durable()
        engine.full = True
        put(store, 1, "lost")
        put(store, 2, "lost")
        with pytest.raises(Retry, match="no space"):
            await store.durable()
        assert store[NOTES].get(("a", 1)) == Note(("a", 1), "kept", b"\x00\xff")
        assert store[NOTES].get(("a", 2)) is None
        with pytest.raises(Retry, match="takes no writes"):
            put(store, 3, "refused")
        await store.durable()
        assert not await log.probe()
        engine.full = False
        assert await log.probe()
        put(store, 3, "taken")
        await store.durable()
        assert len(store[NOTES]) == 2

    asyncio.run(scenario())


def test_undone_changes_are_told_to_watchers() -> None:
    """A watcher that saw a row come sees it go when the log could not keep it."""

    async def scenario() -> list[tuple[Any, Any]]:
        engine = FailingLog()
        store = Store((NOTES,), DurableLog(engine))
        heard: list[tuple[Any, Any]] = []
        store.watch((NOTES,), lambda change: heard.append((change.old, change.new)))
        engine.full = True
        put(store, 1, "lost")
        with pytest.raises(Retry):
            await store.durable()
        return heard

    note = Note(("a", 1), "lost", b"\x00\xff")
    assert asyncio.run(scenario()) == [(None, note), (note, None)]


def test_a_row_that_cannot_be_stored_fails_only_its_own_transaction(tmp_path: Path) -> None:
    """A lone surrogate has no UTF-8: the writer of that row hears of it, everybody else goes on."""

    async def scenario() -> list[str]:
        log = DurableLog(SqliteLog(tmp_path))
        store = Store((NOTES,), log)
        put(store, 1, "good")
        with pytest.raises(UnicodeEncodeError):
            put(store, 2, "\ud800")
        put(store, 3, "good too")
        await store.durable()
        texts = [note.text for note in store[NOTES].all()]
        await log.close()
        return texts

    assert asyncio.run(scenario()) == ["good", "good too"]


def test_only_the_owner_may_read_the_rows(tmp_path: Path) -> None:
    log = SqliteLog(tmp_path)
    log.write(log.prepare([Change("note", ("a", 1), None, Note(("a", 1), "secret"))]))
    modes = {path.name: path.stat().st_mode & 0o077 for path in tmp_path.glob("windlass.db*")}
    assert len(modes) == 3
    assert set(modes.values()) == {0}
    log.close()


def test_two_planes_cannot_share_a_directory(tmp_path: Path) -> None:
    log = SqliteLog(tmp_path)
    with pytest.raises(Damaged, match="in use by another Windlass"):
        SqliteLog(tmp_path)
    log.close()
    SqliteLog(tmp_path).close()


@pytest.mark.parametrize("how", ["garbage", "torn"])
def test_a_damaged_file_says_so(tmp_path: Path, how: str) -> None:
    log = SqliteLog(tmp_path)
    log.write(log.prepare([Change("note", ("a", n), None, Note(("a", n), "x" * 2000)) for n in range(200)]))
    log.close()
    path = tmp_path / "windlass.db"
    data = path.read_bytes()
    path.write_bytes(b"garbage" * 1000 if how == "garbage" else data[:8192] + bytes(8192) + data[16384:])
    with pytest.raises(Damaged, match="damaged") as caught:
        SqliteLog(tmp_path).load({"note": Note})
    assert "\n" not in str(caught.value)


def test_rows_of_another_version_are_refused(tmp_path: Path) -> None:
    SqliteLog(tmp_path).close()
    with sqlite3.connect(tmp_path / "windlass.db") as db:
        db.execute("""INSERT INTO entry (name, key, value) VALUES ('note', '"k"', '{"nothing": 1}')""")
    log = SqliteLog(tmp_path)
    with pytest.raises(Damaged, match="cannot be read"):
        log.load({"note": Note})
    log.close()


def stored(directory: Path) -> dict[Any, str]:
    """The notes in a directory's file, as the next plane reads them."""
    log = SqliteLog(directory)
    notes = {note.key: note.text for note in log.load({"note": Note})["note"]}
    log.close()
    return notes


def note(number: int, text: str | None) -> Change:
    key = ("a", number)
    return Change("note", key, None, None if text is None else Note(key, text))


def test_each_row_is_stored_once_whatever_is_written_together(tmp_path: Path) -> None:
    """1. New, changed and deleted rows in one batch. 2. More rows than one statement takes. 3. Restarts."""
    log = SqliteLog(tmp_path)
    log.load({"note": Note})
    log.write(log.prepare([note(1, "old"), note(1, "new"), note(2, "x"), note(2, None), note(3, "gone")]))
    many = [note(number, "many") for number in range(10, 12 + ROWS_PER_STATEMENT)]
    log.write(log.prepare([*many, note(3, None), note(10, "changed")]))
    log.close()
    expected = {change.key: "many" for change in many} | {("a", 1): "new", ("a", 10): "changed"}
    assert stored(tmp_path) == expected
    log = SqliteLog(tmp_path)
    log.load({"note": Note})
    log.write(log.prepare([note(1, None), note(3, "back"), note(11, "changed")]))
    log.close()
    del expected["a", 1]
    assert stored(tmp_path) == expected | {("a", 3): "back", ("a", 11): "changed"}
    with sqlite3.connect(tmp_path / "windlass.db") as db:
        assert db.execute("SELECT count(*) FROM entry").fetchone() == (len(expected) + 1,)


def test_a_batch_that_failed_leaves_nothing_behind(tmp_path: Path) -> None:
    """A refused statement takes the others of its batch back, and the rows are new again for the next one."""
    log = SqliteLog(tmp_path)
    log.load({"note": Note})
    log.write(log.prepare([note(1, "kept"), note(2, "kept")]))
    with sqlite3.connect(tmp_path / "windlass.db") as db:
        db.execute("CREATE TRIGGER refusal BEFORE DELETE ON entry BEGIN SELECT raise(ABORT, 'no'); END")
    with pytest.raises(OSError, match="no"):
        log.write(log.prepare([note(1, "lost"), note(2, None), note(3, "lost")]))
    with sqlite3.connect(tmp_path / "windlass.db") as db:
        db.execute("DROP TRIGGER refusal")
    log.write(log.prepare([note(2, None), note(3, "taken")]))
    log.close()
    assert stored(tmp_path) == {("a", 1): "kept", ("a", 3): "taken"}


def test_a_directory_of_the_first_version_is_taken_over(tmp_path: Path) -> None:
    """Its table had no numbers; its rows are there, and change and go as all others do."""
    with sqlite3.connect(tmp_path / "windlass.db") as db:
        db.executescript("""
            CREATE TABLE row (name TEXT, key TEXT, value TEXT, PRIMARY KEY (name, key)) WITHOUT ROWID;
            CREATE TABLE beat (id INTEGER PRIMARY KEY, count INTEGER NOT NULL);
            INSERT INTO row VALUES ('note', '["a",1]', '{"key":["a",1],"text":"old"}'),
                                   ('note', '["a",2]', '{"key":["a",2],"text":"old"}');
            PRAGMA user_version=1;
        """)
    log = SqliteLog(tmp_path)
    assert len(log.load({"note": Note})["note"]) == 2
    log.write(log.prepare([note(1, "new"), note(2, None)]))
    log.close()
    assert stored(tmp_path) == {("a", 1): "new"}


def test_a_directory_of_a_later_version_is_refused(tmp_path: Path) -> None:
    SqliteLog(tmp_path).close()
    with sqlite3.connect(tmp_path / "windlass.db") as db:
        db.execute("PRAGMA user_version=99")
    with pytest.raises(Damaged, match="schema version 99"):
        SqliteLog(tmp_path)
