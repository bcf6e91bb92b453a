"""What the built-in proxy and HAProxy do alike: stories of rules, of targets and of queues, for both."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.engine_build import (
    ADDRESS,
    HOST,
    Answer,
    Target,
    a_free_port,
    a_plane,
    ask,
    targets,
    the_proxies,
    until,
)
from windlass.fleet.proxies import Proxies
from windlass.fleet.proxy_messages import (
    Action,
    Bind,
    Check,
    Count,
    Endpoint,
    Fixed,
    Forward,
    Frontend,
    Idle,
    Match,
    Options,
    Pool,
    Probed,
    Redirect,
    Rule,
    Share,
    Sticky,
)
from windlass.kernel.clock import MILLISECOND, SECOND
from windlass.services.plane import Plane

ENGINES = pytest.mark.parametrize("engine", ["builtin", "haproxy"])
CHECK = Check("HTTP", "/health", interval=100 * MILLISECOND, timeout=10 * SECOND)
PREFACE = b"PROXY TCP4 192.0.2.7 127.0.0.1 4711 4566\r\n"


def frontend(port: int, *rules: Rule, **changes: object) -> Frontend:
    made = Frontend("listener", "alb", (Bind(ADDRESS, port),), (HOST, f"{HOST}:81"), "http", rules)
    return replace(made, **changes)


def rule(key: str, action: Action, *matches: Match) -> Rule:
    return Rule(key, matches, action)


def pool(key: str, *endpoints: Endpoint, **changes: object) -> Pool:
    return replace(Pool(key, check=CHECK, endpoints=endpoints), **changes)


def played(
    path: Path, engine: str, story: Callable[[Plane, Proxies], Awaitable[None]], workers: int = 1
) -> None:
    async def play() -> None:
        async with a_plane(path, workers, engine=engine) as plane:
            await story(plane, plane.calls.part(Proxies))

    asyncio.run(asyncio.wait_for(play(), 120))


async def answer(where: int | Path, path: str = "/", method: str = "GET", **headers: str) -> Answer:
    found = await ask(where, path, method, **headers)
    assert found is not None
    return found


async def serving(port: int, status: int = 200) -> None:
    async def asked() -> bool:
        found = await ask(port)
        return found is not None and found.status == status

    await until(asked)


RULES = (
    rule("host", Fixed(200, body="host"), Match("host", values=("*.b.test",))),
    rule(
        "path", Fixed(201, "text/html", 'it\'s "quoted" %[src]\nand long'), Match("path", values=("/a?c/*",))
    ),
    rule("method", Fixed(202), Match("method", values=("DELETE", "PUT"))),
    rule("header", Fixed(203), Match("header", "X-Kind", ("blue*",)), Match("path", values=("/h", "/i"))),
    rule("query", Fixed(204), Match("query", pairs=(("k", "v*"), ("", "any")))),
    rule("nobody", Fixed(500), Match("source-ip", values=("192.0.2.0/24",)), Match("path", values=("/n",))),
    rule("moved", Redirect(301, path="/new/#{path}", port="8443"), Match("path", values=("/old*",))),
    rule("default", Fixed(404, body="nobody")),
)


@ENGINES
def test_rules(tmp_path: Path, engine: str) -> None:
    """The first whose conditions all hold; the same by way of the endpoint, for its hosts alone."""

    async def story(plane: Plane, part: Proxies) -> None:
        port = a_free_port()
        part.put_frontend(frontend(port, *RULES))
        await serving(port, 404)
        asked = [
            await answer(port, Host="x.B.test:80"),
            await answer(port, "/abc/d"),
            await answer(port, "/abcd"),
            await answer(port, method="PUT"),
            await answer(port, "/h", X_Kind="Blueish"),
            await answer(port, "/j", X_Kind="blue"),
            await answer(port, "/?a=b&k=very"),
            await answer(port, "/?x=any"),
            await answer(port, "/?k=w"),
            await answer(port, "/n"),
            await answer(port, "/old/x?a=%20b"),
            await answer(port, "/old"),
        ]
        assert [one.status for one in asked] == [200, 201, 404, 202, 203, 404, 204, 204, 404, 404, 301, 301]
        assert asked[0].body == b"host"
        assert asked[1].body == b'it\'s "quoted" %[src]\nand long'
        assert asked[1].headers["content-type"] == "text/html"
        assert [one.headers["location"] for one in asked[-2:]] == [
            f"http://{HOST}:8443/new/old/x?a=%20b",
            f"http://{HOST}:8443/new/old",
        ]
        ingress = Path(part.ingress)
        through = [
            await ask(ingress, path, preface=PREFACE, Host=host)
            for path, host in (("/n", f"{HOST}:4566"), ("/abc/", f"{HOST}:81"), ("/", "other.test"))
        ]
        assert [one and one.status for one in through] == [500, 201, 421]

    played(tmp_path, engine, story)


def who(found: Answer) -> str:
    return str(json.loads(found.body)["name"])


@ENGINES
def test_targets(tmp_path: Path, engine: str) -> None:
    """1. Headers. 2. One fails: the other has all. 3. Both fail: both have some. 4. One drains: it is idle;

    the other has all. 5. No targets: 503. What happened is counted.
    """

    async def story(plane: Plane, part: Proxies) -> None:
        port, probed, idle, counts = a_free_port(), list[Probed](), list[Idle](), list[Count]()
        part.on_probed(probed.append)
        part.on_idle(idle.append)
        part.on_counted(lambda told: counts.extend(told.counts))
        async with targets("a", "b") as (a, b):
            part.put_pool(pool("p", a.endpoint, b.endpoint))
            ours = Options(insert=(("X-Ours", "50%"),))
            part.put_frontend(frontend(port, rule("default", Forward((Share("p"),))), options=ours))

            async def takers(count: int = 8) -> set[str]:
                return {who(await answer(port)) for _ in range(count)}

            async def are(*names: str) -> None:
                async def look() -> bool:
                    return {who(one) for _ in range(8) if (one := await ask(port)) and one.status == 200} == {
                        *names
                    }

                await until(look)

            await are("a", "b")
            answered = await answer(port, "/x?y", X_Forwarded_For="198.51.100.1")
            assert answered.headers["x-ours"] == "50%"
            found = json.loads(answered.body)
            assert found["path"] == "/x?y"
            assert found["x-forwarded-for"].replace(" ", "") == "198.51.100.1,127.0.0.1"
            assert (found["x-forwarded-proto"], found["x-forwarded-port"]) == ("http", str(port))
            assert found["x-amzn-trace-id"].startswith("Root=1-")
            a.health = 500
            await are("b")
            assert await takers() == {"b"}
            b.health = 500
            await are("a", "b")
            b.health = 200
            await are("b")
            a.health = 200
            await are("a", "b")
            states = [(one.endpoint, one.state) for one in probed if one.state != "initial"]
            assert states.count(("a", "healthy")) == 2
            assert ("b", "unhealthy") in states
            part.put_pool(pool("p", replace(a.endpoint, draining=True), b.endpoint))
            await are("b")
            await until(lambda: Idle("p", "a") in idle)
            part.put_pool(pool("p"))
            await serving(port, 503)
        await until(lambda: sum(one.target_2xx for one in counts if one.pool == "p") >= 40)
        await until(lambda: sum(one.elb_503 or one.elb_5xx for one in counts) >= 1)

    played(tmp_path, engine, story)


@ENGINES
def test_shares_and_cookies(tmp_path: Path, engine: str) -> None:
    """Weights are held to in the long run, 0 is never; a cookie leads back to the same target."""

    async def story(plane: Plane, part: Proxies) -> None:
        port = a_free_port()
        async with targets("a", "b", "c") as (a, b, c):
            part.put_pool(pool("ab", a.endpoint, b.endpoint, sticky=Sticky("lb_cookie", seconds=60)))
            part.put_pool(pool("c", c.endpoint))
            part.put_pool(pool("never", c.endpoint))
            shares = Forward((Share("ab", 3), Share("c", 1), Share("never", 0)))
            part.put_frontend(frontend(port, rule("default", shares)))
            await until(lambda: _has_all(port, "a", "b", "c"))
            names = [who(await answer(port)) for _ in range(200)]
            assert 15 <= names.count("c") <= 100, "a quarter, as chance has it"
            part.put_frontend(frontend(port, rule("default", Forward((Share("ab"),)))))
            await until(lambda: _has_all(port, "a", "b"))
            first = await answer(port)
            cookie = first.headers["set-cookie"].split(";")[0]
            assert cookie.startswith("AWSALB")
            assert {who(await answer(port, Cookie=cookie)) for _ in range(12)} == {who(first)}

    played(tmp_path, engine, story)


async def _has_all(port: int, *names: str) -> bool:
    found = [await ask(port) for _ in range(16)]
    return {who(one) for one in found if one and one.status == 200} == {*names}


async def crowd(port: int, count: int, target: Target) -> list[int]:
    """The statuses of so many requests at once; some are held until all but four are answered."""
    target.open.clear()
    asked = [asyncio.ensure_future(ask(port)) for _ in range(count)]
    await until(lambda: sum(one.done() for one in asked) + 4 >= count)
    target.open.set()
    found = [await one for one in asked]
    return sorted(one.status for one in found if one is not None)


def test_what_haproxy_cannot_do_is_told(tmp_path: Path) -> None:
    """A rule that it cannot act on answers 501, with the reason among the refused binds; the others work."""

    async def story(plane: Plane, part: Proxies) -> None:
        port = a_free_port()
        part.put_pool(Pool("f", "function", function="arn"))
        part.put_frontend(
            frontend(
                port,
                rule("lambda", Forward((Share("f"),)), Match("path", values=("/f",))),
                rule("odd", Fixed(200), Match("path", values=("/\n  use_backend x",))),
                rule("default", Fixed(200)),
            )
        )
        await serving(port)
        assert (await answer(port, "/f")).status == 501
        await until(lambda: part.refused)
        assert part.refused["listener"]

    played(tmp_path, "haproxy", story)


def test_idle_is_what_no_worker_has_a_request_of(tmp_path: Path) -> None:
    """One of two has a long request, also that of a queue, which the other one never serves."""

    async def story(plane: Plane, part: Proxies) -> None:
        port, other, idle = a_free_port(), a_free_port(), list[Idle]()
        part.on_idle(idle.append)
        async with targets("a", "b") as (a, b):
            pools = pool("p", a.endpoint), pool("q", b.endpoint, kind="queued", concurrency=2)
            forward = [rule("default", Forward((Share(one.key),))) for one in pools]
            for one in pools:
                part.put_pool(one)
            part.put_frontend(frontend(port, forward[0]))
            queue = replace(frontend(other, forward[1], kind="apprunner"), key="service", hosts=())
            part.put_frontend(queue)
            await serving(port)
            await serving(other)
            await the_proxies(plane, 2)
            for target in (a, b):
                target.asked = 0
                target.open.clear()
            asked = [asyncio.ensure_future(ask(one)) for one in (port, other)]
            await until(lambda: a.asked and b.asked)
            for one in pools:
                part.put_pool(replace(one, endpoints=(replace(one.endpoints[0], draining=True),)))
            await the_proxies(plane, 2)
            assert idle == []
            for target in (a, b):
                target.open.set()
            assert [found and found.status for found in await asyncio.gather(*asked)] == [200, 200]
            await until(lambda: sorted((one.pool, one.endpoint) for one in idle) == [("p", "a"), ("q", "b")])

    played(tmp_path, "builtin", story, workers=2)


@ENGINES
def test_a_queued_pool(tmp_path: Path, engine: str) -> None:
    """Two at a time, two that wait, and 429 for the rest."""

    async def story(plane: Plane, part: Proxies) -> None:
        port = a_free_port()
        async with targets("a") as (a,):
            queued = pool("q", a.endpoint, kind="queued", concurrency=2, queue=2, queue_wait=60 * SECOND)
            part.put_pool(queued)
            part.put_frontend(frontend(port, rule("default", Forward((Share("q"),))), kind="apprunner"))
            await serving(port)
            await the_proxies(plane, 1)
            assert await crowd(port, 9, a) == [200] * 4 + [429] * 5

    played(tmp_path, engine, story)
