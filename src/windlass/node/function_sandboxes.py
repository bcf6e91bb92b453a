"""Isolated environments: processes that fork servers made, in a place of their own.

Each has a user id, a mount namespace and a control group of its own where the agent may give it these
(root, Linux); without, it is the agent's user's and sees the host. The runtime's own program may be a fork of
a warmed interpreter or be executed; extensions are executed beside it. Knows no events, no Runtime API.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import shutil
import socket
import sys
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from windlass.kernel.clock import SECOND
from windlass.kernel.spawn import Spawn
from windlass.node import function_launcher as launcher
from windlass.node.cgroups import function_group, read_hierarchies
from windlass.node.function_forks import SOURCES, NoServer, Setup
from windlass.node.function_groups import PROCESSES_MAX, FunctionGroups, usable
from windlass.node.function_launcher import Interpreter, Process, Program
from windlass.node.function_nests import LOOK_AGAIN, Means, Nest, Nests, Place, Reap, said
from windlass.node.function_process import clear_marked, kill_group
from windlass.node.function_root import RUNTIME_ROOT
from windlass.node.function_settings import FunctionSettings
from windlass.node.function_spawn import OPEN_FILES_MAX, libraries, python_command
from windlass.node.function_templates import Template
from windlass.node.function_users import Users, choose
from windlass.node.runner import Watch
from windlass.node.user_namespace import is_alone

AT_START_ONLY = "PYTHON"
"""Variables that begin so are read by an interpreter that starts, not by one that is forked."""
LATER_TOO = ("PYTHONPATH", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE")
"""But for these, which the runtime sees to, or which change nothing."""
OWN = Interpreter(sys.executable, ".".join(str(part) for part in sys.version_info[:3]))
"""What runs the agent, and starts everything that is not Python."""
CLEARED_TRIES = 100
"""How often a group is looked at that everything was killed in."""

_READ = os.O_RDONLY | os.O_CLOEXEC
log = logging.getLogger("windlass.agent")


class ForkLauncher:
    """Implements `Launcher`. `data` is the function host's directory (Seat.data)."""

    def __init__(self, data: Path, watch: Watch, spawn: Spawn, reap: Reap, means: Means) -> None:
        self.data = data
        self.nests = Nests(Setup(means.isolated, data, _shown()), means, watch, spawn, reap)
        self.templates: dict[str, Template] = {}
        """By the key of what they are a snapshot of."""
        self._proved = False
        self._sandboxes: set[ForkSandbox] = set()

    def expect(self, python: Interpreter | None) -> None:
        self.nests.refill_later(python or OWN)

    async def open(self, place: launcher.Place) -> ForkSandbox:
        await self._prove()
        fork = await self._fork(place)
        sandbox = ForkSandbox(self.nests, place, self.data, self.templates, fork, self._sandboxes.discard)
        self._sandboxes.add(sandbox)
        return sandbox

    async def close(self) -> None:
        for sandbox in list(self._sandboxes):
            sandbox.close()
        await self.nests.close()

    async def _fork(self, place: launcher.Place) -> Nest | None:
        """What the environment goes on from, if there is a template for it that is still good."""
        template = None if place.template else self.templates.get(place.snapshot)
        if template is None or template.network != place.network:
            return None
        try:
            return await template.take()
        except OSError as error:
            log.warning("environment %s initialises itself: %s", place.unit_id, error)
            return None

    async def _prove(self) -> None:
        """Find out whether this host lets us isolate: only doing it tells."""
        if self._proved or not self.nests.means.isolated:
            return
        try:
            await self.nests.prove(OWN)
        except NoServer as error:
            log.warning("functions are not isolated, and run as the agent's user: %s", error)
            self.nests.give_up_isolation()
        self._proved = True


