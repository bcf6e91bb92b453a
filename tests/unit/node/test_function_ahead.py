"""Environments that are initialised before any event comes: provisioned concurrency, on the node's side."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.node.function_world import World
from tests.unit.node.test_function_host import play
from windlass.fleet.function_messages import INIT_FAILURE


def test_it_runs_once_it_is_initialised(tmp_path: Path) -> None:
    """It says so in its log; its first event is no cold start, and its report has no Init Duration."""

    async def story(world: World) -> None:
        unit = world.start("import time\ntime.sleep(0.2)\ndef handler(e, c): return e", ahead=True)
        await world.until(unit, "running")
        assert [line for line in world.log.lines if "Phase: init\tStatus: success" in line]
        result = await world.invoke(unit, "x")
        assert (json.loads(result.payload), result.init_ns) == ("x", 0)
        assert "Init Duration" not in result.log_tail.decode()

    play(tmp_path, story)


@pytest.mark.parametrize(
    ("source", "report"),
    [
        ("import nothing_of_that_name", "error\tError Type: Runtime.ImportModuleError"),
        ("import os; os._exit(3)", "error\tError Type: Runtime.ExitError"),
        ("import time; time.sleep(60)", "timeout"),
    ],
)
def test_one_that_fails_ends_and_says_why(tmp_path: Path, source: str, report: str) -> None:
    """An exception, an exit, a time-out: nobody waits for it, so nothing is kept for a first event."""

    async def story(world: World) -> None:
        unit = world.start(source, ahead=True, init_timeout_s=0.5 if report == "timeout" else 10)
        assert (await world.until(unit, "stopped")).reason == INIT_FAILURE
        assert "running" not in [state.status for state in world.told]
        assert [line for line in world.log.lines if line.endswith(f"Phase: init\tStatus: {report}")]

    play(tmp_path, story)


def test_one_that_is_stopped_has_not_failed(tmp_path: Path) -> None:
    """Stopped in mid-initialisation: the reason is that it was stopped."""

    async def story(world: World) -> None:
        unit = world.start("print('begun')\nimport time; time.sleep(60)", ahead=True)
        await world.log.until(lambda log: "begun" in log.lines)
        world.host.stop(unit)
        assert (await world.until(unit, "stopped")).reason == "stopped"

    play(tmp_path, story)
