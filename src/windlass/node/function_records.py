"""What the platform has to say about an environment, each once as a record and as lines of text. Pure.

The records are those of the Telemetry API (schema 2022-12-13; Lambda developer guide, "Telemetry API event
schema reference"); the text is what the function's log gets. docs/aws/lambda.md section "Logs". Who gets
which is function_log.py's business.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias

from windlass.kernel.clock import MILLISECOND, SECOND, Duration, Instant
from windlass.node import function_lines as lines
from windlass.node.function_lines import Restore

InitPhase: TypeAlias = Literal["init", "invoke", "restore"]
"""When an initialisation runs; "invoke": again, inside the first event after a failure (suppressed init);

"restore": there is none, a snapshot goes on.
"""
Status: TypeAlias = Literal["success", "error", "timeout"]
Level: TypeAlias = Literal["DEBUG", "INFO", "WARN"]
InitKind: TypeAlias = Literal["on-demand", "provisioned-concurrency", "snap-start"]


@dataclass(frozen=True, slots=True)
class PlatformEvent:
    """One thing that happened. `text` are its lines in a log in text format; many have none."""

    type: str
    record: dict[str, Any]
    text: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """How an initialisation or an event went; `error_type` only with "error"."""

    status: Status = "success"
    error_type: str = ""

    @property
    def words(self) -> str:
        """As INIT_REPORT and REPORT say it."""
        return f"error\tError Type: {self.error_type}" if self.status == "error" else self.status

    @property
    def fields(self) -> dict[str, str]:
        return {"status": self.status, **({"errorType": self.error_type} if self.error_type else {})}


NO_RESTORE = Restore()


@dataclass(frozen=True, slots=True)
class Used:
    """What an event used, for its report. `init` and `restore` are 0 on a warm start; memory in MiB."""

    duration: Duration
    init: Duration
    memory_mib: int
    most_mib: int
    restore: Restore = NO_RESTORE


def kind(ahead: bool, snapshot: str = "") -> InitKind:
    """`ahead`: the environment was initialised before there was an event for it."""
    if snapshot:
        return "snap-start"
    return "provisioned-concurrency" if ahead else "on-demand"


def init_start(runtime: str, notice: str, phase: InitPhase, kind: InitKind) -> PlatformEvent:
    """`runtime` is what runs, `notice` what is to be said of that. Text only for the first initialisation,

    and not for a container image (`runtime` ""), whose version is its owner's business.
    """
    version = {"runtimeVersion": runtime, "runtimeVersionArn": f"windlass:{runtime}"}
    if phase == "restore":
        return PlatformEvent("platform.restoreStart", version, (lines.init_start(runtime, notice, phase),))
    record = {"initializationType": kind, "phase": phase, **version}
    text = (lines.init_start(runtime, notice),) if runtime and phase == "init" else ()
    return PlatformEvent("platform.initStart", record, text)


def init_runtime_done(phase: InitPhase, kind: InitKind, verdict: Verdict) -> PlatformEvent:
    """The runtime has asked for its first event, or never will."""
    if phase == "restore":
        return PlatformEvent("platform.restoreRuntimeDone", verdict.fields)
    record = {"initializationType": kind, "phase": phase, **verdict.fields}
    return PlatformEvent("platform.initRuntimeDone", record)


def init_report(phase: InitPhase, kind: InitKind, verdict: Verdict, duration: Duration) -> PlatformEvent:
    """The initialisation is over, extensions included. Text only for one that failed or came ahead."""
    if phase == "restore":
        metrics = {**verdict.fields, "metrics": {"durationMs": _ms(duration)}}
        return PlatformEvent(
            "platform.restoreReport", metrics, (lines.restore_report(duration, verdict.words),)
        )
    record = {
        "initializationType": kind,
        "phase": phase,
        **verdict.fields,
        "metrics": {"durationMs": _ms(duration)},
    }
    told = verdict.status != "success" or kind != "on-demand"
    text = (lines.init_report(duration, phase, verdict.words),) if told else ()
    return PlatformEvent("platform.initReport", record, text)


def start(request_id: str, version: str, trace_id: str) -> PlatformEvent:
    record = {"requestId": request_id, "version": version, **_tracing(trace_id)}
    return PlatformEvent("platform.start", record, (lines.start(request_id, version),))


def runtime_done(
    request_id: str, verdict: Verdict, duration: Duration, produced_bytes: int, trace_id: str
) -> PlatformEvent:
    """The runtime is ready for another event, or will not be; extensions may still be busy."""
    record = {
        "requestId": request_id,
        **verdict.fields,
        "metrics": {"durationMs": _ms(duration), "producedBytes": produced_bytes},
        **_tracing(trace_id),
    }
    return PlatformEvent("platform.runtimeDone", record)


def report(request_id: str, verdict: Verdict, used: Used, trace_id: str) -> PlatformEvent:
    """The event is over. Billed: whole milliseconds, rounded up, the initialisation included."""
    most = min(used.most_mib, used.memory_mib)
    metrics = {
        "durationMs": _ms(used.duration),
        "billedDurationMs": lines.billed_ms(used.duration, used.init, used.restore),
        "memorySizeMB": used.memory_mib,
        "maxMemoryUsedMB": most,
    }
    if used.init:
        metrics["initDurationMs"] = _ms(used.init)
    if used.restore.took:
        metrics["restoreDurationMs"] = _ms(used.restore.took)
        metrics["billedRestoreDurationMs"] = used.restore.billed_ms
    record = {"requestId": request_id, **verdict.fields, "metrics": metrics, **_tracing(trace_id)}
    text = lines.report(
        request_id,
        used.duration,
        used.init,
        used.memory_mib,
        most,
        "" if verdict.status == "success" else verdict.words,
        used.restore,
    )
    return PlatformEvent("platform.report", record, (lines.end(request_id), text))


def extension(name: str, state: str, events: Sequence[str], error_type: str = "") -> PlatformEvent:
    """How an extension's initialisation ended."""
    record = {"name": name, "state": state, "events": list(events)}
    if error_type:
        record["errorType"] = error_type
    return PlatformEvent("platform.extension", record, (lines.extension(name, state, events, error_type),))


