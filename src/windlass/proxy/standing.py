"""Which targets are healthy, as this proxy knows it: from its own probes, or as the plane last told.

Worker 0 probes, and its results count at once; the others hear them from the plane, in the table.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from windlass.fleet.proxy_messages import Endpoint, Health
from windlass.proxy.table import Changes, Current

OnHealth: TypeAlias = Callable[[str, str, Health], None]
"""(pool, endpoint, what it is now)."""


class Standing:
    """Of all endpoints in the table; what was probed here goes before what the plane tells."""

    def __init__(self, current: Current) -> None:
        self._current = current
        self._probed: dict[tuple[str, str], tuple[Health, int]] = {}
        """With when the target was registered: the same one registered again is another."""
        self._subscribed: list[OnHealth] = []
        current.on_change(self._forget)

    def on_change(self, tell: OnHealth) -> None:
        """`tell` is called with what was probed; changes of the table are told by the table."""
        self._subscribed.append(tell)

    def of(self, pool: str, endpoint: Endpoint) -> Health:
        """For whoever picks targets."""
        health, since = self._probed.get((pool, endpoint.key), (endpoint.health, endpoint.since))
        return health if since == endpoint.since else endpoint.health

    def take(self, pool: str, endpoint: Endpoint, health: Health) -> None:
        """A probe's result."""
        before = self._probed.get((pool, endpoint.key))
        self._probed[pool, endpoint.key] = (health, endpoint.since)
        if before != (health, endpoint.since):
            for tell in self._subscribed:
                tell(pool, endpoint.key, health)

    def _forget(self, changes: Changes) -> None:
        """Of a target that went, and of a pool that is not probed any more, nothing is known."""
        touched = changes.pools | changes.gone_pools
        for pool, endpoint in [key for key in self._probed if key[0] in touched]:
            found = self._current.pools.get(pool)
            if found is None or found.check is None or all(one.key != endpoint for one in found.endpoints):
                del self._probed[pool, endpoint]
