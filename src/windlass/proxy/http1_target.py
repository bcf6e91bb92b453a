"""One HTTP/1.1 connection to a target: a request at a time, kept open between them.

httptools reads; what it makes of one turn's bytes is told to the exchange in one call, so that a small answer
costs one write to the client. Knows nothing of clients or pools but who to give itself back to.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

import httptools

from windlass.proxy.framing import RESPONSE_HEAD_BYTES_MAX, Headers, Request
from windlass.proxy.pieces import Pieces, put_body


class Asker(Protocol):
    """Who sent the request: it hears how the target answers. Nothing follows `complete` or `on_lost`."""

    def on_head(self, status: int, headers: Headers, pieces: Pieces, complete: bool) -> None: ...

    def on_data(self, pieces: Pieces, complete: bool, trailers: Headers) -> None: ...

    def on_switch(self, link: Http1Target, headers: Headers, rest: bytes) -> None:
        """The target changes the protocol (101); the connection is the asker's from now on."""

    def on_lost(self, why: str) -> None:
        """The target ended, or sent what is no answer, before it was complete."""

    def on_full(self) -> None: ...

    def on_room(self) -> None: ...


class Wire(Protocol):
    """Who takes the bytes of a connection that changed its protocol."""

    def from_target(self, data: bytes) -> None: ...

    def target_ended(self) -> None: ...

    def target_lost(self) -> None: ...

    def target_full(self, full: bool) -> None: ...


