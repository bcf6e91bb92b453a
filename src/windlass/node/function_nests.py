"""Children of fork servers that wait for what to be, each in a place of its own: made ahead where that helps.

To make a place takes the kernel several times as long as all the rest of a cold start (a process that joins a
control group waits for the other processors), so a few are always ready, per interpreter that is in use. One
that is used is replaced a moment later, when the start that needed it is over. More starts at a time than
there are spares make their own.
"""

from __future__ import annotations

import array
import asyncio
import itertools
import json
import logging
import os
import socket
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from windlass.kernel.clock import MILLISECOND, SECOND, Duration
from windlass.kernel.spawn import Spawn
from windlass.node import proc
from windlass.node.function_forks import Forked, ForkServer, NoServer, ServerGone, Setup
from windlass.node.function_groups import FunctionGroups, Group
from windlass.node.function_launcher import Interpreter
from windlass.node.function_users import Users
from windlass.node.runner import Watch

SPARES = 4
"""Ready at a time for each interpreter: about 1 MB each."""
REFILL_AFTER: Duration = 50 * MILLISECOND
LOOK_AGAIN: Duration = 20 * MILLISECOND
"""How soon a group is looked at again in which something was still dying."""
CLOSED_TRIES = 100
"""How often at the end."""
REAPS = 10
"""How often after a kill it is looked for orphans to reap."""
Reap: TypeAlias = Callable[[Collection[int]], None]
"""Reap dead children that nobody watches, but for these."""

log = logging.getLogger("windlass.agent")


@dataclass(frozen=True, slots=True)
class Means:
    """What this agent may give environments. None: it may not, or is told not to."""

    users: Users | None = None
    groups: FunctionGroups | None = None
    freeze: bool = True
    """Between events; needs groups."""

    @property
    def isolated(self) -> bool:
        """Own users come with own mounts: another user could not read the host's directories."""
        return self.users is not None


@dataclass(slots=True)
class Place:
    """Where processes of one environment are: a user (-1: ours), a control group, a mount namespace (-1)."""

    user: int = -1
    group: Group | None = None
    namespace: int = -1
    furnished: bool = False
    """Its code is shown."""


@dataclass(slots=True)
class Nest:
    """A child that waits. `end` is ours to close; that ends it if it still waits."""

    pid: int
    end: socket.socket
    place: Place = field(default_factory=Place)

    def lives(self) -> bool:
        """Whether it has not ended meanwhile."""
        return not proc.has_ended(self.pid)

    def tell(self, request: Mapping[str, Any], descriptors: Sequence[int]) -> None:
        """Say what to be; see function_zygote.Request. Descriptors are copied. Raises OSError."""
        passed = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))
        self.end.sendmsg([json.dumps(request).encode()], [passed])