def subscription(api: Literal["telemetry", "logs"], name: str, types: Sequence[str]) -> PlatformEvent:
    """An extension subscribed to telemetry by that API."""
    record = {"name": name, "state": "Subscribed", "types": list(types)}
    return PlatformEvent(f"platform.{api}Subscription", record, (lines.subscription(api, name, types),))


def logs_dropped(records: int, size: int) -> PlatformEvent:
    """A subscriber did not keep up: so many records and bytes were thrown away."""
    reason = "Consumer seems to have fallen behind as it has not acknowledged receipt of logs."
    record = {"droppedRecords": records, "droppedBytes": size, "reason": reason}
    return PlatformEvent("platform.logsDropped", record)


def level(event: PlatformEvent) -> Level:
    """Its system log level: Lambda developer guide, "Log-level filtering", system log level event mapping."""
    failed = event.record.get("status", "success") != "success"
    match event.type:
        case "platform.logsDropped":
            return "WARN"
        case (
            "platform.initRuntimeDone"
            | "platform.initReport"
            | "platform.runtimeDone"
            | "platform.restoreRuntimeDone"
            | "platform.restoreReport"
        ):
            return "WARN" if failed else "DEBUG"
        case "platform.extension":
            return "INFO" if event.record["state"] in ("Registered", "Ready") else "WARN"
        case _:
            return "WARN" if failed else "INFO"


def at(instant: Instant) -> str:
    """A record's time.

    >>> at(1_700_000_000_123_456_789)
    '2023-11-14T22:13:20.123Z'
    """
    whole = datetime.fromtimestamp(instant // SECOND, UTC)
    return f"{whole:%Y-%m-%dT%H:%M:%S}.{instant % SECOND // MILLISECOND:03d}Z"


def _tracing(trace_id: str) -> dict[str, dict[str, str]]:
    return {"tracing": {"type": "X-Amzn-Trace-Id", "value": trace_id}} if trace_id else {}


def _ms(duration: Duration) -> float:
    return round(duration / MILLISECOND, 3)
