"""A function host on a real loop with real processes, and packages made from source text."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import zipfile
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from windlass.fleet.function_messages import Package
from windlass.fleet.messages import (
    FunctionSpec,
    Invoke,
    InvokeResult,
    LogTarget,
    UnitSpec,
    UnitState,
)
from windlass.kernel.clock import WallClock
from windlass.kernel.spawn import Spawn
from windlass.node.children import become_subreaper
from windlass.node.function_host import LambdaHost
from windlass.node.function_nests import Means
from windlass.node.function_sandboxes import ForkLauncher
from windlass.node.network.plain import PlainNetworks
from windlass.node.runner import Seat
from windlass.node.taps import NoTap

SNAP_START = (("AWS_LAMBDA_INITIALIZATION_TYPE", "snap-start"),)
TARGET = LogTarget("123456789012", "eu-west-1", "/aws/lambda/f", "2026/01/01/[$LATEST]abc")


@dataclass
class Lines:
    """A log sink that keeps everything; `full` makes it ask the writer to wait."""

    lines: list[str] = field(default_factory=list)
    full: bool = False
    waiting: list[Callable[[], None]] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def until(self, condition: Callable[[Lines], bool]) -> None:
        """Wait until the log is so."""
        async with asyncio.timeout(20):
            while not condition(self):
                self.changed.clear()
                await self.changed.wait()

    def stream(self, target: LogTarget) -> Lines:
        return self

    def write(self, lines: Sequence[str], at: int) -> bool:
        self.lines += lines
        self.changed.set()
        return not self.full

    def tap(self, pipe: int) -> NoTap:
        return NoTap()

    def on_room(self, call: Callable[[], None]) -> None:
        self.waiting.append(call)
        self.changed.set()

    def flush(self) -> None:
        pass


@dataclass
class World:
    """The host, what it reported and what was logged."""

    host: LambdaHost
    directory: Path
    log: Lines
    states: dict[str, UnitState] = field(default_factory=dict)
    told: list[UnitState] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    count: int = 0

    def start(
        self,
        files: Mapping[str, str] | str,
        *,
        handler: str = "app.handler",
        timeout_s: float = 3,
        init_timeout_s: float = 10,
        memory_mib: int = 128,
        environment: tuple[tuple[str, str], ...] = (),
        runtime: str = "python3.11",
        layers: Sequence[Mapping[str, str]] = (),
        ahead: bool = False,
        snapshot: str = "",
        template: bool = False,
    ) -> str:
        """Start an environment with these files ({"app.py": source}); returns its unit id."""
        self.count += 1
        unit_id = f"u{self.count}"
        archive = a_package(self.directory / f"{unit_id}.zip", files)
        function = FunctionSpec(
            code_sha256=hashlib.sha256(archive.read_bytes()).hexdigest(),
            code_path=str(archive),
            handler=handler,
            runtime=runtime,
            memory_mib=memory_mib,
            timeout_s=timeout_s,
            init_timeout_s=init_timeout_s,
            environment=(("AWS_LAMBDA_FUNCTION_NAME", "f"), *SNAP_START[: bool(snapshot)], *environment),
            log=TARGET,
            layers=tuple(self._layer(f"{unit_id}-{i}", layer) for i, layer in enumerate(layers)),
            ahead=ahead,
            snapshot=snapshot,
            template=template,
            restore_timeout_s=init_timeout_s,
        )
        self.host.start(UnitSpec(unit_id=unit_id, kind="function", function=function))
        return unit_id

    def _layer(self, name: str, files: Mapping[str, str]) -> Package:
        archive = a_package(self.directory / f"{name}.zip", files)
        return Package(hashlib.sha256(archive.read_bytes()).hexdigest(), str(archive))

    async def invoke(self, unit_id: str, event: Any = None, *, request_id: str = "r1") -> InvokeResult:
        payload = event if isinstance(event, bytes) else json.dumps(event).encode()
        arn = "arn:aws:lambda:eu-west-1:123456789012:function:f"
        invoke = Invoke(request_id, unit_id, payload, deadline_ns=0, function_arn=arn, tail=True)
        async with asyncio.timeout(20):
            return await self.host.invoke(invoke)

    async def until(self, unit_id: str, status: str) -> UnitState:
        """Wait for that report."""
        async with asyncio.timeout(20):
            while unit_id not in self.states or self.states[unit_id].status != status:
                self.changed.clear()
                await self.changed.wait()
        return self.states[unit_id]

    def report(self, state: UnitState) -> None:
        self.told.append(state)
        self.states[state.unit_id] = state
        self.changed.set()


def a_package(path: Path, files: Mapping[str, str] | str) -> Path:
    """A zip file; plain text becomes app.py, and what begins with #! may be executed."""
    members = {"app.py": files} if isinstance(files, str) else files
    with zipfile.ZipFile(path, "w") as package:
        for name, text in members.items():
            member = zipfile.ZipInfo(name)
            member.external_attr = (0o755 if text.startswith("#!") else 0o644) << 16
            package.writestr(member, text)
    return path


def watch(pid: int, on_exit: Callable[[int], None]) -> None:
    """As the agent's: reap the child and tell its exit code."""
    loop = asyncio.get_running_loop()
    descriptor = os.pidfd_open(pid)

    def ended() -> None:
        loop.remove_reader(descriptor)
        os.close(descriptor)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        on_exit(code if code >= 0 else 128 - code)

    loop.add_reader(descriptor, ended)


@asynccontextmanager
async def a_world(
    directory: Path, endpoint: str = "http://127.0.0.1:1", means: Means | None = None
) -> AsyncIterator[World]:
    """A host that is ready; at the end everything it started must be gone. Not isolated without `means`."""
    become_subreaper()
    code = directory / "code"

    def on_crash(name: str, error: BaseException) -> None:
        raise AssertionError(f"{name} crashed") from error

    spawn = Spawn(on_crash)
    host = LambdaHost(ForkLauncher(code, watch, spawn, lambda but: None, means or Means()))
    world = World(host, directory, Lines())
    networks = PlainNetworks()
    host.attach(Seat(world.report, world.log, WallClock(), spawn, code, lambda: endpoint, networks, watch))
    try:
        yield world
    finally:
        await host.close()
        for unit_id in list(world.states):
            await world.until(unit_id, "stopped")
        await spawn.close()
