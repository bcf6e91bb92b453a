from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.build import NOW, SetClock
from windlass.fleet.frames import BadFrame
from windlass.fleet.proxies import Proxies
from windlass.fleet.proxy_messages import (
    Counted,
    End,
    Endpoint,
    FromProxy,
    Frontend,
    FunctionAnswer,
    FunctionCall,
    Idle,
    Pool,
    Probed,
    ProxyHello,
    Table,
    Took,
    ToProxy,
)
from windlass.kernel.clock import SECOND, WallClock
from windlass.kernel.faults import Fault, Retry
from windlass.kernel.journal import Journal
from windlass.kernel.spawn import Spawn


class ProxyEnd:
    """A proxy as the plane's transport shows it: what it says is put in, what it hears is taken out."""

    def __init__(self) -> None:
        self.says: asyncio.Queue[FromProxy | None] = asyncio.Queue()
        self.hears: asyncio.Queue[ToProxy] = asyncio.Queue()

    async def send(self, message: ToProxy) -> None:
        self.hears.put_nowait(message)

    async def receive(self) -> FromProxy | None:
        return await self.says.get()

    def close(self) -> None:
        self.says.put_nowait(None)


def a_frontend(key: str, *hosts: str) -> Frontend:
    return Frontend(key, "alb", (), hosts, "http", ())


@contextmanager
def a_plane() -> Iterator[tuple[Proxies, Spawn, Journal]]:
    crashes: list[BaseException] = []
    spawn, clock = Spawn(lambda name, error: crashes.append(error)), WallClock()
    journal = Journal(clock.now)
    yield Proxies(spawn, clock, journal), spawn, journal
    assert not crashes


def played(story: Callable[[Proxies, Spawn, Journal], Awaitable[None]]) -> None:
    async def play() -> None:
        with a_plane() as (proxies, spawn, journal):
            await story(proxies, spawn, journal)
            await spawn.close()

    asyncio.run(asyncio.wait_for(play(), 30))


def opened(proxies: Proxies, spawn: Spawn, index: int = 0, generation: int = 0) -> ProxyEnd:
    proxy = ProxyEnd()
    spawn.start("session", proxies.serve(proxy))
    proxy.says.put_nowait(ProxyHello(index, 7, generation, f"/ingress-{index}"))
    return proxy


def test_tables_are_whole_first_and_then_differences() -> None:
    """Changes of one turn are one table; a key that stays as a pool is told again when its frontend goes."""

    async def story(proxies: Proxies, spawn: Spawn, journal: Journal) -> None:
        proxies.put_frontend(a_frontend("f"))
        proxies.put_pool(Pool("p"))
        proxy = opened(proxies, spawn, generation=99)
        assert await proxy.hears.get() == Table(2, True, (a_frontend("f"),), (Pool("p"),))
        proxies.put_pool(Pool("p"))
        proxies.put_pool(Pool("q"))
        proxies.put_pool(Pool("q", slow_start=1))
        proxies.put_frontend(a_frontend("p"))
        proxies.remove("f")
        proxies.remove("f")
        assert await proxy.hears.get() == Table(
            6, False, (a_frontend("p"),), (Pool("q", slow_start=1),), ("f",)
        )
        proxies.remove_frontend("p")
        assert await proxy.hears.get() == Table(7, False, (), (Pool("p"),), ("p",))
        assert proxies.end(0)
        assert await proxy.hears.get() == End()
        assert not proxies.end(1)

    played(story)


def test_what_proxies_say_is_heard_by_all() -> None:
    async def story(proxies: Proxies, spawn: Spawn, journal: Journal) -> None:
        heard: asyncio.Queue[object] = asyncio.Queue()
        proxies.on_probed(heard.put_nowait)
        proxies.on_probed(heard.put_nowait)
        proxies.on_counted(heard.put_nowait)
        proxy = opened(proxies, spawn)
        proxy.says.put_nowait(Probed("p", "a", "healthy"))
        proxy.says.put_nowait(Counted(1, 2, ()))
        assert [await heard.get() for _ in range(3)] == [
            *[Probed("p", "a", "healthy")] * 2,
            Counted(1, 2, ()),
        ]

    played(story)


