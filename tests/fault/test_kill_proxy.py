"""Proxies that are killed, and planes that end: on a plane of the test's own, with real proxy processes."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import stat
from collections.abc import AsyncIterator, Set
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from msgspec.structs import replace

from tests.fault.waiting import PERIOD_S, until
from windlass.aws.quotas import load_profile
from windlass.fleet.link import NodeLinks
from windlass.fleet.proxies import Proxies, ProxyView
from windlass.fleet.proxy_messages import Bind, Fixed, Frontend, Rule
from windlass.kernel.chance import Chance
from windlass.kernel.clock import SECOND, WallClock
from windlass.kernel.durable import DurableLog, MemoryLog
from windlass.proxied import proxies
from windlass.services.assemble import assemble, start
from windlass.services.plane import Plane

HOST = "a.elb.localhost"


def a_frontend(port: int) -> Frontend:
    """One that answers "here" on that port of an address of its own."""
    rule = Rule("default", (), Fixed(200, body="here"))
    return Frontend("listener", "alb", (Bind(ADDRESS, port),), (HOST,), "http", (rule,))


ADDRESS = "127.77.7.7"
PAUSE = WallClock()


def a_free_port() -> int:
    with socket.create_server((ADDRESS, 0)) as free:
        return int(free.getsockname()[1])


async def answers(port: int) -> bool:
    """Whether a client gets "here"."""
    try:
        reader, writer = await asyncio.open_connection(ADDRESS, port)
        writer.write(f"GET / HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode())
        answer = await reader.read()
        writer.close()
    except OSError:
        return False
    return answer.startswith(b"HTTP/1.1 200 ") and answer.endswith(b"here")


async def answered(port: int) -> None:
    """When a client gets it."""
    while not await answers(port):
        await PAUSE.sleep(int(PERIOD_S * SECOND))


@asynccontextmanager
async def a_plane(data: Path, workers: int, *frontends: Frontend) -> AsyncIterator[Plane]:
    """A plane without services, which has nothing but proxies, and these frontends from its start."""
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
        async with proxies(plane, data, workers):
            yield plane
    finally:
        await plane.spawn.close()
        await log.close()
    assert not crashes


async def the_proxies(plane: Plane, count: int, but: Set[int] = frozenset()) -> list[ProxyView]:
    """When so many have a session and serve what the plane says, and none of them is one of these."""
    part = plane.calls.part(Proxies)
    while True:
        found = part.proxies()
        fresh = all(one.generation == part.served.generation and one.pid not in but for one in found)
        if len(found) == count and fresh:
            return found
        await PAUSE.sleep(int(PERIOD_S * SECOND))


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    with suppress(FileNotFoundError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    return True


def test_started_when_wanted_killed_and_back(tmp_path: Path) -> None:
    """1. None without a frontend. 2. Two with one. 3. One is killed: another takes its place. 4. All end."""

    async def story() -> None:
        port = a_free_port()
        async with a_plane(tmp_path, 2) as plane:
            part = plane.calls.part(Proxies)
            assert not (tmp_path / "proxies").exists()
            part.put_frontend(a_frontend(port))
            first = await the_proxies(plane, 2)
            await answered(port)
            for path in (tmp_path / "proxy.sock", *tmp_path.glob("proxies/*/*.sock")):
                assert stat.S_IMODE(path.stat().st_mode) == 0o600
            os.kill(first[1].pid, signal.SIGKILL)
            began = plane.clock.now()
            second = await the_proxies(plane, 2, but={first[1].pid})
            print(f"back after {(plane.clock.now() - began) / SECOND:.2f} s")
            await answered(port)
            assert second[0].pid == first[0].pid
            assert [e.subject for e in plane.journal.since(0) if e.what == "proxy restarted"] == ["proxy 1"]
        for proxy in (*first, *second):
            until(lambda pid=proxy.pid: gone(pid), f"end of proxy {proxy.pid}")  # type: ignore[misc]
        assert not await answers(port)

    asyncio.run(asyncio.wait_for(story(), 120))


def test_outlives_its_plane_and_finds_the_next(tmp_path: Path) -> None:
    """A plane that crashes leaves them; the next has the same ones, and of two asks one too many to end."""

    async def story() -> list[int]:
        port = a_free_port()
        with suppress(ZeroDivisionError):
            async with a_plane(tmp_path, 2) as plane:
                plane.calls.part(Proxies).put_frontend(a_frontend(port))
                before = await the_proxies(plane, 2)
                await answered(port)
                raise ZeroDivisionError
        assert await answers(port)
        async with a_plane(tmp_path, 1, a_frontend(port)) as plane:
            [kept] = await the_proxies(plane, 1, but={before[1].pid})
            assert kept.pid == before[0].pid
            assert await answers(port)
        return [proxy.pid for proxy in before]

    for pid in asyncio.run(asyncio.wait_for(story(), 120)):
        until(lambda pid=pid: gone(pid), f"end of proxy {pid}")  # type: ignore[misc]


def test_an_address_that_is_taken(tmp_path: Path) -> None:
    """It is told, the other addresses are served, and it is had with the next change once it is free."""

    async def story() -> None:
        port, taken = a_free_port(), socket.create_server((ADDRESS, 0))
        other = taken.getsockname()[1]
        async with a_plane(tmp_path, 1) as plane:
            part = plane.calls.part(Proxies)
            frontend = a_frontend(port)
            part.put_frontend(replace(frontend, binds=(*frontend.binds, Bind(ADDRESS, other))))
            await answered(port)
            await the_proxies(plane, 1)
            assert part.refused == {"listener": ((f"{ADDRESS}:{other}", "Address already in use"),)}
            taken.close()
            part.put_frontend(replace(frontend, binds=(Bind(ADDRESS, other),)))
            await answered(other)
            await the_proxies(plane, 1)
            assert not part.refused

    asyncio.run(asyncio.wait_for(story(), 120))


def test_ends_when_its_directory_is_gone(tmp_path: Path) -> None:
    """Nobody would ever come for it."""

    async def story() -> int:
        with suppress(ZeroDivisionError):
            async with a_plane(tmp_path / "data", 1) as plane:
                plane.calls.part(Proxies).put_frontend(a_frontend(a_free_port()))
                [proxy] = await the_proxies(plane, 1)
                raise ZeroDivisionError
        (tmp_path / "data").rename(tmp_path / "elsewhere")
        return proxy.pid

    pid = asyncio.run(asyncio.wait_for(story(), 120))
    until(lambda: gone(pid), "end of a proxy without a home")
