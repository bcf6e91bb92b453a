"""The Docker Engine API over HTTP/1.1: one request, one connection; answers whole or piece by piece.

Knows sockets, statuses and the daemon's error messages; nothing of containers. Streams (logs, events) are
read no faster than they are taken away. See docs/decisions/0014 for why this is no library.
Known gap: connections are not kept: a daemon takes a hundred times as long for a start as for a connection.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from urllib.parse import quote, urlencode

import httptools
import msgspec

READ_BYTES = 64 * 1024
ANSWER_BYTES_MAX = 64 * 2**20
"""Of an answer that is read whole: a list of 10,000 containers is about 10 MB."""
CONNECTS_WITHIN_S = 10.0
ANSWERS_WITHIN_S = 60.0
"""For requests that name no limit of their own."""

Query: TypeAlias = Mapping[str, str | int]


class DaemonGone(Exception):
    """No daemon answers, or it went away in the middle of an answer."""


class Refused(Exception):
    """The daemon's error; `message` is its own text."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"Error response from daemon: {message}")
        self.status = status
        self.message = message


@dataclass(frozen=True, slots=True)
class Address:
    """Where the daemon listens: a Unix socket, or host and port; `shown` is what people are told."""

    shown: str
    path: str = ""
    host: str = ""
    port: int = 0
    tls: ssl.SSLContext | None = None

    @property
    def is_local(self) -> bool:
        """Its containers are processes of this machine."""
        return bool(self.path)


@dataclass(slots=True)
class _Answer:
    """What httptools finds in an answer."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    has_headers: bool = False
    complete: bool = False
    bodies: list[bytes] = field(default_factory=list)

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        self.has_headers = True

    def on_body(self, body: bytes) -> None:
        self.bodies.append(body)

    def on_message_complete(self) -> None:
        self.complete = True

    @property
    def ends_with_connection(self) -> bool:
        return "content-length" not in self.headers and "chunked" not in self.headers.get(
            "transfer-encoding", ""
        )


class _Exchange:
    """One request and its answer on one connection."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader
        self.answer = _Answer()
        self._parser = httptools.HttpResponseParser(self.answer)

    async def headers(self) -> None:
        while not self.answer.has_headers:
            if not await self._more():
                raise DaemonGone("the daemon closed the connection without an answer")
        self.answer.status = self._parser.get_status_code()

    async def bodies(self) -> AsyncIterator[bytes]:
        while True:
            pieces, self.answer.bodies = self.answer.bodies, []
            for piece in pieces:
                yield piece
            if self.answer.complete or (not self.answer.bodies and not await self._more()):
                return

    async def _more(self) -> bool:
        """One read. False: the answer is over."""
        data = await self._reader.read(READ_BYTES)
        if not data:
            if self.answer.complete or (self.answer.has_headers and self.answer.ends_with_connection):
                return False
            raise DaemonGone("the daemon closed the connection in the middle of an answer")
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            raise DaemonGone(f"what answers speaks no HTTP: {error}") from error
        return True


