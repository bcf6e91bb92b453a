"""What this node holds, on disk: so that the next agent knows what a dead one ran.

A file of length-prefixed msgpack records, only added to; the last record of a unit counts. It is written
before a unit is acknowledged to the plane and before anything of it is started, so a unit can never run
twice because an agent died, and the next agent knows what to do with what still runs. Holds environment
variables of tasks: for the agent's user only. Not synced to disk: it has to outlive the agent, not the host
(after a crash of the host nothing runs any more; a unit whose record was lost with it is then started again:
known gap).
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Protocol

import msgspec

from windlass.fleet.messages import UnitSpec, UnitState
from windlass.node import proc
from windlass.node.held import Progress

REWRITE_BYTES_MIN = 4 * 2**20
"""The file is written anew when it is larger than this and than four times what counts in it."""
_LENGTH = struct.Struct(">I")
_NONE: Mapping[str, Progress] = {}


class Record(msgspec.Struct, frozen=True):
    """One unit as it was; `state` None: it was removed. `ticks` tells a recorded pid from a later process

    of the same number: (pid, start time in ticks since boot). `spec` is written once, with the unit's first
    record; later ones go without.
    """

    unit_id: str
    state: UnitState | None
    ticks: tuple[tuple[int, int], ...] = ()
    spec: UnitSpec | None = None
    progress: Progress = Progress()


class Ledger(Protocol):
    """Where an agent notes what it holds."""

    def hold(self, units: Iterable[tuple[UnitSpec, UnitState]]) -> None:
        """Keep these units, which are new here."""

    def note(self, states: Iterable[UnitState], progress: Mapping[str, Progress] = _NONE) -> None:
        """Keep these states, and how far the units with these ids are."""

    def remove(self, unit_ids: Iterable[str]) -> None:
        """Forget these units."""


class NoLedger:
    """Keeps nothing: for an agent whose units cannot outlive it (a simulated one)."""

    def hold(self, units: Iterable[tuple[UnitSpec, UnitState]]) -> None:
        pass

    def note(self, states: Iterable[UnitState], progress: Mapping[str, Progress] = _NONE) -> None:
        pass

    def remove(self, unit_ids: Iterable[str]) -> None:
        pass


class FileLedger:
    """The ledger in a file. Raises OSError when it cannot be written (disk full)."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._live = load(path)
        self._rewrite()

    def records(self) -> list[Record]:
        """What counts now."""
        return list(self._live.values())

    def hold(self, units: Iterable[tuple[UnitSpec, UnitState]]) -> None:
        self._append([Record(state.unit_id, state, _ticks(state), spec) for spec, state in units])

    def note(self, states: Iterable[UnitState], progress: Mapping[str, Progress] = _NONE) -> None:
        units = ((state, progress.get(state.unit_id, Progress())) for state in states)
        self._append([Record(s.unit_id, s, _ticks(s), progress=done) for s, done in units])

    def remove(self, unit_ids: Iterable[str]) -> None:
        self._append([Record(unit_id, None) for unit_id in unit_ids])

    def close(self) -> None:
        self._file.close()

    def _append(self, records: list[Record]) -> None:
        data = b"".join(map(_frame, records))
        try:
            if self._file.write(data) != len(data):
                raise OSError(errno.ENOSPC, "the disk is full")
        except OSError:
            self._file.truncate(self._size)  # half a record would hide all that come after it
            raise
        self._size += len(data)
        for record in records:
            _apply(self._live, record)
        if self._size > REWRITE_BYTES_MIN and self._size > 4 * self._rewritten:
            self._file.close()
            self._rewrite()

    def _rewrite(self) -> None:
        data = b"".join(map(_frame, self._live.values()))
        fresh = self._path.with_suffix(".new")
        fresh.touch(mode=0o600)
        fresh.write_bytes(data)
        fresh.replace(self._path)
        self._file = self._path.open("ab", buffering=0)
        self._size = self._rewritten = len(data)


def load(path: Path) -> dict[str, Record]:
    """The records that count. A torn end is where an agent died while writing: it is left out."""
    live: dict[str, Record] = {}
    data = path.read_bytes() if path.exists() else b""
    at = 0
    while at + _LENGTH.size <= len(data):
        (length,) = _LENGTH.unpack_from(data, at)
        body = data[at + _LENGTH.size : at + _LENGTH.size + length]
        if len(body) < length:
            break
        try:
            _apply(live, msgspec.msgpack.decode(body, type=Record))
        except msgspec.DecodeError:
            break
        at += _LENGTH.size + length
    return live


def _apply(live: dict[str, Record], record: Record) -> None:
    if record.state is None:
        live.pop(record.unit_id, None)
        return
    if record.state.status == "stopped":
        record = msgspec.structs.replace(record, spec=None)
    elif record.spec is None and (before := live.get(record.unit_id)) is not None:
        record = msgspec.structs.replace(record, spec=before.spec)
    live[record.unit_id] = record


def _frame(record: Record) -> bytes:
    body = msgspec.msgpack.encode(record)
    return _LENGTH.pack(len(body)) + body


def _ticks(state: UnitState) -> tuple[tuple[int, int], ...]:
    """Start times of the unit's processes; a pid that is gone by now has none, and needs none."""
    pids = [c.pid for c in state.containers if c.status == "running" and c.pid]
    return tuple((pid, stat.start_ticks) for pid in pids if (stat := proc.stat(pid)) is not None)
