"""What the data plane does with a table and with its changes: pools of each kind, hosts, binds, draining."""

from __future__ import annotations

import asyncio
import contextlib
import shlex
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Literal

import pytest
from msgspec.structs import replace

from tests.proxy_build import (
    OK,
    Proxy,
    Script,
    Seen,
    a_client,
    a_frontend,
    a_proxy,
    a_target,
    answering,
    ask,
    forward,
    free_port,
    get,
    head,
    met,
    response,
    run,
)
from windlass.fleet.proxy_messages import (
    Endpoint,
    Fixed,
    Forward,
    Frontend,
    FunctionAnswer,
    Idle,
    Load,
    Match,
    Pool,
    Redirect,
    Rewrite,
    Rule,
    Share,
    Sticky,
)
from windlass.kernel.clock import SECOND


class Held:
    """A target whose answers wait until they are let go."""

    def __init__(self) -> None:
        self.asked = 0
        self.go = asyncio.Semaphore(0)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Seen]:
        async with a_target(self._script) as seen:
            yield seen

    async def _script(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await head(reader)
            self.asked += 1
            await self.go.acquire()
            writer.write(OK)


def saying(name: str) -> Script:
    return answering(answer=b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(name), name.encode()))


def endpoints(*ports: int, **fields: object) -> tuple[Endpoint, ...]:
    return tuple(Endpoint(f"t:{port}", "127.0.0.1", port, health="healthy", **fields) for port in ports)  # type: ignore[arg-type]


def idle(proxy: Proxy) -> list[str]:
    return [message.endpoint for message in proxy.plane.told if isinstance(message, Idle)]


def _is_idle(proxy: Proxy, endpoint: str) -> bool:
    return endpoint in idle(proxy)


async def body(port: int, path: str = "/", *headers: str) -> bytes:
    return (await ask(port, get(path, *headers)))[2]


def test_rules_choose_rewrite_and_redirect(tmp_path: Path) -> None:
    seen: list[bytes] = []
    rules = (
        Rule(
            "old", (Match("path", values=("/old/*",)),), Redirect(301, host="new.example", path="/n/#{path}")
        ),
        Rule(
            "r", (Match("path", values=("/v1/*",)),), Forward((Share("pool"),)), (Rewrite("url", "^/v1", ""),)
        ),
        Rule("default", (), Forward((Share("other"),))),
    )

    async def story() -> None:
        async with a_target(answering(seen)) as target, a_proxy(tmp_path, target.port, rules=rules) as proxy:
            status, headers, _ = await ask(proxy.port, get("/old/a?b=c"))
            assert (status, headers["location"]) == (301, f"http://new.example:{proxy.port}/n/old/a?b=c")
            assert (await ask(proxy.port, get("/v1/x?y")))[0] == 200
            assert seen[0].startswith(b"GET /x?y HTTP/1.1\r\n")
            assert (await ask(proxy.port, get("/else")))[0] == 503
            assert (proxy.count("elb_redirect"), proxy.count("elb_3xx"), proxy.count("elb_503")) == (1, 1, 1)

    run(story)


def test_weights_and_cookies(tmp_path: Path) -> None:
    """Two pools share what comes three to one; a client with both cookies stays where it was."""
    action = Forward((Share("a", 3), Share("b", 1)), sticky_s=60)

    async def story() -> None:
        async with a_target(saying("a")) as a, a_target(saying("b")) as b, a_proxy(tmp_path) as proxy:
            front = a_frontend(proxy.port, (Rule("default", (), action),))
            sticky = Sticky("lb_cookie", seconds=60)
            pools = (
                Pool("a", endpoints=endpoints(a.port), sticky=sticky),
                Pool("b", endpoints=endpoints(b.port), sticky=sticky),
            )
            proxy.serve((front,), pools)
            came = [await body(proxy.port) for _ in range(8)]
            assert sorted(came) == [b"a"] * 6 + [b"b"] * 2
            async with a_client(proxy.port) as (reader, writer):
                writer.write(get())
                top = (await head(reader)).decode()
                first = await reader.readexactly(1)
            names = [line.split("=")[0] for line in top.split("\r\n") if line.startswith("Set-Cookie")]
            assert names == [
                f"Set-Cookie: {name}" for name in ("AWSALB", "AWSALBCORS", "AWSALBTG", "AWSALBTGCORS")
            ]
            jar = "; ".join(
                line.partition(": ")[2].partition(";")[0]
                for line in top.split("\r\n")
                if line.startswith("Set-Cookie")
            )
            assert {await body(proxy.port, "/", f"Cookie: {jar}") for _ in range(8)} == {first}

    run(story)


