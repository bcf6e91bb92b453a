"""The log behind the store: group commit, replay, and what happens when the disk says no.

Commits queue up while a batch is being written; the next batch takes them all (group commit), so one fsync
serves as many calls as arrived meanwhile. When a batch fails, it and everything queued behind it is handed
back to the store to be undone, waiters get `Retry`, and writes are refused until a probe succeeds.

The `Log` protocol is what an engine must offer: SQLite now (log_sqlite.py), memory in simulation,
PostgreSQL later. An engine keeps the newest value of each row, so replay is reading it and there is nothing
to compact; docs/decisions/0002 weighs that against an append-only file.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from windlass.kernel.faults import Retry


class Change(msgspec.Struct, frozen=True, gc=False):
    """One row's change in one transaction: `old` is None for an insert, `new` for a delete.

    A struct, because one is made for every row that is written: a quarter of the cost of a dataclass.
    """

    table: str
    key: Any
    old: Any
    new: Any

    def undone(self) -> Change:
        """The other way round."""
        return Change(self.table, self.key, self.new, self.old)


@dataclass(frozen=True, slots=True)
class Commit:
    """One transaction on its way to the log: what it writes, and all that the store needs to undo it."""

    writes: Sequence[Change]
    changes: Sequence[Change]


@dataclass(frozen=True, slots=True)
class _Queued:
    """A commit in the engine's own form."""

    commit: Commit
    prepared: Sequence[Any]


class Log(Protocol):
    """A storage engine."""

    threaded: bool
    """Whether `write` blocks on a disk and so runs in the writer thread."""

    def load(self, rows: Mapping[str, type]) -> dict[str, list[Any]]:
        """Every stored row by table, decoded to the classes given; tables not named are left alone.

        Comes once, before the first write, and names all tables that will be written.
        """

    def prepare(self, writes: Sequence[Change]) -> Sequence[Any]:
        """One transaction's writes in the engine's own form: on the loop's thread, before it is committed.

        A row that cannot be stored fails here, and with it only the call that made it.
        """

    def write(self, prepared: Sequence[Any]) -> None:
        """Make these durable, all or none. Raises OSError when it cannot. Later writes of a row win."""

    def close(self) -> None: ...


class MemoryLog:
    """Keeps nothing: `--data memory` and simulated worlds."""

    threaded = False

    def load(self, rows: Mapping[str, type]) -> dict[str, list[Any]]:
        return {}

    def prepare(self, writes: Sequence[Change]) -> Sequence[Any]:
        return ()

    def write(self, prepared: Sequence[Any]) -> None:
        pass

    def close(self) -> None:
        pass


class DurableLog:
    """Group commit in front of a Log. Lives on one loop; only the engine's `write` runs elsewhere."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self.revision = 0
        self._done = 0
        self._queue: deque[_Queued] = deque()
        self._writing: list[_Queued] = []
        self._waiters: deque[tuple[int, asyncio.Future[None]]] = deque()
        self._undo: Callable[[list[Commit]], None] = lambda commits: None
        self._written: Callable[[], None] = lambda: None
        self.backlog = 0
        """Rows that wait for the batch after the one that is being written."""
        self._closed = False
        self.failure: str | None = None
        """Why writes are refused now; None when they are taken."""

    def on_undo(self, undo: Callable[[list[Commit]], None]) -> None:
        self._undo = undo

    def on_written(self, written: Callable[[], None]) -> None:
        """Call that after each batch, written or not."""
        self._written = written

    def load(self, rows: Mapping[str, type]) -> dict[str, list[Any]]:
        return self._log.load(rows)

    def check(self) -> None:
        """Raise Retry when writes are refused."""
        if self.failure is not None:
            raise Retry(f"the log takes no writes: {self.failure}")

    def append(self, commit: Commit) -> None:
        """Queue a commit. Raises, and queues nothing, when one of its rows cannot be stored."""
        prepared = self._log.prepare(commit.writes)
        self.revision += 1
        if not self._log.threaded:
            self._log.write(prepared)
            self._done = self.revision
            return
        self._queue.append(_Queued(commit, prepared))
        self.backlog += len(prepared)
        if not self._writing:
            self._next_batch()

    async def durable(self) -> None:
        """Return when all that was appended before this call is durable; Retry when it was undone."""
        if self._done >= self.revision:
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append((self.revision, waiter))
        await waiter

    async def probe(self) -> bool:
        """Try to write again after a failure; True when writes are taken (again)."""
        if self.failure is None:
            return True
        try:
            await asyncio.get_running_loop().run_in_executor(None, self._log.write, ())
        except OSError as error:
            self.failure = str(error)
            return False
        self.failure = None
        return True

    async def close(self) -> None:
        """Wait for the last batch, then close the engine."""
        while self._done < self.revision and self.failure is None:
            await self.durable()
        self._closed = True
        self._log.close()

    def _next_batch(self) -> None:
        self._writing = list(self._queue)
        self._queue.clear()
        self.backlog = 0
        writes = [write for queued in self._writing for write in queued.prepared]
        self._write(writes).add_done_callback(self._batch_done)

    def _write(self, writes: Sequence[Any]) -> asyncio.Future[None]:
        """Have the engine write a batch, elsewhere. A simulated disk takes virtual time instead."""
        return asyncio.get_running_loop().run_in_executor(None, self._log.write, writes)

    def _batch_done(self, future: asyncio.Future[None]) -> None:
        error = future.exception()
        if error is not None:
            self._fail(error)
            self._written()
            return
        self._done += len(self._writing)
        self._writing = []
        while self._waiters and self._waiters[0][0] <= self._done:
            waiter = self._waiters.popleft()[1]
            if not waiter.done():
                waiter.set_result(None)
        if self._queue:
            self._next_batch()
        self._written()

    def _fail(self, error: BaseException) -> None:
        """Hand back what is not durable. Revisions go on counting, so that no number is used twice."""
        self.failure = str(error) or type(error).__name__
        lost = [queued.commit for queued in (*self._writing, *self._queue)]
        self._writing = []
        self._queue.clear()
        self.backlog = 0
        self._done = self.revision
        self._undo(lost)
        waiters = list(self._waiters)
        self._waiters.clear()
        for _, waiter in waiters:
            if not waiter.done():
                waiter.set_exception(Retry(f"the log could not be written: {self.failure}"))
