"""What happened, counted until it is told: by frontend, pool and endpoint.

Response times are kept in buckets of 2 %, so that percentiles of a busy second cost a few hundred numbers.
Knows no clock: whoever tells asks for what there is since the last time.
"""

from __future__ import annotations

import math

from windlass.fleet.proxy_messages import Count

_STEP = math.log(1.02)
TIME_MIN_S = 1e-5
"""Shorter times count as that."""
CONNECTIONS_MAX = 20_000
"""Clients' connections that one proxy has at a time, of all frontends; ours: AWS scales instead."""


class Tally:
    """One Count in the making."""

    __slots__ = (
        "bytes",
        "classes",
        "connection_errors",
        "elb",
        "fixed",
        "opened",
        "redirects",
        "rejected",
        "requests",
        "times",
    )

    def __init__(self) -> None:
        self.requests = self.fixed = self.redirects = self.opened = self.rejected = 0
        self.connection_errors = self.bytes = 0
        self.classes = [0] * 10
        """Answers of targets, by the first digit of their status."""
        self.elb: dict[int, int] = {}
        """Answers of our own, by status."""
        self.times: dict[int, int] = {}


def bucket(seconds: float) -> int:
    return math.floor(math.log(max(seconds, TIME_MIN_S)) / _STEP + 0.5)


def bucket_s(number: int) -> float:
    """The time that a bucket stands for."""
    return math.exp(number * _STEP)


class Counts:
    """Of one proxy."""

    def __init__(self) -> None:
        self._tallies: dict[tuple[str, str, str], Tally] = {}
        self._active: dict[str, int] = {}
        self.open = 0
        """Connections, also those that are still to say whose they are."""
        self.connections_max = CONNECTIONS_MAX

    def enter(self) -> bool:
        """One more connection; False: it is one too many. Either way it has to leave."""
        self.open += 1
        return self.open <= self.connections_max

    def leave(self) -> None:
        self.open -= 1

    def of(self, frontend: str, pool: str = "", endpoint: str = "") -> Tally:
        key = (frontend, pool, endpoint)
        found = self._tallies.get(key)
        if found is None:
            found = self._tallies[key] = Tally()
        return found

    def opened(self, frontend: str) -> None:
        """A client's connection."""
        self._active[frontend] = self._active.get(frontend, 0) + 1
        self.of(frontend).opened += 1

    def closed(self, frontend: str) -> None:
        left = self._active.get(frontend, 0) - 1
        if left > 0:
            self._active[frontend] = left
        else:
            self._active.pop(frontend, None)
        self.of(frontend)  # so that it is told that fewer are open

    def take(self) -> tuple[Count, ...]:
        """What there is since the last time."""
        tallies, self._tallies = self._tallies, {}
        return tuple(self._count(*key, tally) for key, tally in tallies.items())

    def _count(self, frontend: str, pool: str, endpoint: str, tally: Tally) -> Count:
        elb = tally.elb
        return Count(
            frontend,
            pool,
            endpoint,
            requests=tally.requests,
            target_2xx=tally.classes[2],
            target_3xx=tally.classes[3],
            target_4xx=tally.classes[4],
            target_5xx=tally.classes[5],
            elb_3xx=_sum(elb, 3),
            elb_4xx=_sum(elb, 4),
            elb_5xx=_sum(elb, 5),
            elb_502=elb.get(502, 0),
            elb_503=elb.get(503, 0),
            elb_504=elb.get(504, 0),
            elb_fixed=tally.fixed,
            elb_redirect=tally.redirects,
            connections_new=tally.opened,
            connections_active=0 if pool else self._active.get(frontend, 0),
            rejected=tally.rejected,
            target_connection_errors=tally.connection_errors,
            bytes=tally.bytes,
            times=tuple((bucket_s(number), many) for number, many in sorted(tally.times.items())),
        )


def _sum(elb: dict[int, int], hundreds: int) -> int:
    return sum(many for status, many in elb.items() if status // 100 == hundreds)
