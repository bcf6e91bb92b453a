"""Extensions as processes of an environment: INIT, INVOKE and SHUTDOWN with real ones, and their failures."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.unit.node.function_world import World, a_world
from windlass.fleet.messages import Invoke, InvokeResult

CLIENT = f"""#!{sys.executable} -S
import http.client, json, os, sys, time
line = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
name = os.path.basename(sys.argv[0])

def call(method, path, body=None, **headers):
    line.request(method, "/2020-01-01/extension/" + path, json.dumps(body) if body is not None else None,
                 {{"Lambda-Extension-" + key.replace("_", "-"): value for key, value in headers.items()}})
    answer = line.getresponse()
    data = answer.read()
    return answer.headers.get("Lambda-Extension-Identifier", ""), json.loads(data)

def register(*events):
    return call("POST", "register", {{"events": events}}, Name=name)[0]

def next_event(me):
    return call("GET", "event/next", Identifier=me)[1]

def say(*words):
    print(name, *words, flush=True)

"""
LISTENS = """
me = register("INVOKE", "SHUTDOWN")
say("has", "_HANDLER" in os.environ, os.environ["MINE"], os.getcwd())
while True:
    event = next_event(me)
    say(event["eventType"], event.get("requestId") or event["shutdownReason"])
    if event["eventType"] == "SHUTDOWN":
        sys.exit(0)
    while os.path.exists(os.environ["MINE"]):
        time.sleep(0.01)
"""
ECHO = "def handler(e, c):\n  print('handling', e)\n  return e"


def play(directory: Path, story: Callable[[World], Awaitable[None]]) -> None:
    async def run() -> None:
        async with a_world(directory) as world:
            await story(world)

    asyncio.run(run())


def start(world: World, extensions: Mapping[str, str], source: str = ECHO, **options: Any) -> str:
    """An environment with a layer of these extensions."""
    layer = {f"extensions/{name}": CLIENT + text for name, text in extensions.items()}
    mine = (("MINE", str(world.directory / "hold")),)
    options.setdefault("timeout_s", 20)
    return world.start(source, layers=[layer], environment=mine, **options)


async def settled(world: World, unit: str) -> InvokeResult:
    """Ask when the environment takes another event."""
    async with asyncio.timeout(20):
        return await world.host.invoke(Invoke("s", unit, b"", 0, "arn", settles=True))


def test_the_life_of_an_extension(tmp_path: Path) -> None:
    """1. It registers before the runtime starts. 2. The caller has the answer while it is still busy; the
    report waits. 3. A stop gives it SHUTDOWN before the environment is gone.
    """

    async def story(world: World) -> None:
        unit = start(world, {"listener": LISTENS})
        hold = tmp_path / "hold"
        hold.touch()
        result = await world.invoke(unit, "hello", request_id="r1")
        assert (json.loads(result.payload), result.settling, result.usable) == ("hello", True, True)
        assert "REPORT" not in result.log_tail.decode()
        waiting = asyncio.ensure_future(settled(world, unit))
        await world.log.until(lambda log: "listener INVOKE r1" in log.lines)
        assert not waiting.done() and not any("REPORT" in line for line in world.log.lines)
        hold.unlink()
        assert (await waiting).usable
        assert any(line.startswith("REPORT RequestId: r1\t") for line in world.log.lines)
        await world.invoke(unit, "again", request_id="r2")
        world.host.stop(unit)
        await world.until(unit, "stopped")
        assert world.log.lines[-1] == "listener SHUTDOWN spindown"
        lines = [line for line in world.log.lines if line.startswith(("listener", "EXTENSION", "handling"))]
        assert lines[:2] == [
            f"listener has False {hold} /",
            "EXTENSION\tName: listener\tState: Ready\tEvents: [INVOKE,SHUTDOWN]",
        ]

    play(tmp_path, story)


def test_an_extension_that_uses_up_the_events_time(tmp_path: Path) -> None:
    """The caller has its answer; the report says timeout; then SHUTDOWN, and a fresh start."""

    async def story(world: World) -> None:
        slow = LISTENS.replace('os.path.exists(os.environ["MINE"])', 'event["requestId"] == "r1"')
        unit = start(world, {"slow": slow}, timeout_s=4)
        assert json.loads((await world.invoke(unit, 1)).payload) == 1
        assert (await settled(world, unit)).usable
        [report] = [line for line in world.log.lines if line.startswith("REPORT")]
        assert "\tDuration: 4000.00 ms\t" in report and report.endswith("\tStatus: timeout\t")
        assert json.loads((await world.invoke(unit, 2, request_id="r2")).payload) == 2
        assert world.log.lines.count("EXTENSION\tName: slow\tState: Ready\tEvents: [INVOKE,SHUTDOWN]") == 2

    play(tmp_path, story)


def test_a_runtime_that_ends_is_told_to_extensions(tmp_path: Path) -> None:
    """SHUTDOWN with "failure" after an exit in mid-event, and with "timeout" after a time-out."""

    async def story(world: World) -> None:
        source = "import os, time\ndef handler(e, c): os._exit(3) if e == 'exit' else time.sleep(100)"
        unit = start(world, {"e": LISTENS}, source, timeout_s=2)
        failed = await world.invoke(unit, "exit")
        assert json.loads(failed.payload)["errorType"] == "Runtime.ExitError" and failed.settling
        await world.log.until(lambda log: "e SHUTDOWN failure" in log.lines)
        assert (await settled(world, unit)).usable
        late = await world.invoke(unit, "sleep", request_id="r2")
        assert json.loads(late.payload)["errorType"] == "Sandbox.Timedout"
        await world.log.until(lambda log: "e SHUTDOWN timeout" in log.lines)

    play(tmp_path, story)


@pytest.mark.parametrize(
    ("text", "error_type", "message", "line"),
    [
        ("sys.exit(3)", "Extension.Crash", "exit status 3", "Name: bad\tState: Started\tEvents: []"),
        ("me = register('INVOKE'); sys.exit()", "Extension.Crash", "exit code 0",
         "Name: bad\tState: Registered\tEvents: [INVOKE]"),
        ("me = register()\n"
         "call('POST', 'init/error', {}, Identifier=me, Function_Error_Type='Extension.No'); sys.exit(1)",
         "Extension.InitError", "exit status 1",
         "Name: bad\tState: InitError\tEvents: []\tError Type: Extension.No"),
    ],
)  # fmt: skip
def test_an_extension_that_fails_to_initialise(
    tmp_path: Path, text: str, error_type: str, message: str, line: str
) -> None:
    """The event gets AWS's error; the environment tries again with the next one."""

    async def story(world: World) -> None:
        unit = start(world, {"bad": text, "good": LISTENS})
        for number in range(2):
            result = await world.invoke(unit, request_id=f"r{number}")
            assert json.loads(result.payload) == {
                "errorType": error_type, "errorMessage": f"RequestId: r{number} Error: {message}",
            }  # fmt: skip
            await settled(world, unit)
        assert f"EXTENSION\t{line}" in world.log.lines
        reports = [line for line in world.log.lines if line.startswith("INIT_REPORT")]
        assert all(f"\tStatus: error\tError Type: {error_type}" in report for report in reports)
        assert len(reports) == 3

    play(tmp_path, story)