class Engine:
    """One daemon. `version` "" asks for its newest API; `settle` chooses one for good."""

    def __init__(self, address: Address, version: str = "") -> None:
        self.address = address
        self.version = version

    async def call(
        self,
        method: str,
        path: str,
        query: Query | None = None,
        body: object = None,
        *,
        headers: Mapping[str, str] | None = None,
        within_s: float = ANSWERS_WITHIN_S,
    ) -> Any:
        """The decoded answer, None for an empty one. Raises DaemonGone, Refused, TimeoutError."""
        async with (
            asyncio.timeout(within_s),
            self.stream(method, path, query, body, headers=headers) as pieces,
        ):
            whole = b"".join([piece async for piece in bounded(pieces, ANSWER_BYTES_MAX)])
        if not whole.strip():
            return None
        try:
            return msgspec.json.decode(whole)
        except msgspec.DecodeError:
            return whole.decode(errors="replace")

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        path: str,
        query: Query | None = None,
        body: object = None,
        *,
        headers: Mapping[str, str] | None = None,
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """The body of the answer as it comes, without a limit of time. Raises DaemonGone, Refused.

        `body`: an async iterator of bytes (sent as it is), or anything that JSON takes.
        """
        async with self._exchange(method, path, query, body, headers or {}) as (exchange, _):
            yield _guarded(exchange)

    @asynccontextmanager
    async def conversation(
        self, path: str, body: object
    ) -> AsyncIterator[tuple[AsyncIterator[bytes], asyncio.StreamWriter]]:
        """A connection that goes on in both directions: what comes, and where to write to.

        Raises DaemonGone, Refused.
        """
        async with self._exchange("POST", path, None, body, {}) as (exchange, writer):
            yield _guarded(exchange), writer

    @asynccontextmanager
    async def _exchange(
        self, method: str, path: str, query: Query | None, body: object, headers: Mapping[str, str]
    ) -> AsyncIterator[tuple[_Exchange, asyncio.StreamWriter]]:
        reader, writer = await self._connect()
        try:
            exchange = _Exchange(reader)
            try:
                await self._send(writer, self._target(path, query), method, body, headers)
                await exchange.headers()
                if exchange.answer.status >= 400:
                    raise Refused(exchange.answer.status, await _message(exchange))
            except OSError as error:
                raise DaemonGone(str(error)) from error
            yield exchange, writer
        finally:
            writer.close()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        at = self.address
        try:
            async with asyncio.timeout(CONNECTS_WITHIN_S):
                if at.path:
                    return await asyncio.open_unix_connection(at.path, limit=READ_BYTES)
                return await asyncio.open_connection(at.host, at.port, ssl=at.tls, limit=READ_BYTES)
        except (OSError, TimeoutError, ssl.SSLError) as error:
            raise DaemonGone(f"no Docker daemon answers on {at.shown}: {_why(error)}") from error

    def _target(self, path: str, query: Query | None) -> str:
        version = f"/v{self.version}" if self.version else ""
        return f"{version}{quote(path)}{'?' + urlencode(query) if query else ''}"

    async def _send(
        self, writer: asyncio.StreamWriter, target: str, method: str, body: object, headers: Mapping[str, str]
    ) -> None:
        lines = [f"{method} {target} HTTP/1.1", "Host: docker", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if isinstance(body, AsyncIterator):
            lines += ["Content-Type: application/x-tar", "Transfer-Encoding: chunked"]
            writer.write("\r\n".join([*lines, "\r\n"]).encode("latin-1"))
            await _send_pieces(writer, body)
            return
        content = b"" if body is None else msgspec.json.encode(body)
        lines += ["Content-Type: application/json"] if content else []
        lines += [f"Content-Length: {len(content)}", "\r\n"]
        writer.write("\r\n".join(lines).encode("latin-1") + content)
        await writer.drain()


async def bounded(pieces: AsyncIterator[bytes], size_max: int) -> AsyncIterator[bytes]:
    """The same, ended as a gone daemon when it is more than `size_max` bytes."""
    left = size_max
    async for piece in pieces:
        left -= len(piece)
        if left < 0:
            raise DaemonGone(f"the daemon's answer is longer than {size_max} bytes")
        yield piece


async def _send_pieces(writer: asyncio.StreamWriter, pieces: AsyncIterator[bytes]) -> None:
    """A chunked body. A daemon that refuses in the middle closes early; its answer then says why."""
    with suppress(ConnectionError):
        async for piece in pieces:
            if piece:
                writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
                await writer.drain()
        writer.write(b"0\r\n\r\n")
        await writer.drain()


async def _guarded(exchange: _Exchange) -> AsyncIterator[bytes]:
    try:
        async for piece in exchange.bodies():
            yield piece
    except OSError as error:
        raise DaemonGone(str(error)) from error


async def _message(exchange: _Exchange) -> str:
    """What an error says: JSON with `message`, or plain text."""
    whole = b"".join([piece async for piece in bounded(exchange.bodies(), ANSWER_BYTES_MAX)])
    with suppress(msgspec.DecodeError, TypeError, KeyError):
        return str(msgspec.json.decode(whole)["message"]).strip()
    return whole.decode(errors="replace").strip() or f"status {exchange.answer.status}"


def _why(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return f"nothing within {CONNECTS_WITHIN_S:g} s"
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
