"""One execution environment: a runtime, its API, its output, and one event at a time.

Decides when an initialisation or an event is over (the runtime said so, the process ended, time is up); what
that means for the caller is function_outcome.py's. Knows nothing of the plane, of other environments, or of
how code gets here.
After a failure that AWS would answer with a fresh initialisation in the same sandbox, this environment ends
and the plane starts another: /tmp is the host's and survives anyway (docs/aws/lambda.md).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec

from windlass.fleet.function_messages import INIT_FAILURE
from windlass.fleet.messages import Invoke, InvokeResult, UnitSpec
from windlass.kernel.clock import MILLISECOND, SECOND, Duration, Instant, seconds
from windlass.node import function_lines as lines
from windlass.node.function_interpreters import Runtime
from windlass.node.function_launcher import Program, Sandbox
from windlass.node.function_outcome import (
    Exited,
    Failed,
    InitFailed,
    NotStarted,
    Outcome,
    Ready,
    Responded,
    TimedOut,
    gone,
    init_status,
    told,
)
from windlass.node.function_output import Output
from windlass.node.function_packages import Files
from windlass.node.function_phases import Phase, Stopwatch
from windlass.node.function_programs import INVALID_ENTRYPOINT, NoProgram, program, start_fault
from windlass.node.function_runtime import RuntimeProcess
from windlass.node.runner import Seat
from windlass.node.runtime_api import Event, RuntimeApi


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
        self._runtime = RuntimeProcess(seat, self._output, lambda: self._api.connected, self._runtime_ended)
        self._version = dict(self._function.environment).get("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
        self._begun: asyncio.Future[None] = self._loop.create_future()
        self._initialised: asyncio.Future[Outcome] = self._loop.create_future()
        self._turn: asyncio.Future[Outcome] | None = None
        self._busy = False
        self._last = False
        """The event at hand is the last one: it ends the environment."""
        self._sandbox: Sandbox | None = None
        self._program = Program((), {})
        self._init_timer: asyncio.TimerHandle | None = None
        self._init_began: Instant = 0
        self._init: Duration = 0
        self._first = True
        self._gone = False
        self._why = ""
        """Why it ends, if that is known before its process has ended."""
        self._phases = Stopwatch()

    def enter(self, phase: Phase) -> None:
        """That part of the start begins now."""
        self._phases.enter(phase, seconds(self._loop.time()))

    async def begin(self, runtime: Runtime, files: Files, sandbox: Sandbox) -> None:
        """Open the Runtime API and start the runtime in that sandbox, which is ours to close from now on.

        A runtime that cannot be started is what the first event is told. Raises OSError without a listener.
        """
        self._sandbox = sandbox
        port = await self._api.listen()
        if self._gone:
            self._api.close()
            return
        self._output.platform(lines.init_start(runtime.shown, runtime.notice))
        self._init_timer = self._after(seconds(self._function.init_timeout_s), self._init_too_long)
        self._init_began = self._now()
        api, endpoint = f"127.0.0.1:{port}", self._seat.endpoint()
        try:
            self._program = program(self.spec, runtime, files, sandbox, api=api, endpoint=endpoint)
            await self._initialise()
        except NoProgram as error:
            self._settle(NotStarted(INVALID_ENTRYPOINT, str(error)))
        if not self._begun.done():
            self._begun.set_result(None)

    async def initialised(self) -> None:
        """Return when the initialisation is over, however it ended."""
        await self._initialised

    def end(self, why: str = "") -> None:
        """Kill everything; `ended` follows once the process is gone, at once when there is none."""
        self._why = self._why or why
        if self._runtime.pid:
            self._runtime.kill()
        else:
            self._over(self._why)

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
        self._runtime.heard_all()

    # one event

    async def _run_alone(self, invoke: Invoke) -> InvokeResult:
        self._output.clear_tail()
        first, self._first = self._first, False
        outcome = await self._initialised if first else Ready()
        init = self._init if first and isinstance(outcome, Ready) and not self._function.ahead else 0
        self._output.platform(lines.start(invoke.request_id, self._version))
        began = self._now()
        if isinstance(outcome, Ready | TimedOut):
            outcome = await self._run(invoke, began, again=isinstance(outcome, TimedOut))
        result = self._finish(invoke, outcome, self._now() - began, init)
        return msgspec.structs.replace(result, phases=self._phases.told()) if first else result

    async def _run(self, invoke: Invoke, began: Instant, again: bool) -> Outcome:
        """Hand the event to the runtime and wait for what comes of it.

        `again`: the initialisation took too long and is repeated now, inside the function's timeout
        (Lambda developer guide, "Runtime environment lifecycle").
        """
        timeout = seconds(self._function.timeout_s)
        turn: asyncio.Future[Outcome] = self._loop.create_future()
        self._turn = turn
        timer = self._after(timeout, self._settle, TimedOut())
        self._runtime.watch_memory(self._function.memory_mib)
        try:
            if again:
                await self._initialise()
            deadline_ms = (began + timeout) // MILLISECOND
            self._api.offer(
                Event(
                    request_id=invoke.request_id,
                    payload=invoke.payload,
                    deadline_ms=deadline_ms,
                    function_arn=invoke.function_arn,
                    trace_id=invoke.trace_id,
                    client_context=invoke.client_context,
                )
            )
            return await turn
        except NoProgram as error:
            return NotStarted(INVALID_ENTRYPOINT, str(error))
        finally:
            self._turn = None
            timer.cancel()
            self._runtime.unwatch_memory()

    def _finish(self, invoke: Invoke, outcome: Outcome, duration: Duration, init: Duration) -> InvokeResult:
        """Write the closing lines and make the result; an environment that failed ends."""
        self._output.drain()
        memory = self._function.memory_mib
        used = self._runtime.most_memory_mib()
        said = told(invoke.request_id, outcome, self._function.timeout_s)
        if isinstance(outcome, TimedOut):
            duration = seconds(self._function.timeout_s)
        usable = isinstance(outcome, Responded | Failed) and not self._last
        if not usable:
            self.end()
        used = memory if used is None else used
        self._output.platform(
            lines.end(invoke.request_id),
            lines.report(invoke.request_id, duration, init, memory, used, said.status),
        )
        return InvokeResult(
            request_id=invoke.request_id,
            unit_id=self.spec.unit_id,
            payload=said.payload,
            error=said.error,
            log_tail=self._output.tail() if invoke.tail else b"",
            duration_ns=duration,
            init_ns=init,
            memory_used_mib=used,
            usable=usable,
        )

    # the runtime

    async def _initialise(self) -> None:
        """Start the runtime. Raises NoProgram."""
        assert self._sandbox is not None, "begin comes first"
        self._init_began = self._now()
        try:
            await self._runtime.start(self._sandbox, self._program)
        except OSError as error:
            raise start_fault(self._program.argv, self._sandbox, error) from error
        self.enter("runtime")

    def _runtime_ended(self, code: int) -> None:
        if self._gone:
            return
        if self._idle():
            self._over(self._why or lines.exit_reason(code))
        else:
            self._settle(Exited(code))

    def _init_too_long(self) -> None:
        """Kill the runtime; the first event starts it again. See `_run`."""
        if self._initialised.done():
            return
        self._settle_init(TimedOut())
        if not self._function.ahead:
            self._runtime.drop()
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
        if self._api.dialled_at:
            self._phases.enter("init", seconds(self._api.dialled_at))
        self._phases.finish(seconds(self._loop.time()))
        failed = not isinstance(outcome, Ready)
        if failed or self._function.ahead:
            self._output.drain()
            report = lines.init_report(self._now() - self._init_began, init_status(outcome))
            self._output.platform(report)
        self._initialised.set_result(outcome)
        if failed and self._function.ahead:
            self.end(INIT_FAILURE)

    def _idle(self) -> bool:
        """Nobody waits and nothing is left to tell: what a failed start says is kept for the first event."""
        if self._turn is not None and not self._turn.done():
            return False
        if not self._initialised.done():
            return False
        return not self._first or self._function.ahead or isinstance(self._initialised.result(), Ready)

    def _over(self, why: str) -> None:
        if self._gone:
            return
        self._gone = True
        if self._init_timer is not None:
            self._init_timer.cancel()
        if not self._begun.done():
            self._begun.set_result(None)
        self._settle(Exited(128 + 9))
        self._runtime.drop()
        if self._sandbox is not None:
            self._sandbox.close()
        self._output.flush()
        self._api.close()
        self._ended(why)

    def _after(self, wait: Duration, call: Callable[..., None], *arguments: object) -> asyncio.TimerHandle:
        return self._loop.call_later(wait / SECOND, call, *arguments)
