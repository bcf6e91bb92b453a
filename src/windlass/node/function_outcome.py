"""What came of an initialisation or an event, and what the caller and the REPORT line say of it.

Pure. Wording and error types are AWS's (docs/aws/lambda.md). Must not know processes, time or the wire.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from windlass.fleet.messages import ENVIRONMENT_GONE, Invoke, InvokeResult
from windlass.node import function_lines as lines

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
class NotStarted:
    """The runtime could not be started at all; `why` goes into the caller's error."""

    error_type: str
    why: str


@dataclass(frozen=True, slots=True)
class Exited:
    """The process ended; 128 + n for signal n."""

    code: int


@dataclass(frozen=True, slots=True)
class TimedOut:
    pass


Outcome: TypeAlias = Ready | Responded | Failed | InitFailed | NotStarted | Exited | TimedOut


@dataclass(frozen=True, slots=True)
class Told:
    """What the caller gets (`error`: X-Amz-Function-Error), and the status in the REPORT line ("": none)."""

    payload: bytes
    error: str = ""
    status: str = ""


def told(request_id: str, outcome: Outcome, timeout_s: float) -> Told:
    """What is said of an event with that outcome; `timeout_s` is the function's."""
    match outcome:
        case Responded(payload):
            return Told(payload)
        case Failed(payload):
            return Told(payload, UNHANDLED)
        case InitFailed(payload, error_type):
            return Told(payload, UNHANDLED, f"error\tError Type: {error_type}")
        case NotStarted(error_type, why):
            payload = lines.sandbox_fault(error_type, f"RequestId: {request_id} Error: {why}")
            return Told(payload, UNHANDLED, f"error\tError Type: {error_type}")
        case Exited(code):
            return Told(lines.exited(request_id, code), UNHANDLED, "error\tError Type: Runtime.ExitError")
        case _:
            return Told(lines.timed_out(request_id, timeout_s), UNHANDLED, "timeout")


def init_status(outcome: Outcome) -> str:
    """The status in the INIT_REPORT line of an initialisation that is over."""
    match outcome:
        case InitFailed(_, error_type) | NotStarted(error_type, _):
            return f"error\tError Type: {error_type}"
        case Exited():
            return "error\tError Type: Runtime.ExitError"
        case TimedOut():
            return "timeout"
        case _:
            return "success"


def gone(invoke: Invoke) -> InvokeResult:
    """The event was not delivered: there is no such environment any more. Safe to give to another."""
    return InvokeResult(
        request_id=invoke.request_id,
        unit_id=invoke.unit_id,
        payload=b"",
        error=ENVIRONMENT_GONE,
        usable=False,
    )
