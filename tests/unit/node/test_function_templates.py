"""Snapshots with real processes: an initialised template, and environments that are forked from it."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.fault.waiting import until
from tests.unit.node.function_world import World, a_world
from windlass.fleet.function_messages import (
    INIT_FAILURE,
    INIT_TIMEOUT,
    RESTORE_FAILURE,
    RESTORE_TIMEOUT,
)
from windlass.kernel.clock import MILLISECOND
from windlass.node import proc
from windlass.node.cgroups import read_hierarchies
from windlass.node.function_groups import FunctionGroups, usable
from windlass.node.function_nests import Means
from windlass.node.function_users import Range, Users

Story = Callable[[World], Awaitable[None]]
SOURCE = """
import os, random, time, uuid
from snapshot_restore_py import register_after_restore, register_before_snapshot
made, said = str(uuid.uuid4()), []
tmp = os.environ.get("FILES", "/tmp")
there = set(os.listdir(tmp))  # of a checkout below /tmp what leads to it
open(tmp + "/made", "w").write(made)
os.environ["MINE"] = "kept"
@register_before_snapshot
def first(): said.append("before 1")
register_before_snapshot(said.append, "before 2")
@register_after_restore
def again(): said.append("after 1")
register_after_restore(lambda: said.append("after 2"))
time.sleep(0.2)
def handler(event, context):
    if event == "write":
        assert tmp != "/tmp" or set(os.listdir(tmp)) - there == {"made"}
        open(tmp + "/other", "w").write("x")
    if event == "leave":
        os._exit(3)
    status = dict(line.split(":\\t", 1) for line in open("/proc/self/status").read().splitlines())
    return {
        "made": made, "said": said, "pid": os.getpid(), "tmp": sorted(set(os.listdir(tmp)) - there),
        "uid": os.getuid(), "kind": os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"],
        "mine": os.environ["MINE"],
        "file": open(tmp + "/made").read(), "chance": random.random(), "rights": status["CapPrm"].strip(),
        "user namespace": os.readlink("/proc/self/ns/user"), "who": os.environ.get("WHO"),
        "group": open("/proc/self/cgroup").read(),
    }
