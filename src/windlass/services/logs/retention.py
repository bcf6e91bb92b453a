"""Deleting what has expired, and the oldest of everything when logs fill the memory they may have.

A chunk goes when its newest event is older than its group's retention. Beyond AWS there is one limit of
ours: all groups together keep KEPT_BYTES_MAX, because logs live in the plane's memory; above it the chunks
that came first go first, whatever their group. The loop is woken by change; nothing walks all chunks.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from windlass.kernel.clock import MILLISECOND, SECOND, Clock, Instant
from windlass.kernel.journal import Journal
from windlass.kernel.reconcile import Loop
from windlass.kernel.store import Change, Store
from windlass.services.logs.limits import (
    CHUNK_MEMORY_BYTES,
    DAY_MS,
    EVENT_MEMORY_BYTES,
    KEPT_BYTES_MAX,
    RETENTION_PERIOD,
    SWEEP_CHUNKS_MAX,
)
from windlass.services.logs.model import CHUNKS, GROUPS, Chunk


class Retention:
    """A part with one loop. `kept_max` is in bytes."""

    def __init__(self, store: Store, clock: Clock, journal: Journal, kept_max: int = KEPT_BYTES_MAX) -> None:
        self._store = store
        self._journal = journal
        self._kept_max = kept_max
        self.kept = sum(_weight(chunk) for chunk in store[CHUNKS].all())
        self.loop = Loop("logs.retention", clock, journal, self.run_pass, period=RETENTION_PERIOD)
        store.watch((CHUNKS,), self._weigh)
        store.watch((GROUPS,), self._look)

    async def run_pass(self, now: Instant, keys: frozenset[Hashable]) -> Instant | None:
        """One transaction's worth of deletions; looks again soon while there is more."""
        expired = self._expired(now // MILLISECOND)
        surplus = [] if expired else self._surplus()
        if surplus:
            why = f"logs take {self.kept} bytes of {self._kept_max}"
            self._journal.note("logs", surplus[0].group, "dropped the oldest events", why)
        gone = expired or surplus
        self._delete(gone)
        return now + SECOND // 100 if gone else None

    def _expired(self, now_ms: int) -> list[Chunk]:
        view = self._store[CHUNKS]
        found: list[Chunk] = []
        for group in self._store[GROUPS].by("retained", True):
            bound = now_ms - (group.retention_days or 0) * DAY_MS
            early = view.upto("group", group.key, bound, limit=SWEEP_CHUNKS_MAX)
            found += [chunk for chunk in early if chunk.last_ms < bound]
            if len(found) >= SWEEP_CHUNKS_MAX:
                break
        return found[:SWEEP_CHUNKS_MAX]

    def _surplus(self) -> list[Chunk]:
        over = self.kept - self._kept_max
        found: list[Chunk] = []
        for chunk in self._store[CHUNKS].page("age", True, limit=SWEEP_CHUNKS_MAX) if over > 0 else ():
            if over <= 0:
                break
            over -= _weight(chunk)
            found.append(chunk)
        return found

    def _delete(self, chunks: Sequence[Chunk]) -> None:
        if not chunks:
            return
        with self._store.transact() as tx:
            for chunk in chunks:
                tx[CHUNKS].delete((*chunk.group_key, chunk.number))
                group = tx[GROUPS].get(chunk.group_key)
                if group is not None:
                    tx[GROUPS].put(group.without(chunk.stored_bytes))

    def _weigh(self, change: Change) -> None:
        self.kept += _weight(change.new) if change.new is not None else 0
        self.kept -= _weight(change.old) if change.old is not None else 0
        if self.kept > self._kept_max:
            self.loop.wake()

    def _look(self, change: Change) -> None:
        before = None if change.old is None else change.old.retention_days
        after = None if change.new is None else change.new.retention_days
        if after is not None and after != before:
            self.loop.wake()


def _weight(chunk: Chunk) -> int:
    """Roughly the bytes of memory that a chunk takes."""
    return chunk.stored_bytes + EVENT_MEMORY_BYTES * len(chunk.events) + CHUNK_MEMORY_BYTES
