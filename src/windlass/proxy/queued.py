"""Pools with a queue (App Runner): so many requests at a time in each instance, the others wait or get 429.

queue.py decides; here are the clocks: of waiting requests, and of what the plane is told of the load, within
10 milliseconds of a change and no more often.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from windlass.fleet.proxy_messages import Endpoint, Health, Load, Pool
from windlass.kernel.clock import SECOND, Instant
from windlass.proxy.pools import MakeTarget, Targets
from windlass.proxy.queue import RequestQueue, Ticket

if TYPE_CHECKING:
    from windlass.proxy.exchange import Exchange

LOAD_S = 0.01
"""Shortest time between two reports of a pool's load."""


class Queued:
    """One of them. `idle(endpoint)`: a draining one has no request left; `tell` takes the load."""

    def __init__(
        self,
        pool: Pool,
        make: MakeTarget,
        health: Callable[[Endpoint], Health],
        idle: Callable[[str], None],
        tell: Callable[[Load], None],
    ) -> None:
        self.pool = pool
        self._idle = idle
        self._tell = tell
        self._loop = asyncio.get_running_loop()
        self._targets = Targets(make)
        self._targets.become(pool)
        self._queue = RequestQueue(pool, self._now(), health)
        self._tickets: dict[int, Exchange] = {}
        self._expiry: asyncio.TimerHandle | None = None
        self._report: asyncio.TimerHandle | None = None
        self._reported = 0.0
        self._draining: set[str] = set()
        self._told: set[str] = set()
        self._leave()

    def _now(self) -> Instant:
        """By the loop's time: how long a request waits has nothing to do with a clock that somebody sets."""
        return int(self._loop.time() * SECOND)

    def become(self, pool: Pool) -> None:
        self.pool = pool
        self._targets.become(pool)
        self._feed(self._queue.update(pool, self._now()))
        self._leave()
        self._changed()

    def look(self, endpoint: str) -> None:
        self._feed(self._queue.update(self.pool, self._now()))
        self._changed()

    def take(self, exchange: Exchange) -> None:
        ticket = self._queue.arrive(self._now())
        self._changed()
        if ticket is None:
            exchange.answer(self._queue.refusal)
            return
        exchange.ticket = ticket
        if ticket.endpoint:
            self._start(ticket, exchange)
        else:
            self._tickets[ticket.number] = exchange
            self._watch()

    def leave(self) -> list[Exchange]:
        """Requests that wait, if another pool is to have them; they are not ours any more."""
        found = [self._tickets.pop(ticket.number) for ticket in self._queue.leave()] if self.pool.heir else []
        for exchange in found:
            exchange.ticket = None
        return found

    def end(self, exchange: Exchange) -> None:
        ticket, exchange.ticket = exchange.ticket, None
        if ticket is None:
            return
        self._tickets.pop(ticket.number, None)
        self._feed(self._queue.finish(ticket))
        if ticket.endpoint in self._draining:
            self._leave()
        self._changed()

    def cookies(self, exchange: Exchange, set_by_target: Iterable[str], secure: bool) -> Iterable[str]:
        return ()

    def sweep(self, now: float) -> None:
        self._targets.sweep(now)

    def close(self, cut: bool) -> None:
        for handle in (self._expiry, self._report):
            if handle is not None:
                handle.cancel()
        self._expiry = self._report = None
        for exchange in list(self._tickets.values()):
            exchange.ticket = None
            exchange.answer(503)
        self._tickets.clear()
        self._targets.close(cut)

    def _start(self, ticket: Ticket, exchange: Exchange) -> None:
        exchange.place = ticket.endpoint
        exchange.to(self._targets[ticket.endpoint])

    def _feed(self, tickets: Iterable[Ticket]) -> None:
        """These have an instance now."""
        for ticket in tickets:
            self._start(ticket, self._tickets.pop(ticket.number))

    def idle(self) -> Iterable[str]:
        return [one.key for one in self.pool.endpoints if one.draining and self._queue.is_idle(one.key)]

    def _leave(self) -> None:
        """Tell of endpoints that drain and have no request left, once."""
        told = {*self.idle()}
        for key in sorted(told - self._told):
            self._idle(key)
        self._told = told
        self._draining = {one.key for one in self.pool.endpoints if one.draining} - told

    def _watch(self) -> None:
        """Have the one who waits longest looked at in time."""
        at = self._queue.next_expiry
        if at is not None and self._expiry is None:
            self._expiry = self._loop.call_later(max(0.0, (at - self._now()) / SECOND), self._expire)

    def _expire(self) -> None:
        self._expiry = None
        for ticket in self._queue.expire(self._now()):
            exchange = self._tickets.pop(ticket.number)
            exchange.ticket = None
            exchange.answer(self._queue.refusal)
        self._changed()
        self._watch()

    def _changed(self) -> None:
        if self._report is None:
            wait = self._reported + LOAD_S - self._loop.time()
            self._report = self._loop.call_later(max(0.0, wait), self._say)

    def _say(self) -> None:
        self._report = None
        self._reported = self._loop.time()
        self._tell(self._queue.load())
