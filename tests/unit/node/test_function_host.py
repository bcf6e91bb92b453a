"""Environments with real processes: what the caller gets, what is logged, what is left behind."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.unit.node.function_world import World, a_world, watch
from windlass.fleet.messages import ENVIRONMENT_GONE, InvokeResult
from windlass.kernel.clock import MILLISECOND
from windlass.node.children import become_subreaper
from windlass.node.function_sandboxes import ForkSandbox

Story = Callable[[World], Awaitable[None]]


def play(directory: Path, story: Story) -> None:
    async def run() -> None:
        async with a_world(directory) as world:
            await story(world)

    asyncio.run(run())


def told(result: InvokeResult) -> Any:
    return json.loads(result.payload)


def test_runs_events_in_one_process(tmp_path: Path) -> None:
    """The second event finds the module as the first left it, and is no cold start."""

    async def story(world: World) -> None:
        unit = world.start("count = 0\ndef handler(e, c):\n  global count; count += 1\n  return [e, count]")
        first = await world.invoke(unit, {"a": "ü"}, request_id="r1")
        second = await world.invoke(unit, "x", request_id="r2")
        assert (told(first), told(second)) == ([{"a": "ü"}, 1], ["x", 2])
        assert first.init_ns > 0 and second.init_ns == 0 and second.usable and not second.error
        assert "Init Duration:" in first.log_tail.decode()
        assert "Init Duration:" not in second.log_tail.decode()

    play(tmp_path, story)


def test_the_first_result_says_where_the_start_went(tmp_path: Path) -> None:
    """Import time is the user's, not the runtime's; the second event tells of no start."""

    async def story(world: World) -> None:
        unit = world.start("import time\ntime.sleep(0.2)\ndef handler(e, c): pass")
        first, second = await world.invoke(unit, request_id="r1"), await world.invoke(unit, request_id="r2")
        phases = first.phases
        assert phases is not None and second.phases is None
        assert phases.runtime + phases.init >= 200 * MILLISECOND  # a busy loop hears late of the dialling
        assert min(phases.code, phases.sandbox, phases.runtime) > 0 and phases.network == 0
        assert phases.runtime + phases.init <= first.init_ns + MILLISECOND

    play(tmp_path, story)


def test_a_start_that_failed_is_told_too(tmp_path: Path) -> None:
    """A module that cannot be imported: the time until it said so is its initialisation."""

    async def story(world: World) -> None:
        result = await world.invoke(world.start("import time\ntime.sleep(0.1)\nraise OSError"))
        assert result.error and result.phases is not None
        assert result.phases.runtime + result.phases.init >= 100 * MILLISECOND

    play(tmp_path, story)


def test_a_second_event_beside_the_first_is_not_taken(tmp_path: Path) -> None:
    """The plane forgot the first (its session broke): that runs to its end, and ends the environment."""

    async def story(world: World) -> None:
        gate = tmp_path / "gate"
        os.mkfifo(gate)
        unit = world.start(f"def handler(e, c):\n  print('here')\n  return open({str(gate)!r}).read()")
        first = asyncio.ensure_future(world.invoke(unit, request_id="r1"))
        await world.log.until(lambda log: "here" in log.lines)
        second = await world.invoke(unit, request_id="r2")
        assert second.error == ENVIRONMENT_GONE and not second.usable
        gate.write_text("done")
        assert told(await first) == "done" and not (await first).usable
        await world.until(unit, "stopped")

    play(tmp_path, story)


def test_context_has_what_aws_documents(tmp_path: Path) -> None:
    """Name, memory, request id, ARN, log names, time left."""
    source = """
def handler(event, c):
    assert c.identity.cognito_identity_id is None and c.client_context is None
    return [c.function_name, c.memory_limit_in_mb, c.aws_request_id, c.invoked_function_arn,
            c.log_stream_name, 0 < c.get_remaining_time_in_millis() <= 3000]
"""

    async def story(world: World) -> None:
        environment = (("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"), ("AWS_LAMBDA_LOG_STREAM_NAME", "s"))
        unit = world.start(source, environment=environment)
        arn = "arn:aws:lambda:eu-west-1:123456789012:function:f"
        assert told(await world.invoke(unit)) == ["f", "128", "r1", arn, "s", True]

    play(tmp_path, story)


def test_the_handlers_name_says_where_it_is(tmp_path: Path) -> None:
    """Slashes and dots are folders."""

    async def story(world: World) -> None:
        files = {"a/__init__.py": "", "a/b.py": "def go(e, c): return __name__"}
        assert told(await world.invoke(world.start(files, handler="a.b.go"))) == "a.b"
        assert told(await world.invoke(world.start(files, handler="a/b.go"))) == "a.b"

    play(tmp_path, story)


RAISES = """class Bad(Exception): pass
def check(e): raise Bad('no ' + e)
def handler(e, c):
    return [check(e)]