def test_a_new_table_cuts_nothing(tmp_path: Path) -> None:
    """A request waits for its target while the frontend's rules, its pool and at last itself are replaced."""
    held = Held()

    async def story() -> None:
        async with (
            held.running() as old,
            a_target(saying("new")) as new,
            a_proxy(tmp_path, old.port) as proxy,
            a_client(proxy.port) as (reader, writer),
        ):
            writer.write(get())
            await met(lambda: held.asked)
            pool = Pool("next", endpoints=endpoints(new.port))
            proxy.serve((a_frontend(proxy.port, forward("next")),), (pool,))
            assert await body(proxy.port) == b"new"
            held.go.release()
            assert (await response(reader))[2] == b"ok"
            writer.write(get())
            assert (await response(reader))[2] == b"new"

    run(story)


def test_a_frontend_that_is_removed_finishes(tmp_path: Path) -> None:
    """Its address is closed at once; the request in flight is answered, the idle connection ends."""
    held = Held()

    async def story() -> None:
        async with (
            held.running() as target,
            a_proxy(tmp_path, target.port) as proxy,
            a_client(proxy.port) as (reader, writer),
            a_client(proxy.port) as (quiet, _),
        ):
            writer.write(get())
            await met(lambda: held.asked)
            proxy.serve((), ())
            assert await quiet.read() == b""
            with pytest.raises(OSError):
                await ask(proxy.port, get())
            held.go.release()
            status, headers, _ = await response(reader)
            assert (status, headers["connection"]) == (200, "close")
            assert await reader.read() == b""

    run(story)


def test_a_draining_endpoint_finishes_what_it_has_and_says_so(tmp_path: Path) -> None:
    held = Held()

    async def story() -> None:
        async with held.running() as old, a_target(saying("new")) as new, a_proxy(tmp_path) as proxy:
            front = (a_frontend(proxy.port),)
            both = Pool("pool", endpoints=endpoints(old.port))
            proxy.serve(front, (both,))
            async with a_client(proxy.port) as (reader, writer):
                writer.write(get())
                await met(lambda: held.asked)
                left = (*endpoints(old.port, draining=True), *endpoints(new.port))
                proxy.serve(front, (replace(both, endpoints=left),))
                assert [await body(proxy.port) for _ in range(4)] == [b"new"] * 4
                assert idle(proxy) == []
                held.go.release()
                assert (await response(reader))[2] == b"ok"
                assert idle(proxy) == [f"t:{old.port}"]

    run(story)


@pytest.mark.parametrize("kind", ["balanced", "queued"])
def test_another_plane_hears_who_is_idle(tmp_path: Path, kind: Literal["balanced", "queued"]) -> None:
    """One that has a request is not; it is told of when that is answered."""
    held = Held()

    async def story() -> None:
        async with held.running() as busy, a_target(saying("b")) as free, a_proxy(tmp_path) as proxy:
            front = (a_frontend(proxy.port),)
            pool = Pool("pool", kind=kind, endpoints=endpoints(busy.port), concurrency=1)
            proxy.serve(front, (pool,))
            async with a_client(proxy.port) as (reader, writer):
                writer.write(get())
                await met(lambda: held.asked)
                left = endpoints(busy.port, free.port, draining=True)
                proxy.serve(front, (replace(pool, endpoints=left),))
                assert idle(proxy) == [f"t:{free.port}"]
                for tell in proxy.plane.opened:
                    tell()
                assert idle(proxy) == [f"t:{free.port}"] * 2
                held.go.release()
                assert (await response(reader))[2] == b"ok"
                for tell in proxy.plane.opened:
                    tell()
                assert sorted(idle(proxy)) == sorted([f"t:{free.port}"] * 3 + [f"t:{busy.port}"] * 2)

    run(story)


