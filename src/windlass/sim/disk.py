"""A disk of a simulated world: takes virtual time to write, and can be full for a while.

It stands in for the writer thread behind the store, so that a world meets what a real plane meets: commits
that wait together, answers that wait for them, and commits that are undone because the disk said no.
"""

from __future__ import annotations

import asyncio

from windlass.kernel.clock import MILLISECOND, SECOND, Duration
from windlass.kernel.durable import DurableLog, MemoryLog

FSYNC: Duration = 2 * MILLISECOND
"""What a commit costs on a usual SSD."""


class _Threaded(MemoryLog):
    threaded = True


class SimulatedDisk(DurableLog):
    """Group commit as on a real plane, each batch after `fsync`; `full` makes batches fail."""

    def __init__(self, fsync: Duration = FSYNC) -> None:
        super().__init__(_Threaded())
        self.full = False
        self._fsync = fsync

    async def probe(self) -> bool:
        if not self.full:
            self.failure = None
        return self.failure is None

    def _next_batch(self) -> None:
        self._writing = list(self._queue)
        self._queue.clear()
        loop = asyncio.get_running_loop()
        written: asyncio.Future[None] = loop.create_future()
        written.add_done_callback(self._batch_done)
        loop.call_later(self._fsync / SECOND, self._end_batch, written)

    def _end_batch(self, written: asyncio.Future[None]) -> None:
        if self.full:
            written.set_exception(OSError("no space left on device"))
        else:
            written.set_result(None)