def test_an_endpoint_is_idle_when_it_is_at_every_proxy() -> None:
    """One that drains has requests at the others still. A proxy that ends has none; nor what came back."""

    async def story(proxies: Proxies, spawn: Spawn, journal: Journal) -> None:
        heard: list[Idle] = []
        loads: asyncio.Queue[Counted] = asyncio.Queue()
        proxies.on_idle(heard.append)
        proxies.on_counted(loads.put_nowait)
        ends = [opened(proxies, spawn, index) for index in range(3)]

        async def said(who: int, *endpoints: str) -> list[str]:
            for endpoint in endpoints:
                ends[who].says.put_nowait(Idle("p", endpoint))
            ends[who].says.put_nowait(Counted(0, 0, ()))
            await loads.get()
            return [one.endpoint for one in heard]

        def drain(*endpoints: str) -> None:
            proxies.put_pool(
                Pool("p", endpoints=tuple(Endpoint(e, "h", 1, draining=True) for e in endpoints))
            )

        for who in range(3):
            await said(who)
        drain("a", "b")
        assert await said(0, "a", "b") == []
        assert await said(1, "a", "b", "never drained") == []
        assert await said(2, "a") == ["a"]
        ends[2].says.put_nowait(None)
        while len(proxies.proxies()) == 3:  # noqa: ASYNC110 (the loop itself is what brings it about)
            await asyncio.sleep(0)
        assert [one.endpoint for one in heard][-1] == "b"
        heard.clear()
        proxies.put_pool(Pool("p", endpoints=(Endpoint("b", "h", 1),)))
        drain("b")
        assert await said(0, "b") == []
        proxies.remove("p")
        assert await said(1, "b") == []

    played(story)


@pytest.mark.parametrize(
    ("since_s", "within_s", "back_s", "alone_s"), [(-60, 120, 120, 5), (-60, 3, 3, 3), (10, 120, 130, 5)]
)
def test_how_long_what_drains_may_have_requests(
    since_s: int, within_s: int, back_s: int, alone_s: int
) -> None:
    """Seconds after a plane's start, with a proxy that is back, and without."""

    async def story() -> None:
        spawn = Spawn(lambda name, error: None)
        proxies = Proxies(spawn, SetClock(NOW), Journal(lambda: NOW))

        def found() -> int:
            return (proxies.drained_by(NOW + since_s * SECOND, within_s * SECOND) - NOW) // SECOND

        assert found() == alone_s
        await opened(proxies, spawn).hears.get()
        assert found() == back_s
        await spawn.close()

    asyncio.run(story())


def test_binds_that_are_refused_are_known_until_they_are_had() -> None:
    """Of all workers; each is noted once; they go with the session."""

    async def story(proxies: Proxies, spawn: Spawn, journal: Journal) -> None:
        heard: asyncio.Queue[object] = asyncio.Queue()
        proxies.on_counted(heard.put_nowait)
        one, two = opened(proxies, spawn, 0), opened(proxies, spawn, 1)
        for proxy in (one, two, one):
            proxy.says.put_nowait(Took(3, (("f", "127.0.0.1:80", "taken"),)))
            proxy.says.put_nowait(Counted(0, 0, ()))
            await heard.get()
        assert proxies.refused == {"f": (("127.0.0.1:80", "taken"),)}
        assert [view.generation for view in proxies.proxies()] == [3, 3]
        assert proxies.ingress == "/ingress-0"
        assert [entry.why for entry in journal.since(0) if entry.what == "bind refused"] == [
            "127.0.0.1:80: taken"
        ] * 2
        one.says.put_nowait(Took(4))
        two.says.put_nowait(None)
        one.says.put_nowait(Counted(0, 0, ()))
        await heard.get()
        assert (proxies.refused, [view.index for view in proxies.proxies()]) == ({}, [0])

    played(story)


