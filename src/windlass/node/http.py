"""HTTP/1.1 for those who live on this host: the Runtime API of functions, the endpoints of tasks.

Bytes to requests and back, on one connection; what is asked and answered is the site's business. A site may
answer later (a request that is parked), one request of a connection at a time. Knows no paths and no AWS.
A site may also take a body piece by piece, as it comes, and have the rest of it wait.
Known gaps: no TLS, no chunked answers, no pipelining past a parked request.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Protocol, TypeAlias

import httptools

TARGET_BYTES_MAX = 8 * 1024
"""Longest path with its query; a connection that sends more is dropped."""
HEAD_BYTES_MAX = 1024 * 1024
"""Largest request line with its headers (Lambda's own limit); a connection that sends more is dropped."""
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Limits:
    """What is kept of a request: so much of a body, and the headers of these (lower-case) names."""

    body_bytes: int
    headers: frozenset[bytes] = frozenset()


@dataclass(slots=True)
class Request:
    """One request. `body` is None when it was larger than the limit; `target` is the path with its query."""

    method: str = ""
    target: str = ""
    headers: dict[bytes, str] = field(default_factory=dict)
    body: bytearray | None = field(default_factory=bytearray)
    streamed: bool = False
    """The body went to a sink, piece by piece."""

    def header(self, name: bytes) -> str:
        return self.headers.get(name, "")

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]


class Site(Protocol):
    """Who answers. Called on the loop; must not block."""

    def opened(self, connection: Connection) -> None: ...

    def lost(self, connection: Connection) -> None: ...

    def answer(self, request: Request, connection: Connection) -> None:
        """Answer with `connection.write`, now or later."""


Sink: TypeAlias = Callable[[bytes], None]
"""Takes a body, piece by piece."""
Streams: TypeAlias = Callable[[Request, "Connection"], "Sink | None"]
"""Asked when a head is complete: where its body goes as it comes; None: it is kept, and answered whole."""


class Connection(asyncio.Protocol):
    """One keep-alive connection. Bodies past the limit are counted, not kept.

    `origin` says which door it came in by, in the site's own words.
    """

    def __init__(
        self, site: Site, limits: Limits, origin: str = "", streams: Streams = lambda *_: None
    ) -> None:
        self.origin = origin
        self.peer = ""
        """The address of whoever asks."""
        self.opened_at = 0.0
        """Loop time."""
        self._site = site
        self._limits = limits
        self._parser = httptools.HttpRequestParser(self)
        self._streams = streams
        self._sink: Sink | None = None
        self._request = Request()
        self._transport: asyncio.Transport | None = None
        self._head_bytes: int | None = 0
        """Received of a head that is not complete; None while a body is read."""
        self._expects = False
        self._keeps_alive = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self.opened_at = asyncio.get_running_loop().time()
        self.peer = str((transport.get_extra_info("peername") or ("",))[0])
        connected = transport.get_extra_info("socket")
        if connected is not None and connected.family != socket.AF_UNIX:
            # asyncio does so only where the listener was told its protocol: two answers in a row would wait
            # for the client's acknowledgement between them.
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._site.opened(self)

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        self._site.lost(self)

    def data_received(self, data: bytes) -> None:
        if self._head_bytes is not None:
            self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self.abort()
        if self._head_bytes is not None and self._head_bytes > HEAD_BYTES_MAX:
            self.abort()

    # what httptools calls

    def on_message_begin(self) -> None:
        self._request = Request()

    def on_url(self, url: bytes) -> None:
        self._request.target += url.decode("latin-1")
        if len(self._request.target) > TARGET_BYTES_MAX:
            self.abort()

    def on_header(self, name: bytes, value: bytes) -> None:
        if (name := name.lower()) in self._limits.headers:
            self._request.headers[name] = value.decode("latin-1")
        elif name == b"expect":
            self._expects = value.lower() == b"100-continue"

    def on_headers_complete(self) -> None:
        """Ask for a body that its sender (curl, above 1 MB) holds back until it is asked for."""
        self._head_bytes = None
        self._request.method = self._parser.get_method().decode()
        self._sink = self._streams(self._request, self)
        self._request.streamed = self._sink is not None
        if self._expects and self._transport is not None:
            self._transport.write(_CONTINUE)
        self._expects = False

    def on_body(self, body: bytes) -> None:
        if self._sink is not None:
            self._sink(body)
            return
        kept = self._request.body
        if kept is None or len(kept) + len(body) > self._limits.body_bytes:
            self._request.body = None
        else:
            kept += body

    def on_message_complete(self) -> None:
        self._head_bytes, self._sink = 0, None
        self._keeps_alive = self._parser.should_keep_alive()
        if self._transport is not None:
            self._site.answer(self._request, self)

    # what a site calls

    def write(
        self,
        status: int,
        body: bytes,
        headers: Sequence[tuple[str, str]] = (),
        content_type: str = "application/json",
    ) -> None:
        """Send an answer; nothing happens when the client has gone."""
        if self._transport is None:
            return
        lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"]
        lines += [f"{name}: {_one_line(value)}" for name, value in headers]
        lines += [f"Content-Type: {content_type}", f"Content-Length: {len(body)}"]
        if not self._keeps_alive:
            lines.append("Connection: close")
        self._transport.write("\r\n".join([*lines, "\r\n"]).encode("utf-8") + body)
        if not self._keeps_alive:
            self._transport.close()

    def listen(self, listens: bool) -> None:
        """Hear what the client sends; or not, until told to again: the client waits when it has filled what

        lies between.
        """
        if self._transport is not None and listens != self._transport.is_reading():
            (self._transport.resume_reading if listens else self._transport.pause_reading)()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()


def _one_line(value: str) -> str:
    """A header value that cannot end its line early."""
    return value.replace("\r", " ").replace("\n", " ")
