"""What simulated units make of requests and of health checks: each is a server with so many at a time.

A request waits in its unit for one of its `slots`, in order of arrival, then takes its own time; one whose
unit is gone by then is lost. A unit takes requests as soon as it runs and until it is told to stop; what it
has then it finishes, as long as it lives, also when nobody waits for it any more. Whether it is well is what
`health` says.
Known gap: a unit without an interface of its own is found only by its id, as App Runner's endpoints have it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import TypeAlias

from windlass.fleet.messages import UnitSpec
from windlass.fleet.proxy_messages import Endpoint
from windlass.kernel.clock import Clock, Duration, Instant
from windlass.proxy.probe import Answered, Found
from windlass.sim.runner import SimulatedNode

Health: TypeAlias = Callable[[str, Instant], Found]
"""What a unit answers to a health check then."""
Slots: TypeAlias = Callable[[UnitSpec], int]
"""Requests that a unit works at at a time; 0: all that come."""


def well(unit_id: str, now: Instant) -> Found:
    """As most are."""
    return Answered(200)


def all_that_come(spec: UnitSpec) -> int:
    return 0


@dataclass(frozen=True, slots=True)
class Served:
    """What came of a request: how long it waited for a slot. `late`: the answer did not come in time."""

    answered: bool
    waited: Duration = 0
    late: bool = False


@dataclass(slots=True)
class Server:
    """One unit that serves. `ends` are when its slots are free, as a heap."""

    node: SimulatedNode
    slots: int
    ends: list[Instant] = field(default_factory=list)
    served: int = 0

    def begin(self, now: Instant, work: Duration) -> Instant:
        """Take a request; returns when its turn comes."""
        start = now
        if self.slots:
            if len(self.ends) >= self.slots:
                start = max(now, heappop(self.ends))
            heappush(self.ends, start + work)
        self.served += 1
        return start


class Sites:
    """All simulated units of a world, as a proxy reaches them."""

    def __init__(self, nodes: Mapping[str, SimulatedNode], clock: Clock) -> None:
        self.slots: Slots = all_that_come
        self.health: Health = well
        self._nodes = nodes
        self._clock = clock
        self._servers: dict[str, Server] = {}

    def probe(self, endpoint: Endpoint) -> Found:
        """A health check now."""
        unit_id = self.unit(endpoint)
        return "failed" if unit_id is None else self.health(unit_id, self._clock.now())

    def unit(self, endpoint: Endpoint) -> str | None:
        """Which unit listens there; None: nobody does."""
        for node in self._nodes.values():
            unit_id = node.listening((endpoint.host, endpoint.netns), endpoint.key)
            if unit_id is not None:
                if unit_id not in self._servers:
                    self._servers[unit_id] = Server(node, self.slots(node.spec(unit_id)))
                return unit_id
        return None

    async def serve(self, endpoint: Endpoint, work: Duration, within: Duration = 0) -> Served:
        """One request, to its end, or for so long at most if `within` is not 0."""
        unit_id = self.unit(endpoint)
        if unit_id is None:
            return Served(False)
        server, now = self._servers[unit_id], self._clock.now()
        start = server.begin(now, work)
        waited = start - now
        if within and waited + work > within:
            await self._clock.sleep(within)
            return Served(False, min(waited, within), late=True)
        await self._clock.sleep(waited + work)
        state = server.node.states.get(unit_id)
        return Served(state is not None and state.status in ("running", "stopping"), waited)

    def served(self) -> dict[str, int]:
        """Requests by unit."""
        return {unit_id: server.served for unit_id, server in self._servers.items()}
