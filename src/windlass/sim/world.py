"""The second composition root: a whole plane in virtual time, with simulated nodes.

It differs from app.py in four edges only: the loop (virtual), the links' transport (queues), the runners
(SimulatedNode) and the log (memory). One seed, one run: the same trace in every process. Known gap: one
shape of course for all units, from the profile's delays.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from windlass.aws.calls import Caller, Result
from windlass.aws.quotas import Profile
from windlass.fleet import intake
from windlass.fleet import model as fleet
from windlass.fleet.controller import Controller
from windlass.fleet.instances import Machines
from windlass.fleet.link import NodeLinks
from windlass.fleet.lost import LostNodes
from windlass.fleet.messages import UnitSpec
from windlass.fleet.model import NODES, UNITS, Unit
from windlass.fleet.queue_transport import QueueTransport, pair
from windlass.front.gateway import Gateway
from windlass.kernel.chance import Chance
from windlass.kernel.clock import SECOND, Duration, Instant, LoopClock, seconds
from windlass.kernel.durable import DurableLog, MemoryLog
from windlass.kernel.faults import Bug
from windlass.services.assemble import assemble, start
from windlass.services.autoscaling.model import MEMBERS
from windlass.services.ec2.model import INTERFACES, NetworkInterface
from windlass.services.ecs.instance_model import INSTANCES
from windlass.services.ecs.model import TASKS
from windlass.services.ecs.provider_model import WAITING
from windlass.services.ecs.rooms import Rooms
from windlass.services.plane import Service
from windlass.sim import checks
from windlass.sim.loop import VirtualLoop
from windlass.sim.runner import Course, SimulatedNode
from windlass.sim.trace import Trace

EPOCH: Instant = 1_640_995_200 * SECOND
"""Every world begins on 2022-01-01 at 00:00 UTC."""
ACCOUNT = "123456789012"
REGION = "us-east-1"


class World:
    """One world; `run(story)` plays it once, to the story's end.

    `check_every`: how much virtual time may pass between two checks of all rows; 0: at each instant.
    `shuffle`: draw the order of what happens at one instant from the seed. `disk`: sim/disk.py, for worlds in
    which writing takes time or fails; without one every commit is durable at once.
    """

    def __init__(
        self,
        services: Sequence[Service],
        profile: Profile,
        seed: int,
        *,
        check_every: Duration = SECOND,
        shuffle: bool = False,
        disk: DurableLog | None = None,
    ) -> None:
        self.loop = VirtualLoop.make(seed if shuffle else None)
        self.clock = LoopClock(self.loop, EPOCH)
        self.nodes: dict[str, SimulatedNode] = {}
        self._services = services
        chance = Chance(seed)
        self._check_every = check_every
        self._checked_at = EPOCH
        self._sessions: dict[str, QueueTransport] = {}
        self.plane = assemble(
            services,
            clock=self.clock,
            chance=chance,
            log=disk or DurableLog(MemoryLog()),
            links=lambda store, journal, spawn: NodeLinks(
                store,
                journal,
                spawn,
                clock=self.clock,
                endpoint="http://127.0.0.1:4566",
                make_secret=chance.token,
            ),
            profile=profile,
            endpoint="http://127.0.0.1:4566",
            blobs=None,
            on_crash=lambda name, error: self.loop.crash(error),
        )
        self.trace = Trace(self.plane, EPOCH)
        self._gateway = Gateway(self.plane, services)
        self._controller: Controller | None = None

    def run(self, story: Callable[[World], Awaitable[None]]) -> None:
        """Play it. Raises what the story raises, Bug when a check fails, Deadlock when nothing can happen."""
        self.loop.on_jump = self._before_jump
        self.loop.run(self._play(story))

    async def _play(self, story: Callable[[World], Awaitable[None]]) -> None:
        links = self.links()
        links.start()
        self._controller = Controller(self.plane.store, links, self.clock, self.plane.journal)
        self.plane.spawn.start("fleet", self._controller.run())
        machines = Machines(self.plane.store, self.clock, self.plane.journal)
        lost = LostNodes(self.plane.store, self.clock, self.plane.journal)
        for loop in (machines.loop, lost.loop):
            self.plane.spawn.start(loop.name, loop.run())
        start(self.plane, self._services)
        try:
            await story(self)
            self.check()
        finally:
            self.loop.on_jump = None
            await self.plane.spawn.close()

    # what a story may do

    @property
    def elapsed(self) -> Duration:
        """Virtual nanoseconds since the beginning."""
        return self.clock.now() - EPOCH

    async def call(self, service: str, operation: str, /, **params: Any) -> Result:
        """Call an operation as a client would, without the bytes: throttled, checked, run. Raises Fault."""
        return await self.call_as(ACCOUNT, service, operation, **params)

    async def call_as(self, account: str, service: str, operation: str, /, **params: Any) -> Result:
        """The same by another account."""
        caller = Caller(account, f"arn:aws:iam::{account}:root", account)
        return await self._gateway.call(service, operation, params, caller, REGION)

    async def pass_time(self, duration: Duration) -> None:
        await self.clock.sleep(duration)

    def begin(self, name: str, work: Any) -> Any:
        """Let something go on beside the story; an exception in it ends the world."""
        return self.plane.spawn.start(name, work)

    def add_node(
        self,
        node_id: str,
        *,
        cpu_units: int = 0,
        memory_mib: int = 0,
        course: Callable[[UnitSpec], Course] | None = None,
    ) -> SimulatedNode:
        """A node that is connected from now on; without a size it takes every unit.

        `course` says how the life of a unit goes; without it the profile's delays do.
        """
        intake.register(self.plane.store, node_id, "simulated", unbounded=not cpu_units)

        node = SimulatedNode(node_id, "simulated", self.clock, self.plane.spawn, course or self._course)
        node.cpu_units, node.memory_mib = cpu_units, memory_mib
        self.nodes[node_id] = node
        self.connect(node_id)
        return node

    def connect(self, node_id: str) -> None:
        """Open a session of that node."""
        plane_end, node_end = pair()
        self._sessions[node_id] = node_end
        self.plane.spawn.start(f"session {node_id}", self.links().serve(plane_end))
        self.plane.spawn.start(f"agent {node_id}", self.nodes[node_id].connect(node_end))

    def disconnect(self, node_id: str) -> None:
        """Break the session of that node; what it runs goes on."""
        self._sessions[node_id].close()

    def links(self) -> NodeLinks:
        assert isinstance(self.plane.links, NodeLinks)
        return self.plane.links

    def _course(self, spec: UnitSpec) -> Course:
        delay = self.plane.quotas.delay_s
        return Course(
            provision=seconds(delay("task.provision")),
            pull=seconds(delay("task.pull")),
            start=seconds(delay("task.start")),
            stop=seconds(delay("task.stop")),
        )

    # checks

    def _before_jump(self) -> None:
        if self.clock.now() - self._checked_at >= self._check_every:
            self.check()

    def check(self) -> None:
        """All checks of sim/checks.py over all rows. Raises Bug with everything that is wrong."""
        assert self._controller is not None
        self._checked_at = self.clock.now()
        view = self.plane.store[UNITS]
        units = list(view.all())
        nodes = {node.id: node for node in self.plane.store[NODES].all()}
        counted = self._controller.reserved
        wrong = [
            *checks.unplaced(units, nodes),
            *checks.doubled({node_id: node.states for node_id, node in self.nodes.items()}),
            *checks.miscounted(units, counted),
            *checks.overfull(nodes.values(), counted),
            *checks.misindexed(units, lambda state: view.count("state", state)),
            *checks.misattached(units, self._interfaces()),
            *checks.misbound(units),
            *self._crowded(units),
            *self._misplaced(units),
        ]
        if wrong:
            raise Bug(f"after {self.elapsed / SECOND:g} s: {wrong[0]}", *wrong)

    def _crowded(self, units: list[Unit]) -> list[str]:
        if not any(INSTANCES in service.tables for service in self._services):
            return []
        rooms = self.plane.calls.part(Rooms)
        return checks.crowded(units, self.plane.store[INSTANCES].all(), rooms.taken)

    def _misplaced(self, units: list[Unit]) -> list[str]:
        """Of tasks that wait for capacity, and of Auto Scaling groups."""
        wrong = []
        store = self.plane.store
        if any(WAITING in service.tables for service in self._services):
            waiting = [row.id for row in store[WAITING].all()]
            wrong += checks.misparked(units, store[TASKS].all(), waiting)
        if any(MEMBERS in service.tables for service in self._services):
            wrong += checks.mismatched(store[MEMBERS].all(), store[fleet.INSTANCES].all())
        return wrong

    def _interfaces(self) -> list[NetworkInterface]:
        with_ec2 = any(INTERFACES in service.tables for service in self._services)
        return list(self.plane.store[INTERFACES].all()) if with_ec2 else []
