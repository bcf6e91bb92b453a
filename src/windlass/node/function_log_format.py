"""The form of a function's log: text, or JSON with levels (LoggingConfig). Pure.

Lambda developer guide, "Log and event formats" and "Log-level filtering". Known gap: of what a program prints
only JSON objects with a `level` are filtered; a line of plain text is kept, as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from windlass.fleet.messages import FunctionSpec
from windlass.kernel.clock import Instant
from windlass.node.function_records import PlatformEvent, at, level

LEVELS = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")
_ALSO = {"WARNING": "WARN", "CRITICAL": "FATAL"}
"""Python's names."""


@dataclass(frozen=True, slots=True)
class LogFormat:
    """`application` and `system` are the lowest levels that are written; of text everything is."""

    json: bool = False
    application: str = "INFO"
    system: str = "INFO"

    def platform(self, event: PlatformEvent, now: Instant) -> tuple[str, ...]:
        """The lines that a platform event is written as."""
        if not self.json:
            return event.text
        if LEVELS.index(level(event)) < LEVELS.index(self.system):
            return ()
        record = {"time": at(now), "type": event.type, "record": event.record}
        return (msgspec.json.encode(record).decode(),)

    def record(self, line: str) -> object:
        """A line that a program wrote, as telemetry has it: of a JSON log an object, if it is one."""
        if not self.json or not line.startswith("{"):
            return line
        try:
            return msgspec.json.decode(line)
        except (msgspec.DecodeError, RecursionError):
            return line

    def keeps(self, line: str) -> bool:
        """Whether a line that a program wrote is written: not a JSON object of too low a level."""
        record = self.record(line)
        if not isinstance(record, Mapping):
            return True
        given = str(record.get("level", "INFO")).upper()
        given = _ALSO.get(given, given)
        return LEVELS.index(given if given in LEVELS else "INFO") >= LEVELS.index(self.application)


def format_of(function: FunctionSpec) -> LogFormat:
    """What the function's settings say; names that are none count as INFO."""
    given = dict(function.environment)
    if given.get("AWS_LAMBDA_LOG_FORMAT", "").upper() != "JSON":
        return LogFormat()
    application, system = given.get("AWS_LAMBDA_LOG_LEVEL", ""), function.system_log_level
    return LogFormat(
        json=True,
        application=application if application in LEVELS else "INFO",
        system=system if system in LEVELS else "INFO",
    )
