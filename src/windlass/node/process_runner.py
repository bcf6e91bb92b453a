"""Runs containers as processes of this host: each in its own session, with its own pipes and directory.

Knows processes, pipes and directories; decides nothing about the order or the end of a task (plan.py does).
A container is over when the process that was started is: what it leaves behind is then killed, its output
is read to the end, and only then is its end reported.
Known gaps, see docs/decisions/0006: no isolation of file system and network, CPU shares are not enforced;
a process that has left its session, cleared its environment and lost its parents is not recognised.
"""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from windlass.fleet.exec_messages import ExecStart
from windlass.fleet.messages import ContainerSpec
from windlass.kernel.clock import Clock, Duration, Instant, seconds
from windlass.node import proc
from windlass.node.children import Children
from windlass.node.command import CannotStart, Launch, identify, prepare
from windlass.node.conversation import Conversations
from windlass.node.health_command import HealthCommands, checked_by
from windlass.node.host_exec import converse, executed_by
from windlass.node.memory import MemoryWatch
from windlass.node.network.namespaces import inside_path
from windlass.node.output import Output
from windlass.node.runner import ExecEvents, Execution, LogSink, LogStream, RunnerEvents
from windlass.node.sandbox import HOST, Sandbox

OUT_OF_MEMORY = "OutOfMemoryError: Container killed due to memory usage"
"""amazon-ecs-agent: agent/dockerclient/dockerapi/errors.go."""
LEFTOVERS_LOOK_S = 0.005
"""Seconds until it is looked again whether killed leftovers are gone."""
LEFTOVERS_PATIENCE: Duration = seconds(5)
"""After that an end is reported although something (in an uninterruptible wait) is still there."""
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
    """One container that runs, or whose end is not yet reported."""

    key: Key
    popen: subprocess.Popen[bytes]
    netns: str = ""
    stream: LogStream | None = None
    outputs: list[Output] = field(default_factory=list)
    reason: str = ""
    exit_code: int = 0
    ended_at: Instant = 0
    leftovers: set[int] = field(default_factory=set)

    @property
    def pid(self) -> int:
        return self.popen.pid


