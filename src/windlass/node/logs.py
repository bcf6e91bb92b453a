"""Output of containers on its way to the plane: gathered, bounded, never lost.

Lines are gathered per stream and handed to the outbox FLUSH_AFTER after the first of them, or at
FLUSH_BYTES. What is gathered or not yet durable in the plane counts as held; a stream that holds
STREAM_BYTES_MAX, or a node that holds NODE_BYTES_MAX, has no room, and output.py stops reading the pipe
until half of it is gone. So a plane that is away for long stalls those who write much, and nobody else.
As it came out of the pipes it is in the spool until the plane has it, so that the next agent can send it.
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
from windlass.node.output import Intake
from windlass.node.runner import LINE_BY_LINE, LogStream, Tap
from windlass.node.spool import NoSpool, Spool
from windlass.node.taps import LineTap, PipeTap, Reads

FLUSH_AFTER: Duration = 100 * MILLISECOND
FLUSH_BYTES = 256 * 1024
"""A message of that size goes at once. One message holds at most this and one read (output.py)."""
STREAM_BYTES_MAX = 4 * 2**20
NODE_BYTES_MAX = 64 * 2**20
SPOOLED_PER_HELD = 4
"""Bytes in the spool for each that is held, at most: a character counts as one there, and is up to four."""
LINE_COST = 100
"""Bytes that a line costs beside its text: the string's and the tuple's headers."""

log = logging.getLogger("windlass.agent")


class Logs:
    """All output of this node."""

    def __init__(self, loop: asyncio.AbstractEventLoop, outbox: Outbox) -> None:
        self._loop = loop
        self.outbox = outbox
        self.spool: Spool = NoSpool()
        """Set before the first stream is made."""
        self._gathering: dict[Stream, None] = {}
        self._timer: asyncio.TimerHandle | None = None
        self.held = 0
        self._waiting: dict[Stream, None] = {}
        self._allowance = Allowance()

    def stream(self, target: LogTarget, options: LogOptions = LINE_BY_LINE) -> LogStream:
        """See runner.LogSink. A pattern that is none (the plane takes no such) leaves every line an event."""
        stream = Stream(self, target, options)
        if options == LINE_BY_LINE:
            return stream
        name = f"{target.group}:{target.stream}"
        try:
            return BufferedStream(self._loop, stream, options, self._allowance, name)
        except BadRegex as error:
            log.error("%s: no events of several lines: %s", name, error)
            options = msgspec.structs.replace(options, event_start="")
            return BufferedStream(self._loop, stream, options, self._allowance, name)

    def settle(self) -> None:
        """Send what an agent before this one took from pipes that nobody reads any more."""
        for last in self.spool.unclaimed():
            stream = self.stream(last.target, last.options)
            Intake(stream, last.pipe).end(last.at)
            stream.flush()

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

    def __init__(self, logs: Logs, target: LogTarget, options: LogOptions) -> None:
        self._logs = logs
        self._target = target
        self._reads = Reads(logs.spool, target, options, STREAM_BYTES_MAX * SPOOLED_PER_HELD)
        self._lines: list[tuple[int, str]] = []
        self._size = 0
        self.held = 0
        self._on_room: list[Callable[[], None]] = []

    def tap(self, pipe: int) -> Tap:
        return PipeTap(self._reads, pipe) if pipe else LineTap(self._reads)

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
        elif not self.held:
            self._reads.forget(self._reads.covered)
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
        lines, size, covered = tuple(self._lines), self._size, self._reads.covered
        self._lines, self._size = [], 0
        self._logs.flushed(self)
        self._logs.outbox.put_lines(self._target, lines, lambda: self._durable(size, covered))

    def _durable(self, size: int, covered: int) -> None:
        self._reads.forget(covered)
        self.held -= size
        self._logs.released(size)