class Nests:
    """Makes them and keeps spares. One per function host."""

    def __init__(self, setup: Setup, means: Means, watch: Watch, spawn: Spawn, reap_orphans: Reap) -> None:
        self._setup = setup
        self.means = means
        self.watch = watch
        self.spawn = spawn
        self._reap_orphans = reap_orphans
        self._servers: dict[str, asyncio.Future[ForkServer]] = {}
        self._spares: dict[str, deque[Nest]] = {}
        self._refilling: dict[str, asyncio.TimerHandle] = {}
        self._leaving: dict[int, tuple[Place, asyncio.TimerHandle]] = {}
        """By the identity of the place: what something still dies in."""
        self.unwatched: set[int] = set()
        """Children that nobody watches yet."""
        self._reaps = 0
        self._reaping: asyncio.TimerHandle | None = None
        self._numbers = itertools.count(1)
        self._closed = False

    async def take(self, interpreter: Interpreter, place: Place | None) -> Nest:
        """A child of that interpreter's server: in that place, or in a new one. Raises OSError."""
        if place is not None:
            return await self._make(interpreter, place)
        self.refill_later(interpreter)
        spares = self._spares.get(interpreter.path, deque())
        while spares:
            nest = spares.popleft()
            if nest.lives():
                return nest
            self.discard(nest)
        return await self._make_anew(interpreter)

    def leave(self, place: Place) -> None:
        """Kill all that is there; the user and the group are free again once that is dead."""
        if place.namespace >= 0:
            os.close(place.namespace)
            place.namespace = -1
        if place.group is not None:
            self._remove(place)
        if self.means.users is not None:
            self.means.users.give_back(place.user)

    def hand_over(self, nest: Nest) -> None:
        """Whoever asked for it watches it from now on."""
        self.unwatched.discard(nest.pid)

    async def prove(self, interpreter: Interpreter) -> None:
        """Start that interpreter's server, to see whether it can be. Raises NoServer."""
        await self._server(interpreter)

    def give_up_isolation(self) -> None:
        """This host does not let us, as `prove` found."""
        self.means = replace(self.means, users=None)
        self._setup = Setup(False, self._setup.data, self._setup.shown)

    async def close(self) -> None:
        """End servers and spares, and take away all groups."""
        self._closed = True
        for timer in self._refilling.values():
            timer.cancel()
        for server in self._servers.values():
            if server.done() and server.exception() is None:
                server.result().close()
        for nest in [nest for spares in self._spares.values() for nest in spares]:
            self.discard(nest)
        for _ in range(CLOSED_TRIES):
            if not self._leaving:
                break
            await asyncio.sleep(LOOK_AGAIN / SECOND)
        for _, timer in self._leaving.values():
            timer.cancel()
        if self._reaping is not None:
            self._reaping.cancel()
        if self.means.groups is not None:
            self.means.groups.close()

    def beside(self, place: Place) -> Place:
        """A place for one more process of that place's user, which shows the same code. Raises OSError."""
        users = self.means.users
        found = Place(-1 if users is None else users.share(place.user), furnished=True)
        try:
            found.group = self._group()
        except BaseException:
            self.leave(found)
            raise
        return found

    def _group(self) -> Group | None:
        groups = self.means.groups
        return None if groups is None else groups.make(f"e{next(self._numbers)}")

    async def _make_anew(self, interpreter: Interpreter) -> Nest:
        """One in a place of its own."""
        users = self.means.users
        place = Place(-1 if users is None else users.take())
        try:
            place.group = self._group()
            return await self._make(interpreter, place)
        except BaseException:
            self.leave(place)
            raise

    async def _make(self, interpreter: Interpreter, place: Place) -> Nest:
        """Have a child forked into that place. Of a dead server, ask the next."""
        groups = [] if place.group is None else place.group.open()
        entered = [] if place.namespace < 0 else [place.namespace]
        fields = {"user": place.user, "entered": bool(entered)}
        descriptors = [*groups, *entered]
        try:
            try:
                end, forked = await self._fork(interpreter, fields, descriptors)
            except ServerGone:
                log.warning("the fork server of %s ended; another takes its place", interpreter.path)
                end, forked = await self._fork(interpreter, fields, descriptors)
        finally:
            for group in groups:
                os.close(group)
        if forked.namespace >= 0:
            place.namespace = forked.namespace
        if forked.pid:
            self.unwatched.add(forked.pid)
        return Nest(forked.pid, end, place)

    async def _fork(
        self, interpreter: Interpreter, fields: Mapping[str, Any], descriptors: Sequence[int]
    ) -> tuple[socket.socket, Forked]:
        """A child, and our end of the socket that it listens on. Raises ServerGone, NoServer.

        Each attempt has a socket of its own: a server may fork before it ends, and its answer be lost.
        Two children on one socket would be told one thing between them, and the other never let go of it.
        """
        own, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        own.setblocking(False)
        try:
            with other:
                server = await self._server(interpreter)
                return own, await server.ask(fields, [other.fileno(), *descriptors])
        except BaseException:
            own.close()
            raise

    def discard(self, nest: Nest) -> None:
        """It was never used."""
        nest.end.close()
        self.hand_over(nest)
        if nest.pid:
            self.watch(nest.pid, lambda code: None)
        self.leave(nest.place)

    def refill_later(self, interpreter: Interpreter) -> None:
        """Have spares made, once the starts under way are over: each further one puts it off again."""
        timer = self._refilling.pop(interpreter.path, None)
        if timer is not None:
            timer.cancel()
        loop = asyncio.get_running_loop()
        self._refilling[interpreter.path] = loop.call_later(
            REFILL_AFTER / SECOND,
            lambda: self.spawn.start("function spares", self._refill(interpreter)),
        )

    async def _refill(self, interpreter: Interpreter) -> None:
        spares = self._spares.setdefault(interpreter.path, deque())
        while len(spares) < SPARES and not self._closed:
            try:
                nest = await self._make_anew(interpreter)
            except OSError as error:
                log.warning("no spare environment with %s: %s", interpreter.path, error)
                return
            if self._closed or not nest.pid:
                self.discard(nest)
                return
            spares.append(nest)

    def kill(self, place: Place) -> None:
        """Kill all that is in its group, and see to it that nobody stays dead and unburied."""
        if place.group is not None:
            place.group.kill()
        self._reaps = REAPS
        if self._reaping is None:
            self._reaping = self._soon(self._reap)

    def bury(self) -> None:
        """What the dead had started is ours since then; what waits or begins is its starter's to reap."""
        self._reap_orphans(self.unwatched)

    def _reap(self) -> None:
        self._reaps -= 1
        self.bury()
        self._reaping = self._soon(self._reap) if self._reaps > 0 else None

    def _remove(self, place: Place) -> None:
        self._leaving.pop(id(place), None)
        self.kill(place)
        if place.group is not None and not place.group.remove():
            self._leaving[id(place)] = place, self._soon(self._remove, place)

    def _soon(self, call: Callable[..., None], *arguments: object) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(LOOK_AGAIN / SECOND, call, *arguments)

    async def _server(self, interpreter: Interpreter) -> ForkServer:
        """The running one, or a new one however many ask for it. Raises NoServer."""
        found = self._servers.get(interpreter.path)
        if found is not None and not (found.done() and (found.exception() or found.result().ended)):
            return await asyncio.shield(found)
        if self._closed:
            raise NoServer("the agent ends")
        started: asyncio.Future[ForkServer] = asyncio.get_running_loop().create_future()
        self._servers[interpreter.path] = started
        try:
            server = await ForkServer.start(interpreter, self._setup, self.watch)
        except BaseException as error:
            started.set_exception(error if isinstance(error, OSError) else NoServer("not started"))
            started.exception()  # nobody else may have waited
            raise
        started.set_result(server)
        return server


async def said(end: socket.socket) -> bytes:
    """What a child says of its failure, b"" when it became what it was told to; closes the socket."""
    loop = asyncio.get_running_loop()
    try:
        with suppress(ConnectionError):
            return await loop.sock_recv(end, 65536)
        return b""
    finally:
        end.close()
