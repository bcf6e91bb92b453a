"""HTTP/2 connections to targets, for pools of HTTP/2 and gRPC: many requests at a time on each.

Cleartext is spoken with prior knowledge, as gRPC does; TLS agrees on it by ALPN. A stream that its target
never looked at (beyond the last one of a GOAWAY) counts as a stale connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import h2.errors

from windlass.proxy.framing import Headers, Request
from windlass.proxy.http1_target import Asker
from windlass.proxy.http2 import Http2, Http2Stream
from windlass.proxy.pieces import Pieces

REQUESTS_MAX = 2**29
"""On one connection: its streams have so many numbers."""


class Http2Link(Http2Stream):
    """One request on a connection to a target."""

    def __init__(self, side: Http2Target) -> None:
        super().__init__(side, 0)
        self._target = side
        self.used = side.requests
        self._asker: Asker | None = None
        self._heard = False

    # what an exchange asks for

    def send(
        self, asker: Asker, request: Request, target: str, headers: Headers, pieces: Pieces, last: bool
    ) -> None:
        self._asker = asker
        host = next((value for name, value in headers if name.lower() == b"host"), b"")
        out: Headers = [
            (b":method", request.method.encode("latin-1")),
            (b":scheme", b"https" if self._target.secure else b"http"),
            (b":path", target.encode("latin-1")),
            (b":authority", host),
        ]
        out += [(name.lower(), value) for name, value in headers if name.lower() != b"host"]
        if request.length is not None:
            out.append((b"content-length", b"%d" % request.length))
        if request.te_trailers:
            out.append((b"te", b"trailers"))
        ends = last and not any(pieces)
        self.number = self.side.conn.get_next_available_stream_id()
        self.side.streams[self.number] = self
        self.head(out, ends)
        if not ends:
            self.put(pieces, last, [])

    def body(self, pieces: Pieces, last: bool) -> None:
        self.put(pieces, last, [])

    def abandon(self) -> None:
        self._asker = None
        self.fail(h2.errors.ErrorCodes.CANCEL)
        self.side.ended()

    def unused(self) -> None:
        """Its stream was never begun."""

    # the connection's calls

    def on_headers(self, headers: Headers, last: bool) -> None:
        if self._asker is None:
            return
        status, rest = 0, []
        for name, value in headers:
            if name == b":status":
                status = int(value)
            elif not name.startswith(b":"):
                rest.append((bytes(name), bytes(value)))
        self._heard = True
        asker = self._asker
        if last:
            self._finish()
        asker.on_head(status, rest, [], last)

    def on_data(self, data: bytes) -> None:
        if self._asker is not None:
            self._asker.on_data([data], False, [])

    def on_end(self) -> None:
        if (asker := self._asker) is not None:
            self._finish()
            asker.on_data([], True, [])

    def on_trailers(self, headers: Headers) -> None:
        if (asker := self._asker) is not None:
            self._finish()
            asker.on_data([], True, [(bytes(name), bytes(value)) for name, value in headers])

    def on_reset(self, why: str) -> None:
        asker, self._asker = self._asker, None
        if asker is not None:
            asker.on_lost(why)

    def on_full(self) -> None:
        if self._asker is not None:
            self._asker.on_full()

    def on_room(self) -> None:
        if self._asker is not None:
            self._asker.on_room()

    def _finish(self) -> None:
        self._asker = None
        if self.sent:
            self.side.forget(self)
        else:  # it answered before it had heard all: the rest is for nobody
            self.fail(h2.errors.ErrorCodes.NO_ERROR)
            self.side.ended()


class Http2Target(Http2):
    """One connection. `closed(connection)` once, when it has ended."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, secure: bool, closed: Callable[[Http2Target], None]
    ) -> None:
        super().__init__(client_side=True)
        self.secure = secure
        self.requests = 0
        self.idle_since = loop.time()
        self._loop = loop
        self._closed = closed
        self._leaves = False

    def link(self) -> Http2Link | None:
        """A stream for one more request; None: there is no room on this connection."""
        if self.transport is None or self.transport.is_closing() or self._leaves:
            return None
        if len(self.streams) >= self.conn.remote_settings.max_concurrent_streams:
            return None
        if self.requests >= REQUESTS_MAX:
            self.retire()
            return None
        self.requests += 1
        return Http2Link(self)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._closed(self)

    def ended(self) -> None:
        self.idle_since = self._loop.time()
        if self._leaves and not self.streams:
            self.close()

    def goes_away(self, last: int) -> None:
        self._leaves = True
        for number, stream in list(self.streams.items()):
            if number > last:
                del self.streams[number]
                stream.reset = True
                stream.on_reset("the target goes away")
        self.ended()

    def retire(self) -> None:
        """Finish what is open, and take no more."""
        self._leaves = True
        self.ended()

    def close(self) -> None:
        if self.transport is not None:
            self.transport.close()
