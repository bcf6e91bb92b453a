"""Proxies that are killed, and planes that end: on a plane of the test's own, with real proxy processes."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import stat
from collections.abc import Set
from contextlib import suppress
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.engine_build import ADDRESS, HOST, a_free_port, a_plane, ask, targets, the_proxies, until
from tests.fault.waiting import until as dead
from windlass.fleet.proxies import Proxies
from windlass.fleet.proxy_messages import Bind, Fixed, Forward, Frontend, Pool, Rule, Share, Sticky
from windlass.kernel.clock import SECOND


def a_frontend(port: int) -> Frontend:
    """One that answers "here" on that port of an address of its own."""
    rule = Rule("default", (), Fixed(200, body="here"))
    return Frontend("listener", "alb", (Bind(ADDRESS, port),), (HOST,), "http", (rule,))


async def answers(port: int) -> bool:
    """Whether a client gets "here"."""
    answer = await ask(port)
    return answer is not None and (answer.status, answer.body) == (200, b"here")


async def answered(port: int) -> None:
    """When a client gets it."""
    await until(lambda: answers(port))


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
            dead(lambda pid=proxy.pid: gone(pid), f"end of proxy {proxy.pid}")  # type: ignore[misc]
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
        dead(lambda pid=pid: gone(pid), f"end of proxy {pid}")  # type: ignore[misc]


def test_another_engine_takes_over(tmp_path: Path) -> None:
    """A proxy that outlived its plane ends when the next one wants HAProxy."""

    async def story() -> int:
        port = a_free_port()
        with suppress(ZeroDivisionError):
            async with a_plane(tmp_path, 1) as plane:
                plane.calls.part(Proxies).put_frontend(a_frontend(port))
                [before] = await the_proxies(plane, 1)
                raise ZeroDivisionError
        async with a_plane(tmp_path, 1, a_frontend(port), engine="haproxy") as plane:
            [other] = await the_proxies(plane, 1, but={before.pid})
            await children(other.pid)
            await answered(port)
        return before.pid

    pid = asyncio.run(asyncio.wait_for(story(), 120))
    dead(lambda: gone(pid), "end of the one before")


ENGINES = pytest.mark.parametrize("engine", ["builtin", "haproxy"])


@ENGINES
def test_an_address_that_is_taken(tmp_path: Path, engine: str) -> None:
    """It is told, the other addresses are served, and it is had as soon as it is free."""

    async def story() -> None:
        port, taken = a_free_port(), socket.create_server((ADDRESS, 0))
        other = taken.getsockname()[1]
        async with a_plane(tmp_path, 1, engine=engine) as plane:
            part = plane.calls.part(Proxies)
            frontend = a_frontend(port)
            part.put_frontend(replace(frontend, binds=(*frontend.binds, Bind(ADDRESS, other))))
            await answered(port)
            busy = {"listener": ((f"{ADDRESS}:{other}", "Address already in use"),)}
            await until(lambda: part.refused == busy)
            taken.close()
            await answered(other)
            await until(lambda: not part.refused)

    asyncio.run(asyncio.wait_for(story(), 120))


def test_cookies_count_at_every_worker(tmp_path: Path) -> None:
    """Whichever worker gets the connection, and also the one that takes a killed one's place."""

    async def story() -> None:
        port = a_free_port()
        async with a_plane(tmp_path, 2) as plane, targets("a", "b") as found:
            endpoints = tuple(replace(one.endpoint, health="healthy") for one in found)
            part = plane.calls.part(Proxies)
            part.put_pool(Pool("ab", endpoints=endpoints, sticky=Sticky("lb_cookie", seconds=600)))
            rule = Rule("default", (), Forward((Share("ab"),)))
            part.put_frontend(replace(a_frontend(port), rules=(rule,)))
            before = await the_proxies(plane, 2)
            first = await ask(port)
            assert first is not None
            cookie = first.headers["set-cookie"].split(";")[0]
            assert await names(port, cookie) == {json.loads(first.body)["name"]}
            os.kill(before[0].pid, signal.SIGKILL)
            await the_proxies(plane, 2, but={before[0].pid})
            assert await names(port, cookie) == {json.loads(first.body)["name"]}

    asyncio.run(asyncio.wait_for(story(), 120))


async def names(port: int, cookie: str) -> set[str]:
    """Who answers 24 connections: by chance alone, that is hardly ever one of two workers' targets only."""
    found = [await ask(port, Cookie=cookie) for _ in range(24)]
    return {json.loads(one.body)["name"] for one in found if one is not None}


def test_killed_with_haproxy(tmp_path: Path) -> None:
    """The proxy, and with it HAProxy, or HAProxy alone: another one serves. In the end none is left."""

    async def story() -> set[int]:
        port = a_free_port()
        async with a_plane(tmp_path, 2, engine="haproxy") as plane:
            part = plane.calls.part(Proxies)
            part.put_frontend(a_frontend(port))
            [proxy] = await the_proxies(plane, 1)
            await answered(port)
            [engine] = await children(proxy.pid)
            os.kill(engine, signal.SIGKILL)
            [other] = await children(proxy.pid, but={engine})
            await answered(port)
            os.kill(proxy.pid, signal.SIGKILL)
            [second] = await the_proxies(plane, 1, but={proxy.pid})
            [last] = await children(second.pid)
            await answered(port)
        assert not await answers(port)
        return {proxy.pid, engine, other, second.pid, last}

    for pid in asyncio.run(asyncio.wait_for(story(), 120)):
        dead(lambda pid=pid: gone(pid), f"end of {pid}")  # type: ignore[misc]


async def children(pid: int, but: Set[int] = frozenset()) -> list[int]:
    """The living ones, when there is one that is none of these."""
    path = Path(f"/proc/{pid}/task/{pid}/children")

    def found() -> list[int]:
        return [one for one in map(int, path.read_text().split()) if one not in but and not gone(one)]

    living: list[int] = await until(found)
    return living


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
    dead(lambda: gone(pid), "end of a proxy without a home")
