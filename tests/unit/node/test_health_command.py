"""Health check commands with real processes, in the surroundings of their containers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.unit.node.running import Bench, a_shell, with_runner
from windlass.fleet.messages import ContainerSpec, HealthCheck, Ulimit
from windlass.node import proc


def a_checked(script: str, *command: str, timeout_s: float = 10.0, **fields: Any) -> ContainerSpec:
    return a_shell(script, health_check=HealthCheck(command, timeout_s=timeout_s), **fields)


async def check(bench: Bench, container: ContainerSpec, unit_id: str = "u1") -> int:
    """Run the container's check once; its exit code."""
    count = len(bench.events.checks)
    bench.runner.check(unit_id, container, {"TOLD": "yes"})
    await bench.events.until(lambda: len(bench.events.checks) > count)
    return bench.events.checks[-1]


async def end(bench: Bench) -> None:
    bench.runner.kill("u1", "main")
    await bench.events.end()


def test_the_surroundings_of_a_check(tmp_path: Path) -> None:
    """The container's own directory, environment, defaults and limits; output goes nowhere."""

    async def scenario(bench: Bench) -> None:
        script = 'echo loud; test -e mine && test "$MINE$TOLD" = 1yes && test "$(ulimit -n)" = 77'
        container = a_checked(
            "touch mine; echo ready; exec sleep 600",
            *("/bin/sh", "-c", script),
            environment=(("MINE", "1"),),
            ulimits=(Ulimit("nofile", 77, 77),),
        )
        bench.start(container)
        await bench.line()
        assert await check(bench, container) == 0
        await end(bench)
        assert bench.lines() == ["ready"]

    with_runner(tmp_path, scenario)


@pytest.mark.parametrize(
    ("command", "exit_code"),
    [
        (("true",), 0),
        (("sh", "-c", "exit 7"), 7),
        (("sh", "-c", "kill -9 $$"), 137),
        (("no-such-tool",), 127),
    ],
)
def test_results(tmp_path: Path, command: tuple[str, ...], exit_code: int) -> None:
    """Exit codes as they are; 127 for what cannot be started, which is a failure and no more."""

    async def scenario(bench: Bench) -> None:
        container = a_checked("exec sleep 600", *command)
        bench.start(container)
        assert await check(bench, container) == exit_code
        await end(bench)

    with_runner(tmp_path, scenario)


def test_a_check_that_takes_too_long(tmp_path: Path) -> None:
    """At its timeout all of it is killed, and it counts as a failure: -1."""

    async def scenario(bench: Bench) -> None:
        script = "sleep 600 & echo $! > pids; echo $$ >> pids; wait"
        container = a_checked("exec sleep 600", "/bin/sh", "-c", script, timeout_s=0.2)
        bench.start(container)
        assert await check(bench, container) == -1
        pids = (bench.data / "scratch" / "u1.main" / "pids").read_text().split()
        assert len(pids) == 2
        await end(bench)
        assert [proc.stat(int(pid)) for pid in pids] == [None, None]

    with_runner(tmp_path, scenario)


def test_a_container_that_ends_in_mid_check(tmp_path: Path) -> None:
    """The check is killed with its container, and nothing is heard of it."""

    async def scenario(bench: Bench) -> None:
        private = bench.data / "scratch" / "u1.main"
        container = a_checked(
            "mkfifo go; echo ready; read line < go; exit 3",
            *("/bin/sh", "-c", "echo $$ > pid; echo end > go; exec sleep 600"),
        )
        bench.start(container)
        await bench.line()
        bench.runner.check("u1", container, {})
        assert (await bench.events.end()).exit_code == 3
        assert bench.events.checks == []
        assert proc.stat(int((private / "pid").read_text())) is None

    with_runner(tmp_path, scenario)


def test_a_container_that_is_not_there(tmp_path: Path) -> None:
    """A check of what has ended runs nothing and says nothing."""

    async def scenario(bench: Bench) -> None:
        container = a_checked("exit 0", "true")
        await bench.run(container)
        bench.runner.check("u1", container, {})
        assert bench.events.checks == []

    with_runner(tmp_path, scenario)
