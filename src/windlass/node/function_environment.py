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
from pathlib import Path
from typing import Literal, TypeAlias

import msgspec

from windlass.fleet.function_messages import LastPiece
from windlass.fleet.messages import Invoke, InvokeResult, UnitSpec
from windlass.kernel.clock import MILLISECOND, SECOND, Duration, seconds
from windlass.node import function_records as records
from windlass.node.extensions_api import ExtensionsApi
from windlass.node.function_extensions import Extensions, LaunchFailed, facts_of, found
from windlass.node.function_freezer import Freezer
from windlass.node.function_interpreters import Runtime
from windlass.node.function_launcher import Program, Sandbox
from windlass.node.function_lines import Restore
from windlass.node.function_log import FunctionLog
from windlass.node.function_log_format import format_of
from windlass.node.function_outcome import (
    Exited,
    Failed,
    Failure,
    InitFailed,
    Outcome,
    Responded,
    SandboxFailed,
    TimedOut,
    Told,
    gone,
    told,
    verdict,
    why_not_begun,
)
from windlass.node.function_output import Output
from windlass.node.function_packages import Files
from windlass.node.function_phases import Phase, Stopwatch
from windlass.node.function_programs import NoProgram, program, start_fault
from windlass.node.function_shutdown import Occupants
from windlass.node.function_telemetry import Telemetry
from windlass.node.function_turn import Turn
from windlass.node.response_streams import ResponseStream
from windlass.node.runner import Seat
from windlass.node.runtime_api import Part, RuntimeApi
from windlass.node.sandbox import Sandbox as Network
from windlass.node.sandbox_process import SandboxProcess
from windlass.node.telemetry_api import PREFIXES, TelemetryApi