"""


def isolated(name: str) -> Means:
    """As the agent has them as root; groups only where there are some."""
    hierarchies = read_hierarchies()
    groups = (
        FunctionGroups(hierarchies, f"/windlass-test-{os.getpid()}-{name}") if usable(hierarchies) else None
    )
    if groups is not None:
        groups.sweep()
    return Means(Users(Range(1_900_030_000, 1_900_030_999), random.randrange(900)), groups)


def play(directory: Path, story: Story, means: Means | None = None) -> None:
    async def run() -> None:
        async with a_world(directory, means=means) as world:
            await story(world)

    asyncio.run(run())


async def a_template(world: World, source: str, **settings: Any) -> str:
    unit = world.start(source, snapshot="s", template=True, **settings)
    await world.until(unit, "running")
    return unit


async def ask(world: World, unit: str, event: Any = None) -> Any:
    return json.loads((await world.invoke(unit, event)).payload)


def _story(seen: list[dict[str, Any]], *variables: tuple[str, str]) -> Story:
    async def story(world: World) -> None:
        await a_template(world, SOURCE, environment=(("WHO", "template"), *variables))
        assert [line for line in world.log.lines if "INIT_REPORT Init Duration" in line and "success" in line]
        for number in range(4):  # more than there are spares
            unit = world.start(SOURCE, snapshot="s", environment=(("WHO", str(number)), *variables))
            await world.until(unit, "running")
            seen.append(await ask(world, unit, "write"))

    return story


def check(seen: list[dict[str, Any]]) -> None:
    assert len({one.get("made") for one in seen}) == 1, f"initialised once: {seen}"
    assert len({one["pid"] for one in seen}) == len({one["chance"] for one in seen}) == 4
    for number, one in enumerate(seen):
        assert one["said"] == ["before 2", "before 1", "after 1", "after 2"]
        assert (one["kind"], one["mine"], one["file"]) == ("snap-start", "kept", one["made"])
        assert one["who"] == str(number)


@pytest.mark.parametrize("apart", [False, True][: 1 + (os.geteuid() == 0)])
def test_environments_go_on_from_where_the_template_stopped(tmp_path: Path, apart: bool) -> None:
    """Hooks run on both sides; what the initialisation set stays, what differs between environments does.

    Isolated, they start with the template's /tmp and never see each other's; they are one user, and have no
    rights.
    """
    seen: list[dict[str, Any]] = []
    files = tmp_path / "files"
    files.mkdir()
    variables = () if apart else (("FILES", str(files)),)
    play(tmp_path, _story(seen, *variables), isolated("fork") if apart else None)
    assert len({one.get("made") for one in seen}) == 1, f"initialised once: {seen}"
    assert len({one["pid"] for one in seen}) == len({one["chance"] for one in seen}) == 4
    for number, one in enumerate(seen):
        assert one["said"] == ["before 2", "before 1", "after 1", "after 2"]
        assert (one["kind"], one["mine"], one["file"]) == ("snap-start", "kept", one["made"])
        assert (one["who"], one["tmp"]) == (str(number), ["made", "other"])
    if apart:
        assert len({one["uid"] for one in seen}) == 1 and seen[0]["uid"] >= 1_900_000_000
        assert all(int(one["rights"], 16) == 0 for one in seen)
        assert seen[0]["user namespace"] != str(Path("/proc/self/ns/user").readlink())
        assert len({one["group"] for one in seen}) == (4 if usable(read_hierarchies()) else 1)


BROKEN = "from snapshot_restore_py import *\n"


@pytest.mark.parametrize(
    ("source", "settings", "reason", "line"),
    [
        ("raise ValueError('no')", {}, INIT_FAILURE, "Error Type: Runtime.Unknown"),
        ("import os\nos._exit(3)", {}, INIT_FAILURE, "Error Type: Runtime.ExitError"),
        ("import time\ntime.sleep(60)", {"init_timeout_s": 0.4}, INIT_TIMEOUT, "Status: timeout"),
        (
            f"{BROKEN}register_before_snapshot(int, 'x')\ndef handler(e, c): pass",
            {},
            INIT_FAILURE,
            "Error Type: Runtime.BeforeSnapshotError",
        ),
    ],
)
def test_what_cannot_be_initialised_is_no_template(
    tmp_path: Path, source: str, settings: dict[str, Any], reason: str, line: str
) -> None:
    async def story(world: World) -> None:
        unit = world.start(source, snapshot="s", template=True, **settings)
        assert (await world.until(unit, "stopped")).reason == reason
        assert [found for found in world.log.lines if found.startswith("INIT_REPORT") and line in found]

    play(tmp_path, story)


@pytest.mark.parametrize(
    ("hook", "reason", "status"),
    [
        ("register_after_restore(int, 'x')", RESTORE_FAILURE, "error\tError Type: Runtime.AfterRestoreError"),
        ("register_after_restore(time.sleep, 60)", RESTORE_TIMEOUT, "timeout"),
    ],
)
def test_a_restore_fails_by_its_hook(tmp_path: Path, hook: str, reason: str, status: str) -> None:
    """The environment ends and says why; the template is as good as before."""

    async def story(world: World) -> None:
        source = f"{BROKEN}import time\n{hook}\ndef handler(e, c): return e"
        template = await a_template(world, source)
        unit = world.start(source, snapshot="s", init_timeout_s=0.4)
        assert (await world.until(unit, "stopped")).reason == reason
        assert [line for line in world.log.lines if line.startswith("RESTORE_REPORT") and status in line]
        assert world.states[template].status == "running"

    play(tmp_path, story)


def test_reports_tell_of_the_restore_and_phases_too(tmp_path: Path) -> None:
    """The first event's only; what is billed is the runtime's part."""

    async def story(world: World) -> None:
        hook = "register_after_restore(time.sleep, 0.1)"
        source = f"{BROKEN}import time\n{hook}\ndef handler(e, c): return e"
        await a_template(world, source)
        unit = world.start(source, snapshot="s")
        first, second = await world.invoke(unit, 1), await world.invoke(unit, 2)
        report = first.log_tail.decode()
        took = float(report.partition("\tRestore Duration: ")[2].partition(" ms")[0])
        billed = int(report.partition("Billed Restore Duration: ")[2].partition(" ms")[0])
        assert took >= billed - 1 >= 99 and "Init Duration" not in report
        assert first.phases is not None and first.phases.restore >= 100 * MILLISECOND
        assert first.phases.runtime == first.phases.init == first.init_ns == 0
        assert "Restore" not in second.log_tail.decode()

    play(tmp_path, story)


def test_what_fails_in_an_event_is_not_initialised_again(tmp_path: Path) -> None:
    """It ends, and another is restored for the next event."""

    async def story(world: World) -> None:
        files = tmp_path / "files"
        files.mkdir()
        variables = (("FILES", str(files)),)
        await a_template(world, SOURCE, environment=variables)
        unit = world.start(SOURCE, snapshot="s", environment=variables)
        result = await world.invoke(unit, "leave")
        assert result.error == "Unhandled" and not result.usable and b"exit status 3" in result.payload
        await world.until(unit, "stopped")
        again = world.start(SOURCE, snapshot="s", environment=variables)
        assert (await ask(world, again))["said"][-1] == "after 2"

    play(tmp_path, story)


def test_without_a_template_an_environment_initialises_itself(tmp_path: Path) -> None:
    """Hooks run, one after the other, in one process; its report has an Init Duration."""

    async def story(world: World) -> None:
        files = tmp_path / "files"
        files.mkdir()
        unit = world.start(SOURCE, snapshot="other", environment=(("FILES", str(files)),))
        result = await world.invoke(unit)
        assert json.loads(result.payload)["said"] == ["before 2", "before 1", "after 1", "after 2"]
        assert result.init_ns > 0 and "Init Duration" in result.log_tail.decode()

    play(tmp_path, story)


def test_a_template_that_ends_is_reported_and_its_environments_go_on(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        files = tmp_path / "files"
        files.mkdir()
        variables = (("FILES", str(files)),)
        template = await a_template(world, SOURCE, environment=variables)
        unit = world.start(SOURCE, snapshot="s", environment=variables)
        before = await ask(world, unit)
        world.host.stop(template)
        await world.until(template, "stopped")
        assert (await ask(world, unit))["pid"] == before["pid"]

    play(tmp_path, story)


def alone(template: str) -> list[int] | None:
    """The template's process; None while a fork that was just made still has its mark."""
    found = [pid for pid in proc.children() if proc.mark(pid) == (template, "function")]
    return found if len(found) == 1 else None


def test_a_template_that_was_killed_unnoticed_costs_an_initialisation(tmp_path: Path) -> None:
    """Killed while it is frozen, it dies when it is asked for a fork: the environment initialises itself."""

    async def story(world: World) -> None:
        source = "import uuid\nmade = str(uuid.uuid4())\ndef handler(event, context): return made"
        template = await a_template(world, source)
        first = await ask(world, world.start(source, snapshot="s"))
        [pid] = await asyncio.to_thread(
            until, lambda: alone(template), "no fork looks like its template any more"
        )
        os.kill(pid, signal.SIGKILL)
        seen = [await ask(world, world.start(source, snapshot="s")) for _ in range(4)]
        assert seen[-1] != first, "more than there were spares"
        await world.until(template, "stopped")

    play(tmp_path, story, isolated("kill") if os.geteuid() == 0 else None)