def test_an_extension_that_ends_in_mid_event(tmp_path: Path) -> None:
    """Extension.ExitError for the caller, although the runtime would have answered."""
    ends = """
me = register("INVOKE")
next_event(me)
call("POST", "exit/error", {}, Identifier=me, Function_Error_Type="Extension.Enough")
sys.exit(2)
"""

    async def story(world: World) -> None:
        unit = start(world, {"e": ends}, "import time\ndef handler(e, c): time.sleep(100)")
        assert json.loads((await world.invoke(unit)).payload) == {
            "errorType": "Extension.ExitError",
            "errorMessage": "RequestId: r1 Error: exit status 2",
        }

    play(tmp_path, story)


def test_extensions_that_cannot_be_started(tmp_path: Path) -> None:
    """One that may not be executed, and more than ten."""

    async def story(world: World) -> None:
        unit = world.start(ECHO, layers=[{"extensions/text": "no program"}])
        assert json.loads((await world.invoke(unit)).payload) == {
            "errorType": "Extension.LaunchError",
            "errorMessage": "RequestId: r1 Error: fork/exec /opt/extensions/text: permission denied",
        }
        line = "EXTENSION\tName: text\tState: LaunchError\tEvents: []\tError Type: PermissionDenied"
        assert line in world.log.lines
        unit = start(world, {f"e{number:02}": "time.sleep(100)" for number in range(11)})
        answer = json.loads((await world.invoke(unit)).payload)
        assert answer["errorMessage"] == "RequestId: r1 Error: ErrTooManyExtensions"

    play(tmp_path, story)


def test_an_internal_extension(tmp_path: Path) -> None:
    """A thread of the runtime's process gets INVOKE events; a SIGTERM comes before the end."""
    source = """
import http.client, json, os, signal, threading
host = os.environ["AWS_LAMBDA_RUNTIME_API"]
def talk():
    line = http.client.HTTPConnection(host)
    name = {"Lambda-Extension-Name": "i"}
    line.request("POST", "/2020-01-01/extension/register", '{"events":["INVOKE"]}', name)
    answer = line.getresponse()
    answer.read()
    registered.set()
    me = {"Lambda-Extension-Identifier": answer.headers["Lambda-Extension-Identifier"]}
    while True:
        line.request("GET", "/2020-01-01/extension/event/next", headers=me)
        print("inside", json.loads(line.getresponse().read())["requestId"])
registered = threading.Event()
threading.Thread(target=talk, daemon=True).start()
registered.wait()
signal.signal(signal.SIGTERM, lambda *_: print("terminated") or os._exit(0))
def handler(e, c): return e
"""

    async def story(world: World) -> None:
        unit = world.start(source, timeout_s=20)
        assert json.loads((await world.invoke(unit, 7)).payload) == 7
        await settled(world, unit)
        assert "inside r1" in world.log.lines
        assert "EXTENSION\tName: i\tState: Ready\tEvents: [INVOKE]" in world.log.lines
        world.host.stop(unit)
        await world.until(unit, "stopped")
        assert world.log.lines[-1] == "terminated"

    play(tmp_path, story)
