"""Targets that are away, slow, silent or lying: what their clients get, and what is never sent twice."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.proxy_build import (
    OK,
    Script,
    a_client,
    a_proxy,
    a_target,
    answering,
    ask,
    free_port,
    get,
    head,
    request,
    response,
    run,
)
from windlass.fleet.proxy_messages import SECOND

SHORT = SECOND // 10


def saying(answer: bytes, wait: bool = False) -> Script:
    """Reads a request's head, says that, and ends, or `wait`s for the other to end."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head(reader)
        writer.write(answer)
        await writer.drain()
        if wait:
            await reader.read()

    return script


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 20",
        b"garbage\r\n\r\n",
        b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: %b\r\n\r\n" % (b"a" * 40_000),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n",
        b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
    ],
)
def test_no_answer_is_502(tmp_path: Path, answer: bytes) -> None:
    async def story() -> None:
        async with a_target(saying(answer)) as target, a_proxy(tmp_path, target.port) as proxy:
            status, headers, body = await ask(proxy.port, get())
            assert (status, headers["server"]) == (502, "awselb/2.0")
            assert b"502 Bad Gateway" in body
            assert proxy.count("elb_502") == 1
            assert target.connections == 1  # a new connection's failure is no reason to try again

    run(story)


def test_nobody_there_is_502(tmp_path: Path) -> None:
    async def story() -> None:
        async with a_proxy(tmp_path, free_port()) as proxy:
            assert (await ask(proxy.port, get()))[0] == 502
            assert (proxy.count("elb_502"), proxy.count("target_connection_errors")) == (1, 1)

    run(story)


def test_no_targets_is_503(tmp_path: Path) -> None:
    async def story() -> None:
        async with a_proxy(tmp_path) as proxy, a_client(proxy.port) as (reader, writer):
            for _ in range(2):  # the connection goes on
                writer.write(get(method="POST", body=b"abc"))
                assert (await response(reader))[0] == 503
            assert proxy.count("elb_503") == 2

    run(story)


def test_a_target_that_says_nothing_is_504(tmp_path: Path) -> None:
    async def story() -> None:
        async with (
            a_target(saying(b"", wait=True)) as target,
            a_proxy(tmp_path, target.port, idle_timeout=SHORT) as proxy,
        ):
            assert (await ask(proxy.port, get()))[0] == 504
            assert proxy.count("elb_504") == 1

    run(story)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
    ],
)
@pytest.mark.parametrize("wait", [False, True])
def test_an_answer_that_is_cut_short_is_seen_to_be(tmp_path: Path, answer: bytes, wait: bool) -> None:
    """It ends, or hangs until the idle timeout: either way its client cannot take it for whole."""

    async def story() -> None:
        async with (
            a_target(saying(answer, wait)) as target,
            a_proxy(tmp_path, target.port, idle_timeout=SHORT) as proxy,
            a_client(proxy.port) as (reader, writer),
        ):
            writer.write(get())
            with pytest.raises((asyncio.IncompleteReadError, ConnectionError, ValueError)):
                await response(reader)

    run(story)


def test_what_a_target_sends_beyond_its_answer_is_for_nobody(tmp_path: Path) -> None:
    """A second answer that nobody asked for must not become that to the next request."""
    calls = 0

    async def more(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal calls
        while True:
            await request(reader)
            calls += 1
            writer.write(OK + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")

    async def story() -> None:
        async with a_target(more) as target, a_proxy(tmp_path, target.port) as proxy:
            async with a_client(proxy.port) as (reader, writer):
                for _ in range(3):
                    writer.write(get(method="PUT"))
                    assert (await response(reader))[2] == b"ok"
            assert calls >= 3 and target.connections == 3

    run(story)


def closing(first: int) -> tuple[Script, list[str]]:
    """Answers so many requests of its first connection, then ends that at the next one; keeps what it got."""
    seen: list[str] = []
    connections = 0

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        mine, served = connections, 0
        while True:
            top, _ = await request(reader)
            seen.append(f"{mine} {top.split()[0].decode()}")
            if mine == 1 and served == first:
                return
            served += 1
            writer.write(OK)

    return script, seen


@pytest.mark.parametrize(
    ("method", "body", "status", "seen"),
    [
        ("GET", b"", 200, ["1 GET", "1 GET", "2 GET"]),
        ("PUT", b"abc", 200, ["1 GET", "1 PUT", "2 PUT"]),
        ("POST", b"abc", 502, ["1 GET", "1 POST"]),
    ],
)
def test_a_stale_connection(tmp_path: Path, method: str, body: bytes, status: int, seen: list[str]) -> None:
    """What may be done twice is sent again on a new connection; the rest fails rather than be done twice."""

    async def story() -> None:
        script, told = closing(1)
        async with a_target(script) as target, a_proxy(tmp_path, target.port) as proxy:
            assert (await ask(proxy.port, get()))[0] == 200
            assert (await ask(proxy.port, get(method=method, body=body)))[0] == status
            assert told == seen

    run(story)


def test_a_connection_that_its_target_ended_is_not_used(tmp_path: Path) -> None:
    """Whose end was seen meanwhile: even a POST meets a good one."""
    ended = asyncio.Event()

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        writer.write(OK)
        await ended.wait()

    async def story() -> None:
        async with a_target(once) as target, a_proxy(tmp_path, target.port) as proxy:
            assert (await ask(proxy.port, get(method="POST", body=b"a")))[0] == 200
            ended.set()
            for _ in range(5):
                assert (await ask(proxy.port, get(method="POST", body=b"a")))[0] == 200

    run(story)


def test_an_answer_before_the_request_was_whole(tmp_path: Path) -> None:
    """The client hears it, and both connections end: neither side knows how much of the body was read."""

    async def story() -> None:
        answer = b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig"
        async with (
            a_target(saying(answer, wait=True)) as target,
            a_proxy(tmp_path, target.port) as proxy,
            a_client(proxy.port) as (reader, writer),
        ):
            writer.write(get("/", "Content-Length: 1000000", method="PUT") + b"some")
            status, headers, body = await response(reader)
            assert (status, headers["connection"], body) == (413, "close", b"big")
            assert await reader.read() == b""

    run(story)


def test_other_targets_do_not_notice(tmp_path: Path) -> None:
    """Of two targets one hangs: half of the requests wait, the others are answered meanwhile."""

    async def story() -> None:
        async with (
            a_target(saying(b"", wait=True)) as bad,
            a_target(answering()) as good,
            a_proxy(tmp_path, bad.port, good.port) as proxy,
        ):
            waiting = [asyncio.ensure_future(ask(proxy.port, get())) for _ in range(20)]
            done: set[asyncio.Task[tuple[int, dict[str, str], bytes]]] = set()
            while len(done) < 10:
                done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            assert all(task.result()[0] == 200 for task in done)
            for task in waiting:
                task.cancel()

    run(story)
