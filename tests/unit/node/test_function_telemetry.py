"""Telemetry on its way: batches, retries and losses to a listener, and real extensions that subscribe."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.unit.node.function_world import Lines, World
from tests.unit.node.test_function_extensions import ECHO, LISTENS, play, settled, start
from windlass.kernel.clock import WallClock
from windlass.kernel.spawn import Spawn
from windlass.node.function_subscriptions import Subscription
from windlass.node.function_telemetry import ROOM, Subscriber
from windlass.node.network.plain import PlainNetworks
from windlass.node.runner import Seat


@dataclass
class Listener:
    """A listener of an extension: keeps the events of each batch; refuses as many batches as `refuses`."""

    refuses: int = 0
    batches: list[list[Any]] = field(default_factory=list)
    heard: asyncio.Event = field(default_factory=asyncio.Event)
    port: int = 0

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        size = int(head.lower().split("content-length: ")[1].split("\r\n")[0])
        body = await reader.readexactly(size)
        self.refuses -= 1
        status = "500 No" if self.refuses >= 0 else "200 OK"
        if self.refuses < 0:
            assert head.startswith("POST /here HTTP/1.1\r\n")
            self.batches.append(json.loads(body))
            self.heard.set()
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode())
        writer.close()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not condition():
                self.heard.clear()
                await self.heard.wait()


@asynccontextmanager
async def subscribed(listener: Listener, directory: Path, **limits: int) -> AsyncIterator[Subscriber]:
    def crash(name: str, error: BaseException) -> None:
        raise AssertionError(name) from error

    spawn = Spawn(crash)
    seat = Seat(lambda _: None, Lines(), WallClock(), spawn, directory, str, PlainNetworks(), lambda *_: None)
    server = await asyncio.start_server(listener.take, "127.0.0.1", 0)
    listener.port = server.sockets[0].getsockname()[1]
    subscription = Subscription(
        "telemetry", "2022-12-13", ("platform", "function"), listener.port, "/here", **limits
    )
    subscriber = Subscriber(seat, "test", subscription, "")
    try:
        yield subscriber
    finally:
        subscriber.drop()
        server.close()
        await spawn.close()


def run(story: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(story())  # type: ignore[arg-type]


def test_a_batch_goes_out_when_it_is_full_or_due(tmp_path: Path) -> None:
    """So many events make a batch at once; fewer wait for their time; each has time, type and record."""

    async def story() -> None:
        listener = Listener()
        async with subscribed(listener, tmp_path, max_items=2, timeout_ms=50) as subscriber:
            for line in ("a", "b", "c"):
                subscriber.hear(1_700_000_000_000_000_000, "function", line)
            subscriber.hear(0, "extension", "not asked for")
            await listener.until(lambda: sum(map(len, listener.batches)) == 3)
            assert listener.batches[0][0] == {
                "time": "2023-11-14T22:13:20.000Z", "type": "function", "record": "a",
            }  # fmt: skip
            assert [event["record"] for batch in listener.batches for event in batch] == ["a", "b", "c"]

    run(story)


def test_what_is_refused_is_sent_again(tmp_path: Path) -> None:
    """Nothing is lost to errors; while they last the buffer fills, and what has no room is counted."""

    async def story() -> None:
        listener = Listener(refuses=2)
        async with subscribed(listener, tmp_path, max_items=3, timeout_ms=30_000) as subscriber:
            for number in range(ROOM * 3 + 4):
                subscriber.hear(0, "function", str(number))
            await listener.until(lambda: len(listener.batches) == 1)
            *told, lost = listener.batches[0]
            assert [event["record"] for event in told] == [str(number) for number in range(ROOM * 3)]
            assert lost["type"] == "platform.logsDropped" and lost["record"]["droppedRecords"] == 4
            assert lost["record"]["droppedBytes"] > 4 * 50

    run(story)


SUBSCRIBES = """
import http.server, threading
me = register("INVOKE", "SHUTDOWN")
class Listener(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        events = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with open(os.environ["MINE"], "a") as file:
            file.writelines(json.dumps(event) + "\\n" for event in events)
        self.send_response(200)
        self.end_headers()
    do_PUT = do_POST
    def log_message(self, *_): pass
server = http.server.HTTPServer(("127.0.0.1", 0), Listener)
threading.Thread(target=server.serve_forever, daemon=True).start()
def subscribe(path, **changes):
    uri = "http://sandbox.localdomain:%d/" % server.server_port
    wanted = {"types": ["platform", "function"], "buffering": {"timeoutMs": 25},
              "destination": {"protocol": "HTTP", "URI": uri}, **changes}
    line.request("PUT", path, json.dumps(wanted), {"Lambda-Extension-Identifier": me})
    answer = line.getresponse()
    say(answer.status, answer.read().decode().strip())
"""
EVENTS = """
while True:
    event = next_event(me)
    if event["eventType"] == "SHUTDOWN":
        time.sleep(0.2)
        sys.exit(0)
"""


@pytest.mark.parametrize(
    ("path", "api"), [("/2022-07-01/telemetry", "telemetry"), ("/2020-08-15/logs", "logs")]
)
def test_an_extension_subscribes(tmp_path: Path, path: str, api: str) -> None:
    """1. It is sent what was said before it subscribed. 2. Then each event in order. 3. A wrong wish, the
    other API and a late one are refused.
    """
    other = "/2020-08-15/logs" if api == "telemetry" else "/2022-07-01/telemetry"
    source = (
        SUBSCRIBES
        + f"""
subscribe({path!r})
subscribe({path!r})
subscribe({path!r}, types=[])
subscribe({other!r})
next_event(me)
subscribe({path!r})
{EVENTS}"""
    )

    async def story(world: World) -> None:
        unit = start(world, {"t": source})
        told = tmp_path / "hold"
        await world.invoke(unit, 1)
        await world.invoke(unit, 2, request_id="r2")
        await settled(world, unit)
        world.host.stop(unit)
        await world.until(unit, "stopped")
        events = [json.loads(line) for line in told.read_text().splitlines()]
        check(api, events)
        lines = [line for line in world.log.lines if line.startswith("t ")]
        assert lines[:2] == ['t 200 "OK"', 't 200 "OK"']
        name, closed = (
            ("ValidationError", "Telemetry") if api == "telemetry" else ("Logs.ValidationError", "Logs")
        )
        assert lines[2].startswith("t 400 ") and f'"errorType":"{name}"' in lines[2]
        assert lines[3].startswith("t 400 ") and f"t is subscribed by the {api} API" in lines[3]
        assert lines[4].startswith("t 403 ") and f'"{closed}.SubscriptionClosed"' in lines[4]
        assert f"{api.upper()}\tName: t\tState: Subscribed\tTypes: [Platform, Function]" in world.log.lines

    play(tmp_path, story)


def check(api: str, events: list[dict[str, Any]]) -> None:
    """What either API tells of an initialisation and two events."""
    kinds = [event["type"].removeprefix("platform.") for event in events]
    texts = [event["record"] for event in events if event["type"] == "function"]
    assert texts == ["handling 1", "handling 2"]
    once = ["start", "function", "runtimeDone", "report"]
    if api == "logs":
        once = ["start", "function", "end", "report"]
        assert kinds == ["logsSubscription", "logsSubscription", "extension", *once, *once]
        return
    init, events_told = kinds[:6], kinds[6:]
    assert events_told == [*once, *once]
    assert (init[0], *init[-2:]) == ("initStart", "extension", "initReport")
    assert sorted(init[1:4]) == ["initRuntimeDone", "telemetrySubscription", "telemetrySubscription"]
    reports = [event["record"] for event in events if event["type"] == "platform.report"]
    assert [report["requestId"] for report in reports] == ["r1", "r2"]
    assert "initDurationMs" in reports[0]["metrics"] and "initDurationMs" not in reports[1]["metrics"]
    done = next(event["record"] for event in events if event["type"] == "platform.runtimeDone")
    assert done["metrics"]["producedBytes"] == 1 and done["status"] == "success"


def test_without_a_subscriber_nothing_is_kept(tmp_path: Path) -> None:
    """An environment with an extension that does not care behaves as ever."""

    async def story(world: World) -> None:
        unit = start(world, {"e": LISTENS}, ECHO)
        assert json.loads((await world.invoke(unit, 5)).payload) == 5

    play(tmp_path, story)
