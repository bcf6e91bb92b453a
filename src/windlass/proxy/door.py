"""Where clients come in: a listening address, or the Unix socket of what the plane's endpoint hands on.

A door finds the frontend that a request is for and keeps its open connections, so that they can be ended when
their frontend is removed: each after the request that it is answering.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from windlass.proxy.framing import Headers

if TYPE_CHECKING:
    from windlass.proxy.dataplane import DataPlane
    from windlass.proxy.served import Served


class Open(Protocol):
    """A client's connection."""

    def end_soon(self) -> None:
        """Finish the request that is in flight, and take no other."""


class Door:
    """With one frontend; None: it was removed."""

    idle_s = 60.0
    unserved = 503

    def __init__(self, plane: DataPlane, served: Served | None) -> None:
        self.plane = plane
        self.connections: set[Open] = set()
        self._served = served
        if served is not None:
            self.idle_s = served.idle_s

    def find(self, host: bytes) -> Served | None:
        """The frontend for a request to that Host."""
        return self._served

    def serve(self, served: Served | None) -> None:
        """From now on."""
        self._served = served
        if served is not None:
            self.idle_s = served.idle_s
        else:
            self.end_soon()

    def end_soon(self) -> None:
        for connection in list(self.connections):
            connection.end_soon()

    def opened(self, connection: Open) -> None:
        self.connections.add(connection)
        if self._served is not None:
            self.plane.counts.opened(self._served.frontend.key)

    def closed(self, connection: Open) -> None:
        self.connections.discard(connection)
        if self._served is not None:
            self.plane.counts.closed(self._served.frontend.key)

    def refusal(self, status: int) -> tuple[Headers, bytes]:
        """What a request gets that was not even one."""
        return self.plane.refusal(self._served, status)

    def http2(self, peer: tuple[str, int] | None) -> asyncio.Protocol | None:
        """Who speaks HTTP/2 on a connection that has begun so; None: nobody."""
        return None