"""


def test_an_exception_is_the_functions_error(tmp_path: Path) -> None:
    """Message, type, request id and the user's frames; the environment goes on."""

    async def story(world: World) -> None:
        unit = world.start(RAISES)
        result = await world.invoke(unit, "way", request_id="r7")
        answer = told(result)
        assert result.error == "Unhandled" and result.usable
        assert {key: answer[key] for key in ("errorMessage", "errorType", "requestId")} == {
            "errorMessage": "no way",
            "errorType": "Bad",
            "requestId": "r7",
        }
        outer, inner = answer["stackTrace"]
        assert outer.startswith("  File ") and outer.endswith(
            'app.py", line 4, in handler\n    return [check(e)]\n'
        )
        assert inner.endswith("app.py\", line 2, in check\n    def check(e): raise Bad('no ' + e)\n")
        assert "[ERROR] Bad: no way\nTraceback (most recent call last):\n" in result.log_tail.decode()
        assert told(await world.invoke(unit, "2"))["errorMessage"] == "no 2"

    play(tmp_path, story)


@pytest.mark.parametrize(
    ("source", "handler", "error_type", "message"),
    [
        ("import nowhere", "app.handler", "Runtime.ImportModuleError",
         "Unable to import module 'app': No module named 'nowhere'"),
        ("x = 1", "gone.handler", "Runtime.ImportModuleError",
         "Unable to import module 'gone': No module named 'gone'"),
        ("x = 1", "app.handler", "Runtime.HandlerNotFound", "Handler 'handler' missing on module 'app'"),
        ("def f(:", "app.handler", "Runtime.UserCodeSyntaxError", "Syntax error in module 'app': "),
        ("x = 1", "handler", "Runtime.MalformedHandlerName", "Bad handler 'handler': "),
        ("x = 1", "sys.exit", "Runtime.BuiltInModuleConflict",
         "Cannot use built-in module sys as a handler module"),
        ("1 / 0", "app.handler", "ZeroDivisionError", "division by zero"),
    ],
)  # fmt: skip
def test_a_handler_that_cannot_be_loaded(
    tmp_path: Path, source: str, handler: str, error_type: str, message: str
) -> None:
    """Each event gets the error, with no request id, of an initialisation of its own (a suppressed init)."""

    async def story(world: World) -> None:
        unit = world.start(source, handler=handler)
        result = await world.invoke(unit)
        answer = told(result)
        assert (result.error, result.usable, result.init_ns) == ("Unhandled", True, 0)
        assert (answer["errorType"], answer["requestId"]) == (error_type, "")
        assert answer["errorMessage"].startswith(message)
        log = "\n".join(world.log.lines)
        assert f"[ERROR] {error_type}: {message}" in log
        reports = [line for line in world.log.lines if line.startswith("INIT_REPORT Init Duration: ")]
        assert [report.split("\t")[1] for report in reports] == ["Phase: init", "Phase: invoke"]

    play(tmp_path, story)


def test_a_failed_start_waits_for_its_event(tmp_path: Path) -> None:
    """The process is long gone when the event comes; the event still gets the reason."""

    async def story(world: World) -> None:
        unit = world.start("import os; os._exit(3)")
        await world.log.until(lambda log: any("INIT_REPORT" in line for line in log.lines))
        result = await world.invoke(unit, request_id="r9")
        assert told(result) == {
            "errorType": "Runtime.ExitError",
            "errorMessage": "RequestId: r9 Error: Runtime exited with error: exit status 3",
        }

    play(tmp_path, story)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("import sys; sys.exit(4)", "Runtime exited with error: exit status 4"),
        ("import sys; sys.exit()", "Runtime exited without providing a reason"),
        ("import os; os._exit(0)", "Runtime exited without providing a reason"),
        ("import os; os.kill(os.getpid(), 9)", "Runtime exited with error: signal: killed"),
        ("import os; os.kill(os.getpid(), 11)", "Runtime exited with error: signal: segmentation fault"),
    ],
)
def test_a_handler_that_ends_its_process(tmp_path: Path, body: str, reason: str) -> None:
    """Runtime.ExitError; what it had printed is in the log; the next event finds a fresh process."""

    async def story(world: World) -> None:
        unit = world.start(f"def handler(e, c):\n    if e: return e\n    print('before')\n    {body}\n")
        result = await world.invoke(unit)
        assert told(result) == {
            "errorType": "Runtime.ExitError",
            "errorMessage": f"RequestId: r1 Error: {reason}",
        }
        assert (result.error, result.usable) == ("Unhandled", True)
        tail = result.log_tail.decode()
        assert "before\n" in tail and "\tStatus: error\tError Type: Runtime.ExitError\t" in tail
        assert told(await world.invoke(unit, "again")) == "again"

    play(tmp_path, story)


