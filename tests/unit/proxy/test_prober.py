from __future__ import annotations

import asyncio
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import RequestReceived, StreamEnded

from windlass.fleet.proxy_messages import (
    Check,
    Endpoint,
    FromProxy,
    FunctionAnswer,
    FunctionCall,
    Pool,
    Probed,
    Table,
)
from windlass.kernel.clock import MILLISECOND, SECOND, WallClock
from windlass.kernel.spawn import Spawn
from windlass.proxy.dial import dial
from windlass.proxy.probe import Answered, Found
from windlass.proxy.prober import Prober
from windlass.proxy.probing import probe
from windlass.proxy.standing import Standing
from windlass.proxy.table import Current
from windlass.proxy.worker import Worker

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def a_target(serve: Serve, tls: ssl.SSLContext | None = None) -> AsyncIterator[Endpoint]:
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    try:
        yield Endpoint("t", "127.0.0.1", server.sockets[0].getsockname()[1])
    finally:
        server.close()


def says(answer: bytes) -> Serve:
    """Reads a head, says that, and closes."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"GET /health?a=b HTTP/1.1\r\nHost: 127.0.0.1:"), head
        assert b"User-Agent: ELB-HealthChecker/2.0" in head
        writer.write(answer)
        writer.close()

    return serve


async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()


def a_check(protocol: str = "HTTP", timeout: int = 10 * SECOND) -> Check:
    return Check(protocol, "/health?a=b", timeout=timeout)  # type: ignore[arg-type]


def probed(serve: Serve, check: Check, pool: Pool | None = None, tls: ssl.SSLContext | None = None) -> Found:
    async def story() -> Found:
        async with a_target(serve, tls) as endpoint:
            return await probe(pool or Pool("p"), check, endpoint, dial)

    return asyncio.run(story())


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", Answered(200)),
        (b"HTTP/1.0 503 x\r\n", Answered(503)),
        (b"HTTP/1.1 204\r\n\r\n", Answered(204)),
        (b"HTTP/1.1 100 Continue\r\nx: y\r\n\r\nHTTP/1.1 201 Created\r\n\r\n", Answered(201)),
        (b"HTTP/1.1 2000 OK\r\n\r\n", "failed"),
        (b"SSH-2.0-OpenSSH\r\n", "failed"),
        (b"HTTP/1.1 200 " + b"x" * 20_000, "failed"),
        (b"", "failed"),
    ],
)
def test_http(answer: bytes, found: Found) -> None:
    assert probed(says(answer), a_check()) == found


@pytest.mark.parametrize(
    ("check", "found"),
    [
        (a_check("TCP"), "connected"),
        (a_check(timeout=50 * MILLISECOND), "timeout"),
        (a_check("HTTPS", 50 * MILLISECOND), "timeout"),
    ],
)
def test_a_target_that_says_nothing(check: Check, found: Found) -> None:
    assert probed(hang, check) == found


@pytest.mark.parametrize("protocol", ["TCP", "HTTP", "HTTPS", "GRPC"])
def test_nobody_listens(protocol: str) -> None:
    async def story() -> Found:
        async with a_target(hang) as endpoint:
            pass
        return await probe(Pool("p"), a_check(protocol), endpoint, dial)

    assert asyncio.run(story()) == "failed"


@pytest.fixture(scope="module")
def expired(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    """A server's side with a certificate that nobody would trust."""
    place = tmp_path_factory.mktemp("tls")
    key, chain = place / "key.pem", place / "chain.pem"
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=nobody"]
    subprocess.run([*make, "-keyout", str(key), "-out", str(chain)], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context


def test_https_believes_any_certificate(expired: ssl.SSLContext) -> None:
    assert probed(says(b"HTTP/1.1 200 OK\r\n\r\n"), a_check("HTTPS"), tls=expired) == Answered(200)


def frames(*headers: list[tuple[str, str]], wanted: dict[str, str]) -> Serve:
    """An HTTP/2 server that answers with these blocks of headers, if the request is such a one."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        connection.initiate_connection()
        asked: dict[str, str] = {}
        while data := await reader.read(65536):
            for event in connection.receive_data(data):
                if isinstance(event, RequestReceived):
                    asked = {str(name): str(value) for name, value in event.headers or ()}
                if isinstance(event, StreamEnded):
                    assert wanted.items() <= asked.items(), asked
                    for block in headers:
                        connection.send_headers(event.stream_id, block, end_stream=block is headers[-1])
            writer.write(connection.data_to_send())
        writer.close()

    return serve


GRPC = {":method": "POST", ":path": "/health?a=b", "content-type": "application/grpc", "te": "trailers"}
OK = [(":status", "200"), ("content-type", "application/grpc")]


@pytest.mark.parametrize(
    ("blocks", "found"),
    [
        ((OK, [("grpc-status", "12")]), Answered(12)),
        (([*OK, ("grpc-status", "0")],), Answered(0)),
        ((OK, [("grpc-status", "x")]), Answered(2)),
        (([(":status", "404")],), "failed"),
    ],
)
def test_grpc(blocks: tuple[list[tuple[str, str]], ...], found: Found) -> None:
    """Its code comes in trailers, or in the only headers."""
    assert probed(frames(*blocks, wanted=GRPC), a_check("GRPC"), Pool("p", protocol="GRPC")) == found


def test_http2(expired: ssl.SSLContext) -> None:
    """With and without TLS; and a target that speaks none of it has failed."""
    pool = Pool("p", protocol="HTTP2")
    wanted = {":method": "GET", ":path": "/health?a=b"}
    target = frames([(":status", "302")], wanted=wanted)
    assert probed(target, a_check(), pool) == Answered(302)
    assert probed(target, a_check("HTTPS"), pool, expired) == Answered(302)

    async def old(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
        writer.close()

    assert probed(old, a_check(), pool) == "failed"


class Plane:
    """Hears what the prober tells."""

    def __init__(self) -> None:
        self.heard: asyncio.Queue[FromProxy] = asyncio.Queue()

    def tell(self, message: FromProxy) -> None:
        self.heard.put_nowait(message)

    def refuse(self, refused: object) -> None: ...

    async def ask(self, call: FunctionCall) -> FunctionAnswer:
        return FunctionAnswer(0)


def test_the_prober_tells_changes() -> None:
    """A new target is healthy with its first success, unhealthy after two failures, and then forgotten."""

    async def story() -> None:
        crashes: list[BaseException] = []
        spawn, current, plane = Spawn(lambda name, error: crashes.append(error)), Current(), Plane()
        standing = Standing(current)
        made = (WallClock(), spawn, current, standing, plane, dial)
        for index in (0, 1):
            await Prober(Worker(index, Path(), *made), lambda: 0.5).open()  # type: ignore[arg-type]
        codes = iter([b"200", *[b"500"] * 100])

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await says(b"HTTP/1.1 " + next(codes) + b"\r\n\r\n")(reader, writer)

        async with a_target(serve) as endpoint:
            check = Check("HTTP", "/health?a=b", interval=20 * MILLISECOND, timeout=10 * SECOND)
            current.take(Table(1, True, (), (Pool("p", check=check, endpoints=(endpoint,)),)))
            healthy, unhealthy = [await asyncio.wait_for(plane.heard.get(), 30) for _ in range(2)]
            assert isinstance(healthy, Probed)
            assert isinstance(unhealthy, Probed)
            assert (healthy.state, healthy.reason) == ("healthy", "")
            assert (unhealthy.state, unhealthy.reason) == ("unhealthy", "Target.ResponseCodeMismatch")
            assert standing.of("p", endpoint) == "unhealthy"
            current.take(Table(2, False, gone=("p",)))
            assert standing.of("p", endpoint) == "initial"
        await spawn.close()
        assert not crashes

    asyncio.run(story())
