"""What the platform itself writes into a function's log, and the payloads of failures that it detects.

Pure: text from numbers. Wording is AWS's "new style" (recorded in late 2025): the status of a failed
invocation stands in its REPORT line. docs/aws/lambda.md section "Logs".
Known gap: no JSON log format; the INIT_START line's runtime version ARN names our interpreter.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from windlass.kernel.clock import MILLISECOND, Duration

LOG_TAIL_BYTES_MAX = 4096
"""Bytes of log in X-Amz-Log-Result; Lambda API, Invoke."""


@dataclass(frozen=True, slots=True)
class Restore:
    """How long an environment took to go on from a snapshot; `own` is the runtime's part, hooks included."""

    took: Duration = 0
    own: Duration = 0

    @property
    def billed_ms(self) -> int:
        """Only the runtime's part is: Lambda developer guide, "Monitoring for Lambda SnapStart"."""
        return -(-self.own // MILLISECOND)


def init_start(runtime: str, notice: str = "", phase: str = "init") -> str:
    """`runtime` is what runs, "python:3.11.7"; `notice` what the function's owner should know of that."""
    line = f"{phase.upper()}_START Runtime Version: {runtime}\tRuntime Version ARN: windlass:{runtime}"
    return f"{line}\t{notice}" if notice else line


def init_report(init: Duration, phase: str, status: str) -> str:
    """Of one that failed, or that came ahead of events: "success", "timeout", or "error" and its type."""
    return f"INIT_REPORT Init Duration: {_ms(init)} ms\tPhase: {phase}\tStatus: {status}"


def restore_report(took: Duration, status: str) -> str:
    """`status` is told if it is no success; how AWS tells it is unverified."""
    line = f"RESTORE_REPORT Restore Duration: {_ms(took)} ms"
    return line if status == "success" else f"{line}\tStatus: {status}"


def extension(name: str, state: str, events: Sequence[str], error_type: str) -> str:
    line = f"EXTENSION\tName: {name}\tState: {state}\tEvents: [{','.join(events)}]"
    return f"{line}\tError Type: {error_type}" if error_type else line


def subscription(api: str, name: str, types: Sequence[str]) -> str:
    """`types` as the subscriber gave them: "platform" is written Platform."""
    shown = ", ".join(kind.capitalize() for kind in types)
    return f"{api.upper()}\tName: {name}\tState: Subscribed\tTypes: [{shown}]"


def billed_ms(duration: Duration, init: Duration, restore: Restore) -> int:
    """Whole milliseconds, rounded up, with the initialisation (since 2025-08) and a restore's own part."""
    return -(-(duration + init) // MILLISECOND) + restore.billed_ms


def start(request_id: str, version: str) -> str:
    return f"START RequestId: {request_id} Version: {version}"


def end(request_id: str) -> str:
    return f"END RequestId: {request_id}"


def report(
    request_id: str,
    duration: Duration,
    init: Duration,
    memory_mib: int,
    used_mib: int,
    status: str = "",
    restore: Restore = Restore(),
) -> str:
    """The REPORT line.

    `init` is 0 on a warm start, `status` empty for success and for errors that the handler raised.
    """
    fields = [
        f"REPORT RequestId: {request_id}",
        f"Duration: {_ms(duration)} ms",
        f"Billed Duration: {billed_ms(duration, init, restore)} ms",
        f"Memory Size: {memory_mib} MB",
        f"Max Memory Used: {used_mib} MB",
    ]
    if init:
        fields.append(f"Init Duration: {_ms(init)} ms")
    if restore.took:
        fields.append(f"Restore Duration: {_ms(restore.took)} ms")
        fields.append(f"Billed Restore Duration: {restore.billed_ms} ms")
    if status:
        fields.append(f"Status: {status}")
    return "\t".join(fields) + "\t"


def timed_out(request_id: str, timeout_s: float) -> bytes:
    return sandbox_fault(
        "Sandbox.Timedout", f"RequestId: {request_id} Error: Task timed out after {timeout_s:.2f} seconds"
    )


def exited(request_id: str, code: int) -> bytes:
    """`code` is the exit status, 128 + n for signal n.

    >>> exited("r", 137)[-50:]
    b'Error: Runtime exited with error: signal: killed"}'
    """
    return sandbox_fault("Runtime.ExitError", f"RequestId: {request_id} Error: {exit_reason(code)}")


def exit_reason(code: int) -> str:
    """Why a runtime ended, for people."""
    if code == 0:
        return "Runtime exited without providing a reason"
    return f"Runtime exited with error: {exit_status(code)}"


def exit_status(code: int) -> str:
    """A status over 128 is taken for a signal: a program that exits with such a status itself is rare."""
    if code <= _SIGNAL_BASE:
        return f"exit status {code}" if code else "exit code 0"
    number = code - _SIGNAL_BASE
    return f"signal: {_SIGNALS.get(number, number)}"


def sandbox_fault(error_type: str, message: str) -> bytes:
    fields = {"errorType": error_type, "errorMessage": message}
    return json.dumps(fields, separators=(",", ":"), ensure_ascii=False).encode()


def _ms(duration: Duration) -> str:
    return f"{duration / MILLISECOND:.2f}"


_SIGNAL_BASE = 128
_SIGNALS = {
    4: "illegal instruction",
    6: "aborted",
    7: "bus error",
    8: "floating point exception",
    9: "killed",
    11: "segmentation fault",
    15: "terminated",
}
"""As the Go runtime of AWS's agent spells them."""
