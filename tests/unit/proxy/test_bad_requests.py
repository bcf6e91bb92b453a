"""Clients that send what is no request, or two at once, or nothing: none of it reaches a target."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.proxy_build import OK, a_client, a_proxy, a_target, answering, ask, get, head, met, response, run
from windlass.fleet.proxy_messages import SECOND

TOP = b"POST / HTTP/1.1\r\nHost: x\r\n"
CHUNKED = TOP + b"Transfer-Encoding: chunked\r\n\r\n"
BAD = [
    (TOP + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    (TOP + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", 400),
    (TOP + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 400),
    (TOP + b"Content-Length: 3, 3\r\n\r\nabc", 400),
    (TOP + b"Content-Length: +3\r\n\r\nabc", 400),
    (TOP + b"Content-Length: -3\r\n\r\nabc", 400),
    (TOP + b"Content-Length: 99999999999999999999\r\n\r\n", 400),
    (TOP + b"Content-Length:\r\n\r\n", 400),
    (TOP + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 501),
    (TOP + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
    (TOP + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    (TOP + b"Transfer-Encoding: identity\r\n\r\n", 501),
    (TOP + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n", 400),
    (b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    (TOP + b"A: b\r\n c\r\n\r\n", 400),
    (TOP + b"A : b\r\n\r\n", 400),
    (TOP + b": b\r\n\r\n", 400),
    (TOP + b"A: b\nC: d\r\n\r\n", 400),
    (TOP + b"A: b\rC: d\r\n\r\n", 400),
    (TOP + b"A: b\0\r\n\r\n", 400),
    (TOP + b"A\0: b\r\n\r\n", 400),
    (b"GET / HTTP/1.1\nHost: x\n\n", 400),
    (b"GET / HTTP/1.1\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: x/y\r\n\r\n", 400),
    (b"GET / HTTP/1.2\r\nHost: x\r\n\r\n", 400),
    (b"GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505),
    (b"GET /\r\n\r\n", 400),
    (b"GET /a\x01b HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    (b"GET /a b HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    (b"GET a HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    (b"GET ftp://a/ HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    (b"BREW / HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    (b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n", 405),
    (b"TRACE / HTTP/1.1\r\nHost: x\r\n\r\n", 405),
    (b"\x16\x03\x01\x02\x00\x01\x00", 400),
    (TOP + b"Expect: miracles\r\n\r\n", 417),
    (b"GET /%b HTTP/1.1\r\nHost: x\r\n\r\n" % (b"a" * 20_000), 414),
    (b"GET / HTTP/1.1\r\nHost: x\r\nA: %b\r\n\r\n" % (b"a" * 20_000), 400),
    (b"GET / HTTP/1.1\r\nHost: x\r\n%b\r\n" % (b"A: %b\r\n" % (b"a" * 10_000) * 7), 400),
    (b"GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: %b\r\n\r\n" % b", ".join([b"10.0.0.1"] * 31), 463),
]
BAD_CHUNKS = [
    b"zz\r\nabc\r\n",
    b"0x3\r\nabc\r\n",
    b"10000000000000003\r\n",
    b"3\nabc\n",
    b"3\r\nabcd\r\n",
    b"-1\r\n",
]
SMUGGLED = b"GET /admin HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize(("raw", "status"), BAD)
def test_what_is_refused_ends_its_connection(tmp_path: Path, raw: bytes, status: int) -> None:
    """Neither it nor what was smuggled behind it reaches a target."""
    seen: list[bytes] = []

    async def story() -> None:
        async with a_target(answering(seen)) as target, a_proxy(tmp_path, target.port) as proxy:
            async with a_client(proxy.port) as (reader, writer):
                writer.write(raw + SMUGGLED)
                came, headers, body = await response(reader)
                assert (came, headers["server"], headers["connection"]) == (status, "awselb/2.0", "close")
                assert f"{status} ".encode() in body
                assert await reader.read() == b""
            assert seen == []
            assert (proxy.count("elb_4xx") + proxy.count("elb_5xx"), proxy.count("requests")) == (1, 1)

    run(story)


@pytest.mark.parametrize("chunk", BAD_CHUNKS)
@pytest.mark.parametrize("apart", [False, True])
def test_a_body_that_is_none(tmp_path: Path, chunk: bytes, apart: bool) -> None:
    """400, whether its target has the head already or not; the target's connection is not used again."""
    seen: list[bytes] = []

    async def story() -> None:
        async with a_target(answering(seen)) as target, a_proxy(tmp_path, target.port) as proxy:
            async with a_client(proxy.port) as (reader, writer):
                writer.write(CHUNKED + (b"1\r\na\r\n" if apart else b""))
                if apart:
                    await writer.drain()
                    await met(lambda: target.connections)
                writer.write(chunk + SMUGGLED)
                assert (await response(reader))[0] == 400
                assert await reader.read() == b""
            assert seen == []

    run(story)


