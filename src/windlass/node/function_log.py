"""The log of one environment: what the platform, the function and its extensions say, in one order.

Every record goes to the function's log stream in the form that the function asked for, to the tail that a
caller may ask for, and to those who subscribed (the Telemetry API).
Must not know: processes, invocations, the wire.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, TypeAlias

from windlass.kernel.clock import Instant
from windlass.node.function_lines import LOG_TAIL_BYTES_MAX
from windlass.node.function_log_format import LogFormat
from windlass.node.function_records import PlatformEvent
from windlass.node.runner import LogStream

Source: TypeAlias = Literal["function", "extension"]
Subscriber: TypeAlias = Callable[[Instant, str, object], None]
"""Called with the time, the type ("platform.start", "function") and the record of everything that is said."""


class FunctionLog:
    """Writes to a log stream, if there is one. Lives on one loop."""

    def __init__(self, stream: LogStream | None, now: Callable[[], Instant], form: LogFormat) -> None:
        self._stream = stream
        self._now = now
        self._form = form
        self._tail = bytearray()
        self.subscribers: list[Subscriber] = []

    def platform(self, *events: PlatformEvent) -> None:
        """Write what the platform says, behind all that was written so far."""
        now = self._now()
        for event in events:
            self._write(self._form.platform(event, now), now)
            for subscriber in self.subscribers:
                subscriber(now, event.type, event.record)

    def lines(self, source: Source, lines: Sequence[str]) -> bool:
        """Write lines of a process; False: there is no room for more, see `on_room`."""
        now = self._now()
        for subscriber in self.subscribers:
            for line in lines:
                subscriber(now, source, self._form.record(line))
        kept = [line for line in lines if self._form.keeps(line)] if self._form.json else lines
        return self._write(kept, now)

    def on_room(self, call: Callable[[], None]) -> None:
        """Call this once when there is room again."""
        if self._stream is not None:
            self._stream.on_room(call)

    def flush(self) -> None:
        """Have what was written so far on its way before anything that is reported from now on."""
        if self._stream is not None:
            self._stream.flush()

    def clear_tail(self) -> None:
        self._tail.clear()

    def tail(self) -> bytes:
        """The last bytes of the log since `clear_tail`, at most LOG_TAIL_BYTES_MAX."""
        return bytes(self._tail[-LOG_TAIL_BYTES_MAX:])

    def _write(self, lines: Sequence[str], now: Instant) -> bool:
        if not lines:
            return True
        self._tail += ("\n".join(lines) + "\n").encode()
        if len(self._tail) > 4 * LOG_TAIL_BYTES_MAX:
            del self._tail[:-LOG_TAIL_BYTES_MAX]
        return self._stream is None or self._stream.write(lines, now)
