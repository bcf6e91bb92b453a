"""The loop that forgets job definitions: revisions that were deregistered 180 days ago (facts/batch.md, 4).

One stays as long as there is an unfinished job that is older than its deregistration, and so may need it.
The name remembers its last revision for ever.
"""

from __future__ import annotations

from collections.abc import Hashable

from windlass.kernel.clock import DAY, Instant
from windlass.kernel.reconcile import Loop
from windlass.kernel.store import Change, Transaction
from windlass.services.batch import limits
from windlass.services.batch.model import JOBS, UNFINISHED
from windlass.services.batch.resource_model import DEFINITIONS, QUEUES, JobDefinition
from windlass.services.plane import Plane

BATCH_MAX = 100
"""Rows in one transaction, so that no pass holds up calls for long."""


class DefinitionsGone:
    """Sleeps until the first of them is due. Run it with `spawn.start(loop.name, loop.run())`."""

    def __init__(self, plane: Plane) -> None:
        self._store = plane.store
        self.loop = Loop("batch.definitions_gone", plane.clock, plane.journal, self._pass, period=DAY)
        plane.store.watch((DEFINITIONS,), self._on_definition)

    def _on_definition(self, change: Change) -> None:
        if change.new is not None and change.new.status == "INACTIVE":
            self.loop.wake()

    async def _pass(self, now: Instant, keys: frozenset[Hashable]) -> Instant | None:
        with self._store.transact() as tx:
            due = tx[DEFINITIONS].upto("inactive", "yes", now - limits.INACTIVE_KEPT, BATCH_MAX)
            gone = [row for row in due if not _may_be_needed(tx, row)]
            for row in gone:
                tx[DEFINITIONS].delete((row.account, row.region, row.name, row.revision))
            following = tx[DEFINITIONS].first("inactive", "yes")
        if following is None:
            return None
        again = following.deregistered_at + limits.INACTIVE_KEPT
        return max(again, now if gone else now + DAY) if due else again


def _may_be_needed(tx: Transaction, definition: JobDefinition) -> bool:
    """Whether a job is left that was submitted while it was ACTIVE. An account has few queues."""
    for queue in tx[QUEUES].by("scope", (definition.account, definition.region)):
        for status in UNFINISHED:
            oldest = tx[JOBS].first("status", (*queue.key, status))
            if oldest is not None and oldest.created_at <= definition.deregistered_at:
                return True
    return False
