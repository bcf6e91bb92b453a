"""What simulated units make of requests and of health checks: each is a server with so many at a time.

A request waits in its unit for one of `slots`, in order of arrival, then takes its own time; one whose unit
is gone by then is lost. A unit takes requests as soon as it runs and until it is told to stop; what it has
then it finishes, as long as it lives. Whether it is well is what `health` says.
Known gap: a unit without an interface of its own is found only by its id, as App Runner's endpoints have it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import TypeAlias

from windlass.fleet.proxy_messages import Endpoint
from windlass.kernel.clock import Clock, Duration, Instant
from windlass.proxy.probe import Answered, Found
from windlass.sim.runner import SimulatedNode

Health: TypeAlias = Callable[[str, Instant], Found]
"""What a unit answers to a health check then."""


def well(unit_id: str, now: Instant) -> Found:
    """As most are."""
    return Answered(200)


@dataclass(slots=True)
class Server:
    """One unit that serves. `ends` are when its slots are free, as a heap."""

    node: SimulatedNode
    ends: list[Instant] = field(default_factory=list)
    served: int = 0

    def begin(self, now: Instant, work: Duration, slots: int) -> Instant:
        """Take a request; returns when it will be done."""
        start = now
        if slots and len(self.ends) >= slots:
            start = max(now, heappop(self.ends))
        heappush(self.ends, start + work)
        self.served += 1
        return start + work


class Sites:
    """All simulated units of a world, as a proxy reaches them."""

    def __init__(self, nodes: Mapping[str, SimulatedNode], clock: Clock) -> None:
        self.slots = 0
        """Requests that a unit works at at a time; 0: all that come."""
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
                    self._servers[unit_id] = Server(node)
                return unit_id
        return None

    async def serve(self, endpoint: Endpoint, work: Duration) -> bool:
        """One request, to its end; False: nobody answered, or not to the end."""
        unit_id = self.unit(endpoint)
        if unit_id is None:
            return False
        server = self._servers[unit_id]
        await self._clock.sleep_until(server.begin(self._clock.now(), work, self.slots))
        state = server.node.states.get(unit_id)
        return state is not None and state.status in ("running", "stopping")

    def served(self) -> dict[str, int]:
        """Requests by unit."""
        return {unit_id: server.served for unit_id, server in self._servers.items()}