def test_a_handler_that_hangs_is_killed_with_its_children(tmp_path: Path) -> None:
    """The time is up: Sandbox.Timedout, and nothing it started still runs."""
    source = """
import subprocess
from time import sleep
def handler(e, c):
    print(subprocess.Popen(["sleep", "1000"]).pid)
    sleep(1000)
"""

    async def story(world: World) -> None:
        unit = world.start(source, timeout_s=1)
        result = await world.invoke(unit)
        assert told(result) == {
            "errorType": "Sandbox.Timedout",
            "errorMessage": "RequestId: r1 Error: Task timed out after 1.00 seconds",
        }
        assert "\tDuration: 1000.00 ms\t" in result.log_tail.decode()
        assert "\tStatus: timeout\t" in result.log_tail.decode() and result.usable
        [child] = [int(line) for line in world.log.lines if line.isdigit()]
        await ended(child)

    play(tmp_path, story)


def test_a_daemon_does_not_outlive_its_environment(tmp_path: Path) -> None:
    """It left the session and lost its parent; the mark in its environment gives it away."""
    source = """
import os
from time import sleep
def handler(e, c):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            print(os.getpid())
            sleep(1000)
        os._exit(0)
    sleep(1000)
"""

    async def story(world: World) -> None:
        become_subreaper()
        unit = world.start(source, timeout_s=1)
        await world.invoke(unit)
        [daemon] = [int(line) for line in world.log.lines if line.isdigit()]
        watched: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        watch(daemon, watched.set_result)
        async with asyncio.timeout(10):
            assert await watched == 128 + 9

    play(tmp_path, story)


def test_an_environment_is_initialised_again_after_a_time_out(tmp_path: Path) -> None:
    """In the next event and its time, which it may use up too; files stay, what was in memory does not."""
    source = """
import os
from time import sleep
if os.path.exists("hang"): sleep(1000)
if os.path.exists("slow"): sleep(0.3)
count = 0
def handler(e, c):
    global count
    count += 1
    if e: open(e, "w").close(); sleep(1000)
    return count
"""

    async def story(world: World) -> None:
        work = tmp_path / "work"
        work.mkdir()
        unit = world.start(f"import os; os.chdir({str(work)!r})\n" + source, timeout_s=2)
        assert [told(await world.invoke(unit)) for _ in range(2)] == [1, 2]
        assert told(await world.invoke(unit, "slow"))["errorType"] == "Sandbox.Timedout"
        again = await world.invoke(unit)
        assert (told(again), again.init_ns) == (1, 0) and again.duration_ns >= 300_000_000
        tail = again.log_tail.decode()
        assert tail.startswith("START ") and "Init Duration" not in tail
        assert told(await world.invoke(unit, "hang"))["errorType"] == "Sandbox.Timedout"
        assert told(await world.invoke(unit))["errorType"] == "Sandbox.Timedout"
        [report] = [line for line in world.log.lines if line.startswith("INIT_REPORT")]
        assert report.endswith("\tPhase: invoke\tStatus: timeout")
        (work / "hang").unlink()
        assert told(await world.invoke(unit)) == 1

    play(tmp_path, story)


def test_an_initialisation_that_hangs_is_repeated_in_the_event(tmp_path: Path) -> None:
    """INIT_REPORT says timeout; the event then has the function's timeout for a second initialisation."""
    source = """
import os
from time import sleep
while os.path.exists(os.environ["HANG"]): sleep(0.01)
def handler(e, c): return "at last"
"""

    async def story(world: World) -> None:
        hang = tmp_path / "hang"
        hang.touch()
        environment = (("HANG", str(hang)),)
        unit = world.start(source, init_timeout_s=0.2, timeout_s=15, environment=environment)
        await world.log.until(lambda log: any("Phase: init\tStatus: timeout" in line for line in log.lines))
        hang.unlink()
        result = await world.invoke(unit)
        assert told(result) == "at last" and result.init_ns == 0

    play(tmp_path, story)


