"""A disk of a simulated world: takes virtual time to write, can be full for a while, outlives the plane.

It stands in for the writer thread and the file behind the store, so that a world meets what a real plane
meets: commits that wait together, answers that wait for them, commits that are undone because the disk said
no, and a plane that begins again from what was durable when the one before it was killed. Rows are kept as
bytes: a row that cannot be read back fails the world.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec

from windlass.kernel.clock import MILLISECOND, SECOND, Duration
from windlass.kernel.durable import Change, Commit, DurableLog
from windlass.kernel.faults import Retry
from windlass.kernel.store import Table

FSYNC: Duration = 2 * MILLISECOND
"""What a commit costs on a usual SSD."""
KILLED = "the plane was killed"

R = TypeVar("R")
_Encoded = tuple[str, Any, bytes | None]
"""Table, key, row; None for one that is deleted."""
_encode = msgspec.json.Encoder().encode


@dataclass(slots=True)
class SimulatedDisk:
    """What planes write on, one after the other. `fsync` 0: each commit is durable at once."""

    fsync: Duration = FSYNC
    full: bool = False
    """Whether batches fail."""
    rows: dict[str, dict[Any, bytes]] = field(default_factory=dict)
    """Table → key → row, as it is on the disk."""
    commits: int = 0
    """Transactions of all planes so far, the lost ones too."""
    on_commit: Callable[[Commit], None] = lambda commit: None
    """Called for each transaction once it is in the store; it may kill the plane."""
    _log: SimulatedLog | None = None
    """That of the latest plane."""

    def open(self) -> SimulatedLog:
        """The log of a plane that starts."""
        self._log = SimulatedLog(self)
        return self._log

    def row(self, table: Table[R], key: Hashable) -> R | None:
        """That row as it is on the disk: what the next plane will know."""
        kept = self.rows.get(table.name, {}).get(key)
        return None if kept is None else msgspec.json.decode(kept, type=table.row)

    async def probe(self) -> bool:
        """What a real plane does now and then: see whether writes are taken again after a failure."""
        return self._log is None or await self._log.probe()


class _Engine:
    """The disk as a storage engine (kernel.durable.Log)."""

    def __init__(self, disk: SimulatedDisk) -> None:
        self._disk = disk
        self.threaded = disk.fsync > 0

    def load(self, rows: Mapping[str, type]) -> dict[str, list[Any]]:
        kept = self._disk.rows
        decoders: dict[str, Any] = {name: msgspec.json.Decoder(row).decode for name, row in rows.items()}
        return {name: [decoders[name](row) for row in kept.get(name, {}).values()] for name in rows}

    def prepare(self, writes: Sequence[Change]) -> list[_Encoded]:
        return [(w.table, w.key, None if w.new is None else _encode(w.new)) for w in writes]

    def write(self, prepared: Sequence[_Encoded]) -> None:
        for table, key, row in prepared:
            if row is None:
                self._disk.rows.get(table, {}).pop(key, None)
            else:
                self._disk.rows.setdefault(table, {})[key] = row

    def close(self) -> None:
        pass


class SimulatedLog(DurableLog):
    """One plane's way to the disk: group commit as on a real plane, each batch after the disk's `fsync`."""

    def __init__(self, disk: SimulatedDisk) -> None:
        super().__init__(_Engine(disk))
        self._disk = disk
        self.cut = False
        """Whether the plane was killed: nothing of what it still does reaches the disk, or anybody."""
        self._landed = 0
        """Transactions in flight that are on the disk, which the plane is about to hear."""

    @property
    def in_flight(self) -> int:
        """Transactions that are not durable yet."""
        return len(self._writing) + len(self._queue)

    def kill(self, keep: int = 0) -> None:
        """The plane is killed. The first `keep` transactions in flight had reached the disk."""
        if self.cut:
            return
        self.cut = True
        for queued in [*self._writing, *self._queue][self._landed : keep]:
            self._log.write(queued.prepared)
        for _, waiter in self._waiters:
            if not waiter.done():
                waiter.set_exception(Retry(KILLED))
        self._waiters.clear()

    def check(self) -> None:
        if self.cut:
            raise Retry(KILLED)
        super().check()

    def append(self, commit: Commit) -> None:
        super().append(commit)
        self._disk.commits += 1
        self._disk.on_commit(commit)

    async def durable(self) -> None:
        if self.cut:
            raise Retry(KILLED)
        await super().durable()

    async def probe(self) -> bool:
        if not self._disk.full:
            self.failure = None
        return self.failure is None

    def _write(self, writes: Sequence[Any]) -> asyncio.Future[None]:
        loop = asyncio.get_running_loop()
        written: asyncio.Future[None] = loop.create_future()
        loop.call_later(self._disk.fsync / SECOND, self._end_batch, written, writes)
        return written

    def _batch_done(self, future: asyncio.Future[None]) -> None:
        if not self.cut:  # killed at the instant at which the batch was written
            self._landed = 0
            super()._batch_done(future)

    def _end_batch(self, written: asyncio.Future[None], writes: Sequence[Any]) -> None:
        if self.cut:
            return
        if self._disk.full:
            written.set_exception(OSError("no space left on device"))
        else:
            self._log.write(writes)
            self._landed = len(self._writing)
            written.set_result(None)
