"""Runs containers as processes of this host: each in its own session, with its own pipes and directory.

Knows processes, pipes and directories; decides nothing about the order or the end of a task (plan.py does).
Each command has a keeper for a parent (keeper.py), which outlives this agent: the next one adopts the
container there. A container is over when its keeper is: what it leaves behind is then killed, its output
is read to the end, and only then is its end reported.
Known gaps, see docs/decisions/0006: no isolation of file system and network, CPU shares are not enforced,
nor is any limit of the task or instance as a whole;
a process that has left its session, cleared its environment and lost its parents is not recognised.
"""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeAlias

from windlass.fleet.exec_messages import ExecStart
from windlass.fleet.messages import ContainerSpec, UnitSpec
from windlass.kernel.clock import Clock, Duration, Instant, seconds
from windlass.node import keeper, proc
from windlass.node.children import Children
from windlass.node.command import CannotStart, Identity, Launch, identify, prepare
from windlass.node.conversation import Conversations
from windlass.node.health_command import HealthCommands, checked_by
from windlass.node.host_exec import converse, executed_by
from windlass.node.keeper import Keepers, Kept
from windlass.node.memory import MemoryWatch
from windlass.node.network.namespaces import inside_path
from windlass.node.output import Output
from windlass.node.runner import ExecEvents, Execution, LogSink, LogStream, RunnerEvents, Step, no_step
from windlass.node.sandbox import HOST, Sandbox

OUT_OF_MEMORY = "OutOfMemoryError: Container killed due to memory usage"
"""amazon-ecs-agent: agent/dockerclient/dockerapi/errors.go."""
KEEPER_LOST = "The container's keeper was killed"
LEFTOVERS_LOOK_S = 0.005
"""Seconds until it is looked again whether killed leftovers are gone."""
LEFTOVERS_PATIENCE: Duration = seconds(5)
"""After that an end is reported although something (in an uninterruptible wait) is still there."""
SIGNAL_AGAIN_S = 0.005
"""Seconds until a signal is tried again on a container whose keeper has not started the command yet."""
SWEEP_S = 1.0
"""Seconds between two sweeps for dead orphans of containers that go on."""
DATA_LIMIT_FACTOR = 4
DATA_LIMIT_EXTRA = 2**30
"""A process's RLIMIT_DATA is this many times the container's memory, and this many bytes: see memory.py."""
MEBIBYTE = 2**20

Key: TypeAlias = tuple[str, str]
"""(unit id, container name)."""


@dataclass(slots=True)
class _Process:
    """One container that runs, or whose end is not yet reported. `pid` is its keeper's, and its session's."""

    key: Key
    place: str
    """The keeper's state file."""
    pid: int
    netns: str = ""
    adopted: bool = False
    """Then neither the keeper nor what the container leaves behind are children of ours."""
    stream: LogStream | None = None
    outputs: list[Output] = field(default_factory=list)
    reason: str = ""
    exit_code: int | None = None
    ended_at: Instant = 0
    leftovers: set[int] = field(default_factory=set)


