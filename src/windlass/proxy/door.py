"""Where clients come in: a listening address, or the Unix socket of what the plane's endpoint hands on.

A door finds the frontend that a request is for and keeps its open connections, so that they can be ended when
their frontend is removed: each after the request that it is answering.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from windlass.proxy.framing import Headers
from windlass.proxy.http1 import Http1Client
from windlass.proxy.http2_client import Http2Client

if TYPE_CHECKING:
    from windlass.proxy.dataplane import DataPlane
    from windlass.proxy.served import Served
    from windlass.proxy.tls import Certificates


class Open(Protocol):
    """A client's connection."""

    def end_soon(self) -> None:
        """Finish the request that is in flight, and take no other."""


class Door:
    """With one frontend; None: it was removed."""

    idle_s = 60.0
    keepalive_s = 3600.0
    unserved = 503

    def __init__(self, plane: DataPlane, served: Served | None) -> None:
        self.plane = plane
        self.connections: dict[Open, str] = {}
        """Those that are open, and for which frontend they are counted."""
        self.certificates: Certificates | None = None
        self._served = served
        self._learn(served)

    def _learn(self, served: Served | None) -> None:
        self.certificates = None
        if served is not None:
            self.idle_s, self.keepalive_s = served.idle_s, served.keepalive_s
            self.certificates = served.certificates

    def find(self, host: bytes) -> Served | None:
        """The frontend for a request to that Host."""
        return self._served

    def serve(self, served: Served | None) -> None:
        """From now on."""
        self._served = served
        self._learn(served)
        if served is None:
            self.end_soon()

    def end_soon(self) -> None:
        for connection in list(self.connections):
            connection.end_soon()

    def opened(self, connection: Open) -> None:
        """One too many is ended before it said anything, and counted where it is known whose it is."""
        self.connections[connection] = ""
        if not self.plane.counts.enter():
            if self._served is not None:
                self.plane.counts.of(self._served.frontend.key).rejected += 1
            connection.end_soon()
        elif self._served is not None:
            self.counted(connection, self._served)

    def counted(self, connection: Open, served: Served) -> None:
        """It is a connection to that frontend: the first one that its requests are for."""
        if not self.connections[connection]:
            self.connections[connection] = key = served.frontend.key
            self.plane.counts.opened(key)

    def closed(self, connection: Open) -> None:
        key = self.connections.pop(connection, None)
        if key is not None:
            self.plane.counts.leave()
        if key:
            self.plane.counts.closed(key)

    def refusal(self, status: int) -> tuple[Headers, bytes]:
        """What a request gets that was not even one."""
        return self.plane.refusal(self._served, status)

    def http2(self, peer: tuple[str, int] | None) -> asyncio.Protocol | None:
        """Who speaks HTTP/2 on a connection that has begun so; None: nobody."""
        if self._served is None or not self._served.options.http2:
            return None
        return Http2Client(self, asyncio.get_running_loop(), peer)


class Secured(asyncio.Protocol):
    """A connection whose TLS has just begun: what it agreed on by ALPN is spoken."""

    def __init__(self, door: Door, loop: asyncio.AbstractEventLoop) -> None:
        self._door = door
        self._loop = loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        secured = transport.get_extra_info("ssl_object")
        spoken: asyncio.Protocol = Http1Client(self._door, self._loop)
        if secured is not None and secured.selected_alpn_protocol() == "h2":
            spoken = Http2Client(self._door, self._loop)
        transport.set_protocol(spoken)
        spoken.connection_made(transport)