class ProcessRunner:
    """Implements runner.Runner. `data` is its own directory; a dead agent's files there are removed."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, clock: Clock, children: Children, data: Path, path: str
    ) -> None:
        self._loop = loop
        self._clock = clock
        self._children = children
        self._scratch = data / "scratch"
        self._trash = data / "trash"
        self._path = path
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
        self._prepare_directories()

    def attach(self, events: RunnerEvents, logs: LogSink) -> None:
        self._events = events
        self._logs = logs

    def start(
        self, unit_id: str, container: ContainerSpec, defaults: Mapping[str, str], sandbox: Sandbox = HOST
    ) -> None:
        """See runner.Runner. PATH is the agent's unless the container sets its own."""
        key = (unit_id, container.name)
        try:
            identity = identify(container.user)
            directory = self._directory(key, None if identity is None else (identity.uid, identity.gid))
            launch = prepare(unit_id, container, {"PATH": self._path, **defaults}, directory, identity)
            popen, pipes = _spawn(launch, 0 if container.log is None else 2, sandbox.netns)
        except CannotStart as error:
            self._events.failed(*key, str(error), self._clock.now())
            return
        except OSError as error:  # no process, descriptor or memory left; or a full disk
            reason = f"CannotStartContainerError: {error.strerror or error}"
            self._events.failed(*key, reason, self._clock.now())
            return
        now = self._clock.now()
        self._begin(_Process(key, popen, sandbox.netns), pipes, container)
        self._events.started(*key, popen.pid, now)

    def check(self, unit_id: str, container: ContainerSpec, defaults: Mapping[str, str]) -> None:
        """See runner.Runner: as the container's user, in its directory and network, with its environment."""
        key = (unit_id, container.name)
        process = self._running.get(key)
        if process is not None and container.health_check is not None:
            netns = process.netns
            directory = str(self._scratch / unit_id / container.name)
            command = checked_by(container, container.health_check)

            def launch() -> subprocess.Popen[bytes]:
                environment = {"PATH": self._path, **defaults}
                identity = identify(container.user)
                return _spawn(prepare(unit_id, command, environment, directory, identity), 0, netns)[0]

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
        directory = str(self._scratch / unit_id / container.name)
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
        process = self._running.get((unit_id, container))
        if process is not None:
            with suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGTERM)

    def kill(self, unit_id: str, container: str) -> None:
        process = self._running.get((unit_id, container))
        if process is not None:
            _kill_group(process.pid)

    def remove(self, unit_id: str) -> None:
        """Empty directories go at once, full ones by `rm` beside the loop: they may hold a million files."""
        directory = self._scratch / unit_id
        try:
            for private in list(directory.iterdir()):
                private.rmdir()
            directory.rmdir()
        except FileNotFoundError:
            return
        except OSError:
            self._removed += 1
            target = self._trash / f"{os.getpid()}.{self._removed}"
            directory.rename(target)
            self._discard(target)

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
            process.popen.returncode = 0  # not ours to wait for any more; silences Popen's warning

    def _prepare_directories(self) -> None:
        """Whatever lies here is a dead agent's: out of the way with it."""
        self._trash.mkdir(parents=True, exist_ok=True)
        if self._scratch.exists():
            self._scratch.rename(self._trash / f"{os.getpid()}.{self._clock.now()}")
        self._scratch.mkdir(mode=0o711)
        for left in sorted(self._trash.iterdir()):
            self._discard(left)

    def _discard(self, directory: Path) -> None:
        tool = shutil.which("rm", path=self._path) or "/bin/rm"
        popen = subprocess.Popen(
            [tool, "-rf", "--", str(directory)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._children.watch(popen.pid, lambda code: setattr(popen, "returncode", code))

    def _directory(self, key: Key, owner: tuple[int, int] | None) -> str:
        """The container's private directory."""
        unit_id, name = key
        unit = f"{self._scratch}/{unit_id}"
        directory = f"{unit}/{name}"
        for path, mode in ((unit, 0o711), (directory, 0o700)):
            with suppress(FileExistsError):
                os.mkdir(path, mode)  # noqa: PTH102 (one of two in every start)
        if owner is not None:
            os.chown(directory, *owner)
        return directory

    def _begin(self, process: _Process, pipes: list[int], container: ContainerSpec) -> None:
        """The process runs: watch it, its output and its memory."""
        self._running[process.key] = process
        if container.log is not None:
            stream = process.stream = self._logs.stream(container.log, container.log_options)
            process.outputs = [Output(self._loop, self._clock, pipe, stream) for pipe in pipes]
        if container.memory_mib is not None:
            limit = container.memory_mib * MEBIBYTE
            self._memory.add(process.pid, limit)
            _limit_data(process.pid, limit * DATA_LIMIT_FACTOR + DATA_LIMIT_EXTRA)
        self._children.watch(process.pid, lambda code: self._exited(process, code))
        if self._sweeping is None:
            self._sweeping = self._loop.call_later(SWEEP_S, self._sweep)

    def _over_memory(self, pid: int) -> None:
        for process in self._running.values():
            if process.pid == pid:
                process.reason = OUT_OF_MEMORY
                self.kill(*process.key)

    def _exited(self, process: _Process, exit_code: int) -> None:
        """The command ended and is not reaped yet, so its group is still its own."""
        _kill_group(process.pid)
        process.popen.returncode = exit_code
        process.exit_code = exit_code
        process.ended_at = self._clock.now()
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
        """Kill adopted processes that belong to containers which ended; dead ones are reaped by looking."""
        by_session = {process.pid: process for process in self._ended.values()}
        alive = self._children.adopted()
        for process in self._ended.values():
            process.leftovers.intersection_update(alive)
        for pid in alive:
            stat = proc.stat(pid)
            owner = by_session.get(stat.session) if stat is not None else None
            if owner is None and (key := proc.mark(pid)) is not None:
                owner = self._ended.get(key)
            if owner is not None:
                owner.leftovers.add(pid)
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)

    def _sweep(self) -> None:
        """Reap what died after its parents, so that no zombies gather below long-running containers."""
        self._children.adopted()
        self._sweeping = self._loop.call_later(SWEEP_S, self._sweep) if self._running else None


def _spawn(launch: Launch, pipes: int, netns: str) -> tuple[subprocess.Popen[bytes], list[int]]:
    """Start it; returns the reading ends of its pipes: none, or stdout's and stderr's.

    It is born in the network namespace that this thread enters for a moment: 20 µs, and no program more.
    Without a user to change to, CPython uses vfork here: quick however large the agent is.
    """
    ends = [os.pipe() for _ in range(pipes)]
    outputs = [end[1] for end in ends] or [subprocess.DEVNULL] * 2
    identity = launch.identity
    try:
        with inside_path(netns):
            popen = subprocess.Popen(
                launch.argv,
                executable=launch.executable,
                stdin=subprocess.DEVNULL,
                stdout=outputs[0],
                stderr=outputs[1],
                cwd=launch.directory,
                env=launch.environment,
                start_new_session=True,
                user=None if identity is None else identity.uid,
                group=None if identity is None else identity.gid,
                extra_groups=None if identity is None else list(identity.groups),
            )
    except OSError as error:
        for end in ends:
            os.close(end[0])
        if isinstance(error, FileNotFoundError | PermissionError | NotADirectoryError):
            # The file was there when it was looked up: its interpreter is not, or that user may not run it.
            raise CannotStart(
                f'exec: "{launch.argv[0]}": {(error.strerror or str(error)).lower()}'
            ) from error
        raise
    finally:
        for end in ends:
            os.close(end[1])
    return popen, [end[0] for end in ends]


def _kill_group(pid: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _limit_data(pid: int, limit: int) -> None:
    """Bound what the process can allocate. A moment late, which for a backstop does not matter."""
    if hasattr(resource, "prlimit"):
        with suppress(OSError, ValueError):
            _, hard = resource.prlimit(pid, resource.RLIMIT_DATA)
            if hard == resource.RLIM_INFINITY or limit < hard:
                resource.prlimit(pid, resource.RLIMIT_DATA, (limit, limit))
