"""Which targets are healthy, as this proxy knows it: from its own probes, or as the plane last told.

Worker 0 probes, and its results count at once; the others hear them from the plane, in the table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from windlass.fleet.proxy_messages import Endpoint, Health
from windlass.proxy.table import Changes, Current

OnHealth: TypeAlias = Callable[[str, str, Health], None]
"""(pool, endpoint, what it is now)."""
_NOTHING: Mapping[str, tuple[Health, int]] = {}


class Standing:
    """Of all endpoints in the table; what was probed here goes before what the plane tells."""

    def __init__(self, current: Current) -> None:
        self._current = current
        self._probed: dict[str, dict[str, tuple[Health, int]]] = {}
        """Pool → endpoint → what it is, and when it was registered: registered again it is another."""
        self._subscribed: list[OnHealth] = []
        current.on_change(self._forget)

    def on_change(self, tell: OnHealth) -> None:
        """`tell` is called with what was probed; changes of the table are told by the table."""
        self._subscribed.append(tell)

    def of(self, pool: str, endpoint: Endpoint) -> Health:
        """For whoever picks targets."""
        known = (endpoint.health, endpoint.since)
        health, since = self._probed.get(pool, _NOTHING).get(endpoint.key, known)
        return health if since == endpoint.since else endpoint.health

    def take(self, pool: str, endpoint: Endpoint, health: Health) -> None:
        """A probe's result."""
        probed = self._probed.setdefault(pool, {})
        before = probed.get(endpoint.key)
        probed[endpoint.key] = (health, endpoint.since)
        if before != (health, endpoint.since):
            for tell in self._subscribed:
                tell(pool, endpoint.key, health)

    def _forget(self, changes: Changes) -> None:
        """Of a target that went, and of a pool that is not probed any more, nothing is known."""
        for touched in changes.pools | changes.gone_pools:
            pool = self._current.pools.get(touched)
            kept = set() if pool is None or pool.check is None else {one.key for one in pool.endpoints}
            probed = self._probed.get(touched, {})
            for gone in probed.keys() - kept:
                del probed[gone]
            if not probed:
                self._probed.pop(touched, None)