def test_a_deregistration_delay_that_is_over_ends_what_is_open(tmp_path: Path) -> None:
    """A draining endpoint that leaves the table: 502, as an Application Load Balancer answers."""
    held = Held()

    async def story() -> None:
        async with (
            held.running() as target,
            a_proxy(tmp_path) as proxy,
            a_client(proxy.port) as (reader, writer),
        ):
            front, pool = (a_frontend(proxy.port),), Pool("pool", endpoints=endpoints(target.port))
            proxy.serve(front, (pool,))
            writer.write(get())
            await met(lambda: held.asked)
            proxy.serve(front, (replace(pool, endpoints=endpoints(target.port, draining=True)),))
            proxy.serve(front, (replace(pool, endpoints=()),))
            assert (await response(reader))[0] == 502

    run(story)


def test_what_was_probed_counts_at_once(tmp_path: Path) -> None:
    async def story() -> None:
        async with a_target(saying("a")) as a, a_target(saying("b")) as b, a_proxy(tmp_path) as proxy:
            pool = Pool("pool", endpoints=endpoints(a.port, b.port))
            proxy.serve((a_frontend(proxy.port),), (pool,))
            assert {await body(proxy.port) for _ in range(4)} == {b"a", b"b"}
            proxy.worker.standing.take("pool", endpoints(a.port)[0], "unhealthy")
            assert {await body(proxy.port) for _ in range(4)} == {b"b"}
            proxy.worker.standing.take("pool", endpoints(b.port)[0], "unhealthy")  # fail open
            assert {await body(proxy.port) for _ in range(4)} == {b"a", b"b"}

    run(story)


def test_addresses_that_cannot_be_had_are_told(tmp_path: Path) -> None:
    async def story() -> None:
        async with a_proxy(tmp_path) as proxy:
            with socket.socket() as other:
                other.bind(("127.0.0.1", 0))
                other.listen()
                port = other.getsockname()[1]
                proxy.serve((a_frontend(port),), ())
                [(key, address, why)] = proxy.plane.refused
                assert (key, address, why) == ("front", f"127.0.0.1:{port}", "Address already in use")
            proxy.serve((a_frontend(port),), (Pool("pool"),))
            assert proxy.plane.refused == ()
            assert (await ask(port, get()))[0] == 503

    run(story)


def a_queue(*ports: int, concurrency: int = 1, queue: int = 1, wait: int = 0) -> Pool:
    return Pool(
        "pool", "queued", endpoints=endpoints(*ports), concurrency=concurrency, queue=queue, queue_wait=wait
    )


def test_a_queue_feeds_its_instance_and_refuses_what_is_too_much(tmp_path: Path) -> None:
    """One instance, one request at a time, one that waits: the third is 429; the load was told."""
    held = Held()

    async def story() -> None:
        async with held.running() as target, a_proxy(tmp_path) as proxy:
            proxy.serve((a_frontend(proxy.port),), (a_queue(target.port),))
            first = asyncio.ensure_future(ask(proxy.port, get()))
            await met(lambda: held.asked)
            second = asyncio.ensure_future(ask(proxy.port, get()))
            await met(lambda: any(isinstance(m, Load) and m.queued for m in proxy.plane.told))
            assert (await ask(proxy.port, get()))[0] == 429
            assert held.asked == 1
            held.go.release()
            assert (await first)[0] == 200
            await met(lambda: held.asked == 2)
            held.go.release()
            assert (await second)[0] == 200
            loads = [message for message in proxy.plane.told if isinstance(message, Load)]
            await met(lambda: [m for m in proxy.plane.told if isinstance(m, Load)][-1].in_flight == 0)
            assert (1, 1) in {(load.in_flight, load.queued) for load in loads}
            assert sum(m.refused for m in proxy.plane.told if isinstance(m, Load)) == 1

    run(story)