def test_a_result_that_is_no_json(tmp_path: Path) -> None:
    """Runtime.MarshalError; Decimal is a number, None is null."""

    async def story(world: World) -> None:
        unit = world.start("def handler(e, c): return {1, 2}")
        answer = told(await world.invoke(unit))
        assert answer["errorType"] == "Runtime.MarshalError"
        assert answer["errorMessage"].startswith("Unable to marshal response: Object of type set is not JSON")
        unit = world.start("from decimal import Decimal\ndef handler(e, c): return e and Decimal(e)")
        assert (await world.invoke(unit, "2.5")).payload == b"2.5"
        assert (await world.invoke(unit, None)).payload == b"null"

    play(tmp_path, story)


def test_a_response_over_six_megabytes(tmp_path: Path) -> None:
    """Function.ResponseSizeTooLarge; one just below goes through; the environment goes on."""

    async def story(world: World) -> None:
        unit = world.start("def handler(e, c): return 'x' * e")
        assert len((await world.invoke(unit, 6_291_000)).payload) == 6_291_002
        result = await world.invoke(unit, 7_000_000)
        assert told(result) == {
            "errorMessage": "Response payload size exceeded maximum allowed payload size (6291556 bytes).",
            "errorType": "Function.ResponseSizeTooLarge",
        }
        assert told(await world.invoke(unit, 1)) == "x"

    play(tmp_path, story)


def test_megabytes_of_output_all_arrive(tmp_path: Path) -> None:
    """20,000 lines and one line without end; the tail has the last 4 KB."""
    source = (
        "def handler(e, c):\n  for i in range(20000): print(f'line {i} ' + 'x' * 80)\n  print('y' * 600_000)"
    )

    async def story(world: World) -> None:
        unit = world.start(source, timeout_s=15)
        result = await world.invoke(unit)
        assert told(result) is None
        assert len([line for line in world.log.lines if line.startswith("line ")]) == 20_000
        endless = [line for line in world.log.lines if line.startswith("y")]
        assert sum(map(len, endless)) == 600_000 and max(map(len, endless)) < 256 * 1024
        assert len(result.log_tail) == 4096 and result.log_tail.decode().endswith("\t\n")

    play(tmp_path, story)


def test_a_full_log_holds_the_writer_back(tmp_path: Path) -> None:
    """While the log has no room the function waits in its print; with room it goes on."""

    async def story(world: World) -> None:
        unit = world.start("def handler(e, c):\n  for i in range(9000): print('x' * 100)", timeout_s=20)
        await world.until(unit, "running")
        world.log.full = True
        event = asyncio.ensure_future(world.invoke(unit))
        await world.log.until(lambda log: bool(log.waiting))
        assert len(world.log.lines) < 3000 and not event.done()
        world.log.full = False
        for ready in world.log.waiting:
            ready()
        assert told(await event) is None
        assert world.log.lines.count("x" * 100) == 9000

    play(tmp_path, story)


def test_a_fork_does_not_answer(tmp_path: Path) -> None:
    """A child that comes back from the handler ends; the parent's answer counts; the next event works."""
    source = "import os\ndef handler(e, c):\n  pid = os.fork()\n  return 'parent' if pid else 'child'"

    async def story(world: World) -> None:
        unit = world.start(source)
        for _ in range(5):
            assert told(await world.invoke(unit)) == "parent"

    play(tmp_path, story)


def test_stopping_kills_what_runs(tmp_path: Path) -> None:
    """A stop in mid-event: the event gets an ExitError, the unit is reported stopped, again if asked."""

    async def story(world: World) -> None:
        unit = world.start(
            "from time import sleep\ndef handler(e, c):\n  print('on')\n  sleep(1000)", timeout_s=900
        )
        event = asyncio.ensure_future(world.invoke(unit))
        await world.log.until(lambda log: "on" in log.lines)
        world.host.stop(unit)
        assert told(await event)["errorType"] == "Runtime.ExitError"
        await world.until(unit, "stopped")
        world.states.clear()
        world.host.stop(unit)
        assert world.states[unit].status == "stopped"
        world.host.stop("unknown")
        assert world.states["unknown"].status == "stopped"

    play(tmp_path, story)


