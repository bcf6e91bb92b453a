"""Runs containers from images with an OCI runtime (crun, runc): no daemon.

One coroutine sees a container from its bundle to its end. Its monitor (oci_monitor.py) has the runtime make
it, is the parent of its first process, and outlives the agent: the next one goes on where this one was.
That process is the first of a pid namespace: when it ends, the kernel has killed all others in it before.
The root file system is mounted in the agent's own mount namespace and detached as soon as the container has
it, so that nothing stays mounted, whatever happens to the agent.
Known gaps: see oci_spec.py, and: a container that its restart policy starts again has a fresh root file
system.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from windlass.fleet.exec_messages import ExecStart
from windlass.fleet.messages import ContainerSpec, UnitSpec
from windlass.kernel.clock import MILLISECOND, SECOND, Clock
from windlass.kernel.spawn import Spawn
from windlass.node import mounts, oci_check, oci_exec, oci_monitor, oci_reason
from windlass.node.cgroups import parent_group
from windlass.node.children import Children
from windlass.node.command import CannotStart
from windlass.node.conversation import Conversations
from windlass.node.health_command import HealthCommands
from windlass.node.images.faults import CannotPull, Withdrawn
from windlass.node.images.pulls import Pulls, Wanted
from windlass.node.images.store import Image, ImageStore
from windlass.node.keeper import Kept, open_pipes
from windlass.node.oci_bundle import Bundle, bundle_of, bundles_in, found_bundle, lay_out
from windlass.node.oci_command import OciCommand
from windlass.node.oci_host import OciHost
from windlass.node.oci_monitor import Found, Monitors
from windlass.node.oci_spec import Limits, stop_signal
from windlass.node.output import Output
from windlass.node.process_runner import KEEPER_LOST, OUT_OF_MEMORY
from windlass.node.runner import ExecEvents, Execution, LogSink, LogStream, RunnerEvents, Step, no_step
from windlass.node.sandbox import HOST, Sandbox
from windlass.node.task_groups import TaskGroups
from windlass.node.task_room import Level, levels

STARTS_AT_ONCE = 4 * (os.cpu_count() or 1)
"""Runtimes at work at the same time: more than half of what they do is waiting for the kernel."""
THREADS_MAX = 4 * STARTS_AT_ONCE
"""For file system work; an unmount waits for the kernel as well, and no start shall wait behind it."""
CLEANUPS_AT_ONCE = 2
GONE_WITHIN = 5 * SECOND
"""How long killed leftovers are waited for."""
LOOK = 10 * MILLISECOND
SWEEP_S = 1.0
"""Seconds between two sweeps for what runtimes left dead."""
CLOSE_WITHIN_S = 10.0
"""How long an agent that ends waits until what ended before is cleaned up."""

Key: TypeAlias = tuple[str, str]
T = TypeVar("T")


@dataclass(slots=True)
class _Container:
    """One container that starts, runs, or is being cleaned up."""

    key: Key
    spec: ContainerSpec
    bundle: Bundle
    sandbox: Sandbox
    levels: tuple[Level, ...] = ()
    """The groups around its own; (): they are there."""
    stop_signal: int = signal.SIGTERM
    pid: int = 0
    process: int = -1
    """A pidfd of its first process; -1: there is none any more."""
    adopted: bool = False
    stream: LogStream | None = None
    outputs: list[Output] = field(default_factory=list)
    wanted: Wanted | None = None
    """Its image, while that is fetched."""
    withdrawn: bool = False
    detached: asyncio.Future[None] | None = None
    """Done when its root file system is no longer mounted here."""


class OciRunner:
    """Implements runner.Runner. `data` is the agent's directory, `pulls` gets images into its `store`."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        clock: Clock,
        children: Children,
        spawn: Spawn,
        data: Path,
        store: ImageStore,
        pulls: Pulls,
        host: OciHost,
        step: Step = no_step,
    ) -> None:
        self._loop = loop
        self._clock = clock
        self._children = children
        self._spawn = spawn
        self._store = store
        self._pulls = pulls
        self._host = host
        self._step = step
        self._units = data / "oci" / "units"
        self._state = data / "oci" / "state"
        self._group = parent_group(data)
        self._task_groups = TaskGroups(host.cgroups, self._group)
        self._group_of: dict[str, str] = {}
        """Of each unit that is here."""
        for directory in (self._units, self._state):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._commands = OciCommand(host, self._state, children.watch)
        self._monitors = Monitors(data / "monitors", self._state, host)
        self._limits = Limits(host.cgroups.swap, host.init, host.capabilities, host.rootless)
        self._starting: dict[Key, _Container] = {}
        self._running: dict[Key, _Container] = {}
        self._images: dict[Key, Image] = {}
        """Of the containers of units that are here: one that starts again has the same."""
        self._lives: dict[str, set[asyncio.Task[None]]] = {}
        """Per unit: its containers' coroutines, until they are cleaned up."""
        self._removals: set[asyncio.Task[None]] = set()
        self._starts = asyncio.Semaphore(STARTS_AT_ONCE)
        self._cleanups = asyncio.Semaphore(CLEANUPS_AT_ONCE)
        self._threads = ThreadPoolExecutor(THREADS_MAX, "oci")
        self._conversations = Conversations()
        self._checks = HealthCommands(loop, children, self._checked)
        self._sweeping: asyncio.Handle | None = None
        self._events: RunnerEvents
        self._logs: LogSink

    def attach(self, events: RunnerEvents, logs: LogSink) -> None:
        self._events = events
        self._logs = logs

    async def recall(self, units: Collection[str]) -> None:
        """See runner.Runner. What was made and never started is ended too: it is made again."""
        kept: dict[str, str] = {}
        for unit_id, bundle in bundles_in(self._units, self._group):
            if unit_id in units and self._monitors.find(bundle) is not None:
                kept[bundle.id] = bundle.group
            else:
                await self._end(bundle)
        for directory in self._units.iterdir():
            if directory.name not in units:
                await self._aside(partial(shutil.rmtree, directory, ignore_errors=True))
        for directory in self._state.iterdir():
            if directory.name not in kept:
                await self._aside(partial(shutil.rmtree, directory, ignore_errors=True))
        self._host.cgroups.remove(self._group, but=kept.values())
        self._loop.call_soon(self._monitors.let_go)

    async def _end(self, bundle: Bundle, detached: asyncio.Future[None] | None = None) -> None:
        """Kill what was begun there, however far it came and whatever of it was killed, and take it away."""
        await self._aside(partial(self._monitors.kill, bundle))
        await self._empty(bundle)
        with suppress(OSError):
            await self._commands.run("delete", "--force", bundle.id)
        if detached is not None:
            await detached
        self._host.cgroups.remove(bundle.group)
        self._monitors.forget(bundle)
        for directory in (self._state / bundle.id, bundle.directory):
            await self._aside(partial(shutil.rmtree, directory, ignore_errors=True))
        self._sweep_soon()

    async def _empty(self, bundle: Bundle) -> None:
        """Kill all that is in its cgroup; returns when nothing is: the dead are, until reaped."""
        deadline = self._clock.now() + GONE_WITHIN
        while self._host.cgroups.kill(bundle.group) and self._clock.now() < deadline:
            await self._clock.sleep(LOOK)
            self._children.reap_orphans()

    def adopt(self, unit_id: str, container: ContainerSpec, over: int) -> bool:
        """See runner.Runner. Its output goes on where the agent before this one stopped reading."""
        bundle = found_bundle(self._units, self._group, unit_id, container.name)
        self._group_of.setdefault(unit_id, bundle.group.rpartition("/")[0])
        made = _Container((unit_id, container.name), container, bundle, HOST, adopted=True)
        found = self._monitors.find(bundle)
        if found is None or found.pid == over:
            self._begin_life(made, self._clean_up(made))
            return False
        made.pid, made.process = found.pid, oci_monitor.open_process(found.pid, bundle)
        made.stop_signal = stop_signal(bundle.started_file.read_text())
        self._events.started(*made.key, found.pid, found.started_at)
        pipes: Sequence[int] = ()
        with suppress(OSError):  # it ended this moment: what nobody has read by now is gone
            pipes = open_pipes(found.keeper) if found.alive and container.log is not None else ()
        self._watch_output(made, pipes)
        self._begin_life(made, self._until_end(made, self._end_of(found)))
        return True

    def _end_of(self, found: Found) -> asyncio.Future[int]:
        if found.alive:
            return self._exit_of(found.keeper)
        gone: asyncio.Future[int] = self._loop.create_future()
        gone.set_result(0)
        return gone

    def start(
        self, unit: UnitSpec, container: ContainerSpec, defaults: Mapping[str, str], sandbox: Sandbox = HOST
    ) -> None:
        unit_id, around = unit.unit_id, levels(unit)
        group = self._group_of[unit_id] = self._task_groups.group(around)
        bundle = bundle_of(self._units, group, unit_id, container.name)
        made = _Container((unit_id, container.name), container, bundle, sandbox, around)
        self._starting[made.key] = made
        lives, name = self._lives.setdefault(unit_id, set()), f"container {bundle.id}"
        before = {life for life in lives if life.get_name() == name}
        self._begin_life(made, self._live(made, dict(defaults), before))

    def _begin_life(self, container: _Container, course: Coroutine[Any, Any, None]) -> None:
        lives = self._lives.setdefault(container.key[0], set())
        life = self._spawn.start(f"container {container.bundle.id}", course)
        lives.add(life)
        life.add_done_callback(lives.discard)

    def check(self, unit_id: str, container: ContainerSpec, defaults: Mapping[str, str]) -> None:
        """See runner.Runner; with the environment that the container was started with."""
        found = self._running.get((unit_id, container.name))
        if found is not None and container.health_check is not None:
            command = container.health_check.command
            launch = partial(oci_check.launch, self._host.command, self._state, found.bundle, command)
            kill = partial(oci_check.kill, self._loop)
            self._checks.run(found.key, launch, container.health_check.timeout_s, kill)

    def exec(
        self,
        unit_id: str,
        container: ContainerSpec,
        command: ExecStart,
        defaults: Mapping[str, str],
        events: ExecEvents,
    ) -> Execution:
        """See runner.Runner; as root, with the environment that the container was started with."""
        found = self._running.get((unit_id, container.name))
        if found is None:
            raise CannotStart("the container does not run")
        runtime = (*self._host.command, "--root", str(self._state))
        conversation = oci_exec.converse(self._loop, self._children, runtime, found.bundle, command, events)
        self._conversations.add(found.key, conversation)
        return conversation

    def _checked(self, key: Key, exit_code: int) -> None:
        self._events.checked(*key, exit_code, self._clock.now())

    def withdraw(self, unit_id: str, container: str) -> None:
        """See runner.Runner; a pull that nobody else waits for ends."""
        found = self._starting.get((unit_id, container))
        if found is not None:
            found.withdrawn = True
            if found.wanted is not None and not found.wanted.done():
                found.wanted.set_exception(Withdrawn())

    def terminate(self, unit_id: str, container: str) -> None:
        """SIGTERM, or the signal that the image asks for (STOPSIGNAL)."""
        found = self._running.get((unit_id, container))
        if found is not None:
            self._signal(found, found.stop_signal)

    def kill(self, unit_id: str, container: str) -> None:
        found = self._running.get((unit_id, container))
        if found is not None:
            self._signal(found, signal.SIGKILL)

    def remove(self, unit_id: str) -> None:
        """When the last of its containers is cleaned up, which is told after its end."""
        removal = self._spawn.start(f"remove {unit_id}", self._remove(unit_id))
        self._removals.add(removal)
        removal.add_done_callback(self._removals.discard)

    async def close(self) -> None:
        """Wait for what is being cleaned up; containers that still run are left alone."""
        self._checks.close()
        self._conversations.close()
        await self._pulls.close()
        if self._sweeping is not None:
            self._sweeping.cancel()
        alive = {f"container {container.bundle.id}" for container in self._running.values()}
        lives = {life for tasks in self._lives.values() for life in tasks if life.get_name() not in alive}
        if lives | self._removals:
            await asyncio.wait(lives | self._removals, timeout=CLOSE_WITHIN_S)
        for container in self._running.values():
            for output in container.outputs:
                output.close()
            if container.process >= 0:
                os.close(container.process)
        self._monitors.close()
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._host.cgroups.remove(self._group)

    # one container's life

    async def _live(
        self, container: _Container, defaults: Mapping[str, str], before: set[asyncio.Task[None]]
    ) -> None:
        """From its start to its end; `before` are lives of a container that starts again."""
        if before:
            await asyncio.wait(before)  # its bundle and its name are free only then
        try:
            image = await self._fetch(container)
            async with self._starts:
                ended = await self._start(container, image, defaults)
        except oci_reason.EXPECTED as error:
            await self._clean_up(container, by_force=True)
            self._starting.pop(container.key, None)
            self._events.failed(*container.key, oci_reason.reason(error), self._clock.now())
            return
        await self._until_end(container, ended)

    async def _until_end(self, container: _Container, ended: asyncio.Future[int]) -> None:
        """From the moment it runs; `ended` is done when its monitor is gone."""
        await ended
        self._step("after exit")
        found = oci_monitor.exit_code(container.bundle)
        if found is None:  # somebody killed the monitor
            self._signal(container, signal.SIGKILL)
            await self._empty(container.bundle)
        code, ended_at = found or (None, self._clock.now())
        reason = KEEPER_LOST if found is None else ""
        if code == 128 + signal.SIGKILL and self._host.cgroups.oom_kills(container.bundle.group):
            reason = OUT_OF_MEMORY
        self._close(container)
        self._events.exited(
            *container.key, code, reason, ended_at if container.adopted else self._clock.now()
        )
        await self._clean_up(container)

    def _close(self, container: _Container) -> None:
        """It has ended: hand on the rest of its output, let go of what it had here."""
        del self._running[container.key]
        self._checks.stop(container.key)
        self._host.cgroups.weigh(self._group, len(self._running))
        if container.process >= 0:
            os.close(container.process)
            container.process = -1
        for output in container.outputs:
            output.finish()
        if container.stream is not None:
            container.stream.flush()

    async def _fetch(self, container: _Container) -> Image:
        """Its image: the one that it had before, one that is here, or one from a registry."""
        before = self._images.get(container.key)
        if before is not None:
            return before
        wanted = container.wanted = self._pulls.want(container.spec.image)
        if not wanted.done():
            self._events.pulling(*container.key, self._clock.now())
        try:
            image = self._images[container.key] = await wanted
        except CannotPull:
            self._events.pulled(*container.key, "", self._clock.now())
            raise
        self._events.pulled(*container.key, image.digest, self._clock.now())
        return image

    async def _start(
        self, container: _Container, image: Image, defaults: Mapping[str, str]
    ) -> asyncio.Future[int]:
        """Start it and say so; returns its exit code to be. Raises what is EXPECTED."""
        if container.withdrawn:
            raise Withdrawn
        container.stop_signal = stop_signal(image.config.stop_signal)
        bundle = container.bundle
        self._step("before create")
        await self._aside(lambda: self._lay_out(container, image, defaults))
        kept, said = self._monitors.start(bundle, self._clock.now(), container.spec.log is not None)
        ended = self._exit_of(kept.pid)
        try:
            made = await oci_monitor.made(self._loop, said)
        finally:
            container.detached = self._loop.run_in_executor(self._threads, _detach, bundle.root)
        if not made:
            for pipe in kept.pipes:
                os.close(pipe)
            raise CannotStart(await self._aside(lambda: oci_monitor.complaint(bundle.log)))
        if not await self._begin(container, kept):
            self._signal(container, signal.SIGKILL)
            await ended
            self._close(container)
            raise CannotStart("the OCI runtime was killed before the container was started")
        self._events.started(*container.key, container.pid, self._clock.now())
        return ended

    def _lay_out(self, container: _Container, image: Image, defaults: Mapping[str, str]) -> None:
        self._task_groups.make(container.levels)
        claim = partial(self._store.claim, image)
        spec, limits = container.spec, self._limits
        lay_out(container.bundle, container.key[0], spec, image, claim, defaults, limits, container.sandbox)

    async def _begin(self, container: _Container, kept: Kept) -> bool:
        """It is made and waits: watch it and its output, then let it run. False: nobody did."""
        bundle = container.bundle
        self._step("after create")
        container.pid = int(bundle.pid_file.read_text())
        container.process = oci_monitor.open_process(container.pid, bundle)
        bundle.started_file.write_text(str(int(container.stop_signal)))
        self._watch_output(container, kept.pipes)
        self._starting.pop(container.key, None)
        code = 1
        with suppress(OSError):  # other starts that fail end the container, and with it this life
            code = await self._commands.run("start", bundle.id)
        self._step("after start")
        return not code or not self._monitors.waits(bundle)

    def _watch_output(self, container: _Container, pipes: Sequence[int]) -> None:
        """It runs from now on, as far as others ask."""
        if container.spec.log is not None:
            stream = container.stream = self._logs.stream(container.spec.log, container.spec.log_options)
            container.outputs = [Output(self._loop, self._clock, pipe, stream) for pipe in pipes]
        self._running[container.key] = container
        self._sweep_soon()
        self._host.cgroups.weigh(self._group, len(self._running))

    async def _clean_up(self, container: _Container, *, by_force: bool = False) -> None:
        """Let the runtime forget it, and take its files away. `by_force`: something of it may yet be made."""
        directory = container.bundle.directory
        if not directory.exists():
            return
        async with self._cleanups:
            if by_force:
                await self._end(container.bundle, container.detached)
                return
            with suppress(OSError):
                await self._commands.run("delete", "--force", container.bundle.id)
            if container.detached is not None:
                await container.detached
            self._monitors.forget(container.bundle)
            await self._aside(partial(shutil.rmtree, directory, ignore_errors=True))

    async def _remove(self, unit_id: str) -> None:
        lives = self._lives.get(unit_id)
        if lives:
            await asyncio.wait(set(lives))
        self._lives.pop(unit_id, None)
        for key in [key for key in self._images if key[0] == unit_id]:
            self._store.touch(self._images.pop(key).id)
        if unit_id in self._group_of:
            await self._aside(partial(self._task_groups.remove, self._group_of.pop(unit_id)))
        await self._aside(partial(shutil.rmtree, self._units / unit_id, ignore_errors=True))

    def _sweep_soon(self) -> None:
        if self._sweeping is None:
            self._sweeping = self._loop.call_later(SWEEP_S, self._sweep)

    def _sweep(self) -> None:
        self._children.reap_orphans()
        self._sweeping = self._loop.call_later(SWEEP_S, self._sweep) if self._running else None

    # tools

    def _exit_of(self, pid: int) -> asyncio.Future[int]:
        future: asyncio.Future[int] = self._loop.create_future()
        self._children.watch(pid, lambda code: None if future.cancelled() else future.set_result(code))
        return future

    def _signal(self, container: _Container, number: int) -> None:
        """To the first process, whoever has its number by now."""
        if container.process >= 0:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(container.process, number)

    async def _aside(self, work: Callable[[], T]) -> T:
        """Beside the loop: file system work, which may take its time."""
        return await self._loop.run_in_executor(self._threads, work)


def _detach(root: Path) -> None:
    with suppress(OSError):
        mounts.detach(root)