class ForkSandbox:
    """Implements `Sandbox`. Its place is that of the first process that is started in it."""

    def __init__(
        self,
        nests: Nests,
        asked: launcher.Place,
        data: Path,
        templates: dict[str, Template],
        fork: Nest | None,
        closed: Callable[[ForkSandbox], None],
    ) -> None:
        """`templates` are those of the launcher; one is added here if this is its place. `fork` is a

        template's, to be the runtime.
        """
        self._nests = nests
        self._asked = asked
        self._data = data
        self._told = closed
        isolated = nests.means.isolated
        self.task_root = "/var/task" if isolated else str(asked.code)
        self.opt = "" if asked.layers is None else "/opt" if isolated else str(asked.layers)
        self.runtime_root = RUNTIME_ROOT if isolated else str(SOURCES)
        self._place: Place | None = None if fork is None else fork.place
        self._templates = templates
        self.restores = fork is not None
        self._waiting = fork
        """The fork until its program is known."""
        self._control: socket.socket | None = None
        """Of the template that this is the place of, until it is one."""
        self._template: Template | None = None
        self._turn = asyncio.Lock()
        self._limited = False
        self._closed = False

    def keep_snapshot(self) -> None:
        if self._control is None or self._place is None or self._closed:
            return  # what was executed and not forked cannot be forked from outside
        template = Template(
            self._asked.snapshot, self._asked.network, self._place, self._control, self._nests
        )
        self._template, self._control = template, None
        self._templates[template.key] = template

    async def start(self, program: Program) -> Process:
        reader, writer = os.pipe2(os.O_CLOEXEC)
        try:
            async with self._turn:
                nest = await self._begin(program, writer)
        except BaseException:
            os.close(reader)
            raise
        finally:
            os.close(writer)
        why = await said(nest.end)
        self._nests.hand_over(nest)
        if nest.pid and not why:
            if self._closed:
                kill_group(nest.pid)
            return Process(nest.pid, reader)
        os.close(reader)
        if nest.pid:
            self._nests.watch(nest.pid, lambda code: None)
        raise _error(why)

    def memory_mib(self) -> int:
        group = None if self._place is None else self._place.group
        return 0 if group is None else group.memory_mib()

    async def clear(self) -> None:
        if self._place is None or self._place.group is None:
            await clear_marked(self._asked.unit_id)
            return
        for _ in range(CLEARED_TRIES):
            self._nests.kill(self._place)
            if self._place.group.is_empty():
                return
            await asyncio.sleep(LOOK_AGAIN / SECOND)

    def freeze(self) -> bool:
        self._nests.bury()  # daemons that ended since the last event
        if not self._nests.means.freeze or self._place is None or self._place.group is None:
            return False
        try:
            self._place.group.freeze()
        except OSError as error:
            log.warning("environment %s cannot be frozen: %s", self._asked.unit_id, error)
            return False
        return True

    def thaw(self) -> None:
        if self._place is not None and self._place.group is not None:
            self._place.group.thaw()

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        if self._control is not None:
            self._control.close()
        if self._template is not None:
            self._template.close()
            if self._templates.get(self._template.key) is self._template:
                del self._templates[self._template.key]
        if self._waiting is not None:
            self._nests.discard(self._waiting)
        elif self._place is not None:
            self._nests.leave(self._place)
        self._told(self)

    async def _begin(self, program: Program, output: int) -> Nest:
        """A child that was told to be the program."""
        nest, argv = await self._nest(program)
        if self._place is None:
            self._place = nest.place
        if self._closed:
            nest.end.close()
            self._nests.leave(self._place)
            raise OSError("the environment ends")
        if not nest.pid:
            return nest
        descriptors = self._descriptors(program, argv)
        try:
            if not self._limited and self._place.group is not None:
                self._place.group.limit(self._asked.memory_mib, self._asked.ephemeral_mib)
            nest.tell(self._request(program, argv), [output, *descriptors])
            self._place.furnished = self._limited = True
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        return nest

    def _descriptors(self, program: Program, argv: list[str]) -> list[int]:
        """What goes with the request beside the output; see function_zygote.Request."""
        if self.restores and program.python is not None:
            return []
        found = [] if self._asked.network is None else [os.open(self._asked.network, _READ)]
        if self._is_template(program, argv):
            self._control, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            self._control.setblocking(False)
            found.append(other.detach())
        return found

    def _is_template(self, program: Program, argv: list[str]) -> bool:
        return self._asked.template and program.python is not None and not argv

    async def _nest(self, program: Program) -> tuple[Nest, list[str]]:
        """A child to be the program, and what it has to execute, if it need not only be forked."""
        if self._waiting is not None and program.python is not None:
            nest, self._waiting = self._waiting, None
            return nest, []
        python, argv = program.python, list(program.argv)
        if python is not None and not _reads_at_start(program.environment):
            try:
                return await self._nests.take(python, self._place), []
            except NoServer as error:
                if python == OWN:
                    raise
                log.warning("%s; its functions start without one", error)
        if python is not None:
            argv = python_command(python, self.runtime_root)
        return await self._nests.take(OWN, self._place), argv

    def _request(self, program: Program, argv: list[str]) -> dict[str, Any]:
        """See function_zygote.Request."""
        assert self._place is not None
        isolated, asked = self._place.namespace >= 0, self._asked
        name = program.environment.get("AWS_LAMBDA_FUNCTION_NAME", "")
        limits = {"NOFILE": OPEN_FILES_MAX, "CORE": 0}
        template = self._is_template(program, argv)
        if self._place.user >= 0 and not (template and self._place.group is not None):
            limits["NPROC"] = PROCESSES_MAX  # counts all of a user, and forks of a template have one together
        shows = isolated and not self._place.furnished
        return {
            "argv": argv,
            "environment": dict(program.environment),
            "directory": program.directory or self.task_root,
            "title": f"{'snapshot' if template else 'function'} {name}".strip(),
            "libraries": libraries(),
            "limits": limits,
            "code": os.path.relpath(asked.code, self._data) if shows else "",
            "opt": os.path.relpath(asked.layers, self._data) if shows and asked.layers else "",
            "ephemeral_mib": asked.ephemeral_mib,
            "template": template,
        }


