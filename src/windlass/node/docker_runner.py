"""Runs containers by a Docker daemon, over its Engine API.

One coroutine sees a container from its image to its end. It waits for the daemon's word that something
happened, and then looks: what counts is what the daemon says the container is, never the event. So an end is
learnt in the same way whether it was told, or happened while the daemon or the agent was away. Containers
stay in Docker until their unit's end is written down (`remove`).
A container that its restart policy starts again is the same one, with all that it wrote.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Set
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TypeAlias, TypeVar

from windlass.fleet.exec_messages import ExecStart
from windlass.fleet.messages import ContainerSpec, UnitSpec
from windlass.kernel.clock import Clock, seconds
from windlass.kernel.spawn import Spawn
from windlass.node import docker_spec as shapes
from windlass.node.command import CannotStart
from windlass.node.docker_api import DaemonGone, Engine, Refused
from windlass.node.docker_check import run_check
from windlass.node.docker_containers import Containers
from windlass.node.docker_daemon import Daemon, Found
from windlass.node.docker_exec import DockerExec
from windlass.node.docker_images import Brought, DockerImages
from windlass.node.docker_network import DockerNetworks
from windlass.node.docker_output import DockerOutput
from windlass.node.docker_places import Places
from windlass.node.docker_spec import Home, Outcome
from windlass.node.faults import CannotCreate
from windlass.node.images.faults import CannotPull, Withdrawn
from windlass.node.process_runner import OUT_OF_MEMORY
from windlass.node.runner import ExecEvents, Execution, LogSink, RunnerEvents, Step, no_step
from windlass.node.sandbox import HOST, Sandbox

STARTS_AT_ONCE = 8
"""Creates and starts that the daemon works on at a time; more only wait for each other inside of it."""
REMOVALS_AT_ONCE = 4
READS_ON_S = 10.0
"""How long a log stream may take to end once its container has."""
AGAIN_S = 1.0
"""Seconds until a log stream that broke off is asked for again."""
CLOSE_WITHIN_S = 15.0
"""How long an agent that ends waits until what ended before is removed."""

KILLED = 128 + 9

Key: TypeAlias = tuple[str, str]
T = TypeVar("T")

log = logging.getLogger("windlass.agent")


@dataclass(slots=True)
class _Container:
    """One container that starts or runs."""

    key: Key
    spec: ContainerSpec
    sandbox: Sandbox = HOST
    id: str = ""
    stop_signal: str = "SIGTERM"
    exit_code: int | None = None
    """What an event said; it is all that is left of a container that somebody removed."""
    stirred: asyncio.Event = field(default_factory=asyncio.Event)
    over: asyncio.Event = field(default_factory=asyncio.Event)
    check: asyncio.Task[None] | None = None
    fetching: asyncio.Task[Brought | CannotPull | DaemonGone] | None = None
    withdrawn: bool = False


@dataclass(slots=True)
class _Unit:
    """What a unit has in Docker: ids of containers by their names, all that has to be removed by name or id,

    and coroutines that are not done.
    """

    containers: dict[str, str] = field(default_factory=dict)
    made: set[str] = field(default_factory=set)
    volumes: set[str] = field(default_factory=set)
    lives: set[asyncio.Task[None]] = field(default_factory=set)


class DockerRunner:
    """Implements runner.Runner, and docker_daemon.Watcher. `home`: the agent that this is."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        clock: Clock,
        spawn: Spawn,
        engine: Engine,
        images: DockerImages,
        networks: DockerNetworks,
        places: Places,
        home: Home,
        step: Step = no_step,
    ) -> None:
        self._loop = loop
        self._clock = clock
        self._spawn = spawn
        self._engine = engine
        self._images = images
        self._networks = networks
        self._places = places
        self._home = home
        self._step = step
        self._daemon = Daemon(engine, clock, home, self)
        self._containers = Containers(self._daemon, home)
        self._starting: dict[Key, _Container] = {}
        self._running: dict[Key, _Container] = {}
        self._by_id: dict[str, _Container] = {}
        self._units: dict[str, _Unit] = {}
        self._found: dict[Key, Found] = {}
        self._starts = asyncio.Semaphore(STARTS_AT_ONCE)
        self._removals_at_once = asyncio.Semaphore(REMOVALS_AT_ONCE)
        self._removals: set[asyncio.Task[None]] = set()
        self._events: RunnerEvents
        self._logs: LogSink

    def attach(self, events: RunnerEvents, logs: LogSink) -> None:
        self._events = events
        self._logs = logs

    async def open(self) -> None:
        """Find what an agent before this one left, and begin to listen. Before any start.

        Raises DaemonGone, Refused, TimeoutError.
        """
        self._places.load()
        for found in await self._daemon.containers():
            unit = self._unit(found.unit_id)
            unit.made.add(found.id)
            if found.container:  # else it holds a network
                self._found[found.unit_id, found.container] = found
                unit.containers[found.container] = found.id
        for unit_id, volume in await self._daemon.volumes():
            self._unit(unit_id).volumes.add(volume)
        self._spawn.start("docker events", self._daemon.watch())

    # runner.Runner

    async def recall(self, units: Collection[str]) -> None:
        """See runner.Runner; `open` has found everything. What is not wanted goes while others start."""
        for unit_id in [unit_id for unit_id in self._units if unit_id not in units]:
            self.remove(unit_id)

    def start(
        self, unit: UnitSpec, container: ContainerSpec, defaults: Mapping[str, str], sandbox: Sandbox = HOST
    ) -> None:
        made = _Container((unit.unit_id, container.name), container, sandbox)
        self._starting[made.key] = made
        self._begin(made, partial(self._start, defaults=dict(defaults)))

    def adopt(self, unit_id: str, container: ContainerSpec, over: int) -> bool:
        """See runner.Runner. One container runs again and again: if it does not now, its last run is over."""
        found = self._found.get((unit_id, container.name))
        if found is None or found.status == "created" or (over and found.status != "running"):
            return False
        adopted = _Container((unit_id, container.name), container, id=found.id)
        self._starting[adopted.key] = adopted
        self._begin(adopted, self._find)
        return True

    def check(self, unit_id: str, container: ContainerSpec, defaults: Mapping[str, str]) -> None:
        """See runner.Runner; Docker gives it the container's own user, directory and environment."""
        found = self._running.get((unit_id, container.name))
        if found is not None and container.health_check is not None:
            if found.check is not None:
                found.check.cancel()
            found.check = self._spawn.start(f"check {found.id}", self._check(found))

    def exec(
        self,
        unit_id: str,
        container: ContainerSpec,
        command: ExecStart,
        defaults: Mapping[str, str],
        events: ExecEvents,
    ) -> Execution:
        """See runner.Runner; as root, with what Docker gives it of the container's own."""
        found = self._running.get((unit_id, container.name))
        if found is None:
            raise CannotStart("the container does not run")
        execution = DockerExec(self._engine, self._spawn, found.id, events)
        self._spawn.start(f"exec {command.exec_id}", execution.run(command))
        return execution

    def withdraw(self, unit_id: str, container: str) -> None:
        """See runner.Runner; a pull that nobody else waits for ends."""
        found = self._starting.get((unit_id, container))
        if found is not None:
            found.withdrawn = True
            if found.fetching is not None:
                found.fetching.cancel()

    def terminate(self, unit_id: str, container: str) -> None:
        """SIGTERM, or the signal that the image asks for (STOPSIGNAL)."""
        found = self._there((unit_id, container))
        if found is not None:
            self._spawn.start(f"terminate {found.id}", self._containers.signal(found.id, found.stop_signal))

    def kill(self, unit_id: str, container: str) -> None:
        found = self._there((unit_id, container))
        if found is not None:
            self._spawn.start(f"kill {found.id}", self._containers.signal(found.id, "SIGKILL"))

    def _there(self, key: Key) -> _Container | None:
        """One that runs, or was adopted and is still being looked up: its time may be up by then."""
        found = self._running.get(key) or self._starting.get(key)
        return found if found is not None and found.id else None

    def remove(self, unit_id: str) -> None:
        removal = self._spawn.start(f"remove {unit_id}", self._remove(unit_id))
        self._removals.add(removal)
        removal.add_done_callback(self._removals.discard)

    async def close(self) -> None:
        """Wait for what is being removed; containers that still run are left alone."""
        if self._removals:
            await asyncio.wait(set(self._removals), timeout=CLOSE_WITHIN_S)
        self._places.close()

    # docker_daemon.Watcher

    def ended(self, container_id: str, exit_code: int | None) -> None:
        if (container := self._by_id.get(container_id)) is not None:
            container.exit_code = container.exit_code if exit_code is None else exit_code
            container.stirred.set()

    def listed(self, running: Set[str]) -> None:
        for container in self._by_id.values():
            if container.id not in running:
                container.stirred.set()

    # one container's life

    def _begin(self, container: _Container, start: Callable[[_Container], Awaitable[Outcome]]) -> None:
        unit_id, name = container.key
        lives = self._unit(unit_id).lives
        before = {life for life in lives if life.get_name() == f"container {unit_id}.{name}"}
        life = self._spawn.start(f"container {unit_id}.{name}", self._live(container, start, before))
        lives.add(life)
        life.add_done_callback(lives.discard)

    async def _live(
        self,
        container: _Container,
        start: Callable[[_Container], Awaitable[Outcome]],
        before: set[asyncio.Task[None]],
    ) -> None:
        """From its start to its end; `before` are lives of a container that starts again."""
        if before:
            await asyncio.wait(before)
        try:
            outcome = await start(container)
        except (CannotCreate, CannotPull, CannotStart, Withdrawn) as error:
            self._starting.pop(container.key, None)
            self._events.failed(*container.key, str(error), self._clock.now())
            return
        self._starting.pop(container.key, None)
        container.stop_signal = outcome.stop_signal
        self._running[container.key] = self._by_id[container.id] = container
        following = self._follow(container)
        pid = outcome.pid if self._engine.address.is_local else 0
        self._events.started(*container.key, pid, min(outcome.started_at, self._clock.now()))
        last = await self._end_of(container)
        self._step("after exit")
        container.over.set()
        del self._running[container.key], self._by_id[container.id]
        if container.check is not None:
            container.check.cancel()
        if following is not None:
            await self._read_on(container, *following)
        self._report_end(container, last)

    def _report_end(self, container: _Container, last: Outcome | None) -> None:
        now = self._clock.now()
        if last is None:
            code = KILLED if container.exit_code is None else container.exit_code
            reason = "ContainerVanishedError: the container was removed from Docker"
            self._events.exited(*container.key, code, reason, now)
            return
        reason = OUT_OF_MEMORY if last.out_of_memory and last.exit_code == KILLED else ""
        self._events.exited(*container.key, last.exit_code, reason, min(last.finished_at or now, now))

    async def _start(self, container: _Container, defaults: Mapping[str, str]) -> Outcome:
        """Make it if need be, and start it. Raises CannotPull, CannotCreate, CannotStart."""
        unit_id, name = container.key
        unit, started_before = self._unit(unit_id), 0
        try:
            if (begun := await self._begun(container.key)) is not None:
                container.id = unit.containers[name]
                return begun
            if name in unit.containers:
                container.id = unit.containers[name]
                started_before = (await self._containers.look_up(container.id)).started_at
            else:
                image = await self._fetch(container)
                self._step("before create")
                async with self._starts:
                    _not_withdrawn(container)
                    join = partial(self._networks.join, unit_id, name, container.sandbox)
                    network = await self._containers.starting(join)
                    body = shapes.create_body(unit_id, container.spec, image, defaults, self._home, network)
                    unit.made.add(shapes.container_name(unit_id, name))
                    unit.volumes.update(shapes.volumes(unit_id, container.spec))
                    container.id = await self._containers.create(unit_id, container.spec, body)
                unit.containers[name] = container.id
                self._step("after create")
        except (DaemonGone, Refused, OSError) as error:
            raise CannotCreate(str(error)) from error
        try:
            async with self._starts:
                _not_withdrawn(container)
                outcome = await self._containers.set_going(container.id, started_before)
        except (DaemonGone, Refused) as error:
            raise CannotStart(str(error)) from error
        self._step("after start")
        return outcome

    async def _fetch(self, container: _Container) -> str:
        """What Docker calls its image, once it has it. Raises CannotPull, DaemonGone, Withdrawn."""
        task = self._spawn.start(f"fetch {'.'.join(container.key)}", self._bring(container))
        container.fetching = task
        await asyncio.wait([task])
        if task.cancelled() or container.withdrawn:
            raise Withdrawn
        brought = task.result()
        if isinstance(brought, Exception):
            raise brought
        return brought.name

    async def _bring(self, container: _Container) -> Brought | CannotPull | DaemonGone:
        def pulling() -> None:
            self._events.pulling(*container.key, self._clock.now())

        try:
            brought = await self._containers.starting(
                partial(self._images.bring, container.spec.image, pulling)
            )
        except DaemonGone as error:
            return error
        except CannotPull as error:
            self._events.pulled(*container.key, "", self._clock.now())
            return error
        self._events.pulled(*container.key, brought.digest, self._clock.now())
        return brought

    async def _find(self, container: _Container) -> Outcome:
        """One that an agent before this one started."""
        try:
            return await self._containers.look_up(container.id)
        except Refused as error:
            raise CannotStart(f"the container is not in Docker any more: {error}") from error

    async def _begun(self, key: Key) -> Outcome | None:
        """One that an agent before this one made: how it is, or None if nothing of it ran and it is gone now,

        to be made anew. Raises DaemonGone, Refused.
        """
        found = self._found.pop(key, None)
        if found is None or found.status != "created":
            return None
        if (begun := await self._containers.discard(found.id)) is None:
            del self._unit(found.unit_id).containers[found.container]
        return begun

    async def _end_of(self, container: _Container) -> Outcome | None:
        """How it ended; None: it is not in Docker any more."""
        while True:
            container.stirred.clear()
            try:
                found = await self._containers.look_up(container.id)
            except Refused as error:
                if error.status == 404:
                    return None
                log.error("container %s cannot be looked at: %s", container.id, error)
                await self._clock.sleep(seconds(AGAIN_S))
                continue
            if not found.runs:
                return found
            await container.stirred.wait()

    # its output

    def _follow(self, container: _Container) -> tuple[DockerOutput, asyncio.Task[None]] | None:
        if container.spec.log is None:
            return None
        stream = self._logs.stream(container.spec.log, container.spec.log_options)
        place = self._places.get(container.id)
        output = DockerOutput(
            self._engine, container.id, stream, place, partial(self._places.set, container.id)
        )
        return output, self._spawn.start(f"logs {container.id}", self._keep_following(container, output))

    async def _keep_following(self, container: _Container, output: DockerOutput) -> None:
        """Until the container is over: the daemon ends streams when it is restarted, too."""
        while not container.over.is_set():
            with suppress(DaemonGone, Refused):
                await output.follow()
            with suppress(TimeoutError):
                await asyncio.wait_for(container.over.wait(), AGAIN_S)

    async def _read_on(self, container: _Container, output: DockerOutput, task: asyncio.Task[None]) -> None:
        """Hand on what is left of its output."""
        output.hurry()
        _, slow = await asyncio.wait([task], timeout=READS_ON_S)
        for reader in slow:
            reader.cancel()
            await asyncio.wait([reader])
        with suppress(Refused):
            await self._daemon.insist(output.finish)

    # what is asked of it

    async def _check(self, container: _Container) -> None:
        assert container.spec.health_check is not None
        try:
            code = await self._daemon.insist(
                partial(run_check, self._engine, container.id, container.spec.health_check)
            )
        except Refused:  # it ended meanwhile, or the daemon cannot: a check that cannot run is no good sign
            code = 127
        self._events.checked(*container.key, code, self._clock.now())

    async def _remove(self, unit_id: str) -> None:
        unit = self._unit(unit_id)
        if unit.lives:
            await asyncio.wait(set(unit.lives))
        async with self._removals_at_once:
            for path in self._paths(unit_id, unit):
                await self._containers.delete(path)
        for container_id in unit.containers.values():
            self._places.forget(container_id)
        self._networks.forget(unit_id)
        self._units.pop(unit_id, None)
        for key in [key for key in self._found if key[0] == unit_id]:
            del self._found[key]

    def _paths(self, unit_id: str, unit: _Unit) -> list[str]:
        """What is to be deleted: containers, those that hold networks for them, then volumes."""
        pauses = self._networks.pauses(unit_id)
        containers = [f"/containers/{name}" for name in (*sorted(unit.made), *pauses)]
        return [*containers, *(f"/volumes/{name}" for name in sorted(unit.volumes))]

    def _unit(self, unit_id: str) -> _Unit:
        return self._units.setdefault(unit_id, _Unit())


def _not_withdrawn(container: _Container) -> None:
    if container.withdrawn:
        raise Withdrawn
