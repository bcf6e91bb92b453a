"""What stands between a container's pipes and its log stream: events of several lines, and delivery modes.

Mode blocking (ECS LogConfiguration, mode): when the stream has no room the pipe is not read, and the task
waits in its write. Mode non-blocking: what the stream has no room for is kept here, up to max-buffer-size;
beyond that new events are lost, as in Docker (moby: daemon/logger/ring.go), and their number goes to the
agent's log. All buffers of a node together hold NODE_BUFFER_BYTES_MAX at most. Knows no pipe and no plane.
Known gap: what mode non-blocking keeps here is lost with the agent's process.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence

from windlass.fleet.messages import LogOptions
from windlass.kernel.clock import Instant
from windlass.node.multiline import Event, Events
from windlass.node.runner import LogStream, Tap

OPEN_EVENT_S_MAX = 5.0
"""Seconds that an event waits for more lines (moby's awslogs driver: batchPublishFrequency)."""
NODE_BUFFER_BYTES_MAX = 64 * 2**20
"""Bytes in all buffers of one node: ours. Beyond it a stream loses events before its own buffer is full."""
EVENT_COST = 100
"""Bytes that an event costs beside its text."""

log = logging.getLogger("windlass.agent")


class Allowance:
    """Bytes that the buffers of a node hold together."""

    def __init__(self, most: int = NODE_BUFFER_BYTES_MAX) -> None:
        self._most = most
        self.held = 0

    def take(self, size: int) -> bool:
        """Whether there is room for so much; then it is taken."""
        if self.held + size > self._most:
            return False
        self.held += size
        return True

    def give_back(self, size: int) -> None:
        self.held -= size


class BufferedStream:
    """Implements runner.LogStream before another one. `name` is for the agent's log. Raises BadRegex."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        stream: LogStream,
        options: LogOptions,
        allowance: Allowance,
        name: str,
    ) -> None:
        self._loop = loop
        self._stream = stream
        self._options = options
        self._allowance = allowance
        self._name = name
        self._events = Events(options.event_start) if options.event_start else None
        self._tap = stream.tap(0)
        self._timer: asyncio.TimerHandle | None = None
        self._kept: deque[Event] = deque()
        self._size = 0
        self._full = False
        self._lost = 0

    def write(self, lines: Sequence[str], at: Instant) -> bool:
        """See runner.LogStream. Mode non-blocking always has room for more."""
        if self._events is None:
            return self._deliver([(at, line) for line in lines if line])
        done = self._events.feed(lines, at)
        if self._events.began_at and self._timer is None:
            self._timer = self._loop.call_later(OPEN_EVENT_S_MAX, self._end_event)
        self._tap.passes(bool(done), bool(self._events.began_at))
        return self._deliver(done)

    def tap(self, pipe: int) -> Tap:
        return self._stream.tap(pipe)

    def on_room(self, call: Callable[[], None]) -> None:
        self._stream.on_room(call)

    def flush(self) -> None:
        """The open event ends; what is kept goes to the stream, room or not: a container has ended."""
        self._end_event()
        self._hand_over()
        self._tell_lost()
        self._stream.flush()

    def _end_event(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._events is not None:
            self._tap.passes(True, False)
            self._deliver(self._events.rest())

    def _deliver(self, events: Sequence[Event]) -> bool:
        """Whether whoever writes may go on."""
        if self._options.blocking:
            return self._write(events)
        if not self._full:
            self._wait_for_room(self._write(events))
            return True
        for event in events:
            self._keep(event)
        return True

    def _keep(self, event: Event) -> None:
        size = len(event[1]) + EVENT_COST
        room = self._size + size <= self._options.buffer_bytes or not self._kept
        if not (room and self._allowance.take(size)):
            self._lost += 1
            return
        self._kept.append(event)
        self._size += size

    def _resume(self) -> None:
        """The stream has room again."""
        self._full = False
        while self._kept and not self._full:
            self._wait_for_room(self._write([self._next()]))
        if not self._full:
            self._tell_lost()

    def _wait_for_room(self, room: bool) -> None:
        if not room and not self._full:
            self._full = True
            self._stream.on_room(self._resume)

    def _hand_over(self) -> None:
        self._write([self._next() for _ in range(len(self._kept))])

    def _next(self) -> Event:
        event = self._kept.popleft()
        size = len(event[1]) + EVENT_COST
        self._size -= size
        self._allowance.give_back(size)
        return event

    def _write(self, events: Sequence[Event]) -> bool:
        """To the stream; events of one instant together."""
        room = True
        start = 0
        for end in range(1, len(events) + 1):
            if end == len(events) or events[end][0] != events[start][0]:
                room = self._stream.write([text for _, text in events[start:end]], events[start][0])
                start = end
        return room

    def _tell_lost(self) -> None:
        if self._lost:
            log.warning("%s: %d log events were lost, the buffer was full", self._name, self._lost)
            self._lost = 0