def _reads_at_start(environment: Mapping[str, str]) -> bool:
    """Whether something in it makes a difference only to an interpreter that starts with it."""
    return any(name.startswith(AT_START_ONLY) and name not in LATER_TOO for name in environment)


def _shown() -> list[str]:
    """Directories of the host that environments see: packages for all, and Node.js wherever it is."""
    node = shutil.which("node")
    return [*libraries(), *([] if node is None else [str(Path(node).resolve().parent.parent)])]


def _error(why: bytes) -> OSError:
    """What a child told of its failure; see function_zygote.fail."""
    number, text, name = json.loads(why) if why else (0, "the process could not be made", "")
    return OSError(number, os.strerror(number), name) if number else OSError(text)


def open_launcher(
    agent: Path, data: Path, watch: Watch, spawn: Spawn, reap: Reap, settings: FunctionSettings
) -> ForkLauncher:
    """What the agent in that directory may do on this host, and is told to. Linux, a child subreaper."""
    if os.geteuid() != 0 or is_alone() or not settings.isolated:
        return ForkLauncher(data, watch, spawn, reap, Means())
    ids = choose(Path("/proc/self/uid_map").read_text(), settings.users)
    if ids is None:
        log.warning("functions are not isolated: their user ids do not exist here (%s)", settings.users)
    group = function_group(agent)
    start = int.from_bytes(sha256(group.encode()).digest()[:8])
    means = Means(None if ids is None else Users(ids, start), _groups(group), settings.freeze)
    return ForkLauncher(data, watch, spawn, reap, means)


def _groups(group: str) -> FunctionGroups | None:
    hierarchies = read_hierarchies()
    if not usable(hierarchies):
        return None
    groups = FunctionGroups(hierarchies, group)
    try:
        groups.sweep()
    except OSError as error:
        log.warning("functions have no control groups: %s", error)
        return None
    return groups
