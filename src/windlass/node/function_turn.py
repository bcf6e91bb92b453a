"""One event in an environment, from its hand-in to its report: the forms that it takes for each who is told.

Time is handed in. What came of the event is for function_outcome.py to say, and when it is over for
function_environment.py.
"""

from __future__ import annotations

from dataclasses import dataclass

from windlass.fleet.messages import Invoke, InvokeResult
from windlass.kernel.clock import MILLISECOND, Duration, Instant
from windlass.node import function_records as records
from windlass.node.extensions_api import invoke_event
from windlass.node.function_lines import Restore
from windlass.node.function_outcome import Outcome, Told, verdict
from windlass.node.function_records import NO_RESTORE, PlatformEvent, Used
from windlass.node.runtime_api import Event


@dataclass(frozen=True, slots=True)
class Turn:
    """One event, when it began and has to be over, and how long the initialisation or restore for it took."""

    invoke: Invoke
    began: Instant
    deadline: Instant
    init: Duration
    restore: Restore = NO_RESTORE

    def took(self, now: Instant) -> Duration:
        """How long it has run so far; never longer than it may."""
        return min(now, self.deadline) - self.began

    def event(self) -> Event:
        """As the runtime is given it."""
        invoke = self.invoke
        return Event(
            request_id=invoke.request_id,
            payload=invoke.payload,
            deadline_ms=self.deadline // MILLISECOND,
            function_arn=invoke.function_arn,
            trace_id=invoke.trace_id,
            client_context=invoke.client_context,
        )

    def for_extensions(self) -> bytes:
        """As extensions are given it: without its payload."""
        invoke = self.invoke
        deadline_ms = self.deadline // MILLISECOND
        return invoke_event(invoke.request_id, invoke.function_arn, invoke.trace_id, deadline_ms)

    def started(self, version: str) -> PlatformEvent:
        return records.start(self.invoke.request_id, version, self.invoke.trace_id)

    def runtime_done(self, outcome: Outcome | None, produced_bytes: int, now: Instant) -> PlatformEvent:
        """`outcome` None: it succeeded."""
        invoke, took = self.invoke, self.took(now)
        return records.runtime_done(
            invoke.request_id, verdict(outcome), took, produced_bytes, invoke.trace_id
        )

    def report(self, outcome: Outcome | None, memory_mib: int, most_mib: int, now: Instant) -> PlatformEvent:
        """`most_mib` is what was used of `memory_mib`."""
        used = Used(self.took(now), self.init, memory_mib, most_mib, self.restore)
        return records.report(self.invoke.request_id, verdict(outcome), used, self.invoke.trace_id)

    def result(self, said: Told, tail: bytes, most_mib: int, now: Instant) -> InvokeResult:
        """What the caller gets, of an environment that takes another event."""
        return InvokeResult(
            request_id=self.invoke.request_id,
            unit_id=self.invoke.unit_id,
            payload=said.payload,
            error=said.error,
            log_tail=tail if self.invoke.tail else b"",
            duration_ns=self.took(now),
            init_ns=self.init,
            memory_used_mib=most_mib,
        )
