"""The table that proxies serve, and what they say: the plane's side. One `Proxies` per plane.

Services compile their rows to frontends and pools and put them here, and subscribe to what proxies report;
all subscribers hear all of it and look at keys of their own. In memory only: services put everything again
when a plane starts, within the first turns of their start, since proxies that outlived a plane serve what it
says as soon as they are back. Only what is durable may be put here. Knows messages; not processes
(proxied.py), not rows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Set
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

from msgspec.structs import replace

from windlass.fleet.frames import BadFrame
from windlass.fleet.proxy_messages import (
    AccessLines,
    Counted,
    End,
    FromProxy,
    Frontend,
    FunctionAnswer,
    FunctionCall,
    Idle,
    Load,
    Pool,
    Probed,
    ProxyHello,
    Took,
    host_names,
)
from windlass.fleet.proxy_session import ProxySession, ProxyTransport, Served
from windlass.kernel.clock import SECOND, Clock, Duration, Instant
from windlass.kernel.faults import Fault, Retry
from windlass.kernel.journal import Journal
from windlass.kernel.spawn import Spawn

HELLO_WITHIN: Duration = 10 * SECOND
"""A connection that has not said Hello by then is closed."""
BACK_WITHIN: Duration = 5 * SECOND
"""After its start a plane waits so long for proxies that outlived the one before."""

M = TypeVar("M")
Refusals: TypeAlias = tuple[tuple[str, str], ...]
"""(address, why) of the binds of a frontend that cannot be had."""
OnFunction: TypeAlias = Callable[[FunctionCall], Awaitable[FunctionAnswer]]


@dataclass(frozen=True, slots=True)
class ProxyView:
    """A proxy that has a session, for people."""

    index: int
    pid: int
    since: Instant
    generation: int
    """Of the table that it serves; that of the plane is `Proxies.served`."""


class Proxies:
    """All frontends and pools of a plane, and its sessions with proxies."""

    def __init__(self, spawn: Spawn, clock: Clock, journal: Journal) -> None:
        self._spawn = spawn
        self._clock = clock
        self._journal = journal
        self._sessions: dict[int, ProxySession] = {}
        self._wanted: list[Callable[[], None]] = []
        self._opened: list[Callable[[ProxyHello], None]] = []
        self._told: dict[type, list[Callable[..., None]]] = {}
        self._function: OnFunction = _no_function
        self._hosts: dict[str, str] = {}
        self._began = clock.now()
        self.served = Served()

    # the table

    def put_frontend(self, frontend: Frontend) -> None:
        """Have it served so; idempotent. Raises nothing: binds that cannot be had come back in `refused`."""
        before = self.served.frontends.get(frontend.key)
        if before == frontend:
            return
        self._forget_hosts(before)
        self.served.frontends[frontend.key] = frontend
        self._hosts.update(dict.fromkeys(frontend.hosts, frontend.key))
        self._changed(frontends={frontend.key})
        if len(self.served.frontends) == 1:
            for tell in self._wanted:
                tell()

    def put_pool(self, pool: Pool) -> None:
        """Have these targets behind whoever forwards to it; idempotent."""
        if self.served.pools.get(pool.key) != pool:
            self.served.pools[pool.key] = pool
            self._forget_idle(pool.key, {one.key for one in pool.endpoints if one.draining})
            self._changed(pools={pool.key})

    def remove(self, key: str) -> None:
        """No frontend and no pool has that key any more; idempotent."""
        self.remove_frontend(key)
        self.remove_pool(key)

    def remove_frontend(self, key: str) -> None:
        before = self.served.frontends.pop(key, None)
        if before is not None:
            self._forget_hosts(before)
            self._changed(frontends={key})

    def remove_pool(self, key: str) -> None:
        if self.served.pools.pop(key, None) is not None:
            self._forget_idle(key, frozenset())
            self._changed(pools={key})

    def frontend_at(self, host: str) -> Frontend | None:
        """Whose Host header that is on the plane's endpoint: with its port, without it, or by a wildcard."""
        if not self._hosts:
            return None
        for name in host_names(host):
            if name in self._hosts:
                return self.served.frontends[self._hosts[name]]
        return None

    # what proxies say

    def on_probed(self, tell: Callable[[Probed], None]) -> None:
        self._subscribe(Probed, tell)

    def on_load(self, tell: Callable[[Load], None]) -> None:
        self._subscribe(Load, tell)

    def on_idle(self, tell: Callable[[Idle], None]) -> None:
        """`tell` hears of an endpoint that drains when no proxy has a request open there; maybe twice."""
        self._subscribe(Idle, tell)

    def drained_by(self, since: Instant, within: Duration) -> Instant:
        """When an endpoint that drains since then is idle at the latest, if requests may take `within`.

        Proxies that outlived a plane may not have been told, and send it requests until they have the table
        of the next, however long there was none. When none is back in time, nobody does.
        """
        by = max(since, self._began) + within
        return by if self._sessions else min(by, self._began + BACK_WITHIN)

    def on_counted(self, tell: Callable[[Counted], None]) -> None:
        self._subscribe(Counted, tell)

    def on_access(self, tell: Callable[[AccessLines], None]) -> None:
        self._subscribe(AccessLines, tell)

    def on_function(self, answer: OnFunction) -> None:
        """Have requests to pools of kind "function" answered there; Fault and Retry become its error."""
        self._function = answer

    @property
    def refused(self) -> Mapping[str, Refusals]:
        """Frontends with binds that some worker cannot have, by key."""
        found: dict[str, set[tuple[str, str]]] = {}
        for session in self._sessions.values():
            for key, address, why in session.refused:
                found.setdefault(key, set()).add((address, why))
        return {key: tuple(sorted(binds)) for key, binds in sorted(found.items())}

    def proxies(self) -> list[ProxyView]:
        """Those that have a session, by index."""
        return [
            ProxyView(index, session.pid, session.since, session.taken)
            for index, session in sorted(self._sessions.items())
        ]

    @property
    def ingress(self) -> str:
        """Where worker 0 takes connections of the endpoint; "" while there is none."""
        session = self._sessions.get(0)
        return "" if session is None else session.ingress

    # for the composition root

    def wanted(self, tell: Callable[[], None]) -> None:
        """`tell` is called when there is a first frontend; at once if there is one."""
        self._wanted.append(tell)
        if self.served.frontends:
            tell()

    def on_open(self, tell: Callable[[ProxyHello], None]) -> None:
        """`tell` is called with each proxy that opens a session."""
        self._opened.append(tell)

    def end(self, index: int) -> bool:
        """Tell that proxy to end; False: it has no session."""
        session = self._sessions.get(index)
        if session is not None:
            session.send(End())
        return session is not None

    async def serve(self, transport: ProxyTransport) -> None:
        """One session, from Hello to its end, whichever side ends it."""
        session = None
        why = "the plane is closing"
        try:
            session = await self._open(transport)
            if session is not None:
                why = await self._listen(session, transport)
        except (ConnectionError, BadFrame) as error:
            why = str(error)
        finally:
            transport.close()
            if session is not None:
                self._close(session, why)

    async def _open(self, transport: ProxyTransport) -> ProxySession | None:
        try:
            async with asyncio.timeout(HELLO_WITHIN / SECOND):
                hello = await transport.receive()
        except TimeoutError:
            return None
        if not isinstance(hello, ProxyHello):
            return None
        session = ProxySession(hello, transport, self._clock.now())
        former = self._sessions.get(hello.index)
        if former is not None:
            former.close()
        self._sessions[hello.index] = session
        session.sender = self._spawn.start(f"proxy {hello.index} table", session.send_always(self.served))
        self._journal.note("proxy", f"proxy {hello.index}", "connected", f"pid {hello.pid}")
        for tell in self._opened:
            tell(hello)
        return session

    def _close(self, session: ProxySession, why: str) -> None:
        session.close()
        if self._sessions.get(session.index) is session:
            del self._sessions[session.index]
            self._journal.note("proxy", f"proxy {session.index}", "session ended", why)
            others = [one.idle for one in self._sessions.values()]
            for waited in sorted(set().union(*others) - session.idle):
                self._tell_idle(waited)

    async def _listen(self, session: ProxySession, transport: ProxyTransport) -> str:
        while (message := await transport.receive()) is not None:
            match message:
                case Took() as took:
                    self._took(session, took)
                case FunctionCall() as call:
                    if not self._spawn.closing:
                        self._spawn.start(f"call of a function {call.pool}", self._answer(session, call))
                case ProxyHello():
                    raise BadFrame("Hello twice")
                case Idle(pool, endpoint):
                    if self._drains(pool, endpoint):
                        session.idle.add((pool, endpoint))
                        self._tell_idle((pool, endpoint))
                case other:
                    self._tell(other)
        return "the proxy ended the session"

    def _tell(self, message: FromProxy) -> None:
        for tell in self._told.get(type(message), ()):
            tell(message)

    def _tell_idle(self, waited: tuple[str, str]) -> None:
        """If it is idle at every proxy: each has connections of its own."""
        if all(waited in session.idle for session in self._sessions.values()):
            self._tell(Idle(*waited))

    def _drains(self, pool: str, endpoint: str) -> bool:
        there = self.served.pools.get(pool)
        return there is not None and any(one.key == endpoint and one.draining for one in there.endpoints)

    def _forget_idle(self, pool: str, draining: Set[str]) -> None:
        """Of that pool only these drain."""
        for session in self._sessions.values():
            session.idle = {one for one in session.idle if one[0] != pool or one[1] in draining}

    def _took(self, session: ProxySession, took: Took) -> None:
        for key, address, why in sorted({*took.refused} - {*session.refused}):
            self._journal.note("proxy", key, "bind refused", f"{address}: {why}")
        session.taken, session.refused = took.generation, took.refused

    async def _answer(self, session: ProxySession, call: FunctionCall) -> None:
        try:
            answer = await self._function(call)
        except Fault as fault:
            answer = FunctionAnswer(call.id, error=f"{fault.code}: {fault.message}")
        except Retry as error:
            answer = FunctionAnswer(call.id, error=error.why)
        session.send(replace(answer, id=call.id))

    def _subscribe(self, kind: type[M], tell: Callable[[M], None]) -> None:
        self._told.setdefault(kind, []).append(tell)

    def _changed(self, *, frontends: Set[str] = frozenset(), pools: Set[str] = frozenset()) -> None:
        self.served.generation += 1
        for session in self._sessions.values():
            session.offer(frontends, pools)

    def _forget_hosts(self, frontend: Frontend | None) -> None:
        if frontend is not None:
            for host in frontend.hosts:
                if self._hosts.get(host) == frontend.key:
                    del self._hosts[host]


async def _no_function(call: FunctionCall) -> FunctionAnswer:
    return FunctionAnswer(call.id, error="this plane invokes no functions for proxies")
