"""A process runner on a loop, with a recorder in the agent's and the plane's place."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from windlass.fleet.messages import ContainerSpec, LogLines, LogTarget, UnitSpec
from windlass.kernel.clock import WallClock
from windlass.node import proc
from windlass.node.children import Children, become_subreaper
from windlass.node.logs import Logs
from windlass.node.outbox import Outbox
from windlass.node.process_runner import ProcessRunner

PYTHON = sys.executable
LOG = LogTarget("123456789012", "eu-west-1", "/ecs/test", "test/main/1")
WAIT_S_MAX = 20.0


def a_container(
    name: str = "main", *command: str, log: LogTarget | None = LOG, **fields: Any
) -> ContainerSpec:
    return ContainerSpec(name=name, command=command, log=log, **fields)


def a_shell(script: str, name: str = "main", **fields: Any) -> ContainerSpec:
    return a_container(name, "/bin/sh", "-c", script, **fields)


def a_python(script: str, name: str = "main", **fields: Any) -> ContainerSpec:
    return a_container(name, PYTHON, "-c", script, **fields)


@dataclass
class End:
    """How a container ended: `exit_code` is None when it could not be started."""

    exit_code: int | None
    reason: str


@dataclass
class Recorder:
    """Takes a runner's events; `lines` has what was in the outbox when they came."""

    outbox: Outbox
    ends: dict[tuple[str, str], End] = field(default_factory=dict)
    pids: dict[tuple[str, str], int] = field(default_factory=dict)
    checks: list[int] = field(default_factory=list)
    """Exit codes of health checks."""
    _waiting: list[tuple[Callable[[], bool], asyncio.Future[None]]] = field(default_factory=list)

    def started(self, unit_id: str, container: str, pid: int, at: int) -> None:
        self.pids[unit_id, container] = pid
        self._look()

    def failed(self, unit_id: str, container: str, reason: str, at: int) -> None:
        self.ends[unit_id, container] = End(None, reason)
        self._look()

    def exited(self, unit_id: str, container: str, exit_code: int | None, reason: str, at: int) -> None:
        self.ends[unit_id, container] = End(exit_code, reason)
        self._look()

    def checked(self, unit_id: str, container: str, exit_code: int, at: int) -> None:
        self.checks.append(exit_code)
        self._look()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Return when the condition holds after some event."""
        if not condition():
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append((condition, future))
            await asyncio.wait_for(future, WAIT_S_MAX)

    async def end(self, unit_id: str = "u1", container: str = "main") -> End:
        await self.until(lambda: (unit_id, container) in self.ends)
        return self.ends[unit_id, container]

    def _look(self) -> None:
        self.outbox.woken.set()  # who waits for output may be waiting for an end that has none
        for condition, future in self._waiting:
            if not future.done() and condition():
                future.set_result(None)


@dataclass
class Bench:
    """What a test gets."""

    runner: ProcessRunner
    events: Recorder
    outbox: Outbox
    logs: Logs
    data: Path
    text: list[str] = field(default_factory=list)

    def start(self, container: ContainerSpec, unit_id: str = "u1", **defaults: str) -> None:
        self.runner.start(UnitSpec(unit_id, "task", (container,)), container, defaults)

    async def run(self, container: ContainerSpec, unit_id: str = "u1", **defaults: str) -> End:
        """Run it to its end."""
        self.start(container, unit_id, **defaults)
        return await self.events.end(unit_id, container.name)

    def lines(self) -> list[str]:
        """Everything that was put out so far, acknowledged on the way."""
        while (message := self.outbox.take()) is not None:
            if isinstance(message, LogLines):
                self.text += [line for _, line in message.lines]
            self.outbox.acknowledge(message.number)
        return self.text

    async def output(self) -> None:
        """Return when there may be more output, or after an event."""
        await asyncio.wait_for(self.outbox.woken.wait(), WAIT_S_MAX)
        self.outbox.woken.clear()

    async def line(self) -> list[str]:
        """Wait until there is some output."""
        while not self.lines():
            await self.output()
        return self.text


def with_runner(
    data: Path, scenario: Callable[[Bench], Awaitable[None]], environ: Mapping[str, str] = os.environ
) -> None:
    """Run the scenario beside a runner; fails when it leaves a process or a descriptor behind."""

    async def body() -> None:
        loop = asyncio.get_running_loop()
        become_subreaper()
        before = _descriptors()
        children = Children(loop)
        outbox = Outbox()
        outbox.begin(0)
        logs = Logs(loop, outbox)
        runner = ProcessRunner(loop, WallClock(), children, data, environ["PATH"])
        events = Recorder(outbox)
        runner.attach(events, logs)
        await runner.recall(())
        await scenario(Bench(runner, events, outbox, logs, data))
        await runner.close()
        logs.close()
        children.close()
        left = {number: what for number, what in _descriptors().items() if before.get(number) != what}
        assert not left, f"descriptors were left open: {left}"

    asyncio.run(body())


def is_dead(pid: int) -> bool:
    """The process ran to its end or was killed, whether it was reaped already or will be."""
    stat = proc.stat(pid)
    return stat is None or stat.state == "Z"


def _descriptors() -> dict[int, str]:
    """Number → what it is open on."""
    found = {}
    for entry in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # the one that this listing itself had open
            found[int(entry.name)] = str(entry.readlink())
    return found
