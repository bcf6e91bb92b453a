"""The embedded log: one SQLite file, WAL, synchronous=FULL.

A row's place in the file is a number, given in the order of first writing: rows that are written together lie
together, and a batch dirties few pages although most keys are random. Which number a row has is kept in
memory. A batch is one SQL statement of many rows, rarely more, so that SQLite does the loop outside the
interpreter lock; row by row, each step would hand the lock to and fro with the event loop's thread
(docs/decisions/0022). Rows are stored as JSON, so `sqlite3 windlass.db` shows them.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, TypeAlias

import msgspec

from windlass.kernel.durable import Change

SCHEMA_VERSION = 2
STATEMENTS_KEPT = 32
"""Compiled statements that are kept; each number of rows is a statement of its own."""
ROWS_PER_STATEMENT = 500
"""Rows of one SQL statement: bounds its memory, and how long the interpreter is held to bind its values."""

_SCHEMA = """
CREATE TABLE entry (id INTEGER PRIMARY KEY, name TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS beat (id INTEGER PRIMARY KEY, count INTEGER NOT NULL);
INSERT OR IGNORE INTO beat VALUES (1, 0);
"""
_FROM_VERSION_1 = """
INSERT INTO entry (name, key, value) SELECT name, key, value FROM row;
DROP TABLE row;
"""
_PUT = "INSERT INTO entry (id, name, key, value) VALUES "
_OVER = " ON CONFLICT (id) DO UPDATE SET value = excluded.value"
_DELETE = "DELETE FROM entry WHERE id IN (SELECT value FROM json_each(?))"
_BEAT = "UPDATE beat SET count = count + 1"

_Prepared: TypeAlias = "tuple[str, Any, str, str | None]"
"""Table, key, key as JSON, row as JSON (None: deleted)."""
_Statement: TypeAlias = "tuple[str, Sequence[Any]]"


class Damaged(Exception):
    """The data directory cannot be used; the message is one line that says why and what to do."""


class SqliteLog:
    """One data directory's log. Raises Damaged when another plane has it or the file is broken."""

    threaded = True

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._lock = _lock(directory / "windlass.lock")
        self._path = directory / "windlass.db"
        self._encoder = msgspec.json.Encoder()
        self._ids: dict[str, dict[Any, int]] = {}
        """Table → key → number. Only `load` and `write` touch it: never two of them at once."""
        self._last_id = 0
        try:
            self._db = self._connect()
        except sqlite3.DatabaseError as error:
            os.close(self._lock)
            raise Damaged(
                f"{self._path} is damaged ({_one_line(error)}); "
                "restore a copy of the directory, or move it away to start empty"
            ) from error

    def load(self, rows: Mapping[str, type]) -> dict[str, list[Any]]:
        found: dict[str, list[Any]] = {name: [] for name in rows}
        decoders: dict[str, Any] = {name: msgspec.json.Decoder(row).decode for name, row in rows.items()}
        key_of: Any = msgspec.json.Decoder(str | tuple[str | int | tuple[str, ...], ...]).decode
        self._ids = {name: {} for name in rows}
        name = "a table"
        try:
            for id, name, key, value in self._db.execute(
                "SELECT id, name, key, value FROM entry ORDER BY id"
            ):
                if name in rows:
                    found[name].append(decoders[name](value))
                    self._ids[name][key_of(key)] = id
                self._last_id = id
        except (msgspec.DecodeError, sqlite3.DatabaseError) as error:
            raise Damaged(
                f"{self._path} holds a row of {name} that cannot be read ({_one_line(error)}); "
                "it was written by another version, or is damaged"
            ) from error
        return found

    def prepare(self, writes: Sequence[Change]) -> list[_Prepared]:
        encode = self._encoder.encode
        return [
            (w.table, w.key, encode(w.key).decode(), None if w.new is None else encode(w.new).decode())
            for w in writes
        ]

    def write(self, prepared: Sequence[_Prepared]) -> None:
        newest = {(name, key): (text, value) for name, key, text, value in prepared}
        puts: list[tuple[int, str, str, str]] = []
        gone: list[int] = []
        ids = self._ids
        numbers: dict[tuple[str, Any], int | None] = {}  # changes of `_ids` when it is on disk; None: gone
        for (name, key), (text, value) in newest.items():
            id = ids.get(name, {}).get(key)
            if value is not None:
                if id is None:
                    id = numbers[name, key] = self._next_id()
                puts.append((id, name, text, value))
            elif id is not None:
                gone.append(id)
                numbers[name, key] = None
        self._execute(_statements(puts, self._encoder.encode(gone).decode() if gone else None))
        for (name, key), number in numbers.items():
            if number is None:
                del ids[name][key]
            else:
                ids.setdefault(name, {})[key] = number

    def _next_id(self) -> int:
        """Never one that was used before, not even by a batch that failed."""
        self._last_id += 1
        return self._last_id

    def _execute(self, statements: Sequence[_Statement]) -> None:
        """All of them or none. One alone is a transaction of its own."""
        whole = [("BEGIN IMMEDIATE", ()), *statements, ("COMMIT", ())] if len(statements) > 1 else statements
        try:
            for statement in whole:
                self._db.execute(*statement)
        except sqlite3.Error as error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise OSError(f"{self._path}: {error}") from error

    def close(self) -> None:
        self._db.close()
        os.close(self._lock)

    def _connect(self) -> sqlite3.Connection:
        self._path.touch(mode=0o600)  # rows hold secrets; SQLite gives its other files the same mode
        db = sqlite3.connect(
            self._path, isolation_level=None, check_same_thread=False, cached_statements=STATEMENTS_KEPT
        )
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        db.execute("PRAGMA wal_autocheckpoint=4000")
        check = db.execute("PRAGMA quick_check(1)").fetchone()[0]
        if check != "ok":
            raise sqlite3.DatabaseError(check)
        version = db.execute("PRAGMA user_version").fetchone()[0]
        if version > SCHEMA_VERSION:
            raise sqlite3.DatabaseError(f"schema version {version}, this Windlass knows {SCHEMA_VERSION}")
        if version < SCHEMA_VERSION:
            steps = _SCHEMA + (_FROM_VERSION_1 if version == 1 else "")
            db.executescript(f"BEGIN IMMEDIATE; {steps} PRAGMA user_version={SCHEMA_VERSION}; COMMIT;")
        return db


def _statements(puts: Sequence[tuple[int, str, str, str]], gone: str | None) -> list[_Statement]:
    """The SQL of a batch. Without rows it is a probe, which touches the disk for real."""
    found: list[_Statement] = []
    for start in range(0, len(puts), ROWS_PER_STATEMENT):
        rows = puts[start : start + ROWS_PER_STATEMENT]
        places = ",".join(["(?,?,?,?)"] * len(rows))
        found.append((f"{_PUT}{places}{_OVER}", list(chain.from_iterable(rows))))
    if gone is not None:
        found.append((_DELETE, (gone,)))
    return found or [(_BEAT, ())]


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def _lock(path: Path) -> int:
    """Take the directory for this process; the kernel gives it back whatever way we end."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(handle, 32, 0).decode(errors="replace").strip() or "unknown"
        os.close(handle)
        raise Damaged(
            f"{path.parent} is in use by another Windlass (process {holder}); "
            "stop that one, or choose another --data"
        ) from None
    os.ftruncate(handle, 0)
    os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
    return handle