def test_who_waits_is_let_in_by_a_new_instance_or_refused_in_time(tmp_path: Path) -> None:
    held = Held()

    async def story() -> None:
        async with held.running() as target, a_proxy(tmp_path) as proxy:
            front = (a_frontend(proxy.port),)
            proxy.serve(front, (a_queue(),))
            waits = asyncio.ensure_future(ask(proxy.port, get()))
            await met(lambda: any(isinstance(m, Load) and m.queued for m in proxy.plane.told))
            proxy.serve(front, (a_queue(target.port, wait=SECOND // 20),))
            await met(lambda: held.asked)
            assert (await ask(proxy.port, get()))[0] == 429
            held.go.release()
            assert (await waits)[0] == 200

    run(story)


def test_who_waits_in_a_pool_that_is_replaced_goes_to_its_heir(tmp_path: Path) -> None:
    """As a blue/green deployment of App Runner does: what waits for blue is answered by green."""
    held = Held()

    async def story() -> None:
        async with held.running() as blue, a_target(saying("green")) as green, a_proxy(tmp_path) as proxy:
            front = (a_frontend(proxy.port),)
            proxy.serve(front, (a_queue(blue.port),))
            first = asyncio.ensure_future(ask(proxy.port, get()))
            await met(lambda: held.asked)
            waits = asyncio.ensure_future(ask(proxy.port, get()))
            await met(lambda: any(isinstance(m, Load) and m.queued for m in proxy.plane.told))
            former = replace(a_queue(), endpoints=endpoints(blue.port, draining=True), heir="green")
            proxy.serve(front, (former, replace(a_queue(green.port), key="green")))
            assert (await waits)[2] == b"green"
            held.go.release()
            assert (await first)[0] == 200

    run(story)


def test_a_request_has_a_time_for_all_of_it(tmp_path: Path) -> None:
    held = Held()

    async def story() -> None:
        async with (
            held.running() as target,
            a_proxy(tmp_path, target.port, request_timeout=SECOND // 10) as proxy,
        ):
            assert (await ask(proxy.port, get()))[0] == 504

    run(story)


def a_function(proxy: Proxy, body_max: int = 0) -> None:
    proxy.serve((a_frontend(proxy.port),), (Pool("pool", "function", function="arn", body_max=body_max),))


def test_a_function_answers(tmp_path: Path) -> None:
    async def story() -> None:
        async with a_proxy(tmp_path) as proxy:
            a_function(proxy)
            proxy.plane.function = lambda call: FunctionAnswer(
                call.id, 201, (("X-A", "1"), ("Content-Length", "99")), b"made"
            )
            status, headers, came = await ask(proxy.port, get("/p?q=1", "X-B: 2", method="PUT", body=b"in"))
            assert (status, headers["x-a"], came) == (201, "1", b"made")
            [call] = proxy.plane.asked
            assert (call.method, call.path, call.query, call.body) == ("PUT", "/p", "q=1", b"in")
            assert {("x-b", "2"), ("x-forwarded-for", "127.0.0.1")} <= {*call.headers}
            assert proxy.count("target_2xx") == 1

    run(story)


@pytest.mark.parametrize(
    ("sent", "answer", "status"),
    [
        (10, FunctionAnswer(0, error="thrown"), 502),
        (10, FunctionAnswer(0, 7), 502),
        (10, FunctionAnswer(0, 200, body=bytes(101)), 502),
        (101, FunctionAnswer(0, 200), 413),
    ],
)
def test_functions_that_fail(tmp_path: Path, sent: int, answer: FunctionAnswer, status: int) -> None:
    async def story() -> None:
        async with a_proxy(tmp_path) as proxy:
            a_function(proxy, body_max=100)
            proxy.plane.function = lambda call: answer
            assert (await ask(proxy.port, get(method="POST", body=bytes(sent))))[0] == status

    run(story)


def test_hosts_on_the_endpoint(tmp_path: Path) -> None:
    """Connections that are handed on name the client first; requests go by their Host."""
    seen: list[bytes] = []

    async def handed(proxy: Proxy, *hosts: str) -> list[int]:
        reader, writer = await asyncio.open_unix_connection(proxy.worker.ingress)
        writer.write(b"PROXY TCP4 10.1.2.3 127.0.0.1 4321 4566\r\n")
        for host in hosts:
            writer.write(f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        came = [(await response(reader))[0] for _ in hosts]
        writer.close()
        return came

    async def story() -> None:
        async with a_target(answering(seen)) as target, a_proxy(tmp_path, target.port) as proxy:
            front = Frontend(
                "x", "alb", (), ("a.example", "*.b.example", "a.example:81"), "http", forward("pool")
            )
            proxy.serve((front,), (Pool("pool", endpoints=endpoints(target.port)),))
            assert (proxy.worker.ingress.stat().st_mode & 0o777) == 0o600
            assert await handed(proxy, "A.example:4566", "x.b.example") == [200, 200]
            assert b"X-Forwarded-For: 10.1.2.3\r\n" in seen[0]
            assert b"X-Forwarded-Port: 80\r\n" in seen[0]
            assert await handed(proxy, "a.example", "b.example") == [200, 421]
            assert proxy.count("connections_new") == 2

    run(story)


def test_other_workers_leave_queues_and_the_endpoint_alone(tmp_path: Path) -> None:
    async def story() -> None:
        proxy = Proxy(tmp_path, index=1)
        await proxy.data.open()
        front = replace(a_frontend(free_port()), kind="apprunner")
        proxy.serve((front,), (a_queue(),))
        assert not proxy.worker.ingress.exists()
        with pytest.raises(OSError):
            await ask(front.binds[0].port, get())
        await proxy.data.close()
        await proxy.spawn.close()

    run(story)


def test_one_connection_too_many(tmp_path: Path) -> None:
    """It is ended before it said anything, and counted; the next one after another has left is served."""

    async def story() -> None:
        rules = (Rule("default", (), Fixed(200)),)
        async with a_proxy(tmp_path, rules=rules) as proxy:
            proxy.data.counts.connections_max = 1
            async with a_client(proxy.port) as (reader, writer):
                writer.write(get())
                assert (await response(reader))[0] == 200
                async with a_client(proxy.port) as (refused, _):
                    assert await refused.read() == b""
                assert (proxy.count("rejected"), proxy.count("connections_new")) == (1, 1)
            await met(lambda: not proxy.data.counts.open)
            assert (await ask(proxy.port, get()))[0] == 200

    run(story)


def test_access_logs(tmp_path: Path) -> None:
    """A line for each request, in AWS's order; what a client sent stays inside its field."""

    async def story() -> None:
        async with a_target(answering()) as target, a_proxy(tmp_path) as proxy:
            balancer = "arn:aws:elasticloadbalancing:us-east-1:1:loadbalancer/app/x/1"
            front = replace(a_frontend(proxy.port, access_log=True), load_balancer=balancer)
            proxy.serve((front,), (Pool("pool", endpoints=endpoints(target.port)),))
            await ask(proxy.port, get("/a?b=%22c", 'User-Agent: me " \xff', method="PUT", body=b"in"))
            await ask(proxy.port, b"GET / HTTP/1.1\r\nHost : x\r\n\r\n")
            await proxy.data.close()
            first, second = (shlex.split(line, posix=False) for line in proxy.lines())
            assert len(first) == len(second) == 30
            assert (first[0], first[2], first[4]) == ("http", "app/x/1", f"127.0.0.1:{target.port}")
            assert first[8:10] == ["200", "200"] and first[11] == "2"
            url = f"http://example.test:{proxy.port}/a?b=%22c"
            assert first[12:14] == [f'"PUT {url} HTTP/1.1"', '"me \\x22 \\xff"']
            assert (first[16], first[20], first[22]) == ("pool", "0", '"forward"')
            assert (second[8], second[12], second[5]) == ("400", '"- - -"', "-1")

    run(story)


def test_no_request_is_lost_while_targets_come_and_go(tmp_path: Path) -> None:
    """A rolling update, over and over: who drains is ended as soon as it is told to be idle."""
    lost: list[int] = []

    async def client(port: int, done: asyncio.Event) -> int:
        count = 0
        async with a_client(port) as (reader, writer):
            while not done.is_set():
                writer.write(get(method="POST", body=b"work") if count % 2 else get())
                if (status := (await response(reader))[0]) != 200:
                    lost.append(status)
                count += 1
        return count

    async def story() -> None:
        done = asyncio.Event()
        async with a_proxy(tmp_path) as proxy, contextlib.AsyncExitStack() as all_of_them:
            front = (a_frontend(proxy.port),)
            old = await all_of_them.enter_async_context(a_target(saying("v0")))
            proxy.serve(front, (Pool("pool", endpoints=endpoints(old.port)),))
            clients = [asyncio.ensure_future(client(proxy.port, done)) for _ in range(8)]
            for version in range(1, 20):
                new = await all_of_them.enter_async_context(a_target(saying(f"v{version}")))
                leaving = endpoints(old.port, draining=True)
                proxy.serve(front, (Pool("pool", endpoints=(*endpoints(new.port), *leaving)),))
                gone = f"t:{old.port}"
                await met(partial(_is_idle, proxy, gone))
                old.end()
                proxy.serve(front, (Pool("pool", endpoints=endpoints(new.port)),))
                old = new
            done.set()
            assert sum(await asyncio.gather(*clients)) > 20
            assert lost == []
            assert proxy.count("target_2xx") == proxy.count("requests")

    run(story)
