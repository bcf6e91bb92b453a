"""Builders for the fleet: `a_unit("u1")`, `a_node("n1")`, and a small fleet in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from tests.build import ACCOUNT, NOW, REGION
from windlass.fleet.controller import Controller
from windlass.fleet.entering import Entering
from windlass.fleet.frames import Transport
from windlass.fleet.intake import register
from windlass.fleet.link import NodeLinks
from windlass.fleet.lost import LostNodes
from windlass.fleet.messages import ContainerSpec, FromNode, FromPlane, Hello, Observed, UnitSpec, UnitState
from windlass.fleet.model import TABLES, UNITS, Node, Unit
from windlass.fleet.queue_transport import QueueTransport, pair
from windlass.kernel.chance import Chance
from windlass.kernel.clock import SECOND, Clock, LoopClock
from windlass.kernel.durable import DurableLog, Log, MemoryLog
from windlass.kernel.journal import Journal
from windlass.kernel.rows import replace
from windlass.kernel.spawn import Spawn
from windlass.kernel.store import Store
from windlass.sim.course import Course
from windlass.sim.loop import VirtualLoop
from windlass.sim.runner import SimulatedNode

TOKEN = "a token"


def a_unit(unit_id: str, **changes: Any) -> Unit:
    spec = UnitSpec(unit_id, "task", (ContainerSpec("main", command=("true",)),))
    unit = Unit(unit_id, "ecs", ACCOUNT, REGION, spec, cpu_units=256, memory_mib=512, created_at=NOW)
    return replace(unit, **changes)


def a_node(node_id: str, *, cpu: int = 4096, memory: int = 8192, unbounded: bool = False) -> Node:
    return Node(node_id, cpu, memory, unbounded, TOKEN, connected=True)


def a_state(unit_id: str, status: Any, **changes: Any) -> UnitState:
    return UnitState(unit_id, status, **changes)


class Fleet:
    """Store, links and controller on the running virtual loop."""

    def __init__(self, log: Log | None = None, clock: Clock | None = None) -> None:
        self.crashes: list[BaseException] = []
        self.clock = clock or LoopClock(asyncio.get_running_loop(), NOW)
        self.spawn = Spawn(lambda name, error: self.crashes.append(error))
        self.journal = Journal(self.clock.now)
        self.log = DurableLog(log or MemoryLog())
        self.store = Store(TABLES, self.log)
        self.links = NodeLinks(
            self.store,
            self.journal,
            self.spawn,
            clock=self.clock,
            endpoint="http://plane",
            make_secret=Chance(1).token,
        )
        self.links.start()
        self.lost = LostNodes(self.store, self.clock, self.journal)
        self.spawn.start("lost", self.lost.loop.run())
        self.controller = Controller(self.store, self.links, self.clock, self.journal, Entering(self.store))
        self.spawn.start("fleet", self.controller.run())

    def put(self, *units: Unit) -> None:
        with self.store.transact() as tx:
            for unit in units:
                tx[UNITS].put(unit)

    def delete(self, *unit_ids: str) -> None:
        with self.store.transact() as tx:
            for unit_id in unit_ids:
                tx[UNITS].delete(unit_id)

    def unit(self, unit_id: str) -> Unit:
        return self.store[UNITS].require(unit_id)

    def stop(self, unit_id: str) -> None:
        self.put(replace(self.unit(unit_id), desired="stop"))

    def a_node(self, node_id: str = "n1", course: Course = Course()) -> SimulatedNode:  # noqa: B008
        register(self.store, node_id, TOKEN, unbounded=True)
        return SimulatedNode(node_id, TOKEN, self.clock, self.spawn, lambda spec: course)

    def connect(self, node: SimulatedNode) -> QueueTransport:
        """A session of that node; returns the node's end, to break it."""
        plane_end, node_end = pair()
        self.spawn.start("session", self.links.serve(plane_end))
        self.spawn.start("node", node.connect(node_end))
        return node_end

    def a_peer(self, node_id: str = "n1") -> Peer:
        """A node played by the test, message by message."""
        register(self.store, node_id, TOKEN, unbounded=True)
        return self.a_peer_of_known(node_id)

    def a_peer_of_known(self, node_id: str) -> Peer:
        """The same for a node that is registered already: writes nothing."""
        plane_end, node_end = pair()
        self.spawn.start("session", self.links.serve(plane_end))
        return Peer(node_id, node_end)


class Peer:
    """One session seen from the node's side."""

    def __init__(self, node_id: str, transport: Transport[FromPlane]) -> None:
        self.node_id = node_id
        self.transport = transport

    async def say(self, message: FromNode) -> None:
        await self.transport.send(message)

    async def hello(
        self,
        *units: UnitState,
        token: str = TOKEN,
        generation: int = 0,
        cpu: int = 4096,
        memory: int = 8192,
        run: str = "",
    ) -> None:
        await self.say(Hello(self.node_id, token, cpu, memory, generation, units, run))

    async def say_states(self, number: int, *units: UnitState) -> None:
        await self.say(Observed(number, units))

    async def hear(self) -> FromPlane | None:
        return await self.transport.receive()


def in_fleet(story: Callable[[Fleet], Coroutine[Any, Any, None]]) -> None:
    """Run a story with a fleet in virtual time; whatever crashed in the background fails the test."""

    async def main() -> None:
        fleet = Fleet()
        try:
            await story(fleet)
        finally:
            await fleet.spawn.close()
        if fleet.crashes:
            raise fleet.crashes[0]

    VirtualLoop.make().run(main())


async def settle(seconds: float = 1.0) -> None:
    """Let virtual time pass, so that everything that was going to happen has."""
    clock = LoopClock(asyncio.get_running_loop(), 0)
    await clock.sleep_until(clock.now() + round(seconds * SECOND))
