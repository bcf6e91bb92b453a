"""Which target of a pool takes the next request, and which pool of a rule. Pure.

One `Balance` per pool and process: targets that are registered, healthy and not draining are picked from, in
turn, by the fewest open requests (ties in turn), or by chance. When fewer are healthy than the pool wants,
all that are registered are (fail open). In slow start a target's share grows linearly from nothing (ALB
guide, "Routing algorithms" and "Slow start mode"). A pick costs O(1), with n targets in slow start O(log n).

Each process counts its own open requests: two workers know nothing of each other's. Known gap: anomaly
mitigation.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import accumulate
from typing import TypeAlias

from windlass.fleet.proxy_messages import Endpoint, Forward, Health, Pool
from windlass.kernel.clock import Duration, Instant
from windlass.kernel.faults import Bug

Draw: TypeAlias = Callable[[], float]
"""A number in [0, 1)."""


class Outstanding:
    """How many requests each of some keys has open; the key with the fewest, ties in turn, all in O(1).

    Keys with the same count stand in one row; a key that changes its count goes to the end of another.
    """

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._rows: list[dict[str, None]] = [{}]
        self._fewest = 0

    def __contains__(self, key: str) -> bool:
        return key in self._counts

    def __len__(self) -> int:
        return len(self._counts)

    def __getitem__(self, key: str) -> int:
        return self._counts[key]

    def items(self) -> Iterable[tuple[str, int]]:
        return self._counts.items()

    def add(self, key: str, count: int) -> None:
        self._counts[key] = count
        while len(self._rows) <= count:
            self._rows.append({})
        self._rows[count][key] = None
        if len(self._counts) == 1 or count < self._fewest:
            self._fewest = count

    def remove(self, key: str) -> None:
        del self._rows[self._counts.pop(key)][key]
        self._seek()

    def change(self, key: str, by: int) -> None:
        """By 1 or -1."""
        count = self._counts[key]
        del self._rows[count][key]
        self.add(key, count + by)
        self._seek()

    def fewest(self) -> str | None:
        """The key whose turn it is among those with the fewest."""
        return next(iter(self._rows[self._fewest]), None)

    def _seek(self) -> None:
        """Counts change by one, so the next row that is not empty is near."""
        if not self._counts:
            self._fewest = 0
            return
        while not self._rows[self._fewest]:
            self._fewest += 1


class Ramp:
    """Targets in slow start: each weighs what part of the time has passed since it began.

    The sum of all weights and the target at a place in it are found without looking at each, because every
    weight grows at the same pace.
    """

    def __init__(self, began: Iterable[tuple[Instant, str]], duration: Duration) -> None:
        self._began = sorted(began)
        self._duration = duration
        self._sums = [*accumulate((at for at, _ in self._began), initial=0)]

    @property
    def first_end(self) -> Instant | None:
        """When the first of them has its full weight."""
        return self._began[0][0] + self._duration if self._began else None

    def weight(self, now: Instant) -> float:
        """Of all, in targets with their full weight."""
        return self._age(len(self._began), now) / self._duration if self._began else 0.0

    def choose(self, place: float, now: Instant) -> str:
        """The target at that place, from 0 to below 1, of the sum of weights."""
        count = len(self._began)
        total = self._age(count, now)
        if total <= 0:
            return self._began[int(place * count)][1]
        found = bisect_right(range(1, count), place * total, key=lambda many: self._age(many, now))
        return self._began[found][1]

    def _age(self, many: int, now: Instant) -> int:
        """Of the first so many together. They are the oldest, so each adds something, or nothing yet."""
        return max(0, many * now - self._sums[many])


class Balance:
    """The targets of one pool as one process sees them. `draw` decides where chance does."""

    def __init__(self, pool: Pool, draw: Draw, now: Instant, health: Callable[[Endpoint], Health]) -> None:
        """`health` tells what is known of a target now: Standing.of, for a proxy."""
        self._draw = draw
        self._health = health
        self.pool = pool
        self.endpoints: dict[str, Endpoint] = {}
        self._registered: set[str] = set()
        """Who takes requests when all do: neither draining nor unused."""
        self._open: dict[str, int] = {}
        """Also of targets that are gone from the pool, while they have open requests."""
        self._healthy_since: dict[str, Instant] = {}
        self._turn = -1
        self._owed = 0.0
        self._take(pool, now)
        self._sort()

    # what there is

    def update(self, pool: Pool, now: Instant) -> list[str]:
        """Take the pool as it is now; open requests stay counted. Returns who drains and has none open."""
        drained = {key for key, one in self.endpoints.items() if one.draining}
        self._take(pool, now)
        return [key for key in self.idle() if key not in drained]

    def idle(self) -> list[str]:
        """Who drains and has no request open."""
        return [key for key, one in self.endpoints.items() if one.draining and not self._open.get(key)]

    def look(self, key: str, now: Instant) -> None:
        """Ask again how healthy that target is: call it when that changed."""
        if key in self.endpoints:
            self._note(self.endpoints[key], now)

    def _take(self, pool: Pool, now: Instant) -> None:
        """Of a thousand targets mostly one is new or another: only of those anything is asked."""
        seen, probed = self.endpoints, self.pool.check == pool.check
        self.pool = pool
        self.endpoints = {one.key: one for one in pool.endpoints}
        for key, one in self.endpoints.items():
            before = seen.get(key)
            if before != one or not probed:
                self._note(one, one.since if before is None else now)
        for key in seen.keys() - self.endpoints.keys():
            self._registered.discard(key)
            self._healthy_since.pop(key, None)
        self._sorted = False

    def _note(self, one: Endpoint, since: Instant) -> None:
        """Keep what is known of that target now; if it is healthy and was not, then `since` that instant."""
        health = "unused" if one.draining else self._health(one)
        if health == "unused":
            self._registered.discard(one.key)
        else:
            self._registered.add(one.key)
        if health == "healthy":
            self._healthy_since.setdefault(one.key, since)
        else:
            self._healthy_since.pop(one.key, None)
        self._sorted = False

    def _sort(self) -> None:
        """Who takes requests: looked at when a request asks, for many changes at once."""
        healthy, registered = self._healthy_since, self._registered
        self._failed_open = len(healthy) < min(self.pool.healthy_min, len(registered))
        used = registered if self._failed_open else healthy
        self._used = [key for key in self.endpoints if key in used]
        self._fewest: Outstanding | None = None
        if self.pool.algorithm == "least_outstanding_requests":
            self._fewest = Outstanding()
            for key in self._used:
                self._fewest.add(key, self._open.get(key, 0))
        self._sorted, self._warmed = True, False

    def _settle(self) -> None:
        if not self._sorted:
            self._sort()

    def _warm(self, now: Instant) -> None:
        """Who has the full weight, and who is in slow start, which only taking turns knows."""
        self._warmed = True
        duration, since = self.pool.slow_start, self._healthy_since
        ramping = []
        if duration and self.pool.algorithm == "round_robin" and not self._failed_open:
            ramping = [
                (since[key], key)
                for key in self._used
                if self.endpoints[key].ramped and since[key] + duration > now
            ]
        slow = {key for _, key in ramping}
        self._full = [key for key in self._used if key not in slow]
        self._ramp = Ramp(ramping, duration)

    @property
    def failed_open(self) -> bool:
        """Too few are healthy: all that are registered take requests."""
        self._settle()
        return self._failed_open

    @property
    def used(self) -> Sequence[str]:
        """Keys of the targets that take requests now."""
        self._settle()
        return self._used

    def takes(self, key: str) -> bool:
        """Whether a client may stay with that target."""
        return key in (self._registered if self.failed_open else self._healthy_since)

    # picking

    def choose(self, now: Instant, without: Collection[str] = ()) -> Endpoint | None:
        """The target of the next request; None: there is none (503).

        `without` are targets that this request has tried already; they are avoided if there are others.
        """
        self._settle()
        key = self._choose(now)
        if key in without:
            key = next((one for one in self._used if one not in without), key)
        return None if key is None else self.endpoints[key]

    def _choose(self, now: Instant) -> str | None:
        if self._fewest is not None:
            return self._fewest.fewest()
        if not self._used:
            return None
        if self.pool.algorithm == "weighted_random":
            return self._used[int(self._draw() * len(self._used))]
        if not self._warmed:
            self._warm(now)
        end = self._ramp.first_end
        if end is None:
            return self._next()
        if end <= now:
            self._warm(now)
        ramping = self._ramp.weight(now)
        self._owed += ramping / (len(self._full) + ramping) if self._full else 1.0
        if self._owed < 1.0 or self._ramp.first_end is None:
            return self._next()
        self._owed -= 1.0
        return self._ramp.choose(self._draw(), now)

    def _next(self) -> str:
        self._turn = (self._turn + 1) % len(self._full)
        return self._full[self._turn]

    # counting

    def begin(self, key: str) -> None:
        """A request goes to that target."""
        self._open[key] = self._open.get(key, 0) + 1
        if self._fewest is not None and key in self._fewest:
            self._fewest.change(key, 1)

    def end(self, key: str) -> bool:
        """It is done. Whether that was the last one of a target that drains."""
        left = self._open.get(key, 0) - 1
        if left < 0:
            raise Bug("a request ended that never began", key)
        if left:
            self._open[key] = left
        else:
            del self._open[key]
        if self._fewest is not None and key in self._fewest:
            self._fewest.change(key, -1)
        return not left and key in self.endpoints and self.endpoints[key].draining

    def open(self, key: str) -> int:
        """Requests that the target has now, from this process."""
        return self._open.get(key, 0)


class Shares:
    """Which pool of a forward action takes the next request: by weight, evenly mixed.

    Weights 3 and 1 → a, a, b, a, a, a, b, a: the pool that is furthest behind its share is next. A pool
    without targets keeps its share, as an Application Load Balancer's does (ALB guide, "Forward actions").
    """

    def __init__(self, forward: Forward) -> None:
        self._weights = {share.pool: share.weight for share in forward.shares if share.weight > 0}
        self._total = sum(self._weights.values())
        self._behind = dict.fromkeys(self._weights, 0)

    def __contains__(self, pool: str) -> bool:
        return pool in self._weights

    def choose(self) -> str | None:
        """The pool's key; None: no pool has a weight (503)."""
        if len(self._weights) < 2:
            return next(iter(self._weights), None)
        for pool, weight in self._weights.items():
            self._behind[pool] += weight
        found = max(self._behind, key=self._behind.__getitem__)
        self._behind[found] -= self._total
        return found