LAST_WORDS: Duration = 100 * MILLISECOND
"""How long after the end of a connection that of its process may become known."""
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
        stream = seat.logs.stream(self._function.log) if self._function.log else None
        self._log = FunctionLog(stream, self._now, format_of(self._function))
        self._output = Output(self._log, "function")
        facts = facts_of(self._function)
        self._version = facts.version
        self._changed = asyncio.Event()
        """Something was heard that may be waited for; see `_reach`."""
        self._registered = ExtensionsApi(facts, self._changed.set)
        self._telemetry = Telemetry(seat, self._log)
        parts: dict[str, Part] = {
            prefix: TelemetryApi(api, self._registered, self._telemetry, self._log)
            for prefix, api in PREFIXES.items()
        }
        self._api = RuntimeApi(self, {"/2020-01-01/": self._registered, **parts})
        self._runtime = SandboxProcess(seat, self._output, lambda: self._api.connected, self._runtime_ended)
        self._extensions = Extensions(seat, self._log, self._registered, self._process_ended)
        self._occupants = Occupants(
            self._runtime, self._extensions, self._registered, self._telemetry, self._changed, self._now
        )
        self._freezer = Freezer(self._is_at_rest)
        self._layers: Path | None = None
        self._sandbox: Sandbox | None = None
        self._program: Callable[[], Program] = lambda: Program((), {})
        self._runs = Runtime("", "provided")
        self._phases: Stopwatch | None = Stopwatch()
        """Until the first event is told where the start's time went."""
        self._state: State = "new"
        self._failure: Failure | None = None
        """The first thing that went wrong in this initialisation or event."""
        self._answer: Responded | Failed | None = None
        self._stream: ResponseStream | None = None
        """Of the event at hand, if its caller wants the response in pieces."""
        self._init: Duration = 0
        """How long the first initialisation took, until an event is told."""
        self._restore = records.NO_RESTORE
        """The same, of an environment that was restored from a snapshot."""
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
        self._sandbox = self._freezer.sandbox = sandbox
        self._telemetry.netns = network.netns
        port = await self._api.listen(network.netns)
        if self._state == "over":
            self._api.close()
            return
        api, endpoint = f"127.0.0.1:{port}", network.endpoint or self._seat.endpoint()
        self._program = partial(program, self.spec, runtime, files, sandbox, api=api, endpoint=endpoint)
        self._runs, self._layers = runtime, files.layers
        self._seat.spawn.start(f"initialise {self.spec.unit_id}", self._begin())

    async def initialised(self) -> None:
        """Return when the initialisation is over, however it ended."""
        await self._until_free()

    def end(self, why: str = "", *, at_once: bool = False) -> None:
        """End everything; `ended` follows once the processes are gone. An event that runs is killed.

        Extensions are told and given their time, unless it has to be `at_once`.
        """
        self._last, self._why = True, self._why or why
        self._fail(Exited(128 + 9))
        if at_once or self._state == "new":
            self._over()
        elif self._free.done() and self._state != "over":
            self._recover()

    async def invoke(self, invoke: Invoke) -> InvokeResult:
        """Run one event; a second one beside it is not taken.

        The plane gives an environment one event at a time. If another comes, the first was given by a session
        that broke: it runs to its end, for nobody, and the environment ends with it.
        """
        if invoke.settles:
            return await self._settled(invoke)
        if self._busy:
            self._last = True
            return gone(invoke)
        self._busy = True
        try:
            await self._until_free()
            return gone(invoke) if self._state == "over" else await self._run(invoke)
        finally:
            self._busy = False

    async def _settled(self, invoke: Invoke) -> InvokeResult:
        """No event: the answer comes when the environment takes the next one, or never will."""
        await self._until_free()
        over = self._last or self._state == "over"
        return InvokeResult(invoke.request_id, invoke.unit_id, b"", usable=not over)

    async def _until_free(self) -> None:
        while not self._free.done():
            await asyncio.shield(self._free)

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

    def may_be_snapshot(self) -> bool:
        self._changed.set()
        return not self._function.template

    def stream(self) -> ResponseStream | None:
        return self._stream

    def broke_off(self) -> None:
        """If its process has ended, that is what counts; it is known soon."""
        self._after(LAST_WORDS, self._truncated, self._stream)

    def _truncated(self, stream: ResponseStream | None) -> None:
        if stream is not None and stream is self._stream:
            self._fail(SandboxFailed("Runtime.TruncatedResponse", "Runtime broke off its response"))

    def disconnected(self) -> None:
        """The runtime's last connection is closed: of a dead process, all that it said has been heard."""
        self._runtime.heard_all()

    def _runtime_ended(self, code: int) -> None:
        self._process_ended(Exited(code))

    def _process_ended(self, failure: Failure) -> None:
        """A process has ended that should not have, unless this is the end."""
        self._changed.set()
        self._fail(failure)
        if self._free.done() and self._state != "over":
            self._recover()

    # INIT

    async def _begin(self) -> None:
        began, restores, function = self._now(), self._restores, self._function
        within = function.restore_timeout_s if restores else function.init_timeout_s
        timer = self._after(seconds(within), self._fail, TimedOut())
        await self._initialise("restore" if restores else "init")
        timer.cancel()
        if self._failure is not None and self._is_ready_first:
            self._last, self._why = (
                True,
                self._why or why_not_begun(self._failure, function, restored=restores),
            )
        elif restores:
            own = seconds(self._loop.time() - self._api.dialled_at)
            self._restore = Restore(self._now() - began, own)
        elif not function.ahead:
            self._init = self._now() - began
        await self._rest()

    @property
    def _restores(self) -> bool:
        return self._sandbox is not None and self._sandbox.restores

    @property
    def _is_ready_first(self) -> bool:
        """Whether no event comes before it is ready, so that none can be told what went wrong."""
        return self._function.ahead or bool(self._function.snapshot)

    async def _initialise(self, phase: records.InitPhase) -> None:
        """Start the runtime, and wait until it asks for an event or something fails."""
        assert self._sandbox is not None, "begin comes first"
        self._state = "init"
        self._telemetry.open()
        kind = records.kind(self._function.ahead, self._function.snapshot)
        self._log.platform(records.init_start(self._runs.shown, self._runs.notice, phase, kind))
        began = self._now()
        try:
            await self._start_processes(self._sandbox)
            await self._reach(self._is_begun)
        except NoProgram as error:
            self._fail(SandboxFailed(error.error_type, str(error)))
        except LaunchFailed as error:
            self._fail(SandboxFailed("Extension.LaunchError", str(error)))
        self._occupants.drain()
        self._log.platform(records.init_runtime_done(phase, kind, verdict(self._failure)))
        self._registered.close()
        await self._reach(self._registered.settled)
        self._telemetry.close()
        self._runtime.unwatch_memory()
        self._runtime.most_memory_mib()  # its first event may be its last
        took, how = self._now() - began, verdict(self._failure)
        self._stop_watch()
        self._occupants.drain()
        self._log.platform(
            *(
                records.extension(one.name, one.state, one.events, one.error_type)
                for one in self._registered.all
            ),
            records.init_report(phase, kind, how, took),
        )

    def _is_begun(self) -> bool:
        return self._api.state == ("RestoreReady" if self._function.template else "Ready")

    async def _start_processes(self, sandbox: Sandbox) -> None:
        """External extensions, and the runtime once they have registered. Raises NoProgram, LaunchFailed."""
        program = self._program()
        names = [] if self._function.template else found(self._layers)
        await self._extensions.start(names, sandbox, program.environment)
        if not await self._reach(self._registered.registered):
            return
        # One that was forked may dial before we hear that it is there.
        self.enter("restore" if self._restores else "runtime")
        try:
            await self._runtime.start(sandbox, program)
            self._runtime.watch_memory(self._function.memory_mib)
        except OSError as error:
            raise start_fault(program.argv, sandbox, error) from error

    def _stop_watch(self) -> None:
        if self._phases is not None:
            if self._api.dialled_at and not self._restores:
                self._phases.enter("init", seconds(self._api.dialled_at))
            self._phases.finish(seconds(self._loop.time()))

    # INVOKE

    async def _run(self, invoke: Invoke) -> InvokeResult:
        """One event, with an initialisation before it if the environment is broken."""
        self._free = self._loop.create_future()
        self._log.clear_tail()
        began, timeout = self._now(), seconds(self._function.timeout_s)
        init = 0 if self._state == "broken" else self._init
        turn = Turn(invoke, began, began + timeout, init, self._restore)
        self._failure = self._answer = None
        self._freezer.wake()
        if self._state == "ready" and self._runtime.is_dead():
            self._fail(Exited(128 + 9))
        timer = self._after(timeout, self._fail, TimedOut())
        if self._state == "ready":
            await self._await_runtime(turn)
        if self._state == "broken":
            await self._initialise("invoke")
        self._log.platform(turn.started(self._version))
        if self._failure is None:
            await self._hand_in(turn)
        outcome = self._answer or self._failure
        assert outcome is not None, "something ended the wait"
        said = told(invoke.request_id, outcome, self._function.timeout_s)
        produced_bytes = len(self._answer.payload) if self._answer is not None else 0
        produced_bytes += self._stream.size if self._stream is not None else 0
        if self._failure is None and self._registered.all:
            work = self._settle(turn, produced_bytes, timer)
            self._seat.spawn.start(f"settle {self.spec.unit_id}", work)
            return self._result(turn, said, settling=True)
        timer.cancel()
        self._runtime_done(turn, outcome, produced_bytes)
        self._report(turn, outcome)
        result = self._result(turn, said)
        if self._failure is None and not self._last:
            self._state = "ready"
            self._freezer.rest()
            self._free.set_result(None)
            return result
        self._seat.spawn.start(f"recover {self.spec.unit_id}", self._rest())
        return msgspec.structs.replace(result, settling=bool(self._registered.all))

    async def _await_runtime(self, turn: Turn) -> None:
        """The runtime has answered, but may not have asked for another event yet: perhaps it never will."""
        self._state = "invoke"
        await self._reach(lambda: self._api.state == "Ready")
        if isinstance(self._failure, Exited):
            await self._reset("failure")
            self._failure = TimedOut() if self._now() >= turn.deadline else None

    async def _hand_in(self, turn: Turn) -> None:
        """Give the event to extensions and runtime, and wait for the runtime's answer, or for a failure."""
        self._state = "invoke"
        self._runtime.watch_memory(self._function.memory_mib)
        invoke = turn.invoke
        self._stream = self._seat.streams.open(invoke.request_id) if invoke.stream else None
        if self._registered.all:
            self._registered.offer("INVOKE", turn.for_extensions())
        self._api.offer(turn.event())
        await self._reach(lambda: self._answer is not None)

    async def _settle(self, turn: Turn, produced_bytes: int, timer: asyncio.TimerHandle) -> None:
        """The caller has its answer; wait, in the event's time, until extensions are done with it, too."""
        await self._reach(lambda: self._api.state == "Ready")
        self._runtime_done(turn, self._failure, produced_bytes)
        await self._reach(self._registered.settled)
        timer.cancel()
        self._report(turn, self._failure)
        await self._rest()

    def _runtime_done(self, turn: Turn, outcome: Outcome | None, produced_bytes: int) -> None:
        self._occupants.drain()
        self._log.platform(turn.runtime_done(outcome, produced_bytes, self._now()))

    def _report(self, turn: Turn, outcome: Outcome | None) -> None:
        """Write the closing lines."""
        self._runtime.unwatch_memory()
        self._occupants.drain()
        memory, most = self._function.memory_mib, self._most_memory_mib()
        self._log.platform(turn.report(outcome, memory, most, self._now()))

    def _most_memory_mib(self) -> int:
        """All of it when that is not known: most often that is why the process is gone."""
        most = self._runtime.most_memory_mib()
        return self._function.memory_mib if most is None else most

    def _result(self, turn: Turn, said: Told, *, settling: bool = False) -> InvokeResult:
        """What the caller gets. `settling`: extensions are not done with the event yet."""
        phases, self._phases, self._init, self._restore = self._phases, None, 0, records.NO_RESTORE
        result = turn.result(said, self._log.tail(), self._most_memory_mib(), self._now())
        parts = phases.told() if phases is not None else None
        result = msgspec.structs.replace(result, usable=not self._last, phases=parts, settling=settling)
        return self._streamed(result)

    def _streamed(self, result: InvokeResult) -> InvokeResult:
        """The result of a response that may have gone out in pieces: its last piece, and the error if any."""
        stream, self._stream = self._stream, None
        if stream is None:
            return result
        self._seat.streams.close(result.request_id)
        return msgspec.structs.replace(result, streamed=LastPiece(stream.rest())) if stream.begun else result

    # between events, and SHUTDOWN

    def _is_at_rest(self) -> bool:
        return self._state == "ready" and self._api.state == "Ready" and self._telemetry.is_quiet()

    def _recover(self) -> None:
        """The next event has to wait until what failed was taken away."""
        self._free = self._loop.create_future()
        self._seat.spawn.start(f"recover {self.spec.unit_id}", self._rest())

    async def _rest(self) -> None:
        """After an initialisation or an event: take away what failed; be free for an event, or end."""
        if self._last or self._failure is not None:
            kind = "spindown" if self._last else "failure"
            await self._reset("timeout" if isinstance(self._failure, TimedOut) else kind)
        else:
            self._state = "ready"
            if self._function.template and self._sandbox is not None:
                self._sandbox.keep_snapshot()
            else:
                self._freezer.rest()
        if self._last:  # perhaps only since the reset began
            self._over()
        if not self._free.done():
            self._free.set_result(None)

    async def _reset(self, reason: str) -> None:
        """End all processes; what they wrote to files stays."""
        if self._state == "over":
            return
        assert self._sandbox is not None
        self._state = "broken"
        self._freezer.wake()
        await self._occupants.shut_down(reason)
        await self._sandbox.clear()
        self._api.restart()

    def _over(self) -> None:
        if self._state == "over":
            return
        self._state = "over"
        self._freezer.wake()
        if not self._free.done():
            self._free.set_result(None)
        self._occupants.drop()
        if self._sandbox is not None:
            self._sandbox.close()
        self._log.flush()
        self._api.close()
        self._ended(self._why)

    # waiting

    def _fail(self, failure: Failure) -> None:
        """What an initialisation or an event that is under way fails with; the first one counts.

        What has to do with a snapshot is not initialised again: another is restored.
        """
        if self._failure is None:
            self._failure = failure
            self._last = self._last or self._function.template or self._restores
            self._changed.set()

    async def _reach(self, condition: Callable[[], bool]) -> bool:
        """Wait until that is so, or something failed: False. Whoever changes it sets `_changed`."""
        while self._failure is None and not condition():
            self._changed.clear()
            await self._changed.wait()
        return self._failure is None

    def _after(self, wait: Duration, call: Callable[..., None], *arguments: object) -> asyncio.TimerHandle:
        return self._loop.call_later(wait / SECOND, call, *arguments)
