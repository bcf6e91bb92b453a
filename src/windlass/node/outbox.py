"""What the node has to tell the plane, in order, until the plane has made it durable.

A message gets its number when it is first sent; the numbers go on from the highest that the plane knew
when this agent first spoke to it. After a reconnect everything that was not acknowledged is sent again
under its old number. Knows nothing of sockets and units. Its size is bounded by those who put into it:
logs.py holds output back, and states of units not yet sent are merged.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from windlass.fleet.messages import LogLines, LogTarget, Observed, UnitState

Done = Callable[[], None]


@dataclass(slots=True)
class _States:
    """States waiting for their number; a newer one of a unit takes the place of the older."""

    units: dict[str, UnitState] = field(default_factory=dict)

    def message(self, number: int) -> Observed:
        return Observed(number, tuple(self.units.values()))

    def done(self) -> None:
        """Nobody waits for it."""


@dataclass(slots=True)
class _Output:
    """Log lines waiting for their number, and who is to be told when they are durable."""

    target: LogTarget
    lines: tuple[tuple[int, str], ...]
    done: Done

    def message(self, number: int) -> LogLines:
        return LogLines(number, self.target, self.lines)


class Outbox:
    """`put_states` and `put_lines` in; `take` and `acknowledge` on the way out."""

    def __init__(self) -> None:
        self._number: int | None = None
        self._unacknowledged: deque[tuple[int, _States | _Output]] = deque()
        self._unsent: deque[_States | _Output] = deque()
        self._resend: deque[tuple[int, _States | _Output]] = deque()
        self.woken = asyncio.Event()
        """Set when there is something to take."""
        self._emptied: list[asyncio.Future[None]] = []

    def __len__(self) -> int:
        """Messages that are not acknowledged, sent or not."""
        return len(self._unacknowledged) + len(self._unsent)

    def put_states(self, states: Iterable[UnitState]) -> None:
        """Report these states; they follow all output put in before."""
        if not (self._unsent and isinstance(self._unsent[-1], _States)):
            self._unsent.append(_States())
        tail = self._unsent[-1]
        assert isinstance(tail, _States)
        for state in states:
            tail.units.pop(state.unit_id, None)
            tail.units[state.unit_id] = state
        self.woken.set()

    def put_lines(self, target: LogTarget, lines: tuple[tuple[int, str], ...], done: Done) -> None:
        """Send this output; `done` is called when the plane has it."""
        self._unsent.append(_Output(target, lines, done))
        self.woken.set()

    def begin(self, known: int) -> None:
        """A session began with a plane that has everything up to `known`: drop that, send the rest again."""
        if self._number is None:
            self._number = known
        self.acknowledge(known)
        self._number = max(self._number, known)
        self._resend = deque(self._unacknowledged)
        self.woken.set()

    def take(self) -> Observed | LogLines | None:
        """The next message to send; None when all is sent. Only after `begin`."""
        assert self._number is not None, "no session has begun"
        if self._resend:
            number, entry = self._resend.popleft()
            return entry.message(number)
        if not self._unsent:
            return None
        entry = self._unsent.popleft()
        self._number += 1
        self._unacknowledged.append((self._number, entry))
        return entry.message(self._number)

    def acknowledge(self, number: int) -> None:
        """The plane has everything up to `number`. A late or doubled acknowledgement changes nothing."""
        while self._resend and self._resend[0][0] <= number:
            self._resend.popleft()
        while self._unacknowledged and self._unacknowledged[0][0] <= number:
            self._unacknowledged.popleft()[1].done()
        if not len(self):
            for waiter in self._emptied:
                if not waiter.done():
                    waiter.set_result(None)
            self._emptied.clear()

    async def empty(self) -> None:
        """Return when everything is acknowledged."""
        if len(self):
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._emptied.append(waiter)
            await waiter
