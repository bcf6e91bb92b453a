"""What came of an initialisation or an event, and what the caller and the REPORT line say of it.

Pure. Wording and error types are AWS's (docs/aws/lambda.md). Must not know processes, time or the wire.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from windlass.fleet.function_messages import INIT_FAILURE, INIT_TIMEOUT, RESTORE_FAILURE, RESTORE_TIMEOUT
from windlass.fleet.messages import ENVIRONMENT_GONE, FunctionSpec, Invoke, InvokeResult
from windlass.node import function_lines as lines
from windlass.node.function_records import Verdict

UNHANDLED = "Unhandled"
"""X-Amz-Function-Error; the only value in recent recordings."""


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


@dataclass(frozen=True, slots=True)
class SandboxFailed:
    """A program could not be started, or an extension ended; `why` goes into the caller's error."""

    error_type: str
    why: str


Failure: TypeAlias = InitFailed | Exited | SandboxFailed | TimedOut
"""After which the environment is initialised again before it takes another event."""
Outcome: TypeAlias = Responded | Failed | Failure


@dataclass(frozen=True, slots=True)
class Told:
    """What the caller gets; `error` is X-Amz-Function-Error, "" for none."""

    payload: bytes
    error: str = ""


def told(request_id: str, outcome: Outcome, timeout_s: float) -> Told:
    """What the caller is told of an event with that outcome; `timeout_s` is the function's."""
    match outcome:
        case Responded(payload):
            return Told(payload)
        case Failed(payload) | InitFailed(payload):
            return Told(payload, UNHANDLED)
        case Exited(code):
            return Told(lines.exited(request_id, code), UNHANDLED)
        case SandboxFailed(error_type, why):
            fault = lines.sandbox_fault(error_type, f"RequestId: {request_id} Error: {why}")
            return Told(fault, UNHANDLED)
        case TimedOut():
            return Told(lines.timed_out(request_id, timeout_s), UNHANDLED)


def verdict(outcome: Outcome | None) -> Verdict:
    """What the log says of it. A handler's error is none of the platform's; None is success."""
    match outcome:
        case InitFailed(_, error_type) | SandboxFailed(error_type):
            return Verdict("error", error_type)
        case Exited():
            return Verdict("error", "Runtime.ExitError")
        case TimedOut():
            return Verdict("timeout")
        case _:
            return Verdict()


def why_not_begun(failure: Failure, function: FunctionSpec, *, restored: bool) -> str:
    """Why an environment ends that was to be ready before its first event; see function_messages.py."""
    late = isinstance(failure, TimedOut)
    if function.ahead:
        return INIT_FAILURE
    if isinstance(failure, SandboxFailed):
        return failure.why
    if restored:
        return RESTORE_TIMEOUT if late else RESTORE_FAILURE
    return INIT_TIMEOUT if late else INIT_FAILURE


def gone(invoke: Invoke) -> InvokeResult:
    """The event was not delivered: there is no such environment any more. Safe to give to another."""
    return InvokeResult(
        request_id=invoke.request_id,
        unit_id=invoke.unit_id,
        payload=b"",
        error=ENVIRONMENT_GONE,
        usable=False,
    )
