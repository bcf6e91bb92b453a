"""A data plane on real sockets, targets that do as a test says, and a plane that keeps what it is told."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

import uvloop

from windlass.fleet.proxy_messages import (
    AccessLines,
    Bind,
    Count,
    Counted,
    Endpoint,
    Forward,
    FromProxy,
    Frontend,
    FunctionAnswer,
    FunctionCall,
    Options,
    Pool,
    Rule,
    Share,
    Table,
)
from windlass.kernel.clock import WallClock
from windlass.kernel.spawn import Spawn
from windlass.proxy.dataplane import DataPlane
from windlass.proxy.dial import dial
from windlass.proxy.standing import Standing
from windlass.proxy.table import Current
from windlass.proxy.worker import Worker

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
WITHIN_S = 90.0
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def run(story: Callable[[], Awaitable[None]]) -> None:
    """A test's story on the loop that proxies have."""

    async def bounded() -> None:
        async with asyncio.timeout(WITHIN_S):
            await story()

    uvloop.run(bounded())


async def met(condition: Callable[[], object]) -> None:
    """Wait until it is."""
    never = asyncio.get_running_loop().create_future()
    while not condition():
        await asyncio.wait({never}, timeout=0.002)


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
    return port


class Plane:
    """Where the proxy's session would be."""

    def __init__(self) -> None:
        self.told: list[FromProxy] = []
        self.refused: tuple[tuple[str, str, str], ...] = ()
        self.asked: list[FunctionCall] = []
        self.opened: list[Callable[[], None]] = []
        """Who is called when a session begins."""
        self.function: Callable[[FunctionCall], FunctionAnswer] = lambda call: FunctionAnswer(call.id, 200)

    def tell(self, message: FromProxy) -> None:
        self.told.append(message)

    def on_open(self, tell: Callable[[], None]) -> None:
        self.opened.append(tell)

    def refuse(self, refused: tuple[tuple[str, str, str], ...]) -> None:
        self.refused = refused

    async def ask(self, call: FunctionCall) -> FunctionAnswer:
        self.asked.append(call)
        return self.function(call)


class Proxy:
    """A running data plane."""

    def __init__(self, directory: Path, index: int = 0) -> None:
        self.crashes: list[BaseException] = []
        self.plane = Plane()
        self.spawn = Spawn(lambda name, error: self.crashes.append(error))
        self.current = Current()
        self.worker = Worker(
            index,
            directory / "ingress",
            WallClock(),
            self.spawn,
            self.current,
            Standing(self.current),
            self.plane,  # type: ignore[arg-type]
            dial,
        )
        self.data = DataPlane(self.worker, Random(7), b"secret")
        self.port = 0
        self._generation = 0

    def serve(self, frontends: tuple[Frontend, ...], pools: tuple[Pool, ...]) -> None:
        """A whole new table."""
        self._generation += 1
        self.current.take(Table(self._generation, True, frontends, pools))

    def counts(self) -> list[Count]:
        """All that was told and what is not told yet, one by one."""
        self.plane.tell(Counted(0, 0, self.data.counts.take()))
        return [count for one in self.plane.told if isinstance(one, Counted) for count in one.counts]

    def count(self, name: str) -> int:
        return sum(getattr(count, name) for count in self.counts())

    def lines(self) -> list[str]:
        """Of access logs."""
        return [
            line for message in self.plane.told if isinstance(message, AccessLines) for line in message.lines
        ]


def forward(*pools: str) -> tuple[Rule, ...]:
    return (Rule("default", (), Forward(tuple(Share(pool) for pool in pools))),)


def a_frontend(port: int, rules: tuple[Rule, ...] = forward("pool"), **options: object) -> Frontend:
    return Frontend(
        "front",
        "alb",
        (Bind("127.0.0.1", port),),
        (),
        "http",
        rules,
        Options(**options),  # type: ignore[arg-type]
    )


@asynccontextmanager
async def a_proxy(
    directory: Path, *ports: int, rules: tuple[Rule, ...] = forward("pool"), **options: object
) -> AsyncIterator[Proxy]:
    """One frontend before one pool of targets at these ports."""
    proxy = Proxy(directory)
    proxy.port = free_port()
    await proxy.data.open()
    endpoints = tuple(Endpoint(f"target:{port}", "127.0.0.1", port) for port in ports)
    proxy.serve((a_frontend(proxy.port, rules, **options),), (Pool("pool", endpoints=endpoints),))
    try:
        yield proxy
    finally:
        await proxy.data.close()
        await proxy.spawn.close()
    assert not proxy.crashes, proxy.crashes


class Seen:
    """What came to a target."""

    def __init__(self) -> None:
        self.port = 0
        self.connections = 0
        self.end: Callable[[], None] = lambda: None
        """Takes no connection any more, and ends those that are open."""


@asynccontextmanager
async def a_target(script: Script) -> AsyncIterator[Seen]:
    """Each connection is the script's; what breaks it is its own affair."""
    seen = Seen()
    running: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        running.add(task)
        seen.connections += 1
        try:
            await script(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            running.discard(task)
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    seen.port = server.sockets[0].getsockname()[1]

    def end() -> None:
        server.close()
        for task in list(running):
            task.cancel()

    seen.end = end
    try:
        yield seen
    finally:
        end()


async def head(reader: asyncio.StreamReader) -> bytes:
    """Up to the empty line."""
    return await reader.readuntil(b"\r\n\r\n")


async def request(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """A whole request: its head and its body."""
    top = await head(reader)
    return top, await _body(reader, top)


async def response(reader: asyncio.StreamReader, to_head: bool = False) -> tuple[int, dict[str, str], bytes]:
    """A whole answer: status, headers by lower-case name, body."""
    top = await head(reader)
    lines = top.decode("latin-1").split("\r\n")
    headers = dict(_pair(line) for line in lines[1:] if line)
    status = int(lines[0].split()[1])
    if to_head or status in (101, 204, 304):
        return status, headers, b""
    if "content-length" not in headers and "transfer-encoding" not in headers:
        return status, headers, await reader.read()
    return status, headers, await _body(reader, top)


def _pair(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name.lower(), value.strip()


async def _body(reader: asyncio.StreamReader, top: bytes) -> bytes:
    headers = dict(_pair(line) for line in top.decode("latin-1").split("\r\n")[1:] if line)
    if headers.get("transfer-encoding") == "chunked":
        body = b""
        while size := int(await reader.readline(), 16):
            body += await reader.readexactly(size)
            await reader.readexactly(2)
        await reader.readline()
        return body
    return await reader.readexactly(int(headers.get("content-length", 0)))


def answering(seen: list[bytes] | None = None, answer: bytes = OK) -> Script:
    """A good target: the same answer to each request of a connection; keeps what it was asked in `seen`."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            top, body = await request(reader)
            if seen is not None:
                seen.append(top + body)
            writer.write(answer)
            await writer.drain()

    return script


@asynccontextmanager
async def a_client(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.close()


async def ask(port: int, raw: bytes) -> tuple[int, dict[str, str], bytes]:
    """One request on a connection of its own."""
    async with a_client(port) as (reader, writer):
        writer.write(raw)
        return await response(reader, raw.startswith(b"HEAD "))


def get(path: str = "/", *headers: str, method: str = "GET", body: bytes = b"") -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: example.test", *headers]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body