def test_a_good_request_before_a_bad_one_is_answered(tmp_path: Path) -> None:
    async def story() -> None:
        async with (
            a_target(answering()) as target,
            a_proxy(tmp_path, target.port) as proxy,
            a_client(proxy.port) as (reader, writer),
        ):
            writer.write(get() + b"GET / HTTP/1.1\r\nHost : x\r\n\r\n" + SMUGGLED)
            assert [(await response(reader))[0] for _ in range(2)] == [200, 400]
            assert await reader.read() == b""

    run(story)


def test_an_absolute_target_names_the_host(tmp_path: Path) -> None:
    seen: list[bytes] = []

    async def story() -> None:
        async with a_target(answering(seen)) as target, a_proxy(tmp_path, target.port) as proxy:
            await ask(proxy.port, b"GET http://a.example:80?q HTTP/1.1\r\nHost: b.example\r\n\r\n")
            assert seen[0].startswith(b"GET /?q HTTP/1.1\r\n")
            assert b"Host: a.example:80\r\n" in seen[0] and b"b.example" not in seen[0]

    run(story)


def test_names_that_are_invalid_are_dropped_when_wished(tmp_path: Path) -> None:
    """An attribute of the load balancer; `x_forwarded_for` may look like another header to a target."""
    seen: list[bytes] = []

    async def story() -> None:
        async with (
            a_target(answering(seen)) as target,
            a_proxy(tmp_path, target.port, drop_invalid_headers=True) as proxy,
        ):
            await ask(proxy.port, get("/", "x_forwarded_for: 1.2.3.4", "X-Good: 1"))
            assert b"X-Good: 1" in seen[0] and b"x_forwarded_for" not in seen[0]

    run(story)


@pytest.mark.parametrize(
    ("mode", "came", "goes"),
    [
        ("append", "a", b"a, 127.0.0.1"),
        ("preserve", "a", b"a"),
        ("remove", "a", None),
        ("preserve", "", None),
    ],
)
def test_forwarded_for(tmp_path: Path, mode: str, came: str, goes: bytes | None) -> None:
    seen: list[bytes] = []

    async def story() -> None:
        async with (
            a_target(answering(seen)) as target,
            a_proxy(tmp_path, target.port, forwarded_for=mode) as proxy,
        ):
            await ask(proxy.port, get("/", *([f"X-Forwarded-For: {came}"] if came else [])))
            found = [line for line in seen[0].split(b"\r\n") if line.startswith(b"X-Forwarded-For")]
            assert found == ([b"X-Forwarded-For: " + goes] if goes else [])

    run(story)


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"GET / HT", 408),
        (b"GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n", 408),
        (TOP + b"Content-Length: 10\r\n\r\nabc", 408),
    ],
)
def test_a_client_that_stops_in_mid_request(tmp_path: Path, raw: bytes, status: int) -> None:
    async def story() -> None:
        async with (
            a_target(answering()) as target,
            a_proxy(tmp_path, target.port, idle_timeout=SECOND // 10) as proxy,
        ):
            assert (await ask(proxy.port, raw))[0] == status

    run(story)


def test_a_client_that_drips_its_head(tmp_path: Path) -> None:
    """Slowloris: a head has one idle timeout from its first byte, however many bytes come."""

    async def story() -> None:
        async with (
            a_proxy(tmp_path, idle_timeout=SECOND // 5) as proxy,
            a_client(proxy.port) as (reader, writer),
        ):
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n")
            answer = asyncio.ensure_future(response(reader))
            while not answer.done():
                writer.write(b"A: b\r\n")
                await asyncio.wait({answer}, timeout=0.01)
            assert (await answer)[0] == 408

    run(story)


def test_a_client_that_says_nothing_is_let_go_in_silence(tmp_path: Path) -> None:
    async def story() -> None:
        async with a_proxy(tmp_path, idle_timeout=SECOND // 10) as proxy, a_client(proxy.port) as (reader, _):
            assert await reader.read() == b""

    run(story)


def test_a_client_that_leaves_frees_its_target(tmp_path: Path) -> None:
    """460 in the log; the target's connection is closed, as nobody waits for its answer."""
    asked, left = asyncio.Event(), asyncio.Event()

    async def waits(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head(reader)
        asked.set()
        await reader.read()
        left.set()

    async def story() -> None:
        async with a_target(waits) as target, a_proxy(tmp_path, target.port) as proxy:
            async with a_client(proxy.port) as (_, writer):
                writer.write(get())
                await asked.wait()
                writer.transport.abort()
            await left.wait()
            assert (proxy.count("elb_4xx"), proxy.count("target_2xx")) == (1, 0)

    run(story)


def test_a_client_that_sends_no_more_still_hears(tmp_path: Path) -> None:
    """Half-closed after its request."""
    heard = asyncio.Event()

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head(reader)
        await reader.read(0)
        await heard.wait()
        writer.write(OK)

    async def story() -> None:
        async with (
            a_target(slow) as target,
            a_proxy(tmp_path, target.port) as proxy,
            a_client(proxy.port) as (reader, writer),
        ):
            writer.write(get())
            writer.write_eof()
            await asyncio.wait({asyncio.ensure_future(heard.wait())}, timeout=0.05)
            heard.set()
            assert (await response(reader))[2] == b"ok"
            assert await reader.read() == b""

    run(story)
