"""Isolated environments: processes forked by a fork server into a place of their own.

Each has a user id, a mount namespace and a control group of its own where the agent may give it these
(root, Linux); without, it is the agent's user's and sees the host. Keeps the servers going: one per
interpreter, made when it is first needed, and again when it ended. Knows no events, no Runtime API.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from windlass.kernel.clock import MILLISECOND, SECOND, Duration
from windlass.node.cgroups import function_group, read_hierarchies
from windlass.node.function_forks import SOURCES, Forked, ForkServer, NoServer, ServerGone, Setup
from windlass.node.function_groups import PROCESSES_MAX, FunctionGroups, Group, usable
from windlass.node.function_launcher import Interpreter, Place, Process, Program
from windlass.node.function_process import clear_marked, kill_group
from windlass.node.function_root import RUNTIME_ROOT
from windlass.node.function_settings import FunctionSettings
from windlass.node.function_spawn import OPEN_FILES_MAX, libraries, python_command
from windlass.node.function_users import Users, choose
from windlass.node.runner import Watch
from windlass.node.user_namespace import is_alone

REMOVE_AGAIN: Duration = 20 * MILLISECOND
"""How soon a group is looked at again in which something was still dying."""
AT_START_ONLY = "PYTHON"
"""Variables that begin so are read by an interpreter that starts, not by one that is forked."""
LATER_TOO = ("PYTHONPATH", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE")
"""But for these, which the runtime sees to, or which change nothing."""

OWN = Interpreter(sys.executable, ".".join(str(part) for part in sys.version_info[:3]))
"""What runs the agent, and starts everything that is not Python."""
_READ = os.O_RDONLY | os.O_CLOEXEC
CLEARED_TRIES = 100
"""How often a group is looked at that everything was killed in."""
log = logging.getLogger("windlass.agent")


@dataclass(frozen=True, slots=True)
class Means:
    """What this agent may give environments. None: it may not, or is told not to."""

    users: Users | None = None
    groups: FunctionGroups | None = None

    @property
    def isolated(self) -> bool:
        """Own users come with own mounts: another user could not read the host's directories."""
        return self.users is not None


