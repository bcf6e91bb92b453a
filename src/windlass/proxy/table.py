"""The frontends and pools that this proxy serves now: what the plane sent, put together.

Knows no sockets: whoever serves, probes or counts subscribes, and is told which keys changed. All in it is
frozen, so what a request in flight has read stays as it was.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from windlass.fleet.proxy_messages import Frontend, Pool, Table


class Changes(NamedTuple):
    """Keys of what is there and new or different, and of what is gone."""

    frontends: frozenset[str]
    pools: frozenset[str]
    gone_frontends: frozenset[str]
    gone_pools: frozenset[str]


OnChange: TypeAlias = Callable[[Changes], None]


class Current:
    """What is served now. `generation` 0: nothing was sent yet."""

    def __init__(self) -> None:
        self.generation = 0
        self.frontends: dict[str, Frontend] = {}
        self.pools: dict[str, Pool] = {}
        self._subscribed: list[OnChange] = []

    def on_change(self, tell: OnChange) -> None:
        """`tell` is called after each change, in the order of subscription, with the table as it is then."""
        self._subscribed.append(tell)

    def take(self, table: Table) -> Changes:
        """Make the table so; what is equal to what was there is no change, also in a whole table."""
        frontends = {one.key: one for one in table.frontends}
        pools = {one.key: one for one in table.pools}
        gone = {*self.frontends, *self.pools} if table.whole else {*table.gone}
        changes = Changes(
            frozenset(key for key, one in frontends.items() if self.frontends.get(key) != one),
            frozenset(key for key, one in pools.items() if self.pools.get(key) != one),
            frozenset((gone & self.frontends.keys()) - frontends.keys()),
            frozenset((gone & self.pools.keys()) - pools.keys()),
        )
        for key in changes.gone_frontends:
            del self.frontends[key]
        for key in changes.gone_pools:
            del self.pools[key]
        self.frontends.update({key: frontends[key] for key in changes.frontends})
        self.pools.update({key: pools[key] for key in changes.pools})
        self.generation = table.generation
        if any(changes):
            for tell in self._subscribed:
                tell(changes)
        return changes
