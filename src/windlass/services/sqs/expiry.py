"""Deletes what nobody may see any more: messages past their retention, remembered ids past their window,
and the messages of purged and deleted queues.

Looks once a minute, and at once after a purge or a deletion. A receive never hands out an expired message,
whether or not this loop was there; only the counters may be up to a minute behind. Large clear-outs are cut
into transactions of EXPIRED_PER_PASS rows, so that calls get their turn in between.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from windlass.kernel.clock import MINUTE, Duration, Instant
from windlass.kernel.reconcile import Loop
from windlass.kernel.store import Table, Transaction
from windlass.services.plane import Plane
from windlass.services.sqs import contents
from windlass.services.sqs.model import ATTEMPTS, DEDUPS, GROUPS, MESSAGES, QUEUES

EXPIRED_PER_PASS = 2_000
"""Rows deleted in one transaction; about 20 ms."""
PERIOD: Duration = MINUTE


class Expiry:
    """The loop; `wake()` it when a queue lost its content."""

    def __init__(self, plane: Plane, sequences: contents.Sequences) -> None:
        self._store = plane.store
        self._sequences = sequences
        self._loop = Loop("sqs.expiry", plane.clock, plane.journal, self._pass, period=PERIOD)
        plane.spawn.start("sqs.expiry", self._loop.run())

    def wake(self) -> None:
        self._loop.wake()

    async def _pass(self, now: Instant, keys: frozenset[Hashable]) -> Instant | None:
        if not self._store[QUEUES] and not self._store[MESSAGES]:
            return None
        left = EXPIRED_PER_PASS
        with self._store.transact() as tx:
            left -= self._forgotten(tx, DEDUPS, left, now)
            left -= self._forgotten(tx, ATTEMPTS, left, now)
            for queue_id in list(tx[MESSAGES].values("sent")):
                if left <= 0:
                    return now
                left -= self._queue(tx, str(queue_id), left, now)
        return now if left <= 0 else None

    def _queue(self, tx: Transaction, queue_id: str, limit: int, now: Instant) -> int:
        queue = tx[QUEUES].first("id", queue_id)
        if queue is not None:
            return contents.expire(tx, queue, limit, now)
        return self._unclaimed(tx, queue_id, limit)

    def _unclaimed(self, tx: Transaction, queue_id: str, limit: int) -> int:
        """The content of a queue that was purged or deleted."""
        rows = tx[MESSAGES].page("sent", queue_id, limit=limit)
        for row in rows:
            tx[MESSAGES].delete((row.queue, row.number))
            if row.group:
                tx[GROUPS].delete((row.queue, row.group))
        if len(rows) < limit:
            self._sequences.forget(queue_id)
        return len(rows)

    def _forgotten(self, tx: Transaction, table: Table[Any], limit: int, now: Instant) -> int:
        rows = tx[table].upto("expiry", True, now, limit)
        for row in rows:
            tx[table].delete(table.key(row))
        return len(rows)
