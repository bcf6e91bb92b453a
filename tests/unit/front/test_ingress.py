from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from windlass.aws.wire import Request, Response
from windlass.fleet.proxies import Proxies
from windlass.fleet.proxy_messages import FromProxy, Frontend, ProxyHello, ToProxy
from windlass.front.ingress import HEAD_BYTES_MAX, Ingress, handing, host_of
from windlass.front.server import Visited, make_server
from windlass.kernel.clock import SECOND, WallClock
from windlass.kernel.journal import Journal
from windlass.kernel.spawn import Spawn

HOST = "a.us-east-1.elb.localhost"
ASKED = f"GET / HTTP/1.1\r\nHost: {HOST}:4566\r\n\r\n".encode()
OWN = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.mark.parametrize(
    ("head", "host"),
    [
        (ASKED, f"{HOST}:4566"),
        (ASKED + b"body\r\nhost: other\r\n\r\n", f"{HOST}:4566"),
        (b"GET / HTTP/1.1\r\nx: y\r\nhOsT:b\r\n\r\n", "b"),
        (b"GET / HTTP/1.1\r\nx-host: b\r\n\r\n", ""),
        (b"GET / HTTP/1.0\r\n\r\n", ""),
        (ASKED[:-1], None),
        (b"", None),
        (b"GET / HTTP/1.1\r\nx: " + b"y" * HEAD_BYTES_MAX, ""),
        (b"GET / HTTP/1.1\r\nhost: b\r\nx: " + b"y" * HEAD_BYTES_MAX, "b"),
    ],
)
def test_host_of(head: bytes, host: str | None) -> None:
    assert host_of(head) == host


class FarClock(WallClock):
    """Each sleep takes a second of its time, and none of ours."""

    def __init__(self) -> None:
        self._slept = 0

    def now(self) -> int:
        return self._slept * SECOND

    async def sleep(self, duration: int) -> None:
        self._slept += 1
        await asyncio.sleep(0)


class Door:
    """The endpoint, and a proxy's Unix socket."""

    def __init__(self, port: int, proxies: Proxies, spawn: Spawn, taken: asyncio.Queue[Streams]) -> None:
        self._port = port
        self._proxies = proxies
        self._spawn = spawn
        self.taken = taken
        """Connections that the proxy got."""

    async def client(self) -> Streams:
        return await asyncio.open_connection("127.0.0.1", self._port)

    def publish(self) -> None:
        self._proxies.put_frontend(Frontend("f", "alb", (), (HOST,), "http", ()))

    def connect_proxy(self, path: Path) -> None:
        self._spawn.start("proxy", self._proxies.serve(_ProxyEnd(ProxyHello(0, 1, 0, str(path)))))


class _ProxyEnd:
    """Says Hello and no more."""

    def __init__(self, hello: ProxyHello) -> None:
        self._says: list[FromProxy] = [hello]

    async def send(self, message: ToProxy) -> None:
        pass

    async def receive(self) -> FromProxy | None:
        if self._says:
            return self._says.pop()
        return await asyncio.get_running_loop().create_future()  # type: ignore[no-any-return]

    def close(self) -> None:
        pass


def played(path: Path, story: Callable[[Door], Awaitable[None]]) -> None:
    async def play() -> None:
        crashes: list[BaseException] = []
        spawn, clock = Spawn(lambda name, error: crashes.append(error)), FarClock()
        proxies = Proxies(spawn, clock, Journal(clock.now))
        ingress = Ingress(proxies, spawn, clock)
        taken: asyncio.Queue[Streams] = asyncio.Queue()

        async def answer(request: Request, gone: object) -> Response:
            return Response(200, (), b"the plane")

        def at(host: str) -> Visited | None:
            return ingress.misdirected if ingress.takes(host) else None

        listener = socket.create_server(("127.0.0.1", 0))
        server = make_server(answer, hosts=at, http=handing(ingress))
        serving = spawn.start("server", server.serve(sockets=[listener]))
        proxy = await asyncio.start_unix_server(lambda *streams: taken.put_nowait(streams), path)
        await story(Door(listener.getsockname()[1], proxies, spawn, taken))
        server.should_exit = True
        await serving
        proxy.close()
        await spawn.close()
        assert not crashes

    asyncio.run(asyncio.wait_for(play(), 60))


def test_a_connection_is_handed_on_whole(tmp_path: Path) -> None:
    """With who the client is, with what came in pieces, both ways, up to both ends."""

    async def story(door: Door) -> None:
        door.publish()
        door.connect_proxy(tmp_path / "ingress")
        reader, writer = await door.client()
        writer.write(ASKED[:20])
        await writer.drain()
        writer.write(ASKED[20:] + b"begin")
        taken, answering = await door.taken.get()
        address, port = writer.get_extra_info("sockname")
        there = writer.get_extra_info("peername")[1]
        assert await taken.readline() == f"PROXY TCP4 {address} 127.0.0.1 {port} {there}\r\n".encode()
        assert await taken.readexactly(len(ASKED) + 5) == ASKED + b"begin"
        writer.write(b"x" * 3_000_000)
        writer.write_eof()
        assert await taken.read() == b"x" * 3_000_000
        answering.write(b"y" * 3_000_000)
        answering.close()
        assert await reader.read() == b"y" * 3_000_000
        writer.close()

    played(tmp_path / "ingress", story)


def test_the_planes_own_stays_its_own(tmp_path: Path) -> None:
    """Also on connections whose second request is for somebody else: that is told to come again."""

    async def story(door: Door) -> None:
        early, writing = await door.client()
        writing.write(ASKED)
        assert b"the plane" in await early.readuntil(b"plane")
        door.publish()
        writing.write(ASKED)
        assert (await early.read()).startswith(b"HTTP/1.1 421")
        writing.close()
        reader, writer = await door.client()
        writer.write(OWN[:10])
        await writer.drain()
        writer.write(OWN[10:])
        assert b"the plane" in await reader.readuntil(b"plane")
        writer.close()
        assert door.taken.empty()

    played(tmp_path / "ingress", story)


def test_no_proxy_comes(tmp_path: Path) -> None:
    """503 in the end; and a client that leaves meanwhile leaves nothing behind."""

    async def story(door: Door) -> None:
        door.publish()
        reader, writer = await door.client()
        writer.write(ASKED)
        assert (await reader.read()).startswith(b"HTTP/1.1 503")
        writer.close()

    played(tmp_path / "ingress", story)


def test_a_proxy_that_is_back_in_time(tmp_path: Path) -> None:
    """The request waited for it."""

    async def story(door: Door) -> None:
        door.publish()
        _, writer = await door.client()
        writer.write(ASKED)
        door.connect_proxy(tmp_path / "ingress")
        taken, _ = await door.taken.get()
        await taken.readline()
        assert await taken.readexactly(len(ASKED)) == ASKED
        writer.close()
        assert await taken.read() == b""

    played(tmp_path / "ingress", story)
