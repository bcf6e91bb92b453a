"""A client's HTTP/2 connection: each stream is a request of its own, with an exchange of its own."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import h2.errors

from windlass.proxy.deadline import Deadline
from windlass.proxy.exchange import Exchange
from windlass.proxy.framing import Headers, Refused, read
from windlass.proxy.headers import Via
from windlass.proxy.http1 import LINGER_S
from windlass.proxy.http2 import Http2, Http2Stream
from windlass.proxy.pieces import Pieces
from windlass.proxy.tls import secured

if TYPE_CHECKING:
    from windlass.proxy.door import Door
    from windlass.proxy.tunnel import Tunnel


class ClientStream(Http2Stream):
    """The client's side of one request."""

    def __init__(self, side: Http2Client, number: int) -> None:
        super().__init__(side, number)
        self._client = side
        self._deadline = Deadline(side.loop, self._expired)
        self._idle_s = side.door.idle_s
        self._exchange: Exchange | None = None
        self._head = ""
        self._whole = False  # the request

    # an exchange's calls

    def respond(self, status: int, headers: Headers, length: int | None, pieces: Pieces, last: bool) -> None:
        if self.reset:
            return
        out: Headers = [(b":status", b"%d" % status)]
        out += [(name.lower(), value) for name, value in headers]
        if length is not None and status != 204:
            out.append((b"content-length", b"%d" % length))
        if self._head == "HEAD" or status in (204, 304):
            pieces = []
        ends = last and not any(pieces)
        self.head(out, ends)
        if not ends:
            self.put(pieces, last, [])
        if last:
            self._answered()

    def send(self, pieces: Pieces, last: bool, trailers: Headers) -> None:
        self.put(pieces if self._head != "HEAD" else [], last, trailers)
        if last:
            self._answered()

    def cut(self) -> None:
        self._exchange = None
        self._deadline.close()
        self.fail(h2.errors.ErrorCodes.INTERNAL_ERROR)
        self._client.ended()

    def touch(self) -> None:
        self._deadline.set(self._idle_s)

    def switch(self, headers: Headers, tunnel: Tunnel) -> bytes:
        raise AssertionError("HTTP/2 has no upgrades")

    # the connection's calls

    def on_headers(self, headers: Headers, last: bool) -> None:
        door, client = self._client.door, self._client
        self._whole = last
        try:
            method, target, rest = _request(headers)
            self._head = method
            request = read(method, target, "2", rest)
            served = door.find(request.host)
        except Refused as refused:
            self._refuse(refused.status)
            return
        if served is None:
            self._refuse(door.unserved)
            return
        if served.options.drop_invalid_headers:
            request.drop_invalid()
        self._idle_s = served.idle_s
        self._deadline.set(self._idle_s)
        if request.expects and not last:
            self.head([(b":status", b"100")], False)
        via = Via(client.peer[0], client.peer[1], served.scheme, served.port, *client.secured)
        self._exchange = exchange = Exchange(door.plane, served, self, request, via)
        exchange.start([], last)

    def on_data(self, data: bytes) -> None:
        if self._exchange is not None:
            self.touch()
            self._exchange.body([data], False)

    def on_end(self) -> None:
        if self._whole:
            return
        self._whole = True
        if self._exchange is not None:
            self._exchange.body([], True)
        elif self._ended:
            self.side.forget(self)

    def on_trailers(self, headers: Headers) -> None:
        """Of requests they end here; StreamEnded follows."""

    def on_reset(self, why: str) -> None:
        self._deadline.close()
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            exchange.client_gone()

    def on_full(self) -> None:
        if self._exchange is not None:
            self._exchange.client_full()

    def on_room(self) -> None:
        if self._exchange is not None:
            self.touch()
            self._exchange.client_room()
        elif self.sent:
            self._done()

    def push(self) -> None:
        super().push()
        if self._exchange is None and self.sent:
            self._done()

    # inside

    def _refuse(self, status: int) -> None:
        headers, body = self._client.door.refusal(status)
        self.respond(status, headers, len(body), [body], True)

    def _answered(self) -> None:
        """All of it is here; it may still wait for a window."""
        self._exchange = None
        self._deadline.set(self._idle_s)
        if self.sent:
            self._done()

    def _done(self) -> None:
        self._deadline.close()
        if self.number not in self.side.streams:
            return
        if not self._whole:  # the rest of its body is for nobody (RFC 9113 section 8.1)
            self.fail(h2.errors.ErrorCodes.NO_ERROR)
            self._client.ended()
        else:
            self.side.forget(self)

    def _expired(self) -> None:
        if self._exchange is not None:
            self._exchange.expired()
        else:
            self.cut()


class Http2Client(Http2):
    """One connection, through one door."""

    def __init__(
        self, door: Door, loop: asyncio.AbstractEventLoop, peer: tuple[str, int] | None = None
    ) -> None:
        super().__init__(client_side=False)
        self.door = door
        self.loop = loop
        self.peer = peer or ("127.0.0.1", 0)
        self._known = peer is not None
        self._deadline = Deadline(loop, self._expired)
        self._leaves = False
        self._opened = 0.0
        self.secured = ("", "")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if not self._known and isinstance(peer := transport.get_extra_info("peername"), tuple):
            self.peer = (peer[0], peer[1])
        self.secured = secured(transport)
        self._opened = self.loop.time()
        self._deadline.set(self.door.idle_s)
        super().connection_made(transport)
        self.door.opened(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._deadline.close()
        super().connection_lost(exc)
        self.door.closed(self)

    def opened(self, number: int) -> Http2Stream | None:
        if self._leaves:
            self.reset_stream(number, h2.errors.ErrorCodes.REFUSED_STREAM)
            return None
        self._deadline.clear()
        stream = self.streams[number] = ClientStream(self, number)
        return stream

    def ended(self) -> None:
        if self.streams:
            return
        if self._leaves:
            self.flush()
            if self.transport is not None:
                self.transport.close()
                self._deadline.set(LINGER_S)  # for a client that reads no more
        elif self.loop.time() - self._opened > self.door.keepalive_s:
            self.end_soon()
        else:
            self._deadline.set(self.door.idle_s)

    def end_soon(self) -> None:
        """Finish the requests that are in flight, and take no other."""
        if not self._leaves:
            self._leaves = True
            self.go_away()
            self.ended()

    def _expired(self) -> None:
        if self._leaves and self.transport is not None:
            self.transport.abort()
        elif not self.streams:
            self.end_soon()


def _request(headers: Headers) -> tuple[str, str, Headers]:
    """Method, target, and the headers with Host for :authority. Raises Refused."""
    pseudo: dict[bytes, bytes] = {}
    rest: Headers = []
    for name, value in headers:
        if name.startswith(b":"):
            pseudo[bytes(name)] = bytes(value)
        else:
            rest.append((bytes(name), bytes(value)))
    authority = pseudo.get(b":authority")
    if authority is not None:
        hosts = [value for name, value in rest if name == b"host"]
        if any(host != authority for host in hosts):
            raise Refused(400, "Host is not :authority")
        rest = [pair for pair in rest if pair[0] != b"host"]
        rest.append((b"host", authority))
    method, target = pseudo.get(b":method", b""), pseudo.get(b":path", b"")
    if not method.isalpha() or any(byte <= 0x20 or byte == 0x7F for byte in target):
        raise Refused(400, "method or path")
    return method.decode("latin-1"), target.decode("latin-1"), rest
