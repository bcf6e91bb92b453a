"""Nodes that stay away: after a while they are lost, and with them all that they ran.

A node without a session runs its units on, and mostly comes back; nothing is touched until `after` has passed
since its session ended, or since the plane started. Then its units are lost: their owners are told, and start
others if they want. Should the node come back all the same, its desired set does not have them any more, and
it ends them. How long a node has been away is measured by the loop's time: who sets the clock of the plane's
host forward loses no node by it. Knows rows and time; not links.
"""

from __future__ import annotations

import asyncio
from collections.abc import Hashable

from windlass.fleet import intake
from windlass.fleet.model import NODES, Node
from windlass.kernel.clock import MINUTE, SECOND, Clock, Duration, Instant, seconds
from windlass.kernel.journal import Journal
from windlass.kernel.reconcile import Loop
from windlass.kernel.store import Change, Store

LOST_AFTER: Duration = 5 * MINUTE
"""Ours: ECS waits for ever. The profile's quota `fleet.node_lost_after_s` says otherwise."""
PERIOD: Duration = 10 * MINUTE
BATCH_MAX = 100
"""Nodes given up in one pass, so that no pass holds up calls for long."""


class LostNodes:
    """Run it with `spawn.start("fleet.lost", lost.loop.run())`."""

    def __init__(self, store: Store, clock: Clock, journal: Journal, after: Duration = LOST_AFTER) -> None:
        self._store = store
        self._journal = journal
        self._after = after
        self._away: dict[str, tuple[Instant, Duration]] = {}
        """Nodes that are waited for → when their session ended, and the loop's time when that was seen."""
        self.loop = Loop("fleet.lost", clock, journal, self._pass, period=PERIOD)
        store.watch((NODES,), self._on_node)

    def _on_node(self, change: Change) -> None:
        old: Node | None = change.old
        new: Node | None = change.new
        if (
            new is not None
            and not new.connected
            and (old is None or old.disconnected_at != new.disconnected_at)
        ):
            self.loop.wake()

    async def _pass(self, now: Instant, keys: frozenset[Hashable]) -> Instant | None:
        elapsed = seconds(asyncio.get_running_loop().time())
        self._see(elapsed)
        overdue = [id for id, (_, since) in self._away.items() if elapsed - since >= self._after]
        for node in (self._store[NODES].require(id) for id in overdue[:BATCH_MAX]):
            units = intake.abandon(self._store, node.id, reason(node))
            self._journal.note(
                "fleet", node.id, "lost", f"{self._after / SECOND:g} s away, {len(units)} units"
            )
            del self._away[node.id]
        following = min((since for _, since in self._away.values()), default=None)
        return None if following is None else now + max(0, following + self._after - elapsed)

    def _see(self, elapsed: Duration) -> None:
        """Who is away now, and since when: another end of a session is another absence."""
        away = {node.id: node.disconnected_at for node in self._store[NODES].by("away", "yes")}
        known = {id: seen for id, seen in self._away.items() if away.get(id) == seen[0]}
        self._away = {id: known.get(id, (at, elapsed)) for id, at in away.items()}


def reason(node: Node) -> str:
    """As ECS words it when a task's machine is gone (facts: ECS, stopped task errors)."""
    return f"Host EC2 (instance {node.id}) terminated."
