"""One execution environment: a runtime, its API, its log, and one event at a time.

Initialises (INIT), runs events (INVOKE) and ends (SHUTDOWN) as AWS's lifecycle has it. Waits for what the
runtime says, for the end of its process and for time; what that means for the caller is for
function_outcome.py to say. After a failure all of its processes are killed and its files stay: the next event
initialises it again, inside the function's own timeout (Lambda developer guide, "Runtime environment
lifecycle"). Knows nothing of the plane, of other environments, or of how code gets here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Literal, TypeAlias

import msgspec

from windlass.fleet.function_messages import INIT_FAILURE
from windlass.fleet.messages import Invoke, InvokeResult, UnitSpec
from windlass.kernel.clock import MILLISECOND, SECOND, Duration, Instant, seconds
from windlass.node import function_records as records
from windlass.node.function_interpreters import Runtime
from windlass.node.function_launcher import Program, Sandbox
from windlass.node.function_log import FunctionLog
from windlass.node.function_outcome import (
    Exited,
    Failed,
    Failure,
    InitFailed,
    Outcome,
    Responded,
    SandboxFailed,
    TimedOut,
    gone,
    told,
    verdict,
)
from windlass.node.function_output import Output
from windlass.node.function_packages import Files
from windlass.node.function_phases import Phase, Stopwatch
from windlass.node.function_programs import INVALID_ENTRYPOINT, NoProgram, program, start_fault
from windlass.node.runner import Seat
from windlass.node.runtime_api import Event, RuntimeApi
from windlass.node.sandbox import Sandbox as Network
from windlass.node.sandbox_process import SandboxProcess

State: TypeAlias = Literal["new", "init", "ready", "invoke", "broken", "over"]
"""In "broken" nothing runs: the next event initialises again. In "over" nothing will ever run."""


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
        self._log = FunctionLog(
            seat.logs.stream(self._function.log) if self._function.log else None, self._now
        )
        self._output = Output(self._log, "function")
        self._api = RuntimeApi(self)
        self._runtime = SandboxProcess(seat, self._output, lambda: self._api.connected, self._runtime_ended)
        self._version = dict(self._function.environment).get("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
        self._sandbox: Sandbox | None = None
        self._program: Callable[[], Program] = lambda: Program((), {})
        self._runs = Runtime("", "provided")
        self._phases: Stopwatch | None = Stopwatch()
        """Until the first event is told where the start's time went."""
        self._state: State = "new"
        self._changed = asyncio.Event()
        """Something was heard that may be waited for; see `_reach`."""
        self._failure: Failure | None = None
        """The first thing that went wrong in this initialisation or event."""
        self._answer: Responded | Failed | None = None
        self._init: Duration = 0
        """How long the first initialisation took, until an event is told."""
        self._busy = False
        self._free: asyncio.Future[None] = self._loop.create_future()
        """Done when nothing is under way that an event has to wait for."""
        self._last = False
        """The event at hand is the last one: it ends the environment."""
        self._why = ""

    def enter(self, phase: Phase) -> None:
        """That part of the start begins now."""
        if self._phases is not None:
            self._phases.enter(phase, seconds(self._loop.time()))

    async def begin(self, runtime: Runtime, files: Files, sandbox: Sandbox, network: Network) -> None:
        """Open the Runtime API and initialise in that sandbox, which is ours to close from now on.

        Returns when the initialisation has begun. Raises OSError without a listener.
        """
        self._sandbox = sandbox
        port = await self._api.listen(network.netns)
        if self._state == "over":
            self._api.close()
            return
        api, endpoint = f"127.0.0.1:{port}", network.endpoint or self._seat.endpoint()
        self._program = partial(program, self.spec, runtime, files, sandbox, api=api, endpoint=endpoint)
        self._runs = runtime
        self._seat.spawn.start(f"initialise {self.spec.unit_id}", self._begin())

    async def initialised(self) -> None:
        """Return when the initialisation is over, however it ended."""
        await asyncio.shield(self._free)

    def end(self, why: str = "") -> None:
        """Kill everything; `ended` follows once the processes are gone, at once when there are none."""
        self._last, self._why = True, self._why or why
        if self._runtime.pid:
            self._runtime.kill()
        elif self._state in ("init", "invoke"):
            self._fail(Exited(128 + 9))
        else:
            self._over()

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
            while not self._free.done():
                await asyncio.shield(self._free)
            return gone(invoke) if self._state == "over" else await self._run(invoke)
        finally:
            self._busy = False

    # what the runtime says

    def asked_for_next(self) -> None:
        self._changed.set()

    def responded(self, request_id: str, payload: bytes) -> None:
        self._answer = Responded(payload)
        self._changed.set()

    def failed(self, request_id: str, payload: bytes, error_type: str) -> None:
        self._answer = Failed(payload)
        self._changed.set()

    def init_failed(self, payload: bytes, error_type: str) -> None:
        self._fail(InitFailed(payload, error_type))

    def disconnected(self) -> None:
        """The runtime's last connection is closed: of a dead process, all that it said has been heard."""
        self._runtime.heard_all()

    def _runtime_ended(self, code: int) -> None:
        match self._state:
            case "init" | "invoke":
                self._fail(Exited(code))
            case "ready" if self._last:
                self._over()
            case "ready":
                self._fail(Exited(code))
                self._recover()

    # INIT

    async def _begin(self) -> None:
        timer = self._after(seconds(self._function.init_timeout_s), self._fail, TimedOut())
        began = self._now()
        await self._initialise("init")
        timer.cancel()
        if not self._function.ahead:
            self._init = self._now() - began
        elif self._failure is not None:
            self._last, self._why = True, self._why or INIT_FAILURE
        await self._rest()

    async def _initialise(self, phase: records.InitPhase) -> None:
        """Start the runtime, and wait until it asks for an event or something fails."""
        assert self._sandbox is not None, "begin comes first"
        self._state, self._failure = "init", None
        kind = records.kind(self._function.ahead)
        self._log.platform(records.init_start(self._runs.shown, self._runs.notice, phase, kind))
        began = self._now()
        try:
            self.enter("runtime")  # one that was forked may dial before we hear that it is there
            await self._start_runtime(self._sandbox)
            await self._reach(lambda: self._api.state == "Ready")
        except NoProgram as error:
            self._fail(SandboxFailed(INVALID_ENTRYPOINT, str(error)))
        took, how = self._now() - began, verdict(self._failure)
        self._stop_watch()
        self._output.drain()
        self._log.platform(
            records.init_runtime_done(phase, kind, how), records.init_report(phase, kind, how, took)
        )

    async def _start_runtime(self, sandbox: Sandbox) -> None:
        """Raises NoProgram."""
        program = self._program()
        try:
            await self._runtime.start(sandbox, program)
        except OSError as error:
            raise start_fault(program.argv, sandbox, error) from error

    def _stop_watch(self) -> None:
        if self._phases is not None:
            if self._api.dialled_at:
                self._phases.enter("init", seconds(self._api.dialled_at))
            self._phases.finish(seconds(self._loop.time()))

    # INVOKE

    async def _run(self, invoke: Invoke) -> InvokeResult:
        """One event, with an initialisation before it if the environment is broken."""
        self._log.clear_tail()
        began, timeout = self._now(), seconds(self._function.timeout_s)
        init = 0 if self._state == "broken" else self._init
        self._failure = self._answer = None
        timer = self._after(timeout, self._fail, TimedOut())
        if self._state == "ready":
            await self._await_runtime()
        if self._state == "broken":
            await self._initialise("invoke")
        self._log.platform(records.start(invoke.request_id, self._version, invoke.trace_id))
        if self._failure is None:
            await self._hand_in(invoke, began + timeout)
        timer.cancel()
        outcome = self._answer or self._failure
        assert outcome is not None, "something ended the wait"
        result = self._finish(invoke, outcome, self._now() - began, init)
        if self._phases is not None:
            result = msgspec.structs.replace(result, phases=self._phases.told())
        self._init, self._phases = 0, None
        if self._failure is None and not self._last:
            self._state = "ready"
        else:
            self._recover()
        return result

    async def _await_runtime(self) -> None:
        """The runtime has answered, but may not have asked for another event yet: perhaps it never will."""
        self._state = "invoke"
        await self._reach(lambda: self._api.state == "Ready")
        if isinstance(self._failure, Exited):
            await self._reset()

    async def _hand_in(self, invoke: Invoke, deadline: Instant) -> None:
        """Give the event to the runtime and wait for its answer, or for a failure."""
        self._state = "invoke"
        self._runtime.watch_memory(self._function.memory_mib)
        self._api.offer(
            Event(
                request_id=invoke.request_id,
                payload=invoke.payload,
                deadline_ms=deadline // MILLISECOND,
                function_arn=invoke.function_arn,
                trace_id=invoke.trace_id,
                client_context=invoke.client_context,
            )
        )
        await self._reach(lambda: self._answer is not None)
        self._runtime.unwatch_memory()

    def _finish(self, invoke: Invoke, outcome: Outcome, duration: Duration, init: Duration) -> InvokeResult:
        """Write the closing lines and make the result."""
        self._output.drain()
        memory = self._function.memory_mib
        most = self._runtime.most_memory_mib()
        if isinstance(outcome, TimedOut):
            duration = seconds(self._function.timeout_s)
        used = records.Used(duration, init, memory, memory if most is None else most)
        said, how = told(invoke.request_id, outcome, self._function.timeout_s), verdict(outcome)
        self._log.platform(
            records.runtime_done(invoke.request_id, how, duration, len(said.payload), invoke.trace_id),
            records.report(invoke.request_id, how, used, invoke.trace_id),
        )
        return InvokeResult(
            request_id=invoke.request_id,
            unit_id=self.spec.unit_id,
            payload=said.payload,
            error=said.error,
            log_tail=self._log.tail() if invoke.tail else b"",
            duration_ns=duration,
            init_ns=init,
            memory_used_mib=used.most_mib,
            usable=not self._last,
        )

    # between events, and the end

    def _recover(self) -> None:
        """The next event has to wait until what failed was taken away."""
        self._free = self._loop.create_future()
        self._seat.spawn.start(f"recover {self.spec.unit_id}", self._rest())

    async def _rest(self) -> None:
        """After an initialisation or an event: take away what failed; be free for an event, or end."""
        if self._failure is not None:
            await self._reset()
        else:
            self._state = "ready"
        if self._last:
            self.end()
        elif not self._free.done():
            self._free.set_result(None)

    async def _reset(self) -> None:
        """Kill all processes; what they wrote to files stays."""
        assert self._sandbox is not None
        self._state = "broken"
        self._runtime.drop()
        await self._sandbox.clear()
        self._api.restart()

    def _over(self) -> None:
        if self._state == "over":
            return
        self._state = "over"
        if not self._free.done():
            self._free.set_result(None)
        self._runtime.drop()
        if self._sandbox is not None:
            self._sandbox.close()
        self._log.flush()
        self._api.close()
        self._ended(self._why)

    # waiting

    def _fail(self, failure: Failure) -> None:
        """What an initialisation or an event that is under way fails with; the first one counts."""
        if self._failure is None:
            self._failure = failure
            self._changed.set()

    async def _reach(self, condition: Callable[[], bool]) -> None:
        """Wait until that is so, or something failed. Whoever changes it sets `_changed`."""
        while self._failure is None and not condition():
            self._changed.clear()
            await self._changed.wait()

    def _after(self, wait: Duration, call: Callable[..., None], *arguments: object) -> asyncio.TimerHandle:
        return self._loop.call_later(wait / SECOND, call, *arguments)