def test_stopped_while_what_failed_is_taken_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends then, and not only after another event, which nobody sends any more."""
    clear = ForkSandbox.clear

    async def story(world: World) -> None:
        async def stopped_meanwhile(sandbox: ForkSandbox) -> None:
            world.host.stop(unit)
            await clear(sandbox)

        monkeypatch.setattr(ForkSandbox, "clear", stopped_meanwhile)
        unit = world.start("import os\ndef handler(e, c): os._exit(1)")
        assert told(await world.invoke(unit))["errorType"] == "Runtime.ExitError"
        await world.until(unit, "stopped")

    play(tmp_path, story)


def test_more_memory_than_it_has(tmp_path: Path) -> None:
    """Killed; the report shows all of its memory as used."""
    source = "from time import sleep\ndef handler(e, c):\n  x = bytearray(300_000_000)\n  sleep(30)"

    async def story(world: World) -> None:
        result = await world.invoke(world.start(source, memory_mib=128, timeout_s=30))
        assert told(result)["errorMessage"].endswith("signal: killed")
        assert "Max Memory Used: 128 MB" in result.log_tail.decode()

    play(tmp_path, story)


def test_what_ended_by_itself_is_reported_with_what_it_used_before(tmp_path: Path) -> None:
    """Not with all of its memory, of its first event too."""
    source = "import os\ndef handler(e, c): os._exit(3)"

    async def story(world: World) -> None:
        result = await world.invoke(world.start(source, memory_mib=1024))
        used = int(result.log_tail.decode().partition("Max Memory Used: ")[2].partition(" MB")[0])
        assert 0 < used == result.memory_used_mib < 1024

    play(tmp_path, story)


def test_more_memory_than_it_has_while_it_initialises(tmp_path: Path) -> None:
    """Code of a module is killed as a handler is."""
    source = "from time import sleep\nx = bytearray(300_000_000)\nsleep(30)\ndef handler(e, c): pass"

    async def story(world: World) -> None:
        result = await world.invoke(world.start(source, memory_mib=128, timeout_s=30))
        assert told(result)["errorMessage"].endswith("signal: killed")

    play(tmp_path, story)


def test_what_it_started_uses_memory_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All in its sandbox counts, as the sandbox tells: within the limit it is reported, above it killed."""
    source = "from time import sleep\ndef handler(e, c):\n  if e: sleep(e)"

    async def story(world: World) -> None:
        unit = world.start(source, memory_mib=128, timeout_s=30)
        monkeypatch.setattr(ForkSandbox, "memory_mib", lambda sandbox: 100)
        result = await world.invoke(unit, 0.6)
        assert "Max Memory Used: 100 MB" in result.log_tail.decode()
        monkeypatch.setattr(ForkSandbox, "memory_mib", lambda sandbox: 129)
        assert told(await world.invoke(unit, 30))["errorMessage"].endswith("signal: killed")

    play(tmp_path, story)


def test_code_that_cannot_be_unpacked(tmp_path: Path) -> None:
    """The unit is reported stopped with the reason, and an event for it is not delivered."""

    async def story(world: World) -> None:
        unit = world.start({"../evil.py": "x"})
        state = await world.until(unit, "stopped")
        assert "leaves its directory" in state.reason
        assert (await world.invoke(unit)).error == ENVIRONMENT_GONE
        assert not (tmp_path / "evil.py").exists()

    play(tmp_path, story)


def test_logging_is_set_up_as_on_aws(tmp_path: Path) -> None:
    """Level, time, request id and message, between tabs; also for what is logged while loading."""
    source = """
import logging
logging.warning("loading")
logging.getLogger().setLevel("INFO")
def handler(e, c):
    logging.info("hello %s", e)
"""

    async def story(world: World) -> None:
        await world.invoke(world.start(source), "you", request_id="r5")
        fields = [line.split("\t") for line in world.log.lines if line.startswith(("[WARNING]", "[INFO]"))]
        assert [(f[0], f[2], f[3]) for f in fields] == [
            ("[WARNING]", "", "loading"),
            ("[INFO]", "r5", "hello you"),
        ]
        assert len(fields[1][1]) == len("2020-01-31T10:00:00.123Z")

    play(tmp_path, story)


def test_the_environment_is_the_functions_own(tmp_path: Path) -> None:
    """Its variables, its directory, boto3 and the endpoint; nothing of the agent's."""
    source = """
import os, sys
def handler(e, c):
    import boto3
    return {"cwd": os.getcwd(), "endpoint": boto3.client("sqs", "eu-west-1").meta.endpoint_url,
            "mine": os.environ["MINE"], "agent": os.environ.get("AGENT_SECRET"), "argv": sys.argv}
"""

    async def story(world: World) -> None:
        os.environ["AGENT_SECRET"] = "x"
        unit = world.start(source, environment=(("MINE", "yes"),), timeout_s=20, memory_mib=512)
        answer = told(await world.invoke(unit))
        assert answer["cwd"].startswith(str(tmp_path / "code"))
        assert (answer["mine"], answer["agent"]) == ("yes", None)
        assert answer["endpoint"] == "http://127.0.0.1:1"

    play(tmp_path, story)


async def ended(pid: int) -> None:
    """Wait for the end of a process that is not our child; a killed one takes a moment to die."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    over = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(descriptor, over.set)
    try:
        async with asyncio.timeout(10):
            await over.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
