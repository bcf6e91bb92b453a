"""Parked receivers: long polls that wait for a message, woken in the order in which they came.

Decides whom to wake and when; takes nothing. A woken receiver takes its messages itself, in one transaction
just before it returns, so that one who went away loses none. One baton per queue: only the longest-parked
receiver is woken, and as it leaves the next is, if there is something left. One alarm per queue, for the
next message that becomes visible by time alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from windlass.kernel.alarm import Alarm
from windlass.kernel.clock import Clock, Instant
from windlass.kernel.store import Change, Store
from windlass.services.sqs.contents import due_after, is_due
from windlass.services.sqs.model import MESSAGES, QUEUES, Queue, QueueKey


class Seat:
    """One parked receiver's place in the line."""

    def __init__(self, room: Waiting, line: _Line, until: Instant) -> None:
        self._room = room
        self._line = line
        self._until = until
        self._alarm = Alarm(room.clock, self.wake)
        self._woken: asyncio.Future[None] | None = None

    @property
    def called(self) -> bool:
        """Whether it was woken and has not looked yet."""
        return self._woken is not None and self._woken.done()

    async def wait(self) -> Instant:
        """Return when there may be something, or the time is up; gives the time then.

        What came after the receiver had looked and before it sat down has woken nobody: that is looked for
        at the first wait. Later waits do not, for what is due may not be had (too much is in flight).
        """
        sat = self._woken is not None
        self._woken = asyncio.get_running_loop().create_future()
        self._alarm.set(self._until)
        if sat:
            self._room.arm(self._line)
        else:
            self._room.look(self._line)
        await self._woken
        return self._room.clock.now()

    def wake(self) -> None:
        if self._woken is not None and not self._woken.done():
            self._woken.set_result(None)

    def leave(self) -> None:
        self._alarm.set(None)


@dataclass(slots=True, eq=False)
class _Line:
    """The receivers of one queue, longest-parked first."""

    queue: QueueKey
    id: str
    """The queue's present id: PurgeQueue gives it another."""
    alarm: Alarm
    seats: dict[Seat, None] = field(default_factory=dict)


class Waiting:
    """The waiting room of all queues."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self.clock = clock
        self._store = store
        self._lines: dict[QueueKey, _Line] = {}
        self._by_id: dict[str, _Line] = {}
        store.watch((MESSAGES,), self._moved)
        store.watch((QUEUES,), self._queue_changed)

    def parked(self, queue: QueueKey) -> int:
        """How many wait there: for the console, and for tests that need a receiver to be parked."""
        line = self._lines.get(queue)
        return 0 if line is None else len(line.seats)

    @contextmanager
    def seat(self, queue: Queue, until: Instant) -> Iterator[Seat]:
        """A place at the end of the queue's line; whoever leaves passes the baton on."""
        line = self._lines.get(queue.key)
        if line is None:
            line = self._open(queue)
        seat = Seat(self, line, until)
        line.seats[seat] = None
        try:
            yield seat
        finally:
            seat.leave()
            del line.seats[seat]
            if line.seats:
                self.look(line)
            else:
                self._close(line)

    def arm(self, line: _Line) -> None:
        """Set the alarm to the next message that time alone makes visible."""
        queue = self._store[QUEUES].get(line.queue)
        line.alarm.set(None if queue is None else due_after(self._store, queue, self.clock.now()))

    def look(self, line: _Line) -> None:
        """Wake the front receiver if there is something for it; else set the alarm."""
        front = next(iter(line.seats), None)
        if front is None or front.called:
            return
        queue = self._store[QUEUES].get(line.queue)
        if queue is None or is_due(self._store, queue, self.clock.now()):
            front.wake()
        else:
            self.arm(line)

    def _moved(self, change: Change) -> None:
        line = self._by_id.get((change.new or change.old).queue)
        if line is not None:
            self.look(line)

    def _queue_changed(self, change: Change) -> None:
        """Purged (another id), deleted, or other attributes: every parked receiver looks again."""
        line = self._lines.get((change.new or change.old).key)
        if line is None:
            return
        if change.new is not None and change.new.id != line.id:
            del self._by_id[line.id]
            line.id = change.new.id
            self._by_id[line.id] = line
        for seat in line.seats:
            seat.wake()

    def _open(self, queue: Queue) -> _Line:
        line = _Line(queue.key, queue.id, Alarm(self.clock, lambda: self.look(line)))
        self._lines[queue.key] = self._by_id[queue.id] = line
        return line

    def _close(self, line: _Line) -> None:
        line.alarm.set(None)
        del self._lines[line.queue], self._by_id[line.id]
