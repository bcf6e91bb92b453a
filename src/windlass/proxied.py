"""The proxies of `windlass up`: started with the first load balancer, kept, found again, ended.

Part of the composition root, as embedded.py is. After a SIGKILL of the plane the proxies serve on, and open
their sessions with the next plane on the same data directory; a clean stop ends them.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from windlass.config import Unusable
from windlass.early_agent import socket_path
from windlass.fleet import unix_transport
from windlass.fleet.proxies import Proxies
from windlass.fleet.proxy_messages import ProxyHello
from windlass.kernel import detached
from windlass.kernel.clock import SECOND
from windlass.node.children import Children
from windlass.node.tenancy import Tenant, is_taken, tenant
from windlass.services.plane import Plane

ROLE = "proxy"
ENDS_WITHIN = 10 * SECOND
"""How long a clean stop waits for a proxy, which finishes open requests."""
INGRESS = "ingress.sock"
SPARE = 24
"""HAProxy has more sockets beside that one, and for a moment each under a longer name."""
SHORT_LIFE = SECOND
"""A proxy that ended is started again at once; a second one in a row with so short a life, only after it."""

log = logging.getLogger("windlass.proxy")


@asynccontextmanager
async def proxies(plane: Plane, data: Path, workers: int, engine: str = "builtin") -> AsyncIterator[None]:
    """Proxies that are there while the block runs, once they are wanted. An exception leaves them running.

    With the engine "haproxy" it is one, with so many threads.
    """
    part, place = plane.calls.part(Proxies), data / "proxies"
    socket = socket_path(data, "proxy.sock")
    await plane.store.durable()  # by then the services have put what they have
    try:
        listening = await unix_transport.serve_proxies(socket, part, plane.spawn)
    except (OSError, ValueError) as error:
        raise Unusable(f"cannot listen for proxies on {socket}: {error}") from error
    threads, workers = (workers, 1) if engine == "haproxy" else (1, workers)
    kept = [_Worker(plane, part, place, socket, index, engine, threads) for index in range(workers)]

    def opened(hello: ProxyHello) -> None:
        """One that outlived a plane is ours, or one too many."""
        if hello.index < workers:
            kept[hello.index].keep()
        else:
            part.end(hello.index)

    def wanted() -> None:
        for worker in kept:
            worker.keep()

    part.on_open(opened)
    part.wanted(wanted)
    try:
        yield
        await asyncio.gather(*(worker.end() for worker in kept))
    finally:
        listening.close()
        socket.unlink(missing_ok=True)


class _Worker:
    """One proxy's process, started again whenever it ends."""

    def __init__(
        self,
        plane: Plane,
        part: Proxies,
        place: Path,
        socket: Path,
        index: int,
        engine: str,
        threads: int,
    ) -> None:
        self._plane = plane
        self._part = part
        self._data = place / str(index)
        self._ingress = socket_path(self._data, INGRESS, SPARE)
        self._socket = socket
        self._index = index
        self._engine = engine
        self._threads = threads
        self._children = Children(asyncio.get_running_loop())
        self._ended = asyncio.Event()
        self._ended.set()
        self._pid = 0
        self._keeper: asyncio.Task[None] | None = None

    def keep(self) -> None:
        """Have it there from now on."""
        if self._keeper is None:
            self._keeper = self._plane.spawn.start(f"proxy {self._index} keeper", self._keep())

    async def end(self) -> None:
        """Have it finish what is open, and end."""
        if self._keeper is None:
            return
        self._keeper.cancel()
        await asyncio.wait([self._keeper])
        if self._ended.is_set():
            return
        if not self._part.end(self._index):
            self._signal(signal.SIGTERM)  # it has no session now
        try:
            await asyncio.wait_for(self._ended.wait(), ENDS_WITHIN / SECOND)
        except TimeoutError:
            log.error("proxy %d did not end in time; see %s", self._index, self._data / "proxy.log")
            self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.kill(self._pid, number)

    async def _keep(self) -> None:
        short = False
        while True:
            began = self._plane.clock.now()
            if not await self._ensure():
                log.error("proxy %d did not start; see %s", self._index, self._data / "proxy.log")
            await self._ended.wait()
            self._plane.journal.note("proxy", f"proxy {self._index}", "proxy restarted", "it ended by itself")
            log.error("proxy %d ended by itself and is started again", self._index)
            before, short = short, self._plane.clock.now() - began < SHORT_LIFE
            if before and short:
                await self._plane.clock.sleep(SHORT_LIFE)

    async def _ensure(self) -> bool:
        """The one that is there, or a new one; one with another engine than is asked for has to go."""
        found = self._running()
        if found is not None and found.runner != self._engine:
            self._watch(found.pid)
            self._signal(signal.SIGTERM)
            await self._ended.wait()
            found = None
        pid = None if found is None else found.pid
        if pid is None:
            self._data.mkdir(mode=0o700, parents=True, exist_ok=True)
            options = {
                "--data": self._data,
                "--socket": self._socket,
                "--ingress": self._ingress,
                "--index": self._index,
                "--engine": self._engine,
                "--threads": self._threads,
            }
            words = [str(word) for option in options.items() for word in option]
            pid = await detached.begin("windlass.proxy.main", words, self._data / "proxy.log").up()
        if pid is not None:
            self._watch(pid)
        return pid is not None

    def _watch(self, pid: int) -> None:
        self._pid = pid
        self._ended.clear()
        self._children.watch(pid, lambda code: self._ended.set())

    def _running(self) -> Tenant | None:
        found = tenant(self._data, ROLE) if is_taken(self._data, ROLE) else None
        return found if found is not None and found.lives() else None