class ForkLauncher:
    """Implements `Launcher`. `data` is the function host's directory (Seat.data)."""

    def __init__(self, data: Path, watch: Watch, means: Means) -> None:
        self._data = data
        self.watch = watch
        self.means = means
        self._servers: dict[str, asyncio.Future[ForkServer]] = {}
        self._sandboxes: set[ForkSandbox] = set()
        self._leaving: dict[Group, asyncio.TimerHandle] = {}
        self._proved = False

    async def open(self, place: Place) -> ForkSandbox:
        await self._prove()
        user = -1 if self.means.users is None else self.means.users.take()
        group = None
        if self.means.groups is not None:
            group = self.means.groups.make(place.unit_id, place.memory_mib, place.ephemeral_mib)
        sandbox = ForkSandbox(self, place, self._data, user, group)
        self._sandboxes.add(sandbox)
        return sandbox

    async def close(self) -> None:
        for sandbox in list(self._sandboxes):
            sandbox.close()
        for server in self._servers.values():
            if server.done() and not server.cancelled() and server.exception() is None:
                server.result().close()
        for group, timer in self._leaving.items():
            timer.cancel()
            group.kill()
            group.remove()
        if self.means.groups is not None:
            self.means.groups.close()

    async def fork(self, program: Program, fields: dict[str, Any], descriptors: list[int]) -> Forked:
        """Have that program's process made by a server. Raises OSError."""
        python = program.python
        if python is not None and not _reads_at_start(program.environment):
            try:
                return await self._ask(python, fields, descriptors)
            except NoServer as error:
                log.warning("%s; its functions start without one", error)
        if python is not None:
            runtime_root = program.environment["LAMBDA_RUNTIME_DIR"]
            fields = fields | {"argv": python_command(python, runtime_root)}
        return await self._ask(OWN, fields, descriptors)

    async def _ask(
        self, interpreter: Interpreter, fields: Mapping[str, Any], descriptors: list[int]
    ) -> Forked:
        """Ask that interpreter's server, and should it be dead, one more."""
        try:
            return await (await self._server(interpreter)).ask(fields, descriptors)
        except ServerGone:
            log.warning("the fork server of %s ended; another takes its place", interpreter.path)
            return await (await self._server(interpreter)).ask(fields, descriptors)

    def closed(self, sandbox: ForkSandbox, user: int, group: Group | None) -> None:
        """A sandbox is no more: its user id and its group are free once all in it is dead."""
        self._sandboxes.discard(sandbox)
        if group is not None:
            self._remove(group)
        if self.means.users is not None:
            self.means.users.give_back(user)

    def _remove(self, group: Group) -> None:
        self._leaving.pop(group, None)
        group.kill()
        if not group.remove():
            loop = asyncio.get_running_loop()
            self._leaving[group] = loop.call_later(REMOVE_AGAIN / SECOND, self._remove, group)

    async def _prove(self) -> None:
        """Find out whether this host lets us isolate: only doing it tells."""
        if not self.means.isolated or self._proved:
            return
        try:
            await self._server(OWN)
        except NoServer as error:
            log.warning("functions are not isolated, and run as the agent's user: %s", error)
            self.means = replace(self.means, users=None)
        self._proved = True

    async def _server(self, interpreter: Interpreter) -> ForkServer:
        """The running one, or a new one however many ask for it. Raises OSError."""
        found = self._servers.get(interpreter.path)
        if found is not None and not (found.done() and (found.exception() or found.result().ended)):
            return await asyncio.shield(found)
        started: asyncio.Future[ForkServer] = asyncio.get_running_loop().create_future()
        self._servers[interpreter.path] = started
        setup = Setup(self.means.isolated, self._data, _shown())
        try:
            server = await ForkServer.start(interpreter, setup, self.watch)
        except BaseException as error:
            started.set_exception(error if isinstance(error, OSError) else NoServer("not started"))
            started.exception()  # nobody else may have waited
            raise
        started.set_result(server)
        return server


class ForkSandbox:
    """Implements `Sandbox`."""

    def __init__(
        self, launcher: ForkLauncher, place: Place, data: Path, user: int, group: Group | None
    ) -> None:
        self._launcher = launcher
        self._place = place
        self._user = user
        self._group = group
        isolated = launcher.means.isolated
        self.task_root = "/var/task" if isolated else str(place.code)
        self.opt = "" if place.layers is None else "/opt" if isolated else str(place.layers)
        self.runtime_root = RUNTIME_ROOT if isolated else str(SOURCES)
        self._code = os.path.relpath(place.code, data)
        self._layers = "" if place.layers is None else os.path.relpath(place.layers, data)
        self._namespace = -1
        self._turn = asyncio.Lock()
        self._closed = False

    async def start(self, program: Program) -> Process:
        reader, writer = os.pipe2(os.O_CLOEXEC)
        status, told = os.pipe2(os.O_CLOEXEC)
        try:
            async with self._turn:
                pid = await self._fork(program, writer, told)
        except BaseException:
            os.close(reader)
            os.close(status)
            raise
        finally:
            os.close(writer)
            os.close(told)
        why = await _read_to_end(status)
        if pid and not why:
            if self._closed:
                kill_group(pid)
            return Process(pid, reader)
        os.close(reader)
        if pid:
            self._launcher.watch(pid, lambda code: None)
        raise _error(why)

    async def _fork(self, program: Program, output: int, told: int) -> int:
        """The new process's pid, 0 when there is none."""
        if self._closed:
            raise OSError("the environment ends")
        groups = [] if self._group is None else self._group.open()
        entered = [self._namespace] if self._namespace >= 0 else []
        networks = [] if self._place.network is None else [os.open(self._place.network, _READ)]
        try:
            fields = self._fields(program) | {
                "groups": len(groups),
                "entered": bool(entered),
                "networked": bool(networks),
            }
            descriptors = [output, told, *groups, *entered, *networks]
            forked = await self._launcher.fork(program, fields, descriptors)
        finally:
            for descriptor in (*groups, *networks):
                os.close(descriptor)
        if forked.namespace >= 0:
            self._namespace = forked.namespace
        if self._closed:
            self._let_go()
        return forked.pid

    def _fields(self, program: Program) -> dict[str, Any]:
        """See function_zygote.Request."""
        isolated = self._launcher.means.isolated
        limits = {"NOFILE": OPEN_FILES_MAX, "CORE": 0}
        if self._user >= 0:
            limits["NPROC"] = PROCESSES_MAX
        return {
            "argv": list(program.argv),
            "environment": dict(program.environment),
            "directory": program.directory or self.task_root,
            "title": f"function {program.environment.get('AWS_LAMBDA_FUNCTION_NAME', '')}".strip(),
            "libraries": libraries(),
            "user": self._user,
            "limits": limits,
            "code": self._code if isolated else "",
            "opt": self._layers,
            "ephemeral_mib": self._place.ephemeral_mib,
        }

    def _let_go(self) -> None:
        if self._namespace >= 0:
            os.close(self._namespace)
            self._namespace = -1

    async def clear(self) -> None:
        if self._group is None:
            await clear_marked(self._place.unit_id)
            return
        for _ in range(CLEARED_TRIES):
            self._group.kill()
            if self._group.is_empty():
                return
            await asyncio.sleep(REMOVE_AGAIN / SECOND)

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._let_go()
        self._launcher.closed(self, self._user, self._group)


