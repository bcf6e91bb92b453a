"""Requests of a simulated world: when they arrive, and what became of them.

A load is a row of phases, each with a rate at its begin and at its end. Arrivals are where the sum of all
that was expected so far passes 1, 2, 3, …; by chance (a Poisson process) where it passes the sums of
exponential draws. What takes them is given: a proxy (sim/proxy.py), a function, anything that answers.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from windlass.aws.calls import Result
from windlass.kernel.clock import Duration, Instant, in_seconds, seconds
from windlass.kernel.faults import Fault, Retry
from windlass.sim.proxy import SimulatedProxy
from windlass.sim.world import World


@dataclass(frozen=True, slots=True)
class Phase:
    """So many seconds, with requests a second from `begin` to `end`, rising or falling evenly."""

    seconds: float
    begin: float
    end: float

    @property
    def expected(self) -> float:
        """Requests."""
        return self.seconds * (self.begin + self.end) / 2

    def when(self, count: float) -> float:
        """Seconds from its begin until so many requests are to be expected, at most `expected`."""
        slope = (self.end - self.begin) / self.seconds
        if not slope:
            return count / self.begin
        return (math.sqrt(max(0.0, self.begin**2 + 2 * slope * count)) - self.begin) / slope


def steady(rate: float, for_s: float) -> Phase:
    return Phase(for_s, rate, rate)


def silence(for_s: float) -> Phase:
    return Phase(for_s, 0, 0)


def arrivals(phases: Sequence[Phase], draw: Callable[[], float] | None = None) -> Iterator[Duration]:
    """When requests come, since the load began. Without `draw` evenly, else by chance.

    [steady(2, for_s=1), silence(5), steady(1, for_s=2)] → 0.5, 1.0, 7.0, 8.0 s
    """
    passed, began = 0.0, 0.0
    due = _gap(draw)
    for phase in phases:
        while phase.expected and due <= passed + phase.expected:
            yield seconds(began + phase.when(due - passed))
            due += _gap(draw)
        passed += phase.expected
        began += phase.seconds


def _gap(draw: Callable[[], float] | None) -> float:
    return 1.0 if draw is None else -math.log(1.0 - draw())


@dataclass(frozen=True, slots=True)
class Outcome:
    """One request: when it arrived, how long it took, and the HTTP status."""

    arrived: Instant
    took: Duration
    status: int


@dataclass(slots=True)
class Report:
    """What became of a load."""

    outcomes: list[Outcome] = field(default_factory=list)

    @property
    def statuses(self) -> Counter[int]:
        return Counter(one.status for one in self.outcomes)

    @property
    def lost(self) -> int:
        """Requests that got no answer of the application."""
        return sum(one.status >= 400 for one in self.outcomes)

    def latency(self, percent: float) -> float:
        """Seconds within which so many per cent of the good answers came; nan without any."""
        return percentile([in_seconds(one.took) for one in self.outcomes if one.status < 400], percent)


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that so many per cent of the values do not exceed (nearest rank).

    >>> percentile([3, 1, 2, 4], 50), percentile([3, 1, 2, 4], 99)
    (2, 4)
    """
    if not values:
        return math.nan
    return sorted(values)[max(0, math.ceil(len(values) * percent / 100) - 1)]


Send: TypeAlias = Callable[[], Awaitable[int]]
"""Make one request; returns its status."""


async def offer(world: World, phases: Sequence[Phase], send: Send, *, chance: str = "") -> Report:
    """Make the requests of that load, and wait for all answers. `chance`: by chance, from that stream."""
    report, began = Report(), world.clock.now()
    draw = world.stream(chance).random if chance else None

    async def one() -> None:
        arrived = world.clock.now()
        status = await send()
        report.outcomes.append(Outcome(arrived, world.clock.now() - arrived, status))

    under_way = []
    for at in arrivals(phases, draw):
        await world.clock.sleep_until(began + at)
        under_way.append(world.begin("request", one()))
    await world.clock.sleep_until(began + seconds(sum(phase.seconds for phase in phases)))
    for task in under_way:
        await task
    return report


def to_host(proxy: SimulatedProxy, host: str, work: Callable[[], Duration], path: str = "/") -> Send:
    """To a load balancer, or an App Runner service."""

    async def send() -> int:
        return (await proxy.request(host, path, work())).status

    return send


def to_function(world: World, name: str) -> Send:
    """To a Lambda function, whose own time is its course's `event`. A fault's status, 429 among them."""

    async def send() -> int:
        try:
            answer: Result = await world.call("lambda", "Invoke", FunctionName=name, Payload=b"{}")
        except Fault as fault:
            return 429 if fault.code == "TooManyRequestsException" else fault.status or 400
        except Retry:
            return 503
        return 502 if answer.get("FunctionError") else 200

    return send
