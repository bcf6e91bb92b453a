"""One execution environment: a process, its Runtime API, its output, and one event at a time.

Decides when an initialisation or an event is over (the runtime said so, the process ended, time is up) and
what the caller gets for it. Knows nothing of the plane, of other environments, or of how code gets here.
After a failure that AWS would answer with a fresh initialisation in the same sandbox, this environment ends
and the plane starts another: /tmp is the host's and survives anyway (docs/aws/lambda.md).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeAlias

from windlass.fleet.messages import ENVIRONMENT_GONE, Invoke, InvokeResult, UnitSpec
from windlass.kernel.clock import MILLISECOND, SECOND, Duration, Instant, seconds
from windlass.node import function_lines as lines
from windlass.node.function_output import Output
from windlass.node.function_process import Interpreter, kill_group, launch, memory_mib, variables
from windlass.node.runner import Seat
from windlass.node.runtime_api import Event, RuntimeApi

MEMORY_LOOK: Duration = 250 * MILLISECOND
"""How often the memory of a busy environment is looked at; shorter events are not looked at at all."""
LAST_WORDS: Duration = 100 * MILLISECOND
"""How long after the end of a process its last request may still be on the way."""
UNHANDLED = "Unhandled"
"""X-Amz-Function-Error; the only value in recent recordings."""


@dataclass(frozen=True, slots=True)
class Ready:
    """The initialisation succeeded."""


@dataclass(frozen=True, slots=True)
class Responded:
    payload: bytes


@dataclass(frozen=True, slots=True)
class Failed:
    """The handler raised, or its result could not be taken; the runtime goes on."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class InitFailed:
    payload: bytes
    error_type: str


@dataclass(frozen=True, slots=True)
class Exited:
    """The process ended; 128 + n for signal n."""

    code: int


@dataclass(frozen=True, slots=True)
class TimedOut:
    pass


Outcome: TypeAlias = Ready | Responded | Failed | InitFailed | Exited | TimedOut


