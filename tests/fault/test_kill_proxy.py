"""Proxies that are killed, and planes that end: on a plane of the test's own, with real proxy processes."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from tests.fault.waiting import PERIOD_S, until
from windlass.aws.quotas import load_profile
from windlass.fleet.link import NodeLinks
from windlass.fleet.proxies import Proxies, ProxyView
from windlass.fleet.proxy_messages import Frontend
from windlass.kernel.chance import Chance
from windlass.kernel.clock import SECOND, WallClock
from windlass.kernel.durable import DurableLog, MemoryLog
from windlass.proxied import proxies
from windlass.services.assemble import assemble, start
from windlass.services.plane import Plane

FRONTEND = Frontend("listener", "alb", (), ("a.elb.localhost",), "http", ())


@asynccontextmanager
async def a_plane(data: Path, workers: int) -> AsyncIterator[Plane]:
    """A plane without services, which has nothing but proxies."""
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
    data.mkdir(exist_ok=True)
    try:
        async with proxies(plane, data, workers):
            yield plane
    finally:
        await plane.spawn.close()
        await log.close()
    assert not crashes


async def the_proxies(plane: Plane, count: int, but: set[int] = frozenset()) -> list[ProxyView]:  # type: ignore[assignment]
    """When so many have a session and serve what the plane says, and none of them is one of these."""
    part = plane.calls.part(Proxies)
    while True:
        found = part.proxies()
        fresh = all(one.generation == part.served.generation and one.pid not in but for one in found)
        if len(found) == count and fresh:
            return found
        await plane.clock.sleep(int(PERIOD_S * SECOND))


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
        async with a_plane(tmp_path, 2) as plane:
            part = plane.calls.part(Proxies)
            assert not (tmp_path / "proxies").exists()
            part.put_frontend(FRONTEND)
            first = await the_proxies(plane, 2)
            for path in (tmp_path / "proxy.sock", *tmp_path.glob("proxies/*/*.sock")):
                assert stat.S_IMODE(path.stat().st_mode) == 0o600
            os.kill(first[1].pid, signal.SIGKILL)
            began = plane.clock.now()
            second = await the_proxies(plane, 2, but={first[1].pid})
            print(f"back after {(plane.clock.now() - began) / SECOND:.2f} s")
            assert second[0].pid == first[0].pid
            assert [e.subject for e in plane.journal.since(0) if e.what == "proxy restarted"] == ["proxy 1"]
        for proxy in (*first, *second):
            until(lambda pid=proxy.pid: gone(pid), f"end of proxy {proxy.pid}")  # type: ignore[misc]

    asyncio.run(asyncio.wait_for(story(), 120))


def test_outlives_its_plane_and_finds_the_next(tmp_path: Path) -> None:
    """A plane that crashes leaves them; the next has the same ones, and of two asks one too many to end."""

    async def story() -> list[int]:
        with suppress(ZeroDivisionError):
            async with a_plane(tmp_path, 2) as plane:
                plane.calls.part(Proxies).put_frontend(FRONTEND)
                before = await the_proxies(plane, 2)
                raise ZeroDivisionError
        assert not any(gone(proxy.pid) for proxy in before)
        async with a_plane(tmp_path, 1) as plane:
            [kept] = await the_proxies(plane, 1, but={before[1].pid})
            assert kept.pid == before[0].pid
        return [proxy.pid for proxy in before]

    for pid in asyncio.run(asyncio.wait_for(story(), 120)):
        until(lambda pid=pid: gone(pid), f"end of proxy {pid}")  # type: ignore[misc]


def test_ends_when_its_directory_is_gone(tmp_path: Path) -> None:
    """Nobody would ever come for it."""

    async def story() -> int:
        with suppress(ZeroDivisionError):
            async with a_plane(tmp_path / "data", 1) as plane:
                plane.calls.part(Proxies).put_frontend(FRONTEND)
                [proxy] = await the_proxies(plane, 1)
                raise ZeroDivisionError
        (tmp_path / "data").rename(tmp_path / "elsewhere")
        return proxy.pid

    pid = asyncio.run(asyncio.wait_for(story(), 120))
    until(lambda: gone(pid), "end of a proxy without a home")
