"""Networks of a node that may make them: what the agent asks, in the thread that does it. Root, Linux.

The loop hands jobs to the thread of fabric.py, all that has gathered at a time, and tells the agent what
became of them. When nothing is to be done, spare sandboxes are made, and routers that stood empty for a
minute are taken away. Decides which modes need what; knows no kernel.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import TypeAlias, TypeVar

from windlass.fleet.messages import UnitSpec, UnitState
from windlass.fleet.networks import PoolCounts, SecurityGroup
from windlass.fleet.task_messages import TaskFacts
from windlass.kernel.spawn import Spawn
from windlass.node.network import plain
from windlass.node.network.fabric import Fabric
from windlass.node.network.jobs import (
    Adopt,
    Connect,
    Disconnect,
    Groups,
    Job,
    Keep,
    Key,
    Plane,
    bridge_interface,
)
from windlass.node.sandbox import Connected, NotConnected

EMPTY_FOR_S = 60.0
"""How long a router without tasks, and its pool, wait for the next one."""

T = TypeVar("T")
Done: TypeAlias = Callable[[Connected | NotConnected], None]
Serve: TypeAlias = Callable[[str, socket.socket], Awaitable[asyncio.Server]]
"""(VPC or "bridge", listening socket): tasks of that router look for their endpoints there."""


@dataclass(slots=True)
class _Asked:
    """A network that was asked for; `answer` once it is there."""

    waiting: list[Done] = field(default_factory=list)
    answer: Connected | None = None


class TaskNetworks:
    """Implements runner.Networks. `bridges`: mode bridge has networks of its own, else it is the host's."""

    def __init__(
        self,
        spawn: Spawn,
        fabric: Fabric,
        *,
        bridges: bool,
        linger_s: float = EMPTY_FOR_S,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._linger_s = linger_s
        self._fabric = fabric
        self._bridges = bridges
        self._serve: Serve | None = None
        self._tell: Callable[[PoolCounts], bool] = lambda pool: False
        self._told = PoolCounts(0)
        self._servers: dict[str, asyncio.Server] = {}
        self._thread = ThreadPoolExecutor(1, "network")
        self._asked: dict[Key, _Asked] = {}
        self._jobs: list[Job] = []
        self._woken = asyncio.Event()
        self._emptying: asyncio.TimerHandle | None = None
        self._emptied = False
        self._settled = True
        self._closing = False
        self._running = spawn.start("networks", self._run())

    def attach(self, serve: Serve) -> None:
        """See runner.Networks."""
        self._serve = serve

    def connect(self, unit: UnitSpec, container: str, done: Done) -> None:
        """See runner.Networks."""
        job = self._job(unit, container)
        if job is None:
            done(plain.on_host(unit, container))
        else:
            self._connect(job, done)

    def plug(self, unit: UnitSpec, namespace: str, done: Done) -> None:
        """Give a namespace that somebody else made the interface of that unit (mode awsvpc)."""
        self._connect(Connect((unit.unit_id, ""), unit.network.interface, namespace=namespace), done)

    def adopt(
        self, unit: UnitSpec, state: UnitState, done: Callable[[str, Connected | NotConnected], None]
    ) -> None:
        """Take over the networks of a unit that runs; `done` is called for each of its running containers."""
        for container in state.containers:
            if container.status != "running" or not container.pid:
                continue
            job = self._job(unit, container.name)
            if job is None:
                done(container.name, plain.as_before(plain.on_host(unit, container.name), container))
                continue
            interface = job.interface
            if interface is None and not job.lonely and state.network is not None:
                interface = bridge_interface(job.key, state.network.address)
            if job.key not in self._asked:
                self._asked[job.key] = _Asked()
                self._put(Adopt(job.key, container.pid, interface, container.bindings))
            self._wait(job.key, partial(done, container.name))

    def disconnect(self, unit_id: str) -> None:
        """See runner.Networks."""
        keys = [key for key in self._asked if key[0] == unit_id]
        for key in keys:
            del self._asked[key]
        if keys:
            self._put(Disconnect(unit_id))

    def take_groups(self, groups: tuple[SecurityGroup, ...]) -> None:
        """See runner.Networks."""
        self._put(Groups(groups))

    def reach_plane(self, endpoint: str) -> None:
        """See runner.Networks."""
        self._put(Plane(endpoint))

    def keep_spares(self, count: int, tell: Callable[[PoolCounts], bool]) -> None:
        """See runner.Networks."""
        self._tell = tell
        self._told = PoolCounts(0)
        self._put(Keep(count))

    def settle(self) -> None:
        """See runner.Networks."""
        self._settled = False
        self._woken.set()

    async def close(self) -> None:
        """Take away all networks, unless there are tasks in them, which go on."""
        self._closing = True
        if self._emptying is not None:
            self._emptying.cancel()
        self._woken.set()
        await self._running
        for server in self._servers.values():
            server.close()
        if not self._asked and not self._settled:  # nothing was adopted, and nobody else will look for it
            await self._aside(self._fabric.sweep)
        await self._aside(self._fabric.detach if self._asked else self._fabric.remove)
        self._thread.shutdown()

    def _job(self, unit: UnitSpec, container: str) -> Connect | None:
        """What has to be made for that container; None: nothing, it has the host's network."""
        network = unit.network
        if network.mode == "awsvpc" and network.interface is not None:
            return Connect((unit.unit_id, ""), network.interface, size=_size(unit.task))
        if network.mode == "none":
            return Connect((unit.unit_id, container), lonely=True)
        if network.mode == "bridge" and self._bridges:
            spec = next(spec for spec in unit.containers if spec.name == container)
            return Connect((unit.unit_id, container), ports=spec.ports, size=_size(unit.task))
        return None

    def _connect(self, job: Connect, done: Done) -> None:
        if job.key not in self._asked:
            self._asked[job.key] = _Asked()
            self._put(job)
        self._wait(job.key, done)

    def _wait(self, key: Key, done: Done) -> None:
        asked = self._asked[key]
        if asked.answer is not None:
            done(asked.answer)
        else:
            asked.waiting.append(done)

    # the thread

    def _put(self, job: Job) -> None:
        self._jobs.append(job)
        self._woken.set()

    async def _run(self) -> None:
        """For ever: jobs first, then spares, then empty routers, then nothing."""
        while not self._closing:
            self._woken.clear()
            if self._jobs:
                await self._work()
            elif not self._settled:
                self._settled = True
                await self._aside(self._fabric.sweep)
            elif self._emptied:
                self._emptied = False
                for key in await self._aside(self._fabric.tidy):
                    self._servers.pop(key).close()
            elif not await self._aside(self._fabric.refill):
                self._tell_pool()
                await self._woken.wait()

    async def _work(self) -> None:
        """All jobs that have gathered, and what became of them."""
        jobs, self._jobs = self._jobs, []
        answers = await self._aside(partial(self._fabric.work, jobs))
        for key, listener in self._fabric.new_listeners():
            if self._serve is not None:
                self._servers[key] = await self._serve(key, listener)
        for job, answer in zip(jobs, answers, strict=True):
            if isinstance(job, Connect | Adopt) and answer is not None:
                self._answer(job.key, answer)
        if not self._asked and self._emptying is None:
            self._emptying = self._loop.call_later(self._linger_s, self._empty)

    def _tell_pool(self) -> None:
        """The plane hears what has changed, when it has settled; nothing is kept for one that is away."""
        pool = self._fabric.pool()
        if pool != self._told and self._tell(pool):
            self._told = pool

    def _answer(self, key: Key, answer: Connected | NotConnected) -> None:
        asked = self._asked.get(key)
        if asked is None:  # the unit ended meanwhile, and its Disconnect is on its way
            return
        if isinstance(answer, Connected):
            asked.answer = answer
        else:
            del self._asked[key]
        waiting, asked.waiting = asked.waiting, []
        for done in waiting:
            done(answer)

    def _empty(self) -> None:
        self._emptying = None
        if not self._asked:
            self._emptied = True
            self._woken.set()

    def _aside(self, work: Callable[[], T]) -> asyncio.Future[T]:
        return self._loop.run_in_executor(self._thread, work)


def _size(task: TaskFacts | None) -> str:
    """A task's size as the pool counts it: "256/512"."""
    return f"{task.cpu_units}/{task.memory_mib}" if task and task.cpu_units and task.memory_mib else "other"
