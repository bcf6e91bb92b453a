"""Connections to the endpoint whose first request is for a load balancer or an App Runner service.

The Host header says whose it is; then the whole connection is a proxy's: bytes go both ways, and nothing here
reads them any more. The proxy hears the client's address in a line before them (PROXY protocol, version 1,
haproxy.org/download/2.9/doc/proxy-protocol.txt). A connection belongs to whom its first request belongs: a
later one for somebody else is answered 421 (RFC 9110, 15.5.20), here and in the proxy.
Known gap: HTTP/2 is spoken on a load balancer's own address only, since the endpoint has none.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any, ClassVar, cast

from windlass.aws.wire import Request, Response
from windlass.fleet.proxies import Proxies
from windlass.front.corked import CorkedHttp
from windlass.kernel.clock import MILLISECOND, SECOND, Clock, Duration
from windlass.kernel.spawn import Spawn

HEAD_BYTES_MAX = 64 * 1024
"""A head that is longer is not looked at further, and is the plane's own to refuse."""
PROXY_WITHIN: Duration = 5 * SECOND
"""How long a client waits for a proxy that is being started."""
PROXY_LOOK: Duration = 20 * MILLISECOND
_HOST = re.compile(rb"\r\nhost:[ \t]*([^\r\n]*?)[ \t]*\r\n", re.IGNORECASE)
_UNAVAILABLE = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
_MISDIRECTED = Response(
    421, (("content-type", "text/plain"), ("connection", "close")), b"open a new connection for this host\n"
)


def host_of(head: bytes) -> str | None:
    """The Host of a request of which this is the beginning; "" for none, None when it may still come."""
    end = head.find(b"\r\n\r\n")
    if end < 0 and len(head) < HEAD_BYTES_MAX:
        return None
    found = _HOST.search(head, 0, len(head) if end < 0 else end + 2)
    return found[1].decode("latin-1") if found else ""


class Ingress:
    """Hands connections on to worker 0."""

    def __init__(self, proxies: Proxies, spawn: Spawn, clock: Clock) -> None:
        self._proxies = proxies
        self._spawn = spawn
        self._clock = clock

    @property
    def has_hosts(self) -> bool:
        """Whether there is anything to hand on."""
        return bool(self._proxies.served.frontends)

    def takes(self, host: str) -> bool:
        """Whether requests for that host are a proxy's."""
        return self._proxies.frontend_at(host) is not None

    async def misdirected(self, request: Request) -> Response:
        """The answer to a request for such a host on a connection that is the plane's."""
        return _MISDIRECTED

    def hand_on(self, transport: asyncio.Transport, head: bytes) -> None:
        """The connection is a proxy's from now on; `head` has come already."""
        client = _End()
        client.connection_made(transport)
        transport.pause_reading()
        transport.set_protocol(client)
        self._spawn.start("ingress", self._splice(client, head))

    async def _splice(self, client: _End, head: bytes) -> None:
        proxy = await self._proxy(client)
        if client.lost or proxy is None:
            for end, last in ((client, _UNAVAILABLE), (proxy, b"")):
                if end is not None:
                    end.transport.write(last)
                    end.transport.close()
            return
        client.peer, proxy.peer = proxy, client
        proxy.transport.write(preface(client.transport) + head)
        client.transport.resume_reading()

    async def _proxy(self, client: _End) -> _End | None:
        """A connection to the proxy; one that was killed is soon back."""
        loop, deadline = asyncio.get_running_loop(), self._clock.now() + PROXY_WITHIN
        while not client.lost:
            try:
                if path := self._proxies.ingress:
                    return (await loop.create_unix_connection(_End, path))[1]
            except OSError:
                pass  # it is gone, and its session not yet
            if self._clock.now() > deadline:
                break
            await self._clock.sleep(PROXY_LOOK)
        return None


def preface(transport: asyncio.BaseTransport) -> bytes:
    """The PROXY protocol's line about a client's connection."""
    peer, here = transport.get_extra_info("peername"), transport.get_extra_info("sockname")
    if not (isinstance(peer, tuple) and isinstance(here, tuple)):
        return b"PROXY UNKNOWN\r\n"
    family = "TCP6" if ":" in peer[0] else "TCP4"
    return f"PROXY {family} {peer[0]} {here[0]} {peer[1]} {here[1]}\r\n".encode()


class _End(asyncio.Protocol):
    """One side of a connection that is handed on: what comes in here goes out at its peer."""

    def __init__(self) -> None:
        self.peer: _End | None = None
        self.lost = False
        self._ended = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's are no instances of it

    def data_received(self, data: bytes) -> None:
        if self.peer is not None:
            self.peer.transport.write(data)

    def eof_received(self) -> bool:
        """A side that has said everything may still listen."""
        self._ended = True
        if self.peer is None or self.peer._ended or not self.peer.transport.can_write_eof():
            return False
        self.peer.transport.write_eof()
        return True

    def pause_writing(self) -> None:
        if self.peer is not None:
            self.peer.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.peer is not None:
            self.peer.transport.resume_reading()

    def connection_lost(self, error: Exception | None) -> None:
        self.lost = True
        if self.peer is not None:
            self.peer.transport.close()


class HandingHttp(CorkedHttp):
    """HTTP of the plane's own that looks at the first head of each connection."""

    ingress: ClassVar[Ingress]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head: bytes | None = b""

    def data_received(self, data: bytes) -> None:
        if self._head is None:
            super().data_received(data)
            return
        head = self._head + data
        host = host_of(head) if self.ingress.has_hosts else ""
        if host is None:
            self._head = head
            return
        self._head = None
        if self.ingress.takes(host):
            self.connections.discard(self)
            self.ingress.hand_on(self.transport.given_away(), head)  # type: ignore[attr-defined]
        else:
            super().data_received(head)


def handing(ingress: Ingress) -> type[HandingHttp]:
    """The protocol of servers that hand on by way of that ingress."""
    return type("HandingHttp", (HandingHttp,), {"ingress": ingress})
