"""The real addresses that the table's frontends listen on, opened and closed as the table changes.

Each worker binds every address (SO_REUSEPORT), and the kernel spreads connections over them. An address that
changes its frontend stays open; what cannot be had is told to the plane, and tried again with each
change and each second.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from windlass.fleet.proxy_messages import Frontend
from windlass.kernel.spawn import Spawn
from windlass.proxy.door import Door, Secured
from windlass.proxy.http1 import Http1Client
from windlass.proxy.tls import listening

if TYPE_CHECKING:
    from windlass.proxy.dataplane import DataPlane

BACKLOG = 4096
Address = tuple[str, int]


class Listener:
    """One open address."""

    def __init__(self, door: Door, opened: socket.socket, scheme: str) -> None:
        self.door = door
        self.scheme = scheme
        self._socket = opened
        self._server: asyncio.Server | None = None
        self._closed = False

    async def accept(
        self, factory: Callable[[], asyncio.BaseProtocol], context: ssl.SSLContext | None
    ) -> None:
        if self._closed:
            return
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(factory, sock=self._socket, ssl=context, backlog=BACKLOG)
        if self._closed:
            self._server.close()

    def close(self) -> None:
        """At once: what the kernel would still queue here is lost to whoever listens here next."""
        self._closed = True
        if self._server is not None:
            self._server.close()
        else:
            self._socket.close()


class Listeners:
    """All of one process."""

    def __init__(self, plane: DataPlane, spawn: Spawn) -> None:
        self._plane = plane
        self._spawn = spawn
        self._open: dict[Address, Listener] = {}

    def make_so(self, frontends: Iterable[Frontend]) -> tuple[tuple[str, str, str], ...]:
        """Listen for these, and nothing else; returns what could not be had: (frontend, "host:port", why)."""
        wanted = {(bind.host, bind.port): one for one in frontends for bind in one.binds}
        for address, listener in list(self._open.items()):
            there = wanted.get(address)
            if there is None or there.scheme != listener.scheme:
                del self._open[address]
                listener.close()
                listener.door.serve(None)
        refused = []
        for address, frontend in wanted.items():
            try:
                self._listen(address, frontend)
            except OSError as error:
                refused.append((frontend.key, f"{address[0]}:{address[1]}", error.strerror or str(error)))
        return tuple(refused)

    def close(self) -> None:
        for listener in self._open.values():
            listener.close()
            listener.door.end_soon()

    def _listen(self, address: Address, frontend: Frontend) -> None:
        served = self._plane.served[frontend.key]
        if (listener := self._open.get(address)) is not None:
            listener.door.serve(served)
            return
        door = Door(self._plane, served)
        listener = Listener(door, _bound(address), frontend.scheme)
        self._open[address] = listener
        loop = asyncio.get_running_loop()
        if frontend.scheme == "https":
            context = listening(lambda: door.certificates)
            accepting = listener.accept(lambda: Secured(door, loop), context)
        else:
            accepting = listener.accept(lambda: Http1Client(door, loop), None)
        self._spawn.start(f"listen {address[0]}:{address[1]}", accepting)


def _bound(address: Address) -> socket.socket:
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    opened = socket.socket(family, socket.SOCK_STREAM)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            with contextlib.suppress(OSError):
                opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        opened.bind(address)
        opened.listen(BACKLOG)
        opened.setblocking(False)
    except BaseException:
        opened.close()
        raise
    return opened
