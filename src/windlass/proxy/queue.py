"""App Runner's way of a request: at most so many at a time in each instance, a bounded queue, then 429. Pure.

Each instance has a queue of its own; a request that finds one full goes to another instance's (seed 000), and
is refused when all are. All queues are in one process, so any request that waits may be fed to any instance
with room: the queues are kept as one, in order of arrival, that holds as many as all of them would. Requests
that are fed go to the instance with the fewest, ties in turn; to one on standby only when no other has room.
With no instance, one queue's worth waits.

AWS publishes neither the length of a queue nor how long a request waits (facts/apprunner.md section 5).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from windlass.fleet.proxy_messages import Endpoint, Health, Load, Pool
from windlass.kernel.clock import Instant
from windlass.kernel.faults import Bug
from windlass.proxy.pick import Outstanding


class Ticket:
    """A request's place: `endpoint` once it has an instance, until then it waits."""

    __slots__ = ("arrived", "endpoint", "number")

    def __init__(self, number: int, arrived: Instant) -> None:
        self.number = number
        self.arrived = arrived
        self.endpoint = ""

    def __repr__(self) -> str:
        return f"Ticket({self.number}, {self.endpoint or 'waits'})"


class RequestQueue:
    """Of one service. Whoever holds sockets keeps what belongs to each ticket."""

    def __init__(self, pool: Pool, now: Instant, health: Callable[[Endpoint], Health]) -> None:
        """`health` tells what is known of an instance now: Standing.of, for a proxy."""
        self._health = health
        self._active = Outstanding()
        self._standby = Outstanding()
        """Instances that take requests only when no active one has room."""
        self._leaving: dict[str, int] = {}
        """Instances that take none any more, and their open requests."""
        self._waiting: dict[int, Ticket] = {}
        self._tickets = 0
        self._refused = 0
        self.pool = pool
        self.update(pool, now)

    def update(self, pool: Pool, now: Instant) -> list[Ticket]:
        """Take the pool as it is now, or look again at what is healthy. Returns who has an instance now.

        Nobody who waits is refused because there are fewer instances.
        """
        self.pool = pool
        takes = {
            one.key: self._standby if one.standby else self._active
            for one in pool.endpoints
            if not one.draining and self._health(one) == "healthy"
        }
        for row in (self._active, self._standby):
            for key, count in [*row.items()]:
                if takes.get(key) is not row:
                    row.remove(key)
                    self._leaving[key] = count
        for key, row in takes.items():
            if key not in row:
                row.add(key, self._leaving.pop(key, 0))
        self._leaving = {key: count for key, count in self._leaving.items() if count}
        return self._feed()

    def arrive(self, now: Instant) -> Ticket | None:
        """A request. It has an instance at once, or waits; None: every queue is full (429)."""
        self._tickets += 1
        ticket = Ticket(self._tickets, now)
        if not self._waiting and self._place(ticket):
            return ticket
        if len(self._waiting) >= self.pool.queue * max(1, len(self._active) + len(self._standby)):
            self._refused += 1
            return None
        self._waiting[ticket.number] = ticket
        return ticket

    def leave(self) -> list[Ticket]:
        """Those who wait, and wait here no more: another pool gets the requests now."""
        found = [*self._waiting.values()]
        self._waiting.clear()
        return found

    def finish(self, ticket: Ticket) -> list[Ticket]:
        """Its request is done, or its client is gone, waiting or not. Returns who now has an instance."""
        if self._waiting.pop(ticket.number, None) is not None:
            return []
        key = ticket.endpoint
        for row in (self._active, self._standby):
            if key in row:
                row.change(key, -1)
                return self._feed()
        if key not in self._leaving:
            raise Bug("a request ended that no instance had", ticket)
        self._leaving[key] -= 1
        if not self._leaving[key]:
            del self._leaving[key]
        return []

    def expire(self, now: Instant) -> list[Ticket]:
        """Those that waited too long, to be answered with `refusal`."""
        found = []
        while (at := self.next_expiry) is not None and at <= now:
            found.append(self._waiting.pop(next(iter(self._waiting))))
        self._refused += len(found)
        return found

    @property
    def next_expiry(self) -> Instant | None:
        """When the first one will have waited too long; None: nobody waits, or they may for ever."""
        if not self._waiting or not self.pool.queue_wait:
            return None
        return next(iter(self._waiting.values())).arrived + self.pool.queue_wait

    @property
    def refusal(self) -> Literal[429, 503]:
        """Too many requests; or there is nobody who could take one."""
        return 429 if self._active or self._standby else 503

    def is_idle(self, key: str) -> bool:
        """Whether an instance that takes no more requests has none open either: it may be stopped."""
        return not any(key in row for row in (self._active, self._standby, self._leaving))

    def load(self) -> Load:
        """How busy it is. The count of refused requests begins anew."""
        refused, self._refused = self._refused, 0
        endpoints = tuple(sorted([*self._active.items(), *self._standby.items(), *self._leaving.items()]))
        return Load(
            self.pool.key, sum(count for _, count in endpoints), len(self._waiting), endpoints, refused
        )

    def _place(self, ticket: Ticket) -> bool:
        for row in (self._active, self._standby):
            key = row.fewest()
            if key is not None and row[key] < self.pool.concurrency:
                ticket.endpoint = key
                row.change(key, 1)
                return True
        return False

    def _feed(self) -> list[Ticket]:
        """In order of arrival, to whoever has room."""
        fed = []
        while self._waiting:
            number = next(iter(self._waiting))
            if not self._place(self._waiting[number]):
                break
            fed.append(self._waiting.pop(number))
        return fed