def _reads_at_start(environment: Mapping[str, str]) -> bool:
    """Whether something in it makes a difference only to an interpreter that starts with it."""
    return any(name.startswith(AT_START_ONLY) and name not in LATER_TOO for name in environment)


def _shown() -> list[str]:
    """Directories of the host that environments see: packages for all, and Node.js wherever it is."""
    node = shutil.which("node")
    return [*libraries(), *([] if node is None else [str(Path(node).resolve().parent.parent)])]


async def _read_to_end(pipe: int) -> bytes:
    """All that comes out of it; closes it."""
    loop = asyncio.get_running_loop()
    os.set_blocking(pipe, False)
    readable = asyncio.Event()
    loop.add_reader(pipe, readable.set)
    found = b""
    try:
        while True:
            await readable.wait()
            readable.clear()
            try:
                part = os.read(pipe, 65536)
            except BlockingIOError:  # it was readable when the loop looked, and has been read since
                continue
            if not part:
                return found
            found += part
    finally:
        loop.remove_reader(pipe)
        os.close(pipe)


def _error(why: bytes) -> OSError:
    """What a child told of its failure; see function_zygote.fail."""
    number, text, name = json.loads(why) if why else (0, "the process could not be made", "")
    return OSError(number, os.strerror(number), name) if number else OSError(text)


def open_launcher(agent: Path, data: Path, watch: Watch, settings: FunctionSettings) -> ForkLauncher:
    """What the agent in that directory may do on this host, and is told to. Linux, a child subreaper."""
    if os.geteuid() != 0 or is_alone() or not settings.isolated:
        return ForkLauncher(data, watch, Means())
    ids = choose(Path("/proc/self/uid_map").read_text(), settings.users)
    if ids is None:
        log.warning("functions are not isolated: their user ids do not exist here (%s)", settings.users)
    return ForkLauncher(data, watch, Means(None if ids is None else Users(ids), _groups(agent)))


def _groups(agent: Path) -> FunctionGroups | None:
    hierarchies = read_hierarchies()
    if not usable(hierarchies):
        return None
    groups = FunctionGroups(hierarchies, function_group(agent))
    try:
        groups.sweep()
    except OSError as error:
        log.warning("functions have no control groups: %s", error)
        return None
    return groups