class FunctionEnvironment:
    """Made by the host. `begin` starts it, `invoke` runs events, `ended` is called once when all is over."""

    def __init__(self, spec: UnitSpec, seat: Seat, ended: Callable[[str], None]) -> None:
        assert spec.function is not None
        self.spec = spec
        self._function = spec.function
        self._seat = seat
        self._ended = ended
        self._now = seat.clock.now
        self._loop = asyncio.get_running_loop()
        log = seat.logs.stream(self._function.log) if self._function.log else None
        self._output = Output(log, self._now)
        self._api = RuntimeApi(self)
        self._begun: asyncio.Future[None] = self._loop.create_future()
        self._initialised: asyncio.Future[Outcome] = self._loop.create_future()
        self._turn: asyncio.Future[Outcome] | None = None
        self._busy = False
        self._last = False
        """The event at hand is the last one: it ends the environment."""
        self._launch: Callable[[], tuple[int, int]] = lambda: (0, -1)
        self._init_timer: asyncio.TimerHandle | None = None
        self._init_began: Instant = 0
        self._init: Duration = 0
        self._first = True
        self._pid = 0
        self._exit: int | None = None
        self._gone = False

    async def begin(self, interpreter: Interpreter, root: Path) -> None:
        """Open the Runtime API and start the process. Raises OSError when it cannot."""
        port = await self._api.listen()
        if self._gone:
            self._api.close()
            return
        environment = variables(self.spec, root, f"127.0.0.1:{port}", self._seat.endpoint())
        self._launch = partial(launch, interpreter, root, environment)
        self._output.platform(lines.init_start(interpreter.version, self._function.runtime))
        self._start_process()
        self._init_timer = self._after(seconds(self._function.init_timeout_s), self._init_too_long)
        self._begun.set_result(None)

    def end(self, why: str = "") -> None:
        """Kill everything; `ended` follows once the process is gone, at once when there is none."""
        if self._pid:
            kill_group(self._pid)
        else:
            self._over(why)

    async def invoke(self, invoke: Invoke) -> InvokeResult:
        """Run one event; a second one beside it is not taken.

        The plane gives an environment one event at a time. If another comes, the first was given by a session
        that broke: it runs to its end, for nobody, and the environment ends with it.
        """
        if self._busy:
            self._last = True
            return gone(invoke)
        self._busy = True
        try:
            if not self._gone:
                await self._begun
            return gone(invoke) if self._gone else await self._run_alone(invoke)
        finally:
            self._busy = False

    # what the runtime says

    def asked_for_next(self) -> None:
        if not self._initialised.done():
            self._init = self._now() - self._init_began
            self._settle_init(Ready())

    def responded(self, request_id: str, payload: bytes) -> None:
        self._settle(Responded(payload))

    def failed(self, request_id: str, payload: bytes, error_type: str) -> None:
        self._settle(Failed(payload))

    def init_failed(self, payload: bytes, error_type: str) -> None:
        self._settle(InitFailed(payload, error_type))

    def disconnected(self) -> None:
        """The runtime's last connection is closed: of a dead process, all that it said has been heard."""
        if self._exit is not None:
            self._take_in_exit()

    # one event

    async def _run_alone(self, invoke: Invoke) -> InvokeResult:
        self._output.clear_tail()
        first, self._first = self._first, False
        outcome = await self._initialised if first else Ready()
        init = self._init if first and isinstance(outcome, Ready) else 0
        self._output.platform(lines.start(invoke.request_id))
        began = self._now()
        if isinstance(outcome, Ready | TimedOut):
            outcome = await self._run(invoke, began, again=isinstance(outcome, TimedOut))
        return self._finish(invoke, outcome, self._now() - began, init)

    async def _run(self, invoke: Invoke, began: Instant, again: bool) -> Outcome:
        """Hand the event to the runtime and wait for what comes of it.

        `again`: the initialisation took too long and is repeated now, inside the function's timeout
        (Lambda developer guide, "Runtime environment lifecycle").
        """
        timeout = seconds(self._function.timeout_s)
        turn: asyncio.Future[Outcome] = self._loop.create_future()
        self._turn = turn
        timer = self._after(timeout, self._settle, TimedOut())
        look = self._after(MEMORY_LOOK, self._look_at_memory, turn)
        try:
            if again:
                self._start_process()
            deadline_ms = (began + timeout) // MILLISECOND
            self._api.offer(
                Event(
                    request_id=invoke.request_id,
                    payload=invoke.payload,
                    deadline_ms=deadline_ms,
                    function_arn=invoke.function_arn,
                    client_context=invoke.client_context,
                )
            )
            return await turn
        except OSError as error:
            return InitFailed(lines.sandbox_fault("Runtime.InvalidEntrypoint", str(error)), "Runtime.Unknown")
        finally:
            self._turn = None
            timer.cancel()
            look.cancel()

    def _finish(self, invoke: Invoke, outcome: Outcome, duration: Duration, init: Duration) -> InvokeResult:
        """Write the closing lines and make the result; an environment that failed ends."""
        self._output.drain()
        used = memory_mib(self._pid) if self._pid else self._function.memory_mib
        payload, error, status = self._told(invoke.request_id, outcome)
        if isinstance(outcome, TimedOut):
            duration = seconds(self._function.timeout_s)
        usable = isinstance(outcome, Responded | Failed) and not self._last
        if not usable:
            self.end()
        memory = self._function.memory_mib
        self._output.platform(
            lines.end(invoke.request_id),
            lines.report(invoke.request_id, duration, init, memory, used, status),
        )
        return InvokeResult(
            request_id=invoke.request_id,
            unit_id=self.spec.unit_id,
            payload=payload,
            error=error,
            log_tail=self._output.tail() if invoke.tail else b"",
            duration_ns=duration,
            init_ns=init,
            memory_used_mib=used,
            usable=usable,
        )

    def _told(self, request_id: str, outcome: Outcome) -> tuple[bytes, str, str]:
        """(payload, X-Amz-Function-Error, status in the REPORT line) for what came of the event."""
        match outcome:
            case Responded(payload):
                return payload, "", ""
            case Failed(payload):
                return payload, UNHANDLED, ""
            case InitFailed(payload, error_type):
                return payload, UNHANDLED, f"error\tError Type: {error_type}"
            case Exited(code):
                return lines.exited(request_id, code), UNHANDLED, "error\tError Type: Runtime.ExitError"
            case _:
                return lines.timed_out(request_id, self._function.timeout_s), UNHANDLED, "timeout"

    # the process

    def _start_process(self) -> None:
        self._exit = None
        self._init_began = self._now()
        self._pid, pipe = self._launch()
        self._output.attach(pipe)
        self._seat.watch(self._pid, partial(self._exited, self._pid))

    def _exited(self, pid: int, code: int) -> None:
        """The process was reaped: kill what it left, and hear its last words before judging."""
        kill_group(pid)
        if pid != self._pid:
            return
        self._pid = 0
        self._exit = code
        if self._api.connected:
            self._after(LAST_WORDS, self._take_in_exit)
        else:
            self._take_in_exit()

    def _take_in_exit(self) -> None:
        if self._exit is None or self._gone:
            return
        code, self._exit = self._exit, None
        self._output.detach()
        if self._idle():
            self._over(lines.exit_reason(code))
        else:
            self._settle(Exited(code))

    def _look_at_memory(self, turn: asyncio.Future[Outcome]) -> None:
        """Kill what uses more than its memory, as AWS does: the caller sees "signal: killed"."""
        if turn.done() or not self._pid:
            return
        if memory_mib(self._pid, "VmRSS") > self._function.memory_mib:
            kill_group(self._pid)
        else:
            self._after(MEMORY_LOOK, self._look_at_memory, turn)

    def _init_too_long(self) -> None:
        """Kill the runtime; the first event starts it again. See `_run`."""
        if self._initialised.done():
            return
        limit = seconds(self._function.init_timeout_s)
        self._output.platform(lines.init_report(limit, "timeout"))
        self._initialised.set_result(TimedOut())
        pid, self._pid = self._pid, 0
        kill_group(pid)
        self._output.detach()
        self._api.restart()

    def _settle(self, outcome: Outcome) -> None:
        if self._turn is not None:
            if not self._turn.done():
                self._turn.set_result(outcome)
        elif not self._initialised.done():
            self._settle_init(outcome)

    def _settle_init(self, outcome: Outcome) -> None:
        if self._init_timer is not None:
            self._init_timer.cancel()
        init = self._now() - self._init_began
        if isinstance(outcome, InitFailed):
            self._output.drain()
            self._output.platform(lines.init_report(init, f"error\tError Type: {outcome.error_type}"))
        elif isinstance(outcome, Exited):
            self._output.platform(lines.init_report(init, "error\tError Type: Runtime.ExitError"))
        self._initialised.set_result(outcome)

    def _idle(self) -> bool:
        """Nobody waits and nothing is left to tell: what a failed start says is kept for the first event."""
        if self._turn is not None and not self._turn.done():
            return False
        if not self._initialised.done():
            return False
        return not self._first or isinstance(self._initialised.result(), Ready)

    def _over(self, why: str) -> None:
        if self._gone:
            return
        self._gone = True
        if self._init_timer is not None:
            self._init_timer.cancel()
        if not self._begun.done():
            self._begun.set_result(None)
        self._settle(Exited(128 + 9))
        self._output.detach()
        self._output.flush()
        self._api.close()
        self._ended(why)

    def _after(self, wait: Duration, call: Callable[..., None], *arguments: object) -> asyncio.TimerHandle:
        return self._loop.call_later(wait / SECOND, call, *arguments)


def gone(invoke: Invoke) -> InvokeResult:
    """The event was not delivered: there is no such environment any more. Safe to give to another."""
    return InvokeResult(
        request_id=invoke.request_id,
        unit_id=invoke.unit_id,
        payload=b"",
        error=ENVIRONMENT_GONE,
        usable=False,
    )
