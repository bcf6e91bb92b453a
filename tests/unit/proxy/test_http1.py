"""HTTP/1.1 through the data plane: what passes, what is changed, and what keeps connections alive."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.proxy_build import (
    OK,
    a_client,
    a_proxy,
    a_target,
    answering,
    ask,
    get,
    head,
    request,
    response,
    run,
)
from windlass.fleet.proxy_messages import Fixed, Rule


def test_a_request_carries_what_a_load_balancer_adds(tmp_path: Path) -> None:
    seen: list[bytes] = []

    async def story() -> None:
        async with a_target(answering(seen)) as target, a_proxy(tmp_path, target.port) as proxy:
            status, headers, body = await ask(
                proxy.port,
                get("/a%20b?c=d", "X-Forwarded-For: 10.0.0.9", "Cookie: a=b", "Keep-Alive: 5", "TE: gzip"),
            )
            assert (status, body, headers["connection"]) == (200, b"ok", "keep-alive")
            told = dict(line.split(b": ", 1) for line in seen[0].split(b"\r\n")[1:] if line)
            assert seen[0].startswith(b"GET /a%20b?c=d HTTP/1.1\r\n")
            assert told[b"Host"] == b"example.test:%d" % proxy.port
            assert told[b"X-Forwarded-For"] == b"10.0.0.9, 127.0.0.1"
            assert told[b"X-Forwarded-Proto"] == b"http"
            assert told[b"X-Forwarded-Port"] == b"%d" % proxy.port
            assert told[b"X-Amzn-Trace-Id"].startswith(b"Root=1-")
            assert told[b"Cookie"] == b"a=b"
            assert b"Keep-Alive" not in told and b"TE" not in told

    run(story)


def test_connections_are_kept_on_both_sides(tmp_path: Path) -> None:
    """Twenty requests in a row: one connection of the client's, one of the target's."""

    async def story() -> None:
        async with a_target(answering()) as target, a_proxy(tmp_path, target.port) as proxy:
            async with a_client(proxy.port) as (reader, writer):
                for _ in range(20):
                    writer.write(get())
                    assert (await response(reader))[0] == 200
            assert target.connections == 1
            assert proxy.count("requests") == proxy.count("target_2xx") == 20

    run(story)


def test_requests_sent_ahead_are_answered_in_order(tmp_path: Path) -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            top, body = await request(reader)
            said = top.split()[1] + body
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(said), said))

    async def story() -> None:
        async with (
            a_target(echo) as target,
            a_proxy(tmp_path, target.port) as proxy,
            a_client(proxy.port) as (reader, writer),
        ):
            writer.write(b"".join(get(f"/{n}", method="POST", body=b"-%d" % n) for n in range(50)))
            for n in range(50):
                assert (await response(reader))[2] == b"/%d-%d" % (n, n)

    run(story)


def test_bodies_stream_both_ways_and_slow_sides_hold_fast_ones(tmp_path: Path) -> None:
    """64 MB up to a target that does not read yet: the client is held long before it has sent all."""
    size, hold = 64 * 2**20, asyncio.Event()

    async def late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head(reader)
        await hold.wait()
        left = size
        while left:
            left -= len(await reader.read(2**20))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        for _ in range(64):
            writer.write(bytes(2**20))
            await writer.drain()

    async def story() -> None:
        async with a_target(late) as target, a_proxy(tmp_path, target.port) as proxy:
            async with a_client(proxy.port) as (reader, writer):
                writer.write(get("/", f"Content-Length: {size}", method="POST"))
                sent = 0
                try:
                    async with asyncio.timeout(0.5):
                        while sent < size:
                            writer.write(bytes(2**20))
                            sent += 2**20
                            await writer.drain()
                except TimeoutError:
                    pass
                assert sent < size / 2
                hold.set()
                while sent < size:
                    writer.write(bytes(2**20))
                    sent += 2**20
                    await writer.drain()
                assert b"200 OK" in await head(reader)
                left = size
                while left:
                    left -= len(await reader.read(2**20))
            assert proxy.count("bytes") >= 2 * size

    run(story)


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nT: x\r\n\r\n",
            b"abcde",
        ),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n", b""),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK, b"ok"),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nok", b"ok"),
    ],
)
def test_forms_of_answers(tmp_path: Path, answer: bytes, body: bytes) -> None:
    """Each twice on one connection: the end of the first was seen."""

    async def story() -> None:
        async with (
            a_target(answering(answer=answer)) as target,
            a_proxy(tmp_path, target.port) as proxy,
            a_client(proxy.port) as (reader, writer),
        ):
            for _ in range(2):
                writer.write(get())
                status, headers, came = await response(reader)
                assert came == body
                assert status in (200, 204, 304)
                assert "link" not in headers

    run(story)


def test_an_answer_that_ends_with_its_connection(tmp_path: Path) -> None:
    """It has no length: HTTP/1.1 gets chunks, HTTP/1.0 the end of its own connection."""

    async def old(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head(reader)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nold ")
        await writer.drain()
        writer.write(b"style")

    async def story() -> None:
        async with a_target(old) as target, a_proxy(tmp_path, target.port) as proxy:
            status, headers, body = await ask(proxy.port, get())
            assert (status, body, headers["transfer-encoding"]) == (200, b"old style", "chunked")
            status, headers, body = await ask(proxy.port, b"GET / HTTP/1.0\r\n\r\n")
            assert (status, body) == (200, b"old style")
            assert "transfer-encoding" not in headers and headers["connection"] == "close"

    run(story)


def test_head_has_no_body_whatever_its_length(tmp_path: Path) -> None:
    async def tops(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await head(reader)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")

    async def story() -> None:
        async with a_target(tops) as target, a_proxy(tmp_path, target.port) as proxy:
            async with a_client(proxy.port) as (reader, writer):
                for _ in range(3):
                    writer.write(get(method="HEAD"))
                    status, headers, _ = await response(reader, to_head=True)
                    assert (status, headers["content-length"]) == (200, "1000")
            assert target.connections == 1

    run(story)


def test_the_client_that_expects_is_told_to_continue_at_once(tmp_path: Path) -> None:
    """By the load balancer; the target is not asked."""
    seen: list[bytes] = []

    async def story() -> None:
        async with a_target(answering(seen)) as target, a_proxy(tmp_path, target.port) as proxy:
            async with a_client(proxy.port) as (reader, writer):
                writer.write(get("/", "Expect: 100-continue", "Content-Length: 4", method="PUT"))
                assert await head(reader) == b"HTTP/1.1 100 Continue\r\n\r\n"
                writer.write(b"body")
                assert (await response(reader))[0] == 200
            assert b"expect" not in seen[0].lower() and seen[0].endswith(b"body")

    run(story)


def test_a_chunked_request_stays_one(tmp_path: Path) -> None:
    seen: list[bytes] = []

    async def story() -> None:
        async with a_target(answering(seen)) as target, a_proxy(tmp_path, target.port) as proxy:
            async with a_client(proxy.port) as (reader, writer):
                writer.write(get("/", "Transfer-Encoding: chunked", method="POST"))
                for piece in (b"3\r\nabc\r\n", b"4;ext=1\r\ndef", b"g\r\n0\r\nTrailer: x\r\n\r\n"):
                    writer.write(piece)
                    await writer.drain()
                assert (await response(reader))[0] == 200
            assert seen[0].endswith(b"abcdefg")
            assert b"Trailer" not in seen[0]

    run(story)


def test_an_upgrade_becomes_a_tunnel(tmp_path: Path) -> None:
    """Bytes that came with either head are not lost, and each side's end reaches the other."""

    async def socket(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        top = await head(reader)
        assert b"Upgrade: websocket" in top and b"Sec-WebSocket-Key: k" in top
        writer.write(b"HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello")
        while said := await reader.read(100):
            writer.write(said.upper())
        writer.write(b"bye")

    async def story() -> None:
        async with (
            a_target(socket) as target,
            a_proxy(tmp_path, target.port) as proxy,
            a_client(proxy.port) as (reader, writer),
        ):
            upgrade = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: k")
            writer.write(get("/", *upgrade) + b"early")
            status, headers, _ = await response(reader)
            assert (status, headers["upgrade"]) == (101, "websocket")
            assert await reader.readexactly(10) == b"helloEARLY"
            writer.write(b"more")
            assert await reader.readexactly(4) == b"MORE"
            writer.write_eof()
            assert await reader.read() == b"bye"

    run(story)


def test_an_upgrade_that_is_refused_leaves_the_connection_as_it_was(tmp_path: Path) -> None:
    async def story() -> None:
        async with (
            a_target(answering()) as target,
            a_proxy(tmp_path, target.port) as proxy,
            a_client(proxy.port) as (reader, writer),
        ):
            writer.write(get("/", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c") + get())
            assert [(await response(reader))[0] for _ in range(2)] == [200, 200]

    run(story)


def test_fixed_answers(tmp_path: Path) -> None:
    rules = (Rule("default", (), Fixed(418, "text/css", "tea")),)

    async def story() -> None:
        async with a_proxy(tmp_path, rules=rules, insert=(("X-Own", "ours"),)) as proxy:
            status, headers, body = await ask(proxy.port, get())
            assert (status, headers["content-type"], body) == (418, "text/css", b"tea")
            assert (headers["server"], headers["x-own"]) == ("awselb/2.0", "ours")
            assert (proxy.count("elb_fixed"), proxy.count("elb_4xx")) == (1, 0)

    run(story)


def test_what_is_added_to_every_answer(tmp_path: Path) -> None:
    """Headers of the listener take the place of the target's; those for one hop end here."""
    answer = (
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Own: theirs\r\nServer: theirs\r\n"
        b"Connection: keep-alive, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\n\r\nok"
    )

    async def story() -> None:
        async with (
            a_target(answering(answer=answer)) as target,
            a_proxy(tmp_path, target.port, insert=(("X-Own", "ours"),)) as proxy,
        ):
            _, headers, _ = await ask(proxy.port, get())
            assert (headers["x-own"], headers["server"]) == ("ours", "theirs")
            assert "x-hop" not in headers and "keep-alive" not in headers

    run(story)
