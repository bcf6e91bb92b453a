"""The second composition root: a whole plane in virtual time, with simulated nodes.

It differs from app.py in four edges only: the loop (virtual), the links' transport (queues), the runners
(SimulatedNode) and the log (memory). One seed, one run: the same trace in every process. In a world with a
disk the plane may be killed at any transaction and started again from what was durable; nodes live on.
How launches go is launch_model.py's, what functions do function_model.py's.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeAlias

from windlass.aws.calls import Caller, Result
from windlass.aws.quotas import Profile
from windlass.fleet import intake
from windlass.fleet import model as fleet
from windlass.fleet.link import NodeLinks
from windlass.fleet.messages import FromNode, FromPlane, UnitSpec
from windlass.fleet.model import NODES, UNITS, Unit
from windlass.fleet.proxies import Proxies
from windlass.fleet.queue_transport import QueueTransport, pair
from windlass.kernel.chance import Chance
from windlass.kernel.clock import SECOND, Duration, Instant, seconds
from windlass.kernel.durable import Commit, DurableLog, MemoryLog
from windlass.kernel.faults import Bug, Retry
from windlass.kernel.spawn import Spawn
from windlass.kernel.store import Table
from windlass.services.autoscaling.model import MEMBERS
from windlass.services.batch.model import JOBS
from windlass.services.batch.usage import Usage
from windlass.services.ec2.model import INTERFACES, NetworkInterface
from windlass.services.ecs.instance_model import INSTANCES
from windlass.services.ecs.model import TASKS
from windlass.services.ecs.provider_model import WAITING
from windlass.services.ecs.rooms import Rooms
from windlass.services.ecs.service_model import SERVICES
from windlass.services.lambda_.model import ENVIRONMENTS, FUNCTIONS
from windlass.services.lambda_.vpc_model import SHARED_INTERFACES
from windlass.services.plane import Plane, Service
from windlass.sim import batch_checks, checks, service_checks
from windlass.sim.counted import NONE_YET, Counted
from windlass.sim.course import Course
from windlass.sim.disk import KILLED, SimulatedDisk, SimulatedLog
from windlass.sim.function_model import NOTHING_SAID, FunctionModel, function_course
from windlass.sim.host_clock import HostClock
from windlass.sim.launch_model import LaunchModel
from windlass.sim.life import Life
from windlass.sim.loop import VirtualClock, VirtualLoop
from windlass.sim.net import Net, NetTransport
from windlass.sim.proxy import SimulatedProxy
from windlass.sim.runner import SimulatedNode
from windlass.sim.service_checks import ServiceLedger
from windlass.sim.sites import Sites
from windlass.sim.trace import Trace

EPOCH: Instant = 1_640_995_200 * SECOND
"""Every world begins on 2022-01-01 at 00:00 UTC."""
AGAIN_AFTER: Duration = SECOND
"""How long an agent waits until it opens the next session, as those of node/session.py do at most."""
PlaneEnd: TypeAlias = QueueTransport[FromNode] | NetTransport[FromNode]
NodeEnd: TypeAlias = QueueTransport[FromPlane] | NetTransport[FromPlane]
ACCOUNT = "123456789012"
REGION = "us-east-1"


class World:
    """One world; `run(story)` plays it once, to the story's end.

    `check_every`: how much virtual time may pass between two checks of all rows; 0: at each instant.
    `shuffle`: draw the order of what happens at one instant from the seed. `disk`: sim/disk.py, for worlds in
    which writing takes time or fails, or the plane is killed; without one every commit is durable at once.
    `as_bytes`: links carry bytes, as real ones do; not needed of large worlds (queue_transport.py), nor is a
    `traced` story, which costs a line for each step of each unit. `faulty`: links are a network's (net.py),
    agents come back by themselves when a session ends, and the clock of the plane's host can be set.
    """

    def __init__(
        self,
        services: Sequence[Service],
        profile: Profile,
        seed: int,
        *,
        check_every: Duration = SECOND,
        shuffle: bool = False,
        disk: SimulatedDisk | None = None,
        as_bytes: bool = True,
        traced: bool = True,
        faulty: bool = False,
    ) -> None:
        self.loop = VirtualLoop.make(seed if shuffle else None)
        self.clock = VirtualClock(self.loop, EPOCH)
        """The world's time; that of the plane, and of proxies beside it, is its host's."""
        self.host_clock = HostClock(self.loop, EPOCH) if faulty else self.clock
        self.nodes: dict[str, SimulatedNode] = {}
        self.proxies: list[SimulatedProxy] = []
        self.spawn = Spawn(lambda name, error: self.loop.crash(error))
        """What lives longer than a plane: nodes, and what a story lets go on beside it."""
        self.trace = Trace(self.clock, EPOCH)
        self.launches = LaunchModel(seed)
        self.functions: dict[str, FunctionModel] = {}
        """Name → what the code of the function does."""
        self.lives = 0
        """Planes so far."""
        self._services = services
        self._profile = profile
        self._seed = seed
        self._disk = disk
        self._as_bytes = as_bytes
        self._traced = traced
        self._check_every = check_every
        self._checked_at = EPOCH
        self._sessions: dict[str, tuple[PlaneEnd, NodeEnd]] = {}
        """Node id → the plane's end and its own, of its last session."""
        self._agents: dict[str, asyncio.Task[None]] = {}
        """Node id → what goes on at its end of that session."""
        self._linked: dict[str, None] = {}
        """Nodes whose link is not cut: they have a session whenever there is a plane."""
        self._earlier = NONE_YET
        """What former planes came to."""
        self._ending: asyncio.Task[None] | None = None
        self._doom = 0
        self._ledger = ServiceLedger(self.host_clock.now, seconds(profile.delays.get("ecs.healthy_after", 0)))
        self._life = self._born()
        self.net = Net(self.loop, Chance(seed).stream("sim.net")) if faulty else None
        """What goes wrong on links; None: they are perfect."""
        if disk is not None:
            disk.on_commit = self._on_commit

    def run(self, story: Callable[[World], Awaitable[None]]) -> None:
        """Play it. Raises what the story raises, Bug when a check fails, Deadlock when nothing can happen."""
        self.loop.on_jump = self._before_jump
        self.loop.run(self._play(story))

    async def _play(self, story: Callable[[World], Awaitable[None]]) -> None:
        self._life.start()
        try:
            await story(self)
            self.check()
        finally:
            self.loop.on_jump = None
            await self._life.end()
            await self.spawn.close()

    # the plane's lives

    @property
    def plane(self) -> Plane:
        """The plane that there is, or, while it is down, was."""
        return self._life.plane

    @property
    def down(self) -> bool:
        """Whether the plane was killed and not started again."""
        return self._life.over

    def kill_at(self, commit: int) -> None:
        """Kill the plane with the world's transaction of that number, which may be durable or not."""
        self._doom = commit

    def kill(self) -> None:
        """Kill the plane now: what is not durable is gone, sessions break, calls that go on get Retry."""
        life = self._life
        if life.over:
            return
        assert isinstance(life.log, SimulatedLog), "a world in which the plane is killed needs a disk"
        life.over = True
        self.trace.note(f"plane {self.lives} was killed")
        life.log.kill(self._chance.stream("sim.kill").randrange(life.log.in_flight + 1))
        for plane_end, _ in self._sessions.values():
            plane_end.close()
        self._sessions.clear()
        for proxy in self.proxies:
            proxy.disconnect()
        self._ending = self.spawn.start(f"end of plane {self.lives}", life.end())

    async def revive(self) -> None:
        """Start another plane from what is durable; nodes come back to it."""
        assert self.down and self._ending is not None
        await self._ending
        self._life = self._born()
        self._life.start()
        for node_id in self._linked:
            self._open_session(node_id)
        for proxy in self.proxies:
            self.connect_proxy(proxy)

    def _born(self) -> Life:
        """The next plane, not started. Each draws ids of its own."""
        if self.lives:
            self._earlier = self.counted()
        self.lives += 1
        self._chance = Chance(self._seed + (self.lives << 64) - (1 << 64))
        life = Life(
            self._services,
            self._profile,
            clock=self.host_clock,
            chance=self._chance,
            log=DurableLog(MemoryLog()) if self._disk is None else self._disk.open(),
            on_crash=self.loop.crash,
        )
        if self._traced:
            self.trace.follow(life.plane)
        return life

    def _on_commit(self, commit: Commit) -> None:
        if self.down:
            return
        assert self._disk is not None
        if self._has(SERVICES):
            self._fail(self._ledger.after(commit.changes, self.plane.store))
        if self._has(JOBS):
            self._fail(batch_checks.after(commit.changes, self.plane.store))
        if self._disk.commits == self._doom:
            self.kill()

    # what a story may do

    @property
    def elapsed(self) -> Duration:
        """Virtual nanoseconds since the beginning."""
        return self.clock.now() - EPOCH

    def counted(self) -> Counted:
        """How much has happened so far, in all lives of the plane."""
        store = self.plane.store
        return Counted(
            self.loop.rung,
            sum(node.steps for node in self.nodes.values()),
            sum(node.messages for node in self.nodes.values()),
            self._earlier.rows + store.written,
            self._earlier.commits + store.revision,
        )

    async def call(self, service: str, operation: str, /, **params: Any) -> Result:
        """Call an operation as a client would, without the bytes: throttled, checked, run. Raises Fault."""
        return await self.call_as(ACCOUNT, service, operation, **params)

    async def call_as(self, account: str, service: str, operation: str, /, **params: Any) -> Result:
        """The same in another account. Raises Retry while the plane is down, or is killed meanwhile."""
        life = self._life
        if life.over:
            raise Retry(KILLED)
        caller = Caller(account, f"arn:aws:iam::{account}:root", account)
        return await life.gateway.call(service, operation, params, caller, REGION)

    def stream(self, name: str) -> random.Random:
        """The world's chance, under that name."""
        return self._chance.stream(name)

    async def pass_time(self, duration: Duration) -> None:
        await self.clock.sleep(duration)

    def begin(self, name: str, work: Any) -> Any:
        """Let something go on beside the story; an exception in it ends the world."""
        return self.spawn.start(name, work)

    def add_node(
        self,
        node_id: str,
        *,
        cpu_units: int = 0,
        memory_mib: int = 0,
        course: Callable[[UnitSpec], Course] | None = None,
        shared: bool = True,
    ) -> SimulatedNode:
        """A node that is connected from now on; without a size it takes every unit.

        One that is not `shared` takes only what is bound to it: what ECS places on its instances.
        `course` says how the life of a unit goes; without it the profile's delays do.
        """
        intake.register(self.plane.store, node_id, "simulated", unbounded=not cpu_units, shared=shared)

        node = SimulatedNode(
            node_id, "simulated", self.clock, self.spawn, course or self.course, self.loop.shuffle
        )
        node.cpu_units, node.memory_mib = cpu_units, memory_mib
        self.nodes[node_id] = node
        self.connect(node_id)
        return node

    def add_proxy(self) -> SimulatedProxy:
        """A proxy that is connected from now on, and reaches what runs on all nodes."""
        proxy = SimulatedProxy(
            Sites(self.nodes, self.clock), self.clock, self.host_clock, self.stream("sim.proxy").random
        )
        proxy.net = self.net
        self.proxies.append(proxy)
        self.connect_proxy(proxy)
        return proxy

    def connect_proxy(self, proxy: SimulatedProxy) -> None:
        """Give it a session; the former one ends."""
        serve = self.plane.calls.part(Proxies).serve
        self.plane.spawn.start("proxy session", serve(proxy.session()))

    def connect(self, node_id: str) -> None:
        """Let that node have a session: now, or as soon as there is a plane."""
        self._linked[node_id] = None
        if not self.down:
            self._open_session(node_id)

    def is_linked(self, node_id: str) -> bool:
        """Whether its link is not cut: of a half-open one the plane may think so for a while."""
        return node_id in self._linked

    def _open_session(self, node_id: str) -> None:
        self._leave(node_id)
        plane_end: PlaneEnd
        node_end: NodeEnd
        if self.net is None:
            plane_end, node_end = self._sessions[node_id] = pair(as_bytes=self._as_bytes)
            agent = self.nodes[node_id].connect(node_end)
        else:
            plane_end, node_end = self._sessions[node_id] = self.net.pair(node_id)
            agent = self._connect_again(node_id, node_end, self._agents.get(node_id))
        self.plane.spawn.start(f"session {node_id}", self.links().serve(plane_end))
        self._agents[node_id] = self.spawn.start(f"agent {node_id}", agent)

    async def _connect_again(
        self, node_id: str, transport: NodeEnd, before: asyncio.Task[None] | None
    ) -> None:
        """One session after the other, as node/session.py has them: the next when this one has ended."""
        if before is not None:
            await asyncio.wait([before])
        await self.nodes[node_id].connect(transport)
        await self.pass_time(AGAIN_AFTER)
        if (
            node_id in self._linked
            and not self.down
            and self._sessions.get(node_id, (None, None))[1] is transport
        ):
            self._open_session(node_id)

    def disconnect(self, node_id: str, *, told: bool = True) -> None:
        """Break the session of that node; what it runs goes on. Not `told`: the plane does not notice."""
        self._linked.pop(node_id, None)
        if not told:
            self._leave(node_id)
        elif node_id in self._sessions:
            self._sessions[node_id][1].close()

    def _leave(self, node_id: str) -> None:
        """The agent takes its session for broken, if it has one."""
        session = self._sessions.get(node_id)
        if session is not None and isinstance(session[1], NetTransport):
            session[1].vanish()

    def links(self) -> NodeLinks:
        return self._life.links

    def course(self, spec: UnitSpec) -> Course:
        """How the life of a unit goes by the profile's delays."""
        if spec.function is not None:
            return function_course(spec.function, self.plane.quotas.delay_s, self._function(spec.unit_id))
        task = self.plane.store[TASKS].get(spec.unit_id) if self._has(TASKS) else None
        provider = "" if task is None else task.capacity_provider
        return self.launches.course(spec, self.plane.quotas, provider, self.elapsed)

    def _function(self, unit_id: str) -> FunctionModel:
        """What is known of the function that has this environment."""
        if not self.functions:
            return NOTHING_SAID
        environment = self.plane.store[ENVIRONMENTS].get(unit_id)
        function = None
        if environment is not None:
            function = self.plane.store[FUNCTIONS].first("uid", environment.uid)
        return NOTHING_SAID if function is None else self.functions.get(function.name, NOTHING_SAID)

    # checks

    def _before_jump(self) -> None:
        if not self.down and self.clock.now() - self._checked_at >= self._check_every:
            self.check()

    def check(self) -> None:
        """All checks of sim/checks.py over all rows. Raises Bug with everything that is wrong."""
        self._checked_at = self.clock.now()
        view = self.plane.store[UNITS]
        units = list(view.all())
        nodes = {node.id: node for node in self.plane.store[NODES].all()}
        counted = self._life.controller.reserved
        wrong = [
            *checks.unplaced(units, nodes),
            *checks.doubled({node_id: node.states for node_id, node in self.nodes.items()}),
            *checks.miscounted(units, counted),
            *checks.overfull(nodes.values(), counted),
            *checks.misindexed(units, lambda state: view.count("state", state)),
            *checks.misattached(units, self._interfaces(), self._kept_interfaces()),
            *checks.misbound(units),
            *self._crowded(units),
            *self._misplaced(units),
            *(service_checks.all_of(self.plane.store) if self._has(SERVICES) else []),
            *(self._misrun() if self._has(JOBS) else []),
        ]
        self._fail(wrong)

    def _fail(self, wrong: list[str]) -> None:
        if wrong:
            raise Bug(f"after {self.elapsed / SECOND:g} s: {wrong[0]}", *wrong)

    def _has(self, table: Table[Any]) -> bool:
        return any(table in service.tables for service in self._services)

    def _crowded(self, units: list[Unit]) -> list[str]:
        if not self._has(INSTANCES):
            return []
        rooms = self.plane.calls.part(Rooms)
        return checks.crowded(units, self.plane.store[INSTANCES].all(), rooms.taken)

    def _misplaced(self, units: list[Unit]) -> list[str]:
        """Of tasks that wait for capacity, and of Auto Scaling groups."""
        wrong = []
        store = self.plane.store
        if self._has(WAITING):
            waiting = [row.id for row in store[WAITING].all()]
            wrong += checks.misparked(units, store[TASKS].all(), waiting)
        if self._has(MEMBERS):
            wrong += checks.mismatched(store[MEMBERS].all(), store[fleet.INSTANCES].all())
        return wrong

    def _misrun(self) -> list[str]:
        """Of jobs."""
        return batch_checks.all_of(self.plane.store, self.plane.calls.part(Usage))

    def _kept_interfaces(self) -> list[str]:
        """Those of Lambda's functions."""
        if not self._has(SHARED_INTERFACES):
            return []
        store = self.plane.store
        shared = [row.interface.id for row in store[SHARED_INTERFACES].all()]
        return shared + [row.interface_id for row in store[ENVIRONMENTS].all() if row.interface_id]

    def _interfaces(self) -> list[NetworkInterface]:
        return list(self.plane.store[INTERFACES].all()) if self._has(INTERFACES) else []