class ProcessRunner:
    """Implements runner.Runner. `data` is the agent's directory."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        clock: Clock,
        children: Children,
        data: Path,
        path: str,
        step: Step = no_step,
    ) -> None:
        self._loop = loop
        self._clock = clock
        self._children = children
        self._scratch = data / "scratch"
        """UNIT.CONTAINER: private directories. No levels: making directories costs most in a start."""
        self._trash = data / "trash"
        self._keepers = Keepers(data / "keepers")
        self._places: dict[str, set[str]] = {}
        """Names of each unit's containers in `_scratch` and among the keepers."""
        self._path = path
        self._step = step
        self._running: dict[Key, _Process] = {}
        self._ended: dict[Key, _Process] = {}
        self._finishing: asyncio.Handle | None = None
        self._sweeping: asyncio.Handle | None = None
        self._memory = MemoryWatch(loop, self._over_memory)
        self._checks = HealthCommands(loop, children, self._checked)
        self._conversations = Conversations()
        self._removed = 0
        self._events: RunnerEvents
        self._logs: LogSink
        for directory in (self._trash, self._scratch):
            directory.mkdir(mode=0o711, parents=True, exist_ok=True)

    def attach(self, events: RunnerEvents, logs: LogSink) -> None:
        self._events = events
        self._logs = logs

    async def recall(self, units: Collection[str]) -> None:
        """See runner.Runner. Processes of other units were killed by their marks: recover.py."""
        for pid in self._keepers.forget_others(units):
            _kill_session(pid)
        for left in sorted(self._trash.iterdir()):
            self._discard(left)
        for left in sorted(self._scratch.iterdir()):
            if keeper.unit_of(str(left)) not in units:
                self._throw_away(left)
        self._loop.call_soon(self._keepers.let_go)

    def adopt(self, unit_id: str, container: ContainerSpec, over: int) -> bool:
        """See runner.Runner. Its output goes on where the agent before this one stopped reading."""
        key = (unit_id, container.name)
        self._remember(key)  # what was made for it goes with the unit, though it may never have run
        place = self._keepers.place(*key)
        found = keeper.find(place)
        if found is None or found.pid == over:
            return False
        netns = f"/proc/{found.pid}/ns/net" if os.geteuid() == 0 and sys.platform == "linux" else ""
        process = _Process(key, place, found.pid, netns, adopted=True)
        self._events.started(*key, found.pid, found.started_at)
        if not found.alive:
            self._running[key] = process
            self._loop.call_soon(self._exited, process, None)
            return True
        with suppress(OSError):  # it ended this moment: what nobody has read by now is gone
            self._begin(process, keeper.open_pipes(found.pid) if container.log else (), container)
            return True
        self._begin(process, (), container)
        return True

    def start(
        self, unit: UnitSpec, container: ContainerSpec, defaults: Mapping[str, str], sandbox: Sandbox = HOST
    ) -> None:
        """See runner.Runner. PATH is the agent's unless the container sets its own."""
        key = (unit.unit_id, container.name)
        self._step("before create")
        try:
            kept = self._launch(key, container, {"PATH": self._path, **defaults}, sandbox.netns)
        except CannotStart as error:
            self._events.failed(*key, str(error), self._clock.now())
            return
        except OSError as error:  # no process, descriptor or memory left; or a full disk
            reason = f"CannotStartContainerError: {error.strerror or error}"
            self._events.failed(*key, reason, self._clock.now())
            return
        self._step("after start")
        now = self._clock.now()
        self._begin(_Process(key, self._keepers.place(*key), kept.pid, sandbox.netns), kept.pipes, container)
        self._events.started(*key, kept.pid, now)

    def check(self, unit_id: str, container: ContainerSpec, defaults: Mapping[str, str]) -> None:
        """See runner.Runner: as the container's user, in its directory and network, with its environment."""
        key = (unit_id, container.name)
        process = self._running.get(key)
        if process is not None and container.health_check is not None:
            netns = process.netns
            directory = f"{self._scratch}/{keeper.file_name(*key)}"
            command = checked_by(container, container.health_check)

            def launch() -> subprocess.Popen[bytes]:
                environment = {"PATH": self._path, **defaults}
                launch = prepare(unit_id, command, environment, directory, identify(container.user))
                with inside_path(netns):
                    return _spawn_check(launch)

            self._checks.run(key, launch, container.health_check.timeout_s)

    def exec(
        self,
        unit_id: str,
        container: ContainerSpec,
        command: ExecStart,
        defaults: Mapping[str, str],
        events: ExecEvents,
    ) -> Execution:
        """See runner.Runner: as the container's user, in its directory, with its environment and limits."""
        key = (unit_id, container.name)
        process = self._running.get(key)
        if process is None:
            raise CannotStart("the container does not run")
        directory = f"{self._scratch}/{keeper.file_name(unit_id, container.name)}"
        changed = executed_by(container, command)
        launch = prepare(
            unit_id, changed, {"PATH": self._path, **defaults}, directory, identify(container.user)
        )
        with inside_path(process.netns):
            conversation = converse(self._loop, self._children, launch, command, events)
        self._conversations.add(key, conversation)
        return conversation

    def _checked(self, key: Key, exit_code: int) -> None:
        self._events.checked(*key, exit_code, self._clock.now())

    def withdraw(self, unit_id: str, container: str) -> None:
        """Nothing: a start is answered on the spot."""

    def terminate(self, unit_id: str, container: str) -> None:
        self._signal((unit_id, container), signal.SIGTERM)

    def kill(self, unit_id: str, container: str) -> None:
        self._signal((unit_id, container), signal.SIGKILL)

    def remove(self, unit_id: str) -> None:
        """Empty directories go at once, full ones by `rm` beside the loop: they may hold a million files."""
        for name in self._places.pop(unit_id, ()):
            directory = self._scratch / name
            try:
                directory.rmdir()
            except FileNotFoundError:
                pass
            except OSError:
                self._throw_away(directory)
            keeper.forget(f"{self._keepers.directory}/{name}")

    async def close(self) -> None:
        for handle in (self._finishing, self._sweeping):
            if handle is not None:
                handle.cancel()
        self._memory.close()
        self._checks.close()
        self._conversations.close()
        for process in (*self._running.values(), *self._ended.values()):
            for output in process.outputs:
                output.close()
        self._keepers.close()

    def _throw_away(self, directory: Path) -> None:
        self._removed += 1
        target = self._trash / f"{self._clock.now()}.{self._removed}"
        directory.rename(target)
        self._discard(target)

    def _discard(self, directory: Path) -> None:
        tool = shutil.which("rm", path=self._path) or "/bin/rm"
        popen = subprocess.Popen(
            [tool, "-rf", "--", str(directory)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._children.watch(popen.pid, lambda code: setattr(popen, "returncode", code))

    def _remember(self, key: Key) -> str:
        """What is to be taken away with the unit: the container's name in files."""
        name = keeper.file_name(*key)
        self._places.setdefault(key[0], set()).add(name)
        return name

    def _launch(self, key: Key, container: ContainerSpec, defaults: Mapping[str, str], netns: str) -> Kept:
        """Start its keeper, born in the network that this thread enters for a moment (20 µs).

        Raises CannotStart and OSError; `remove` takes away what was made.
        """
        identity = identify(container.user)
        directory = self._directory(key, identity)
        launch = prepare(key[0], container, defaults, directory, identity)
        self._step("after create")
        owner = None if identity is None else identity.uid
        place, piped = self._keepers.place(*key), container.log is not None
        with inside_path(netns):
            return self._keepers.start(place, launch, self._clock.now(), piped, owner)

    def _directory(self, key: Key, owner: Identity | None) -> str:
        """The container's private directory, which outlives restarts."""
        directory = f"{self._scratch}/{self._remember(key)}"
        with suppress(FileExistsError):
            os.mkdir(directory, 0o700)  # noqa: PTH102 (in every start)
        if owner is not None:
            os.chown(directory, owner.uid, owner.gid)
        return directory

    def _begin(self, process: _Process, pipes: Collection[int], container: ContainerSpec) -> None:
        """Its keeper lives: watch it, the container's output and its memory."""
        self._running[process.key] = process
        if container.log is not None:
            stream = process.stream = self._logs.stream(container.log, container.log_options)
            process.outputs = [Output(self._loop, self._clock, pipe, stream) for pipe in pipes]
        if container.memory_mib is not None:
            limit = container.memory_mib * MEBIBYTE
            self._memory.add(process.pid, limit)
            _limit_data(process.pid, limit * DATA_LIMIT_FACTOR + DATA_LIMIT_EXTRA)
        self._children.watch(process.pid, partial(self._exited, process))
        if self._sweeping is None:
            self._sweeping = self._loop.call_later(SWEEP_S, self._sweep)

    def _signal(self, key: Key, number: signal.Signals) -> None:
        """Send it to the command. Its keeper takes a moment to start it: then this comes again."""
        process = self._running.get(key)
        if process is None:
            return
        command = keeper.command_of(process.pid)
        if command is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(command, number)
        elif keeper.end(process.place) is None:
            self._loop.call_later(SIGNAL_AGAIN_S, self._signal, key, number)

    def _over_memory(self, pid: int) -> None:
        for process in self._running.values():
            if process.pid == pid:
                process.reason = OUT_OF_MEMORY
                self.kill(*process.key)

    def _exited(self, process: _Process, code: int | None) -> None:
        """The keeper ended, by `code` if it was our child: take down what it wrote of its command."""
        now = self._clock.now()
        end = keeper.end(process.place)
        if end is not None:
            process.exit_code, process.ended_at = end.exit_code, end.at if process.adopted else now
        else:
            process.exit_code, process.ended_at = None if process.adopted else code, now
            process.reason = process.reason or KEEPER_LOST
        self._step("after exit")
        self._memory.discard(process.pid)
        self._checks.stop(process.key)
        self._conversations.kill(process.key)
        del self._running[process.key]
        self._ended[process.key] = process
        if self._finishing is None:
            self._finishing = self._loop.call_soon(self._finish)

    def _finish(self) -> None:
        """One look for the leftovers of all containers that ended; those without any are reported."""
        self._finishing = None
        self._kill_leftovers()
        now = self._clock.now()
        for key, process in list(self._ended.items()):
            gone = not process.leftovers and self._checks.is_gone(key) and self._conversations.is_gone(key)
            if not gone and now < process.ended_at + LEFTOVERS_PATIENCE:
                continue
            del self._ended[key]
            for output in process.outputs:
                output.finish()
            if process.stream is not None:
                process.stream.flush()
            self._events.exited(*key, process.exit_code, process.reason, process.ended_at)
        if self._ended and self._finishing is None:
            self._finishing = self._loop.call_later(LEFTOVERS_LOOK_S, self._finish)

    def _kill_leftovers(self) -> None:
        """Kill processes that belong to containers which ended; our own dead ones are reaped by looking.

        Orphans of containers that we started are our children; those of adopted ones may be anybody's.
        """
        by_session = {process.pid: process for process in self._ended.values()}
        alive = set(self._children.adopted())
        if any(process.adopted for process in self._ended.values()):
            alive.update(proc.everyone())
        owners: dict[int, _Process] = {}
        for pid in alive:
            stat = proc.stat(pid)
            if stat is None or stat.state == "Z":
                continue
            owner = by_session.get(stat.session)
            if owner is None and (key := proc.mark(pid)) is not None:
                owner = self._ended.get(key)
            if owner is not None:
                owners[pid] = owner
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
        for process in self._ended.values():
            process.leftovers = {pid for pid, owner in owners.items() if owner is process}

    def _sweep(self) -> None:
        """Reap what died after its parents, so that no zombies gather below long-running containers."""
        self._children.adopted()
        self._sweeping = self._loop.call_later(SWEEP_S, self._sweep) if self._running else None


def _kill_session(leader: int) -> None:
    """Kill a keeper and what is in its session. The keeper goes first, and so starts nothing more."""
    with suppress(ProcessLookupError, PermissionError):
        os.kill(leader, signal.SIGKILL)
    for pid in proc.everyone():
        stat = proc.stat(pid)
        if stat is not None and stat.session == leader:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)


def _spawn_check(launch: Launch) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        launch.argv,
        executable=launch.executable if launch.argv[0] == launch.executable else None,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=launch.directory,
        env=launch.environment,
        start_new_session=True,
    )


def _limit_data(pid: int, limit: int) -> None:
    """Bound what the process can allocate. A moment late, which for a backstop does not matter."""
    if hasattr(resource, "prlimit"):
        with suppress(OSError, ValueError):
            _, hard = resource.prlimit(pid, resource.RLIMIT_DATA)
            if hard == resource.RLIM_INFINITY or limit < hard:
                resource.prlimit(pid, resource.RLIMIT_DATA, (limit, limit))
