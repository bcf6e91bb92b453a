"""The embedded log: one SQLite file, WAL, synchronous=FULL.

A batch is one SQL transaction of two statements (upserts, deletes), each fed with one JSON document. So
SQLite does the loop, outside the interpreter lock; row by row, each step would hand the lock to and fro with
the event loop's thread. Rows are stored as JSON, so `sqlite3 windlass.db` shows them.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import msgspec

from windlass.kernel.durable import Write

SCHEMA_VERSION = 1

_SCHEMA = """
CREATE TABLE IF NOT EXISTS row (
    name TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (name, key)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS beat (id INTEGER PRIMARY KEY, count INTEGER NOT NULL);
INSERT OR IGNORE INTO beat VALUES (1, 0);
"""
_UPSERT = """
INSERT INTO row (name, key, value)
SELECT value ->> 0, value ->> 1, value -> 2 FROM json_each(?) WHERE true
ON CONFLICT (name, key) DO UPDATE SET value = excluded.value
"""
_DELETE = """
DELETE FROM row WHERE (name, key) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?))
"""


_Row: TypeAlias = "tuple[str, str, msgspec.Raw | None]"
"""Table, key as JSON text, row as JSON (None: deleted)."""


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
        try:
            self._db = self._connect()
        except sqlite3.DatabaseError as error:
            os.close(self._lock)
            raise Damaged(
                f"{self._path} is damaged ({_one_line(error)}); "
                "restore a copy of the directory, or move it away to start empty"
            ) from error

    def load(self, rows: Mapping[str, type]) -> dict[str, list[Any]]:
        found: dict[str, list[Any]] = {}
        for name, row in rows.items():
            decode: Any = msgspec.json.Decoder(row).decode
            query = self._db.execute("SELECT value FROM row WHERE name = ?", (name,))
            try:
                found[name] = [decode(value) for (value,) in query]
            except (msgspec.DecodeError, sqlite3.DatabaseError) as error:
                raise Damaged(
                    f"{self._path} holds a row of {name} that cannot be read ({_one_line(error)}); "
                    "it was written by another version, or is damaged"
                ) from error
        return found

    def prepare(self, writes: Sequence[Write]) -> list[_Row]:
        encode = self._encoder.encode
        return [
            (w.table, encode(w.key).decode(), None if w.row is None else msgspec.Raw(encode(w.row)))
            for w in writes
        ]

    def write(self, prepared: Sequence[_Row]) -> None:
        newest = {(table, key): value for table, key, value in prepared}
        puts = [(table, key, value) for (table, key), value in newest.items() if value is not None]
        gone = [place for place, value in newest.items() if value is None]
        try:
            self._db.execute("BEGIN IMMEDIATE")
            if puts:
                self._db.execute(_UPSERT, (self._encoder.encode(puts).decode(),))
            if gone:
                self._db.execute(_DELETE, (self._encoder.encode(gone).decode(),))
            if not prepared:  # a probe: touch the disk for real
                self._db.execute("UPDATE beat SET count = count + 1")
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise OSError(f"{self._path}: {error}") from error

    def close(self) -> None:
        self._db.close()
        os.close(self._lock)

    def _connect(self) -> sqlite3.Connection:
        self._path.touch(mode=0o600)  # rows hold secrets; SQLite gives its other files the same mode
        db = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        db.execute("PRAGMA wal_autocheckpoint=4000")
        check = db.execute("PRAGMA quick_check(1)").fetchone()[0]
        if check != "ok":
            raise sqlite3.DatabaseError(check)
        version = db.execute("PRAGMA user_version").fetchone()[0]
        if version not in (0, SCHEMA_VERSION):
            raise sqlite3.DatabaseError(f"schema version {version}, this Windlass knows {SCHEMA_VERSION}")
        db.executescript(_SCHEMA)
        db.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
        return db


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
