"""Requests of a simulated world: made as they arrive (arrivals.py), and what became of them.

What takes them is given: a proxy (sim/proxy.py), a function, anything that answers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from windlass.aws.calls import Result
from windlass.kernel.clock import Duration, Instant, in_seconds, seconds
from windlass.kernel.faults import Fault, Retry
from windlass.sim.arrivals import Phase, arrivals, percentile
from windlass.sim.proxy import SimulatedProxy
from windlass.sim.world import World


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
