"""What the agent asks of those who really run things: `Runner` for tasks, `FunctionHost` for functions.

Both take requests that return at once and answer by events, so that a runner may take its time (pulling an
image) or answer on the spot. Protocols only; they are the one place where the simulator and tests put
something else.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeAlias

from windlass.fleet.exec_messages import ExecStart
from windlass.fleet.function_messages import Prepare, Prepared
from windlass.fleet.messages import (
    ContainerSpec,
    Invoke,
    InvokeResult,
    LogOptions,
    LogTarget,
    UnitSpec,
    UnitState,
)
from windlass.fleet.networks import Interface, PoolCounts, SecurityGroup
from windlass.kernel.clock import Clock, Instant
from windlass.kernel.spawn import Spawn
from windlass.node.response_streams import ResponseStreams
from windlass.node.sandbox import HOST, Connected, NotConnected, Sandbox
from windlass.node.spool_format import Taken

LINE_BY_LINE = LogOptions()
"""Every line is an event, and whoever writes waits when nothing can be sent."""

Step: TypeAlias = Callable[[str], None]
"""Called with the name of each step of a launch as it is reached: where fault tests kill the agent."""


def no_step(name: str) -> None:
    """Nobody looks."""


class Networks(Protocol):
    """Connects the tasks of a node. Implementations: node/network/."""

    def attach(self, serve: Callable[[str, socket.socket], Awaitable[asyncio.Server]]) -> None:
        """Called once: `serve(router, listener)` answers tasks of that router that ask their endpoints."""

    def connect(
        self, unit: UnitSpec, container: str, done: Callable[[Connected | NotConnected], None]
    ) -> None:
        """Have the container's network there; `done` is called with it on the loop's thread, now or later.

        Asked again for a container that is connected, it answers the same.
        """

    def adopt(
        self, unit: UnitSpec, state: UnitState, done: Callable[[str, Connected | NotConnected], None]
    ) -> None:
        """Take over the networks of a unit that runs; `done` is called for each of its running containers."""

    def disconnect(self, unit_id: str) -> None:
        """The unit has ended: take away what it had. Nothing happens when it had nothing."""

    def keep_spares(self, count: int, tell: Callable[[PoolCounts], bool]) -> None:
        """Make so many sandboxes ahead for each subnet in use; `tell` hears of it, False when it cannot."""

    def settle(self) -> None:
        """All that still runs was adopted: take away what else an agent before this one left."""

    def take_groups(self, groups: tuple[SecurityGroup, ...]) -> None:
        """These are the security groups of the tasks of this node now."""

    def reach_plane(self, endpoint: str) -> None:
        """That is the plane's URL on this host: have it reached from every sandbox."""

    async def close(self) -> None:
        """Take away all networks; those of what still runs are let go of, and go on."""


class RunnerEvents(Protocol):
    """Where a runner reports. Called on the loop's thread, also from inside `Runner.start`."""

    def pulling(self, unit_id: str, container: str, at: Instant) -> None:
        """A registry is asked for the container's image."""

    def pulled(self, unit_id: str, container: str, digest: str, at: Instant) -> None:
        """Its image is here, or could not be had (then `failed` follows). `digest` is its manifest's, or "";

        told for every container that has an image, whether a registry was asked for it or not.
        """

    def started(self, unit_id: str, container: str, pid: int, at: Instant) -> None:
        """The container's command runs."""

    def failed(self, unit_id: str, container: str, reason: str, at: Instant) -> None:
        """The container could not be started; `reason` as ECS words it: "CannotStartContainerError: …"."""

    def exited(self, unit_id: str, container: str, exit_code: int | None, reason: str, at: Instant) -> None:
        """It ended at `at`; all its output was handed on, and nothing that it started still runs.

        `exit_code` is None when nobody can know it any more; `reason` then says why.
        """

    def checked(self, unit_id: str, container: str, exit_code: int, at: Instant) -> None:
        """Its health check ended: 0 is healthy; -1 when it took longer than its timeout."""


class Tap(Protocol):
    """What somebody between a pipe and its log stream has in hand; the spool (spool.py) has it meanwhile."""

    def left(self) -> Iterator[Taken]:
        """What an agent before this one took from the pipe and the plane may not have; once, first of all."""

    def took(self, data: bytes, at: Instant, carry: int) -> None:
        """This was read from the pipe, after `carry` bytes of an unfinished line."""

    def passes(self, some: bool, left: bool) -> None:
        """Whether something is handed on right after this, and whether something is left in hand."""


class LogStream(Protocol):
    """One container's output on its way to a log stream."""

    def tap(self, pipe: int) -> Tap:
        """For one who reads the pipe with that inode number, or (0) who holds lines back."""

    def write(self, lines: Sequence[str], at: Instant) -> bool:
        """Take lines without their newlines; empty ones are dropped, as CloudWatch Logs takes none.

        False: full; write no more until `on_room` calls. Lines given while full are still taken, so
        whoever ignores the answer eats memory.
        """

    def on_room(self, call: Callable[[], None]) -> None:
        """Call this once when there is room again."""

    def flush(self) -> None:
        """Send what is there now, before anything that is reported from now on."""


class LogSink(Protocol):
    """Where output goes."""

    def stream(self, target: LogTarget, options: LogOptions = LINE_BY_LINE) -> LogStream:
        """A new stream to that target; several may have one target."""


class ExecEvents(Protocol):
    """Where a command beside a container's own is told about. May be called inside `Runner.exec`."""

    def output(self, data: bytes) -> bool:
        """What it wrote. False: full; read no more until `Execution.resume`. What comes then is taken too."""

    def wrote(self, size: int) -> None:
        """So many bytes of `Execution.write` went to the command, or will never."""

    def ended(self, exit_code: int | None, why: str) -> None:
        """It ended, all its output was handed on; said once. `why` when it could not be started."""


