"""HTTP/2 from clients and to targets: streams beside each other, flow control, trailers, resets, floods."""

from __future__ import annotations

import asyncio
from pathlib import Path

import h2.errors
import h2.exceptions
import pytest

from tests.proxy_build import (
    OK,
    a_frontend,
    a_proxy,
    a_target,
    answering,
    ask,
    free_port,
    get,
    head,
    met,
    request,
    run,
)
from tests.proxy_http2 import End, Heard, a_client2, a_target2
from windlass.fleet.proxy_messages import SECOND, Endpoint, Pool


def test_streams_beside_each_other_to_http1_targets(tmp_path: Path) -> None:
    seen: list[bytes] = []

    async def story() -> None:
        async with (
            a_target(answering(seen)) as target,
            a_proxy(tmp_path, target.port) as proxy,
            a_client2(proxy.port) as client,
        ):
            numbers = [
                client.begin(f"/{n}", headers=[(b"cookie", b"a=1"), (b"cookie", b"b=2")]) for n in range(40)
            ]
            answers = [await client.answer(number) for number in numbers]
            assert [(one.status, one.body) for one in answers] == [(200, b"ok")] * 40
            assert b"Cookie: a=1; b=2\r\n" in seen[0] and b"Host: example.test:" in seen[0]
            assert proxy.count("target_2xx") == 40
            await met(lambda: not client.gone)

    run(story)


def test_bodies_and_their_windows(tmp_path: Path) -> None:
    """A megabyte up, in pieces, and two down to a client that acknowledges nothing at first."""
    big = bytes(2 * 2**20)

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _, body = await request(reader)
        assert len(body) == 2**20
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(big) + big)
        await writer.drain()
        await reader.read()

    async def story() -> None:
        async with (
            a_target(echo) as target,
            a_proxy(tmp_path, target.port) as proxy,
            a_client2(proxy.port) as client,
        ):
            number = client.begin(method="POST", ends=False)
            left = 2**20
            while left:
                await client.met(lambda: client.conn.local_flow_control_window(number) > 0)
                size = min(left, client.conn.local_flow_control_window(number), 16384)
                left -= size
                client.conn.send_data(number, bytes(size), end_stream=not left)
                client.flush()
            client.acknowledges = False
            await client.met(lambda: len(client.heard[number].body) == 65535)
            client.acknowledges = True
            client.conn.acknowledge_received_data(65535, number)
            client.flush()
            heard = await client.answer(number)
            assert (heard.status, len(heard.body)) == (200, len(big))
            assert heard.header("content-length") == str(len(big))

    run(story)


