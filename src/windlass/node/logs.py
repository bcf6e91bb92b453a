"""Output of containers on its way to the plane: gathered, bounded, never lost.

Lines are gathered per stream and handed to the outbox FLUSH_AFTER after the first of them, or at
FLUSH_BYTES. What is gathered or not yet durable in the plane counts as held; a stream that holds
STREAM_BYTES_MAX, or a node that holds NODE_BYTES_MAX, has no room, and output.py stops reading the pipe
until half of it is gone. So a plane that is away for long stalls those who write much, and nobody else.
Known gap: what is held is lost with the agent's process.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

import msgspec

from windlass.fleet.messages import LogOptions, LogTarget
from windlass.kernel.clock import MILLISECOND, SECOND, Duration, Instant
from windlass.kernel.linear_regex import BadRegex
from windlass.node.log_buffer import Allowance, BufferedStream
from windlass.node.outbox import Outbox
from windlass.node.runner import LINE_BY_LINE, LogStream

FLUSH_AFTER: Duration = 100 * MILLISECOND
FLUSH_BYTES = 256 * 1024
"""A message of that size goes at once. One message holds at most this and one read (output.py)."""
STREAM_BYTES_MAX = 4 * 2**20
NODE_BYTES_MAX = 64 * 2**20
LINE_COST = 100
"""Bytes that a line costs beside its text: the string's and the tuple's headers."""

log = logging.getLogger("windlass.agent")


class Logs:
    """All output of this node."""

    def __init__(self, loop: asyncio.AbstractEventLoop, outbox: Outbox) -> None:
        self._loop = loop
        self.outbox = outbox
        self._gathering: dict[Stream, None] = {}
        self._timer: asyncio.TimerHandle | None = None
        self.held = 0
        self._waiting: dict[Stream, None] = {}
        self._allowance = Allowance()

    def stream(self, target: LogTarget, options: LogOptions = LINE_BY_LINE) -> LogStream:
        """See runner.LogSink. A pattern that is none (the plane takes no such) leaves every line an event."""
        stream = Stream(self, target)
        if options == LINE_BY_LINE:
            return stream
        name = f"{target.group}:{target.stream}"
        try:
            return BufferedStream(self._loop, stream, options, self._allowance, name)
        except BadRegex as error:
            log.error("%s: no events of several lines: %s", name, error)
            options = msgspec.structs.replace(options, event_start="")
            return BufferedStream(self._loop, stream, options, self._allowance, name)

    def flush(self) -> None:
        """Hand everything gathered to the outbox."""
        for stream in list(self._gathering):
            stream.flush()

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def gathers(self, stream: Stream) -> None:
        """A stream has its first line since its last flush."""
        self._gathering[stream] = None
        if self._timer is None:
            self._timer = self._loop.call_later(FLUSH_AFTER / SECOND, self._due)

    def flushed(self, stream: Stream) -> None:
        self._gathering.pop(stream, None)

    def waits(self, stream: Stream) -> None:
        """A stream wants to know when there is room."""
        self._waiting[stream] = None

    def released(self, size: int) -> None:
        """The plane has taken so much. Wakes who waited, once half of what stopped them is gone."""
        self.held -= size
        if self._waiting and self.held <= NODE_BYTES_MAX // 2:
            for stream in [s for s in self._waiting if s.held <= STREAM_BYTES_MAX // 2]:
                del self._waiting[stream]
                stream.resume()

    def _due(self) -> None:
        self._timer = None
        self.flush()


class Stream:
    """One container's output: both of its pipes write here."""

    def __init__(self, logs: Logs, target: LogTarget) -> None:
        self._logs = logs
        self._target = target
        self._lines: list[tuple[int, str]] = []
        self._size = 0
        self.held = 0
        self._on_room: list[Callable[[], None]] = []

    def write(self, lines: Sequence[str], at: Instant) -> bool:
        """See runner.LogStream. Text counts as one byte a character: close enough for a bound."""
        kept = [(at, line) for line in lines if line]
        size = sum(map(len, lines)) + LINE_COST * len(kept)
        if kept:
            if not self._lines:
                self._logs.gathers(self)
            self._lines += kept
            self._size += size
            self.held += size
            self._logs.held += size
        if self._size >= FLUSH_BYTES:
            self.flush()
        return self.held < STREAM_BYTES_MAX and self._logs.held < NODE_BYTES_MAX

    def on_room(self, call: Callable[[], None]) -> None:
        self._on_room.append(call)
        self._logs.waits(self)

    def resume(self) -> None:
        """There is room: tell everybody who asked."""
        calls, self._on_room = self._on_room, []
        for call in calls:
            call()

    def flush(self) -> None:
        if not self._lines:
            return
        lines, size = tuple(self._lines), self._size
        self._lines, self._size = [], 0
        self._logs.flushed(self)
        self._logs.outbox.put_lines(self._target, lines, lambda: self._durable(size))

    def _durable(self, size: int) -> None:
        self.held -= size
        self._logs.released(size)
