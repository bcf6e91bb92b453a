"""Sessions over a real WebSocket: who is let in, and what the connection bears."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.fleet_build import TOKEN, Fleet, Peer, a_state, a_unit
from windlass.aws.wire import Request, Response
from windlass.fleet.frames import FROM_NODE_BYTES_MAX
from windlass.fleet.intake import register
from windlass.fleet.messages import Accepted, Ack, Desired, LogLines, LogTarget, Observed, Welcome
from windlass.fleet.model import NODES
from windlass.front.admit import NODE_PATH
from windlass.front.nodes import NodeDoor
from windlass.front.server import make_server
from windlass.node.session import SessionRefused
from windlass.node.websocket import PlaneUrl, open_websocket


class Site:
    """A fleet with its door on a free port."""

    def __init__(self, fleet: Fleet, url: str) -> None:
        self.fleet = fleet
        self.url = url

    async def peer(self, node_id: str = "n1", secret: str = TOKEN) -> Peer:
        return Peer(node_id, await open_websocket(PlaneUrl(self.url), node_id, secret))

    async def greeted(self) -> tuple[Peer, Desired]:
        peer = await self.peer()
        await peer.hello()
        assert isinstance(await peer.hear(), Welcome)
        desired = await peer.hear()
        assert isinstance(desired, Desired)
        return peer, desired


async def _no_requests(request: Request, gone: object) -> Response:
    return Response(404)


def at_site(story: Callable[[Site], Awaitable[None]]) -> None:
    async def main() -> None:
        fleet = Fleet()
        register(fleet.store, "n1", TOKEN, unbounded=True)
        listener = socket.create_server(("127.0.0.1", 0))
        server = make_server(_no_requests, {NODE_PATH: NodeDoor(fleet.links, fleet.spawn)})
        serving = fleet.spawn.start("server", server.serve(sockets=[listener]))
        try:
            async with asyncio.timeout(60):
                await story(Site(fleet, f"http://127.0.0.1:{listener.getsockname()[1]}"))
        finally:
            server.should_exit = True
            await serving
            await fleet.spawn.close()
        assert not fleet.crashes

    asyncio.run(main())


def test_a_session() -> None:
    """Hello, the desired set, reports and their acknowledgement, and an end from the node's side."""

    async def story(site: Site) -> None:
        site.fleet.put(a_unit("u1"))
        peer, desired = await site.greeted()
        while not desired.changed:  # the unit is assigned before or after the session opened
            await peer.say(Accepted(desired.generation))
            heard = await peer.hear()
            assert isinstance(heard, Desired)
            desired = heard
        await peer.say(Accepted(desired.generation))
        await peer.say(Observed(1, (a_state("u1", "running"),)))
        assert await peer.hear() == Ack(1)
        assert site.fleet.unit("u1").state == "running"
        gone = asyncio.Event()
        site.fleet.store.watch((NODES,), lambda change: None if change.new.connected else gone.set())
        peer.transport.close()
        await gone.wait()

    at_site(story)


@pytest.mark.parametrize(
    ("node_id", "secret"), [("n1", "wrong"), ("n1", ""), ("", ""), ("other", TOKEN), ("n1", f"{TOKEN}:")]
)
def test_strangers_are_turned_away_at_the_handshake(node_id: str, secret: str) -> None:
    """401, before anything that they say is read."""

    async def story(site: Site) -> None:
        with pytest.raises(SessionRefused, match="401"):
            await site.peer(node_id, secret)

    at_site(story)


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/_windlass/node", {}, 401),
        ("/_windlass/node", {"Authorization": "Basic bjE6"}, 401),
        ("/_windlass/node", {"Authorization": f"Bearer n1:{TOKEN}", "Origin": "https://evil.example"}, 403),
        ("/_windlass/node", {"Authorization": f"Bearer n1:{TOKEN}", "Origin": "http://127.0.0.1"}, 403),
        ("/", {"Authorization": f"Bearer n1:{TOKEN}"}, 404),
    ],
)
def test_other_handshakes(path: str, headers: dict[str, str], status: int) -> None:
    """No secret, another scheme, a web page of whatever origin, another path."""

    async def story(site: Site) -> None:
        with pytest.raises(InvalidStatus) as refused:
            await connect(site.url.replace("http", "ws", 1) + path, additional_headers=headers, proxy=None)
        assert refused.value.response.status_code == status

    at_site(story)


def test_no_websocket_is_no_session() -> None:
    """Something else answers at the URL: an OSError, as when nobody does."""

    async def story(site: Site) -> None:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"nonsense\r\n\r\n")
            writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(OSError):
            await open_websocket(PlaneUrl(f"http://127.0.0.1:{port}"), "n1", TOKEN)
        server.close()

    at_site(story)


@pytest.mark.parametrize("length", [FROM_NODE_BYTES_MAX + 1, FROM_NODE_BYTES_MAX * 2])
def test_a_message_that_is_too_long(length: int) -> None:
    """It ends the session, and is never held in memory whole."""

    async def story(site: Site) -> None:
        peer, _ = await site.greeted()
        try:
            await peer.transport.send(bytes(length))  # type: ignore[arg-type]
            assert await peer.hear() is None
        except ConnectionResetError:
            pass
        register(site.fleet.store, "n2", TOKEN, unbounded=True)
        other = await site.peer("n2")
        await other.hello()
        assert isinstance(await other.hear(), Welcome)

    at_site(story)


def test_long_messages_both_ways() -> None:
    """10,000 log lines, and a desired set of 5,000 units."""

    async def story(site: Site) -> None:
        peer, desired = await site.greeted()
        target = LogTarget("1", "r", "g", "s")
        taken: list[int] = []

        async def sink(target: LogTarget, lines: tuple[tuple[int, str], ...]) -> None:
            taken.append(len(lines))

        site.fleet.links.on_log_lines(sink)
        await peer.say(LogLines(1, target, tuple((n, "line " * 20) for n in range(10_000))))
        assert await peer.hear() == Ack(1)
        assert taken == [10_000]
        await peer.say(Accepted(desired.generation))
        site.fleet.put(*(a_unit(f"u{number}") for number in range(5_000)))
        wants = 0
        while wants < 5_000:
            heard = await peer.hear()
            assert isinstance(heard, Desired)
            wants += len(heard.changed)
            await peer.say(Accepted(heard.generation))

    at_site(story)


def test_text_is_no_message() -> None:
    """A text message ends the session."""

    async def story(site: Site) -> None:
        url = site.url.replace("http", "ws", 1) + "/_windlass/node"
        headers = {"Authorization": f"Bearer n1:{TOKEN}"}
        async with connect(url, additional_headers=headers, proxy=None) as stranger:
            await stranger.send("hello")
            with pytest.raises(ConnectionClosed):
                await stranger.recv()

    at_site(story)