class Http1Target(asyncio.Protocol):
    """`given_back(link)` when it can take another request, `closed(link)` once when it has ended."""

    def __init__(
        self, given_back: Callable[[Http1Target], None], closed: Callable[[Http1Target], None]
    ) -> None:
        self._given_back = given_back
        self._closed = closed
        self.transport: asyncio.Transport | None = None
        self.asker: Asker | None = None
        self.wire: Wire | None = None
        self.used = 0
        self.idle_since = 0.0
        self._parser = httptools.HttpResponseParser(self)
        self._headers: Headers = []
        self._pieces: Pieces = []
        self._status = 0
        self._head = 0  # bytes read of a head that is not whole
        self._head_done = False  # the head was read
        self._told = False  # … and told
        self._complete = False
        self._until_eof = False
        self._keep = False
        self._bodiless = False
        self._upgrades = False
        self._sent = False
        self._chunked_out = False
        self._held = False

    # what an exchange asks for

    def send(
        self, asker: Asker, request: Request, target: str, headers: Headers, pieces: Pieces, last: bool
    ) -> None:
        """A request for that path, with what is there of its body."""
        self.asker = asker
        self.used += 1
        method = request.method
        self._bodiless = method == "HEAD"
        self._head_done = self._told = self._complete = self._until_eof = False
        out = [f"{method} {target} HTTP/1.1\r\n".encode("latin-1")]
        for name, value in headers:
            out += (name, b": ", value, b"\r\n")
        length = request.length
        self._chunked_out = chunked = request.chunked or (length is None and not last)
        if length is not None:
            out.append(b"Content-Length: %d\r\n" % length)
        elif chunked:
            out.append(b"Transfer-Encoding: chunked\r\n")
        elif pieces:
            out.append(b"Content-Length: %d\r\n" % sum(map(len, pieces)))
        if request.upgrade:
            out += (b"Connection: upgrade\r\nUpgrade: ", request.upgrade, b"\r\n\r\n")
        else:
            out.append(b"Connection: keep-alive\r\n\r\n")
        self._sent = last
        if pieces or last:
            put_body(out, pieces, chunked, last)
        assert self.transport is not None
        self.transport.write(b"".join(out))

    def body(self, pieces: Pieces, last: bool) -> None:
        """More of the request's body."""
        assert self.transport is not None
        out: Pieces = []
        put_body(out, pieces, self._chunked_out, last)
        self._sent = last
        if out:
            self.transport.write(b"".join(out))

    def hold(self) -> None:
        """Read no more until `release`: the client is slow."""
        if self.transport is not None and not self.transport.is_closing():
            self._held = True
            self.transport.pause_reading()

    def release(self) -> None:
        if self._held and self.transport is not None and not self.transport.is_closing():
            self._held = False
            self.transport.resume_reading()

    def abandon(self) -> None:
        """Nobody waits any more: an unfinished connection cannot be used again."""
        self.asker = self.wire = None
        if self.transport is not None:
            self.transport.abort()

    def unused(self) -> None:
        """It was connected for somebody who has gone."""
        self._given_back(self)

    def close(self) -> None:
        """End a connection that waits for work."""
        if self.transport is not None:
            self.transport.close()

    @property
    def usable(self) -> bool:
        return self.transport is not None and not self.transport.is_closing()

    # asyncio's calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        if self.wire is not None:
            self.wire.from_target(data)
            return
        asker = self.asker
        if asker is None:  # nobody asked: whatever it says, it is no answer to the next request
            self.abandon()
            return
        rest: bytes | None = None
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            rest = data[upgrade.args[0] :]
        except httptools.HttpParserError as error:
            self._keep = False
            if not self._complete:
                self._lost(f"no HTTP: {error}")
                return
        if not self._head_done:
            self._head += len(data)
            if self._head > RESPONSE_HEAD_BYTES_MAX:
                self._lost("head too long")
            return
        if rest is not None:
            self._switch(asker, rest)
            return
        self._tell(asker)

    def eof_received(self) -> bool:
        if self.wire is not None:
            self.wire.target_ended()
            return True
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        if self.wire is not None:
            self.wire.target_lost()
        elif (asker := self.asker) is not None:
            if self._told and self._until_eof and exc is None:
                self._complete, self.asker = True, None
                asker.on_data([], True, [])
            else:
                self.asker = None
                asker.on_lost("connection ended" if exc is None else str(exc))
        self._closed(self)

    def pause_writing(self) -> None:
        if self.wire is not None:
            self.wire.target_full(True)
        elif self.asker is not None:
            self.asker.on_full()

    def resume_writing(self) -> None:
        if self.wire is not None:
            self.wire.target_full(False)
        elif self.asker is not None:
            self.asker.on_room()

    # httptools' calls

    def on_message_begin(self) -> None:
        if not self._complete:
            self._headers = []

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._head_done:  # after it: trailers, which end here
            self._headers.append((name, value.strip()))

    def on_headers_complete(self) -> None:
        self._status = status = self._parser.get_status_code()
        if status < 200 and status != 101:
            return
        self._head = 0
        self._head_done = True
        if self._bodiless:
            self._complete = True
            self._keep = self._parser.should_keep_alive()
            self._parser = httptools.HttpResponseParser(self)
            return
        self._until_eof = (
            status >= 200 and status not in (204, 304) and not any(_frames(name) for name, _ in self._headers)
        )

    def on_body(self, body: bytes) -> None:
        if self._complete:  # to HEAD: there is none, whatever it says
            self._keep = False
        else:
            self._pieces.append(body)

    def on_message_complete(self) -> None:
        if self._head_done and not self._complete:
            self._complete = True
            self._keep = self._parser.should_keep_alive()

    # what becomes of it

    def _tell(self, asker: Asker) -> None:
        pieces, self._pieces = self._pieces, []
        complete = self._complete
        if complete:
            self._finish()
        if self._told:
            if pieces or complete:
                asker.on_data(pieces, complete, [])
            return
        self._told = True
        headers, self._headers = self._headers, []
        asker.on_head(self._status, headers, pieces, complete)

    def _finish(self) -> None:
        """The answer is whole: the connection is free, if both sides have said all."""
        self.asker = None
        if self._keep and self._sent and self.usable:
            self.release()
            self._given_back(self)
        elif self.transport is not None:
            self.transport.close()

    def _switch(self, asker: Asker, rest: bytes) -> None:
        if self._status != 101:
            self._lost("changed the protocol without saying so")
            return
        asker.on_switch(self, self._headers, rest)

    def _lost(self, why: str) -> None:
        asker = self.asker
        self.abandon()
        if asker is not None:
            asker.on_lost(why)


def _frames(name: bytes) -> bool:
    return name.lower() in (b"content-length", b"transfer-encoding")
