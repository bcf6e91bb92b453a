"""A plane without services that has real proxies, targets in the test's own process, and a client."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable, Set
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from tests.fault.waiting import PERIOD_S
from windlass.aws.quotas import load_profile
from windlass.fleet.link import NodeLinks
from windlass.fleet.proxies import Proxies, ProxyView
from windlass.fleet.proxy_messages import Endpoint, Frontend
from windlass.kernel.chance import Chance
from windlass.kernel.clock import SECOND, WallClock
from windlass.kernel.durable import DurableLog, MemoryLog
from windlass.proxied import proxies
from windlass.services.assemble import assemble, start
from windlass.services.plane import Plane

ADDRESS = "127.77.7.7"
HOST = "a.elb.localhost"


@asynccontextmanager
async def a_plane(
    data: Path, workers: int, *frontends: Frontend, engine: str = "builtin"
) -> AsyncIterator[Plane]:
    """It has these frontends from its start."""
    clock, chance = WallClock(), Chance()
    log = DurableLog(MemoryLog())
    crashes: list[BaseException] = []
    plane = assemble(
        (),
        clock=clock,
        chance=chance,
        log=log,
        links=lambda store, journal, spawn: NodeLinks(
            store, journal, spawn, clock=clock, endpoint="", make_secret=chance.token
        ),
        profile=load_profile("local"),
        endpoint="",
        blobs=None,
        on_crash=lambda name, error: crashes.append(error),
    )
    start(plane, ())
    for frontend in frontends:
        plane.calls.part(Proxies).put_frontend(frontend)
    data.mkdir(exist_ok=True)
    try:
        async with proxies(plane, data, workers, engine):
            yield plane
    finally:
        await plane.spawn.close()
        await log.close()
    assert not crashes


async def until(found: Callable[[], Any]) -> Any:
    """The first true value; tests have deadlines of their own."""
    clock = WallClock()
    while True:
        value = found()
        if asyncio.iscoroutine(value):
            value = await value
        if value:
            return value
        await clock.sleep(int(PERIOD_S * SECOND))


async def the_proxies(plane: Plane, count: int, but: Set[int] = frozenset()) -> list[ProxyView]:
    """When so many have a session and serve what the plane says, and none of them is one of these."""
    part = plane.calls.part(Proxies)

    def found() -> list[ProxyView]:
        views = part.proxies()
        fresh = all(one.generation == part.served.generation and one.pid not in but for one in views)
        return views if len(views) == count and fresh else []

    views: list[ProxyView] = await until(found)
    return views


def a_free_port() -> int:
    with socket.create_server((ADDRESS, 0)) as free:
        return int(free.getsockname()[1])


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


async def ask(
    where: int | Path, path: str = "/", method: str = "GET", preface: bytes = b"", **headers: str
) -> Answer | None:
    """One request on a connection of its own, to a port of ADDRESS or a Unix socket; None: it broke."""
    sent = {"Host": HOST, "Connection": "close", **{name.replace("_", "-"): v for name, v in headers.items()}}
    head = "".join(f"{name}: {value}\r\n" for name, value in sent.items())
    try:
        if isinstance(where, int):
            reader, writer = await asyncio.open_connection(ADDRESS, where)
        else:
            reader, writer = await asyncio.open_unix_connection(where)
        writer.write(preface + f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode())
        raw = await reader.read()
        writer.close()
    except OSError:
        return None
    top, _, body = raw.partition(b"\r\n\r\n")
    lines = top.decode("latin-1").split("\r\n")
    if not lines[0].startswith("HTTP/1."):
        return None
    found = dict(line.split(": ", 1) for line in reversed(lines[1:]))  # the first of each
    return Answer(int(lines[0].split()[1]), {name.lower(): value for name, value in found.items()}, body)


@dataclass
class Target:
    """Answers with its name and the headers that came; on /health with `health`; others wait for `open`."""

    name: str
    port: int = 0
    health: int = 200
    asked: int = 0
    open: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint(self.name, "127.0.0.1", self.port)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := (await reader.readuntil(b"\r\n\r\n")).decode("latin-1"):
                line, *rest = head.strip().split("\r\n")
                path, status, body = line.split()[1], self.health, ""
                if not path.startswith("/health"):
                    self.asked += 1
                    await self.open.wait()
                    headers = {n.lower(): v for n, v in (one.split(": ", 1) for one in rest)}
                    status, body = 200, json.dumps({"name": self.name, "path": path, **headers})
                writer.write(f"HTTP/1.1 {status} x\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        writer.close()


@asynccontextmanager
async def targets(*names: str) -> AsyncIterator[list[Target]]:
    """So many, which answer at once."""
    made, servers = [Target(name) for name in names], []
    for target in made:
        target.open.set()
        servers.append(await asyncio.start_server(target.serve, "127.0.0.1", 0))
        target.port = servers[-1].sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        for server in servers:
            server.close()