def test_a_stream_that_is_reset_frees_its_target(tmp_path: Path) -> None:
    asked, left = asyncio.Event(), asyncio.Event()

    async def waits(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head(reader)
        asked.set()
        await reader.read()
        left.set()

    async def story() -> None:
        async with (
            a_target(waits) as target,
            a_proxy(tmp_path, target.port) as proxy,
            a_client2(proxy.port) as client,
        ):
            number = client.begin()
            await asked.wait()
            client.conn.reset_stream(number, h2.errors.ErrorCodes.CANCEL)
            client.flush()
            await left.wait()
            assert proxy.count("elb_4xx") == 1

    run(story)


@pytest.mark.parametrize(
    ("answer", "status"),
    [(b"", 502), (b"garbage\r\n\r\n", 502), (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort", 0)],
)
def test_a_target_that_fails(tmp_path: Path, answer: bytes, status: int) -> None:
    """An answer of ours, or a stream that is reset; the connection and its other streams go on."""

    async def bad(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head(reader)
        writer.write(answer)
        await writer.drain()

    async def story() -> None:
        async with (
            a_target(bad) as target,
            a_proxy(tmp_path, target.port) as proxy,
            a_client2(proxy.port) as client,
        ):
            for _ in range(2):
                heard = await client.ask()
                if status:
                    assert heard.status == status and heard.header("server") == "awselb/2.0"
                else:
                    assert heard.reset == h2.errors.ErrorCodes.INTERNAL_ERROR

    run(story)


def test_requests_that_are_refused(tmp_path: Path) -> None:
    """On their own stream: 463 for too many addresses, 408 for a body that does not come."""

    async def story() -> None:
        async with (
            a_target(answering()) as target,
            a_proxy(tmp_path, target.port, idle_timeout=SECOND // 5) as proxy,
            a_client2(proxy.port) as client,
        ):
            assert (await client.ask(method="TRACE")).status == 405
            many = b", ".join([b"10.0.0.1"] * 31)
            assert (await client.ask(headers=[(b"x-forwarded-for", many)])).status == 463
            heard = await client.answer(client.begin(method="POST", ends=False))
            assert heard.status == 408
            assert (await client.ask()).status == 200

    run(story)


def test_who_floods_loses_the_connection(tmp_path: Path) -> None:
    """Streams that are opened and reset at once, again and again."""

    async def story() -> None:
        async with a_proxy(tmp_path) as proxy, a_client2(proxy.port) as client:
            for _ in range(3000):
                if client.gone:
                    break
                client.conn.reset_stream(client.begin(), h2.errors.ErrorCodes.CANCEL)
                client.flush()
                await asyncio.sleep(0)
            await client.met(lambda: client.gone)
            assert client.gone

    run(story)


def test_http2_that_is_switched_off(tmp_path: Path) -> None:
    async def story() -> None:
        async with a_proxy(tmp_path, http2=False) as proxy, a_client2(proxy.port) as client:
            client.begin()
            await client.met(lambda: False)
            assert client.gone

    run(story)


def test_a_frontend_that_is_removed_says_so(tmp_path: Path) -> None:
    """GOAWAY; the stream in flight is answered, then the connection ends."""
    go = asyncio.Event()

    async def late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head(reader)
        await go.wait()
        writer.write(OK)

    async def story() -> None:
        async with (
            a_target(late) as target,
            a_proxy(tmp_path, target.port) as proxy,
            a_client2(proxy.port) as client,
        ):
            number = client.begin()
            await met(lambda: target.connections)
            proxy.serve((), ())
            await client.met(lambda: client.going)
            go.set()
            assert (await client.answer(number)).body == b"ok"
            await client.met(lambda: client.gone)

    run(story)


def grpc(end: End, number: int, heard: Heard) -> None:
    """Echoes the message, with gRPC's trailers."""
    end.conn.send_headers(number, [(b":status", b"200"), (b"content-type", b"application/grpc")])
    if heard.body:
        end.conn.send_data(number, heard.body)
    end.conn.send_headers(number, [(b"grpc-status", b"0")], end_stream=True)


def test_grpc_to_its_targets(tmp_path: Path) -> None:
    """Trailers arrive; twenty calls at once share one connection to the target."""

    async def story() -> None:
        async with a_target2(grpc) as target, a_proxy(tmp_path) as proxy:
            endpoint = Endpoint("t", "127.0.0.1", target.port, health="healthy")
            proxy.serve((a_frontend(proxy.port),), (Pool("pool", protocol="GRPC", endpoints=(endpoint,)),))
            async with a_client2(proxy.port) as client:
                headers = [(b"content-type", b"application/grpc"), (b"te", b"trailers")]
                numbers = [client.begin("/a.B/C", "POST", headers, ends=False) for _ in range(20)]
                for number in numbers:
                    client.conn.send_data(number, b"call %d" % number, end_stream=True)
                client.flush()
                for number in numbers:
                    heard = await client.answer(number)
                    assert (heard.status, heard.body) == (200, b"call %d" % number)
                    assert heard.trailers == [(b"grpc-status", b"0")]
                assert target.connections == 1
                assert (await client.ask(method="GET")).status == 464
            assert (await ask(proxy.port, get()))[0] == 464

    run(story)


def test_targets_of_http2_that_fail(tmp_path: Path) -> None:
    """Nobody there: 502; a stream that is reset: 502; one that breaks off: the client's is reset."""

    def bad(end: End, number: int, heard: Heard) -> None:
        if dict(heard.headers)[b":path"] == b"/late":
            end.conn.send_headers(number, [(b":status", b"200")])
            end.conn.send_data(number, b"beginning")
        end.conn.reset_stream(number, h2.errors.ErrorCodes.INTERNAL_ERROR)

    async def story() -> None:
        async with a_target2(bad) as target, a_proxy(tmp_path) as proxy:
            for port in (free_port(), target.port):
                endpoint = Endpoint(f"t{port}", "127.0.0.1", port, health="healthy")
                proxy.serve(
                    (a_frontend(proxy.port),), (Pool("pool", protocol="HTTP2", endpoints=(endpoint,)),)
                )
                async with a_client2(proxy.port) as client:
                    assert (await client.ask("/early")).status == 502
            async with a_client2(proxy.port) as client:
                heard = await client.ask("/late")
                assert heard.reset is not None and heard.body in (b"", b"beginning")

    run(story)