@pytest.mark.parametrize(
    ("failure", "error"),
    [(Fault("TooManyRequestsException", "slow down"), "TooManyRequestsException: slow down"),
     (Retry("no node"), "no node")],
)  # fmt: skip
def test_functions_answer_and_fail(failure: Exception, error: str) -> None:
    async def story(proxies: Proxies, spawn: Spawn, journal: Journal) -> None:
        proxy = opened(proxies, spawn)
        await proxy.hears.get()
        call = FunctionCall(5, "p", "f", "GET", "/")
        proxy.says.put_nowait(call)
        refused = await proxy.hears.get()
        assert isinstance(refused, FunctionAnswer)
        assert refused.error

        async def answer(asked: FunctionCall) -> FunctionAnswer:
            if asked.path == "/bad":
                raise failure
            return FunctionAnswer(0, 200, body=asked.path.encode())

        proxies.on_function(answer)
        proxy.says.put_nowait(call)
        assert await proxy.hears.get() == FunctionAnswer(5, 200, body=b"/")
        proxy.says.put_nowait(FunctionCall(6, "p", "f", "GET", "/bad"))
        assert await proxy.hears.get() == FunctionAnswer(6, error=error)

    played(story)


def test_sessions_that_begin_wrongly_or_break() -> None:
    """No Hello: no session. A second proxy of one number ends the first one's session."""

    async def story(proxies: Proxies, spawn: Spawn, journal: Journal) -> None:
        stranger = ProxyEnd()
        stranger.says.put_nowait(Took(1))
        await proxies.serve(stranger)
        assert not proxies.proxies()
        first = opened(proxies, spawn)
        await first.hears.get()
        second = opened(proxies, spawn)
        assert isinstance(await second.hears.get(), Table)
        while await first.says.get() is not None:
            pass
        assert len(proxies.proxies()) == 1
        second.says.put_nowait(ProxyHello(0, 7, 0, ""))
        while proxies.proxies():  # noqa: ASYNC110 (the loop itself is what brings it about)
            await asyncio.sleep(0)
        assert "Hello twice" in [entry.why for entry in journal.since(0)]

    played(story)


@pytest.mark.parametrize(
    ("host", "found"),
    [
        ("a.elb.localhost", "a"),
        ("A.elb.localhost:4566", "a"),
        ("a.elb.localhost:8080", "a2"),
        ("x.wild.test", "w"),
        ("x.y.wild.test", None),
        ("127.0.0.1:4566", None),
        ("", None),
        ("[::1]", None),
    ],
)
def test_whose_host_it_is(host: str, found: str | None) -> None:
    with a_plane() as (proxies, _, _):
        assert proxies.frontend_at(host) is None
        proxies.put_frontend(a_frontend("a", "a.elb.localhost"))
        proxies.put_frontend(a_frontend("a2", "a.elb.localhost:8080"))
        proxies.put_frontend(a_frontend("w", "*.wild.test"))
        proxies.put_frontend(a_frontend("gone", "gone.test"))
        proxies.put_frontend(a_frontend("gone", "elsewhere.test"))
        at = proxies.frontend_at(host)
        assert (at.key if at else None) == found
        assert proxies.frontend_at("gone.test") is None


def test_wanted_with_the_first_frontend() -> None:
    with a_plane() as (proxies, _, _):
        told: list[int] = []
        proxies.wanted(lambda: told.append(1))
        assert not told
        proxies.put_frontend(a_frontend("a"))
        proxies.put_frontend(a_frontend("b"))
        proxies.wanted(lambda: told.append(2))
        assert told == [1, 2]


def test_bad_frames_end_the_session() -> None:
    class Liar(ProxyEnd):
        async def receive(self) -> FromProxy | None:
            if self.says.empty():
                raise BadFrame("nonsense")
            return await super().receive()

    async def story(proxies: Proxies, spawn: Spawn, journal: Journal) -> None:
        liar = Liar()
        liar.says.put_nowait(ProxyHello(0, 7, 0, ""))
        await proxies.serve(liar)
        assert "nonsense" in [entry.why for entry in journal.since(0)]
        assert not proxies.proxies()

    played(story)
