"""A client's HTTP/1.1 connection: requests in, one after the other, answers out.

httptools reads. All that one turn of the loop brought is read before anything is done with it, so a small
request is sent to its target whole and with one write. Requests that were sent ahead wait, and nothing more
is read while one does. A request that is refused is the last one of its connection.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

import httptools

from windlass.proxy.answers import REASONS
from windlass.proxy.deadline import Deadline
from windlass.proxy.exchange import Exchange
from windlass.proxy.framing import (
    HEAD_BYTES_MAX,
    LINE_BYTES_MAX,
    Headers,
    Refused,
    Request,
    is_encoded_unknown,
    read,
)
from windlass.proxy.headers import Via
from windlass.proxy.pieces import Pieces, put_body
from windlass.proxy.tls import secured

if TYPE_CHECKING:
    from windlass.proxy.door import Door
    from windlass.proxy.served import Served
    from windlass.proxy.tunnel import Tunnel

LINGER_S = 2.0
"""How long, after a last answer, what the client still sends is read: closing at once would take the answer

away from it again (RFC 9112 section 9.6)."""
HALF_CLOSED_S = 5.0
"""A client that says it sends no more may have gone (460) or may wait: its answer has so long to begin."""

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_H2_PREFACE = b"PRI"


class Incoming:
    """A request as it is read."""

    __slots__ = ("complete", "head", "headers", "method", "pieces", "url", "version")

    def __init__(self) -> None:
        self.url = b""
        self.headers: Headers = []
        self.method = ""
        self.version = ""
        self.pieces: Pieces = []
        self.head = False
        """Its head is whole."""
        self.complete = False


class Http1Client(asyncio.Protocol):
    """One connection, through one door."""

    def __init__(
        self, door: Door, loop: asyncio.AbstractEventLoop, peer: tuple[str, int] | None = None
    ) -> None:
        self._door = door
        self._loop = loop
        self._peer = peer
        self._parser = httptools.HttpRequestParser(self)
        self._deadline = Deadline(loop, self._expired)
        self._transport: asyncio.Transport | None = None
        self._reading: Incoming | None = None
        self._waiting: deque[Incoming] = deque()
        self._current: Incoming | None = None
        self._request: Request | None = None
        self._exchange: Exchange | None = None
        self._tunnel: Tunnel | None = None
        self._served: Served | None = None
        self._rest = b""
        self._upgraded = False
        self._head_bytes = 0
        self._broken = 0
        self._chunked = False
        self._last = False  # the answer on its way is the last one
        self._ended = False  # nothing more is read
        self._half = False
        self._held = False  # the target takes no more
        self._paused = False
        self._until_close = False
        self._advancing = False
        self._opened = 0.0
        self._secured = ("", "")
        self._idle_s = 60.0
        self.requests = 0

    # asyncio's calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]
        if self._peer is None:
            peer = transport.get_extra_info("peername")
            self._peer = (peer[0], peer[1]) if isinstance(peer, tuple) else ("127.0.0.1", 0)
        self._secured = secured(transport)
        self._opened = self._loop.time()
        self._idle_s = self._door.idle_s
        self._deadline.set(self._idle_s)
        self._door.opened(self)

    def data_received(self, data: bytes) -> None:
        if self._tunnel is not None:
            self._tunnel.from_client(data)
            return
        if self._ended:
            return
        if not self.requests and data[:3] == _H2_PREFACE and self._reading is None and self._to_http2(data):
            return
        if self._reading is None:
            self._deadline.set(self._idle_s)
        self._feed(data)
        self._advance()

    def eof_received(self) -> bool:
        if self._tunnel is not None:
            self._tunnel.client_ended()
            return True
        transport, current = self._transport, self._current
        if transport is None or not transport.can_write_eof():  # TLS has no half-closed connections here
            return False
        if current is not None and current.complete and not self._half:
            self._half = self._last = True
            if not (self._exchange and self._exchange.answered):
                self._deadline.set(min(HALF_CLOSED_S, self._idle_s))
            return True
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._deadline.close()
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            exchange.client_gone()
        self._waiting.clear()
        self._door.closed(self)

    def pause_writing(self) -> None:
        if self._tunnel is not None:
            self._tunnel.client_full(True)
        elif self._exchange is not None:
            self._exchange.client_full()

    def resume_writing(self) -> None:
        self._deadline.set(self._idle_s)
        if self._tunnel is not None:
            self._tunnel.client_full(False)
        elif self._exchange is not None:
            self._exchange.client_room()

    # httptools' calls

    def on_message_begin(self) -> None:
        self._reading = Incoming()
        self._head_bytes = 0

    def on_url(self, url: bytes) -> None:
        assert self._reading is not None
        self._reading.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        reading = self._reading
        assert reading is not None
        if not reading.head:  # what comes after it are trailers, which end here
            reading.headers.append((name, value.strip()))

    def on_headers_complete(self) -> None:
        reading = self._reading
        assert reading is not None
        reading.head = True
        reading.method = self._parser.get_method().decode("latin-1")
        reading.version = self._parser.get_http_version()
        self._waiting.append(reading)

    def on_body(self, body: bytes) -> None:
        assert self._reading is not None
        self._reading.pieces.append(body)

    def on_message_complete(self) -> None:
        assert self._reading is not None
        self._reading.complete = True
        self._reading = None

    # an exchange's calls

    def respond(self, status: int, headers: Headers, length: int | None, pieces: Pieces, last: bool) -> None:
        request, transport = self._request, self._transport
        assert request is not None and self._current is not None
        if transport is None:
            return
        out = [REASONS[status]]
        for name, value in headers:
            out += (name, b": ", value, b"\r\n")
        bodiless = request.method == "HEAD" or status in (204, 304)
        self._chunked = False
        if not self._current.complete or self._leaves():
            self._last = True
        if status == 204:
            length = None
        elif length is not None:
            out.append(b"Content-Length: %d\r\n" % length)
        elif not bodiless:
            if request.version == "1.1":
                self._chunked = True
                out.append(b"Transfer-Encoding: chunked\r\n")
            else:
                self._last = self._until_close = True
        out.append(b"Connection: close\r\n\r\n" if self._last else b"Connection: keep-alive\r\n\r\n")
        if not bodiless:
            put_body(out, pieces, self._chunked, last)
        transport.write(b"".join(out))
        if last:
            self._answered()

    def send(self, pieces: Pieces, last: bool, trailers: Headers) -> None:
        if self._transport is None:
            return
        out: Pieces = []
        put_body(out, pieces, self._chunked, last)
        if out:
            self._transport.write(b"".join(out) if len(out) > 1 else out[0])
        if last:
            self._answered()

    def cut(self) -> None:
        self._ended = True
        self._exchange = None
        if self._transport is None:
            return
        if self._until_close:  # here the end of the connection would say that all is well: it is reset
            self._transport.abort()
        else:
            self._transport.close()
            self._deadline.set(LINGER_S)

    def hold(self) -> None:
        self._held = True
        self._pace()

    def release(self) -> None:
        self._held = False
        self._pace()

    def touch(self) -> None:
        self._deadline.set(self._idle_s)

    def switch(self, headers: Headers, tunnel: Tunnel) -> bytes:
        assert self._transport is not None
        out = [REASONS[101], b"Connection: upgrade\r\n"]
        for name, value in headers:
            out += (name, b": ", value, b"\r\n")
        out.append(b"\r\n")
        self._transport.write(b"".join(out))
        tunnel.client = self._transport
        self._tunnel = tunnel
        self.touch()
        rest, self._rest = self._rest, b""
        return rest

    # the door's calls

    def end_soon(self) -> None:
        """Finish the request that is in flight, and take no other."""
        self._last = True
        if self._current is None and not self._waiting:
            self._close(True)

    # inside

    def _feed(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._upgraded = True
            self._rest = data[upgrade.args[0] :]
        except httptools.HttpParserError:
            broken = 400
            if self._reading is not None and self._reading.head:
                self._reading.method = ""  # its body is broken: it must not look whole
                if is_encoded_unknown(self._reading.headers):
                    broken = 501
            self._broken = self._broken or broken
        reading = self._reading
        if reading is not None and not reading.head:
            self._head_bytes += len(data)
            if len(reading.url) > LINE_BYTES_MAX:
                self._broken = 414
            elif self._head_bytes > HEAD_BYTES_MAX + LINE_BYTES_MAX:
                self._broken = 400

    def _advance(self) -> None:
        """Do what can be done with what was read."""
        if self._advancing:
            return
        self._advancing = True
        try:
            self._step()
            while self._current is None and self._waiting and not self._ended:
                self._begin(self._waiting.popleft())
        finally:
            self._advancing = False
        if self._ended or self._transport is None:
            return
        if self._broken and self._current is None:
            self._refuse(self._broken)
        elif self._current is None and self._upgraded:
            self._start_over()
        else:
            self._pace()

    def _pace(self) -> None:
        """Read only while what is read has somewhere to go."""
        pause = self._held or bool(self._waiting)
        transport = self._transport
        if pause is self._paused or transport is None or transport.is_closing():
            return
        self._paused = pause
        if pause:
            transport.pause_reading()
        else:
            transport.resume_reading()

    def _step(self) -> None:
        """The body of the request that is in flight."""
        current, exchange = self._current, self._exchange
        if current is None or exchange is None:
            return
        if self._broken and not current.complete:
            self._break(exchange)
        elif current.pieces:
            pieces, current.pieces = current.pieces, []
            self._deadline.set(self._idle_s)
            exchange.body(pieces, current.complete)
        elif current.complete and not exchange.complete:
            exchange.body([], True)

    def _break(self, exchange: Exchange) -> None:
        """The body of a request that is under way is no body: 400 while nothing was answered."""
        if exchange.answered:
            self._ended = True
            if self._transport is not None:
                self._transport.abort()
        else:
            exchange.answer(400)

    def _begin(self, incoming: Incoming) -> None:
        assert self._peer is not None
        if self._broken and not incoming.complete:
            return
        self.requests += 1
        self._current = incoming
        served = None
        try:
            request = read(
                incoming.method,
                incoming.url.decode("latin-1"),
                incoming.version,
                incoming.headers,
            )
            served = self._door.find(request.host)
        except Refused as refused:
            self._refuse(refused.status)
            return
        if served is None:
            self._refuse(self._door.unserved)
            return
        self._served, self._request = served, request
        if self.requests == 1:
            self._door.counted(self, served)
        if served.options.drop_invalid_headers:
            request.drop_invalid()
        self._idle_s = served.idle_s
        self._last = self._last or request.close
        via = Via(self._peer[0], self._peer[1], served.scheme, served.port, *self._secured)
        if request.expects and not incoming.complete and self._transport is not None:
            self._transport.write(_CONTINUE)
        self._exchange = exchange = Exchange(self._door.plane, served, self, request, via)
        pieces, incoming.pieces = incoming.pieces, []
        self._deadline.set(self._idle_s)
        exchange.start(pieces, incoming.complete)

    def _leaves(self) -> bool:
        """Whether the connection has lived long enough, or its door is closing."""
        served = self._served
        return served is None or served.gone or self._loop.time() - self._opened > served.keepalive_s

    def _answered(self) -> None:
        """The answer was sent: on to the next request, or to the end."""
        current = self._current
        self._exchange = self._current = self._request = None
        self._held = False
        if self._last:
            self._close(current is not None and current.complete and not self._waiting)
            return
        self._deadline.set(self._idle_s)
        self._advance()

    def _close(self, quiet: bool) -> None:
        """`quiet`: the client has sent all it wanted to, so it loses nothing of the answer."""
        self._ended = True
        transport = self._transport
        if transport is None:
            return
        if quiet or not transport.can_write_eof():
            transport.close()
            self._deadline.set(LINGER_S)  # for a client that reads no more
            return
        self._held = False
        self._waiting.clear()
        self._pace()
        transport.write_eof()
        self._deadline.set(LINGER_S)

    def _refuse(self, status: int) -> None:
        """One of our own answers, and the end."""
        self._ended = True
        transport = self._transport
        if transport is None:
            return
        headers, body = self._door.refusal(status)
        out = [REASONS[status]]
        for name, value in headers:
            out += (name, b": ", value, b"\r\n")
        out.append(b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(body))
        to_head = self._current is not None and self._current.method == "HEAD"
        transport.write(b"".join(out if to_head else [*out, body]))
        self._close(False)

    def _start_over(self) -> None:
        """An upgrade that was refused: what came after the request is one again."""
        rest, self._rest, self._upgraded = self._rest, b"", False
        self._parser = httptools.HttpRequestParser(self)
        self._reading = None
        self._pace()
        if rest:
            self._feed(rest)
            self._advance()

    def _expired(self) -> None:
        """Nothing happened for too long."""
        if self._tunnel is not None:
            self._tunnel.cut()
        elif self._ended:
            if self._transport is not None:
                self._transport.abort()
        elif self._exchange is not None:
            if self._half and not self._exchange.answered:
                self._exchange.client_gone()
                self.cut()
            else:
                self._exchange.expired()
        elif self._reading is not None:
            self._refuse(408)
        else:
            self._close(True)

    def _to_http2(self, data: bytes) -> bool:
        """Prior knowledge: the connection speaks HTTP/2 from its first byte."""
        transport = self._transport
        other = self._door.http2(self._peer)
        if other is None or transport is None:
            return False
        self._deadline.close()
        self._door.closed(self)
        self._transport = None
        transport.set_protocol(other)
        other.connection_made(transport)
        other.data_received(data)
        return True
