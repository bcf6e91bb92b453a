"""Pools as they are used now: their targets with the connections to them, and whose turn it is.

Which target is decided in pick.py, stickiness.py and queue.py; here it is asked for, for one request after
the other. A new table changes a pool in place. Requests at targets that are no endpoints any more go on, but
for those whose target was draining: its deregistration delay is over, and they end as an Application Load
Balancer's do (facts/autoscaling-elb-events.md section 4.2, 502).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Protocol

from windlass.fleet.proxy_messages import Endpoint, Health, Pool
from windlass.kernel.clock import Instant
from windlass.proxy.pick import Balance, Draw
from windlass.proxy.stickiness import Seal, Sessions
from windlass.proxy.upstream import Target

if TYPE_CHECKING:
    from windlass.proxy.exchange import Exchange

MakeTarget = Callable[[Pool, Endpoint], Target]


class Used(Protocol):
    """A pool, whatever its kind."""

    pool: Pool

    def become(self, pool: Pool) -> None:
        """As the table says now; of the same kind."""

    def look(self, endpoint: str) -> None:
        """How healthy that one is has changed."""

    def take(self, exchange: Exchange) -> None:
        """Have that request answered."""

    def end(self, exchange: Exchange) -> None:
        """It is done, however."""

    def cookies(self, exchange: Exchange, set_by_target: Iterable[str], secure: bool) -> Iterable[str]:
        """Set-Cookie headers for its response."""

    def idle(self) -> Iterable[str]:
        """Endpoints that drain and have no request."""

    def sweep(self, now: float) -> None:
        """Close connections that have waited too long; `now` as the loop tells it."""

    def close(self, cut: bool) -> None:
        """It is no pool any more; `cut`: its connections end now."""


class Targets:
    """The targets of a pool by their endpoint's key."""

    def __init__(self, make: MakeTarget) -> None:
        self._make = make
        self._targets: dict[str, Target] = {}

    def become(self, pool: Pool) -> None:
        before, self._targets = self._targets, {}
        for endpoint in pool.endpoints:
            target = before.pop(endpoint.key, None)
            if target is not None and target.is_elsewhere(pool, endpoint):
                target.retire(False)
                target = None
            if target is None:
                target = self._make(pool, endpoint)
            target.become(pool, endpoint)
            self._targets[endpoint.key] = target
        for target in before.values():
            target.retire(target.endpoint.draining)

    def __getitem__(self, key: str) -> Target:
        return self._targets[key]

    def sweep(self, now: float) -> None:
        for target in self._targets.values():
            target.sweep(now)

    def close(self, cut: bool) -> None:
        for target in self._targets.values():
            if cut:
                target.close()
            else:
                target.retire(False)


class Balanced:
    """A pool whose targets are picked by an algorithm. `idle(endpoint)`: a draining one has no request."""

    def __init__(
        self,
        pool: Pool,
        make: MakeTarget,
        now: Callable[[], Instant],
        draw: Draw,
        health: Callable[[Endpoint], Health],
        seal: Seal,
        idle: Callable[[str], None],
    ) -> None:
        self.pool = pool
        self._now = now
        self._idle = idle
        self._targets = Targets(make)
        self._targets.become(pool)
        self._balance = Balance(pool, draw, now(), health)
        self._sessions = Sessions(seal, pool)
        for endpoint in pool.endpoints:
            if endpoint.draining:
                idle(endpoint.key)

    def become(self, pool: Pool) -> None:
        self.pool = pool
        self._targets.become(pool)
        self._sessions.update(pool)
        for key in self._balance.update(pool, self._now()):
            self._idle(key)

    def idle(self) -> Iterable[str]:
        return self._balance.idle()

    def look(self, endpoint: str) -> None:
        self._balance.look(endpoint, self._now())

    def take(self, exchange: Exchange) -> None:
        key = self._stays(exchange) if self.pool.sticky is not None else None
        if key is None:
            endpoint = self._balance.choose(self._now())
            if endpoint is None:
                exchange.answer(503)
                return
            key = endpoint.key
        self._balance.begin(key)
        exchange.place = key
        exchange.to(self._targets[key])

    def end(self, exchange: Exchange) -> None:
        if exchange.place:
            key, exchange.place = exchange.place, ""
            if self._balance.end(key):
                self._idle(key)

    def cookies(self, exchange: Exchange, set_by_target: Iterable[str], secure: bool) -> Iterable[str]:
        if self.pool.sticky is None or not exchange.place:
            return ()
        return self._sessions.cookies(exchange.place, set_by_target, secure, self._now())

    def sweep(self, now: float) -> None:
        self._targets.sweep(now)

    def close(self, cut: bool) -> None:
        self._targets.close(cut)

    def _stays(self, exchange: Exchange) -> str | None:
        cookies = exchange.request.cookie
        if not cookies:
            return None
        key = self._sessions.target(cookies.decode("latin-1"), self._now())
        return key if key is not None and self._balance.takes(key) else None