class Execution(Protocol):
    """A command that runs beside a container's own."""

    def write(self, data: bytes) -> None:
        """Input. b"" is the end of it, which a terminal does not have and a pipe does."""

    def resume(self) -> None:
        """There is room for output again."""

    def resize(self, columns: int, rows: int) -> None:
        """The terminal has that size now."""

    def hang_up(self) -> None:
        """Nobody listens any more: SIGHUP, some seconds later SIGKILL. `ended` comes all the same."""


class Runner(Protocol):
    """Runs the containers of tasks.

    Containers outlive the agent that started them. The next agent on the directory calls `attach`, `recall`
    with the units that it wants to go on with, `adopt` for each of their containers that had not stopped, and
    from then on treats what was adopted as what it started itself: `check`, `terminate`, `kill`, `start`
    again after an end, `remove`.
    """

    def attach(self, events: RunnerEvents, logs: LogSink) -> None:
        """Called once, before anything else."""

    async def recall(self, units: Collection[str]) -> None:
        """Find out what an agent before this one left in this directory, before it is asked about by `adopt`.

        Called once, after `attach` and before anything else. Everything of units other than these, which go
        on, is ended and taken away; it returns when none of that runs any more. Between its return and the
        last `adopt` the loop does not run: what must happen after adoption may be scheduled with call_soon.
        """

    def adopt(self, unit_id: str, container: ContainerSpec, over: int) -> bool:
        """Take over a container that an agent before this one may have started; after `recall`.

        True: it was started. Answered by `started` (inside of this call, or later), and by `exited` once it
        ends, or soon if it has ended meanwhile; its output goes on where the plane's knowledge ends. False:
        nothing of it was ever run, or nothing can be found out about it; `start` may follow. A run whose pid,
        as `started` told it, is `over` (0: none) ended before that agent did, which had taken that in: then
        too the answer is False.
        """

    def start(
        self, unit: UnitSpec, container: ContainerSpec, defaults: Mapping[str, str], sandbox: Sandbox = HOST
    ) -> None:
        """Start that container of the unit, in that network; answered by `started` or `failed`.

        `defaults` are environment variables that it gets unless its own environment has them.
        """

    def check(self, unit_id: str, container: ContainerSpec, defaults: Mapping[str, str]) -> None:
        """Run the container's health check in the container's own surroundings, at most for its timeout;

        answered by `checked`. The container has started; when it has ended, nothing needs to be answered.
        """

    def exec(
        self,
        unit_id: str,
        container: ContainerSpec,
        command: ExecStart,
        defaults: Mapping[str, str],
        events: ExecEvents,
    ) -> Execution:
        """Run a command in the running container's own surroundings (ECS Exec): its files, environment,

        directory, limits and network. On a terminal of its own, or if `command.quiet` on two pipes: one for
        input, one for output and errors. It ends with the container. Raises CannotStart, OSError or
        ValueError; a runner that finds out later says so by `events.ended(None, why)`.
        """

    def terminate(self, unit_id: str, container: str) -> None:
        """Send SIGTERM to the container's command. Nothing happens when it has ended."""

    def kill(self, unit_id: str, container: str) -> None:
        """Kill the container and all that it started; answered by `exited` as any end."""

    def withdraw(self, unit_id: str, container: str) -> None:
        """A start that was not answered yet is not wanted any more: do not begin what has not begun.

        Answered by `failed` with no reason, or, when it was too late, by `started`.
        """

    def remove(self, unit_id: str) -> None:
        """The unit will not be asked about again: take away its files."""

    async def close(self) -> None:
        """Let go of timers and descriptors. Processes that still run are not touched."""


Watch: TypeAlias = Callable[[int, Callable[[int], None]], None]
"""`watch(pid, on_exit)`: call once with the child's exit code; see children.py."""


@dataclass(frozen=True, slots=True)
class Seat:
    """What the agent gives a function host to work with."""

    report: Callable[[UnitState], None]
    """Say how a unit is now. "stopped" is the last thing said of a unit. May be called inside `start`."""
    logs: LogSink
    clock: Clock
    spawn: Spawn
    data: Path
    """A directory of its own, emptied at the agent's start."""
    endpoint: Callable[[], str]
    """The plane's base URL now, on the host: for AWS_ENDPOINT_URL in environments."""
    networks: Networks
    watch: Watch
    """`watch(pid, on_exit)`: reap that child of this process and call with its exit code (128 + n for signal

    n). Processes started by a function host must be watched here, because the agent is a child subreaper
    and reaps whatever else becomes its child.
    """
    streams: ResponseStreams = field(default_factory=ResponseStreams)
    """Where responses go that are streamed."""


class FunctionHost(Protocol):
    """Runs function environments (units of kind "function"). Implemented by node/function_host.py."""

    async def prepare(self, question: Prepare) -> Prepared:
        """Have here what a function's environments will need; what cannot be is an answer, too."""

    def attach(self, seat: Seat) -> None:
        """Called once on the running loop, before anything else."""

    def start(self, spec: UnitSpec) -> None:
        """Make the environment; states are told through `Seat.report`."""

    def stop(self, unit_id: str) -> None:
        """End it: answered by a report "stopped". Unknown and ended units are reported stopped again."""

    def remove(self, unit_id: str) -> None:
        """The unit will not be asked about again: take away its files."""

    def keep_networks(self, interfaces: tuple[Interface, ...]) -> None:
        """Have the networks of these there ahead, and of no others."""

    async def invoke(self, invoke: Invoke) -> InvokeResult:
        """Run one event in the environment; ends with a result in any case, never with an exception."""

    async def close(self) -> None:
        """Kill what still runs and let go of everything."""
