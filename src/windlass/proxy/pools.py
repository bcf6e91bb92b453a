"""Pools as they are used now: whose turn it is among the targets of one."""

from __future__ import annotations

from collections.abc import Callable

from windlass.fleet.proxy_messages import Endpoint, Pool
from windlass.proxy.upstream import Target


class PoolState:
    """One pool and its targets; a new table changes it in place."""

    def __init__(self, pool: Pool, make: Callable[[Pool, Endpoint], Target]) -> None:
        self.pool = pool
        self.targets: dict[str, Target] = {}
        self._make = make
        self._turn = 0
        self.become(pool)

    def become(self, pool: Pool) -> None:
        """As the table says now.

        Requests at targets that are no endpoints any more go on, but for those whose target was draining: its
        deregistration delay is over.
        """
        self.pool = pool
        before, self.targets = self.targets, {}
        for endpoint in pool.endpoints:
            target = before.pop(endpoint.key, None)
            if target is None or _elsewhere(target.endpoint, endpoint):
                if target is not None:
                    target.retire(False)
                target = self._make(pool, endpoint)
            target.become(pool, endpoint)
            self.targets[endpoint.key] = target
        for target in before.values():
            target.retire(target.endpoint.draining)

    def pick(self) -> Target | None:
        there = [one for one in self.targets.values() if not one.endpoint.draining]
        if not there:
            return None
        self._turn += 1
        return there[self._turn % len(there)]


def _elsewhere(before: Endpoint, now: Endpoint) -> bool:
    return (before.host, before.port, before.netns) != (now.host, now.port, now.netns)
