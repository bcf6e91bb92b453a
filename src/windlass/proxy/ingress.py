"""Connections that the plane's endpoint hands on: a line about the client, then its HTTP/1.1.

The line is the PROXY protocol's, version 1 (front/ingress.py writes it). Host names decide whose each request
is; one for a host that is no frontend's is answered 421 (RFC 9110 section 15.5.20).
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from windlass.fleet.proxy_messages import host_names
from windlass.proxy.door import Door
from windlass.proxy.http1 import Http1Client

if TYPE_CHECKING:
    from windlass.proxy.dataplane import DataPlane
    from windlass.proxy.served import Served

LINE_BYTES_MAX = 107
"""haproxy.org/download/2.9/doc/proxy-protocol.txt, section 2.1."""
UNKNOWN = ("127.0.0.1", 0)


class Ingress(Door):
    """With every frontend that has a Host name on the plane's endpoint."""

    unserved = 421

    def __init__(self, plane: DataPlane) -> None:
        super().__init__(plane, None)
        self._hosts: dict[str, str] = {}
        self._server: asyncio.Server | None = None
        self._path: Path | None = None

    def know(self) -> None:
        """Learn the hosts of all frontends that there are now."""
        self._hosts = {
            host: served.frontend.key
            for served in self.plane.served.values()
            for host in served.frontend.hosts
        }

    def find(self, host: bytes) -> Served | None:
        for name in host_names(host.decode("latin-1")):
            if name in self._hosts:
                return self.plane.served.get(self._hosts[name])
        return None

    async def listen(self, path: Path) -> None:
        """At that Unix socket, which only its owner may connect to."""
        loop = asyncio.get_running_loop()
        path.unlink(missing_ok=True)
        opened = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        opened.setblocking(False)
        opened.bind(str(path))
        path.chmod(0o600)
        self._path = path
        self._server = await loop.create_unix_server(lambda: Preface(self, loop), sock=opened)

    def close(self) -> None:
        if self._server is not None:
            self._server.close()
        if self._path is not None:
            with contextlib.suppress(OSError):
                self._path.unlink()


class Preface(asyncio.Protocol):
    """A connection until its first line has come."""

    def __init__(self, door: Ingress, loop: asyncio.AbstractEventLoop) -> None:
        self._door = door
        self._loop = loop
        self._came = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        self._came += data
        line, end, rest = self._came.partition(b"\r\n")
        if not end:
            if len(self._came) > LINE_BYTES_MAX:
                self._transport.abort()
            return
        client = Http1Client(self._door, self._loop, client_of(line))
        self._transport.set_protocol(client)
        client.connection_made(self._transport)
        if rest:
            client.data_received(rest)


def client_of(line: bytes) -> tuple[str, int]:
    """Whom the line tells of. b"PROXY TCP4 10.0.0.1 127.0.0.1 4000 80" → ("10.0.0.1", 4000)"""
    words = line.decode("latin-1").split(" ")
    if len(words) != 6 or words[1] not in ("TCP4", "TCP6") or not words[4].isdigit():
        return UNKNOWN
    return words[2], int(words[4])
