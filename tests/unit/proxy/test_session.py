from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from windlass.fleet.frames import StreamTransport
from windlass.fleet.proxy_messages import (
    FROM_PROXY_BYTES_MAX,
    TO_PROXY_BYTES_MAX,
    End,
    FromProxy,
    FunctionAnswer,
    FunctionCall,
    Idle,
    Pool,
    ProxyHello,
    Table,
    Took,
    decode_from_proxy,
    decode_to_proxy,
)
from windlass.kernel.clock import WallClock
from windlass.kernel.spawn import Spawn
from windlass.proxy.session import NO_PLANE, Sessions
from windlass.proxy.table import Current

Plane = StreamTransport[FromProxy]
CALL = FunctionCall(0, "pool", "listener", "GET", "/")


def played(path: Path, story: Callable[[Sessions, Current, asyncio.Queue[Plane]], Awaitable[None]]) -> bool:
    """Play it with a proxy's sessions and those that a plane at `path` gets; whether it was ended."""

    async def play() -> bool:
        spawn, current, ended = Spawn(lambda name, error: None), Current(), asyncio.Event()
        planes: asyncio.Queue[Plane] = asyncio.Queue()

        async def connect() -> StreamTransport[Table | FunctionAnswer | End]:
            streams = await asyncio.open_unix_connection(path)
            return StreamTransport(*streams, TO_PROXY_BYTES_MAX, decode_to_proxy)

        def on_connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            planes.put_nowait(StreamTransport(reader, writer, FROM_PROXY_BYTES_MAX, decode_from_proxy))

        sessions = Sessions(
            connect,
            lambda: ProxyHello(0, 1, current.generation, ""),
            current,
            WallClock(),
            spawn,
            ended.set,
        )
        spawn.start("sessions", sessions.run())
        async with await asyncio.start_unix_server(on_connect, path):
            await story(sessions, current, planes)
            await spawn.close()
        return ended.is_set()

    return asyncio.run(asyncio.wait_for(play(), 30))


def test_keeps_its_table_and_what_it_has_to_tell(tmp_path: Path) -> None:
    """Through a plane's absence; the next plane hears which generation it holds."""

    async def story(sessions: Sessions, current: Current, planes: asyncio.Queue[Plane]) -> None:
        opened: list[int] = []
        sessions.on_open(lambda: opened.append(current.generation))
        first = await planes.get()
        assert await first.receive() == ProxyHello(0, 1, 0, "")
        await first.send(Table(7, True, (), (Pool("p"),)))
        assert await first.receive() == Took(7)
        sessions.refuse((("f", "127.0.0.1:80", "taken"),))
        assert await first.receive() == Took(7, (("f", "127.0.0.1:80", "taken"),))
        first.close()
        second = await planes.get()
        sessions.tell(Idle("p", "a"))
        assert await second.receive() == ProxyHello(0, 1, 7, "")
        assert await second.receive() == Idle("p", "a")
        assert list(current.pools) == ["p"]
        await second.send(End())
        await second.send(Table(8, False))
        assert await second.receive() == Took(8, (("f", "127.0.0.1:80", "taken"),))
        assert opened == [7, 8]  # with the first table of each session, and no other
        await second.send(Table(9, False))
        assert await second.receive() == Took(9, (("f", "127.0.0.1:80", "taken"),))
        assert opened == [7, 8]

    assert played(tmp_path / "s", story)


def test_functions_are_asked_for_and_given_up(tmp_path: Path) -> None:
    """Answers find whoever asked, in any order; without a plane there is one at once."""

    async def story(sessions: Sessions, current: Current, planes: asyncio.Queue[Plane]) -> None:
        assert await sessions.ask(CALL) == FunctionAnswer(0, error=NO_PLANE)
        plane = await planes.get()
        await plane.receive()
        asked = [asyncio.ensure_future(sessions.ask(CALL)) for _ in range(3)]
        numbers = []
        for _ in asked:
            call = await plane.receive()
            assert isinstance(call, FunctionCall)
            numbers.append(call.id)
        await plane.send(FunctionAnswer(99))
        await plane.send(FunctionAnswer(numbers[1], 201))
        await plane.send(FunctionAnswer(numbers[0], 200))
        assert [(await one).status for one in asked[:2]] == [200, 201]
        plane.close()
        assert (await asked[2]).error == NO_PLANE

    assert not played(tmp_path / "s", story)
