"""The network between a simulated plane, its nodes and its proxies, with what goes wrong on it.

What a link promises (fleet/frames.py): whole messages, in order, until it breaks. So within a session
messages are late, each by a time of its own, or held up altogether, and arrive in order all the same; a
session may be gone for the node and not for the plane, so that what was on its way arrives beside the next
one's, or nowhere. Beyond that promise the messages in REPEATABLE may come again later, after newer ones:
their handlers say that an old one changes nothing. Those that ask for something to be done once (Invoke,
Prepare) or open a session never do: no TCP stream and no agent repeats them.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from windlass.fleet.frames import In, decode_from_node, decode_from_plane, encode
from windlass.fleet.messages import (
    Accepted,
    Ack,
    Beat,
    Desired,
    FromNode,
    FromPlane,
    InvokeResult,
    LogLines,
    Observed,
    SecretKept,
    SecurityGroups,
)
from windlass.kernel.clock import SECOND, Duration
from windlass.sim.loop import VirtualLoop

Sent = TypeVar("Sent")
REPEATABLE = (Accepted, Ack, Beat, Desired, InvokeResult, LogLines, Observed, SecretKept, SecurityGroups)
COPY_LATE: Duration = 3 * SECOND
"""A copy arrives up to so long after the message."""


@dataclass(slots=True)
class Line:
    """What the way between one node, or the proxies, and the plane is like, now."""

    delay: Duration = 0
    """Each message takes up to so long."""
    copies: float = 0.0
    """The share of messages that come again later."""
    held_until: Duration = 0
    """Nothing arrives before that (virtual nanoseconds since the loop was made)."""


class Way(Generic[Sent]):
    """One direction of one session: what is put here is delivered there, in order, in time."""

    def __init__(
        self,
        loop: VirtualLoop,
        line: Line,
        draw: random.Random,
        counts: Counter[str],
        deliver: Callable[[Sent], None],
    ) -> None:
        self._deliver = deliver
        self._loop = loop
        self._line = line
        self._draw = draw
        self._counts = counts
        self._under_way = 0
        self._last: Duration = 0
        """When the latest message arrives."""

    def put(self, frame: Sent, *, repeatable: bool = False) -> None:
        """On its way; None: the end of the session."""
        now, line = self._loop.elapsed, self._line
        late = self._draw.randrange(line.delay) if line.delay else 0
        at = max(now + late, line.held_until)
        if self._under_way:
            at = max(at, self._last + 1)
        if at > now:
            self._counts["message held up" if line.held_until > now else "message delayed"] += 1
            self._last = at
            self._under_way += 1
            self._loop.call_later((at - now) / SECOND, self._arrive, frame)
        else:
            self._deliver(frame)
        if repeatable and line.copies and self._draw.random() < line.copies:
            self._counts["message repeated"] += 1
            again = at - now + self._draw.randrange(COPY_LATE)
            self._loop.call_later(again / SECOND, self._deliver, frame)

    def _arrive(self, frame: Sent) -> None:
        self._under_way -= 1
        self._deliver(frame)


class NetTransport(Generic[In]):
    """One end of a session; implements frames.Transport."""

    def __init__(
        self, out: Way[bytes | None], into: asyncio.Queue[bytes | None], read: Callable[[bytes], In]
    ) -> None:
        self._out = out
        self._in = into
        self._read = read
        self._closed = False

    async def send(self, message: FromNode | FromPlane) -> None:
        if self._closed:
            raise ConnectionResetError("the session is over")
        self._out.put(encode(message), repeatable=isinstance(message, REPEATABLE))

    async def receive(self) -> In | None:
        frame = None if self._closed else await self._in.get()
        if frame is None:
            self.close()
            return None
        return self._read(frame)

    def close(self) -> None:
        """The peer hears of it, after all that is on its way."""
        if not self._closed:
            self._out.put(None)
            self.vanish()

    def vanish(self) -> None:
        """The peer does not hear of it: it has a session that nobody is at the other end of."""
        if not self._closed:
            self._closed = True
            self._in.put_nowait(None)


class Net:
    """All lines of a world. `counts`: what was done to messages, by kind."""

    def __init__(self, loop: VirtualLoop, draw: random.Random) -> None:
        self.lines: dict[str, Line] = {}
        self.counts: Counter[str] = Counter()
        self._loop = loop
        self._draw = draw

    def line(self, node_id: str) -> Line:
        return self.lines.setdefault(node_id, Line())

    def hold(self, node_id: str, duration: Duration) -> None:
        """Nothing passes that node's line for so long, then all of it does."""
        self.line(node_id).held_until = self._loop.elapsed + duration

    def calm(self) -> None:
        """All is well from now on; what is on its way is."""
        for line in self.lines.values():
            line.delay, line.copies = 0, 0.0
            line.held_until = min(line.held_until, self._loop.elapsed)

    def pair(self, node_id: str) -> tuple[NetTransport[FromNode], NetTransport[FromPlane]]:
        """The plane's end and the node's end of a new session."""
        plane: asyncio.Queue[bytes | None] = asyncio.Queue()
        node: asyncio.Queue[bytes | None] = asyncio.Queue()
        there, back = self.way(node_id, node.put_nowait), self.way(node_id, plane.put_nowait)
        return NetTransport(there, plane, decode_from_node), NetTransport(back, node, decode_from_plane)

    def way(self, line: str, deliver: Callable[[Sent], None]) -> Way[Sent]:
        """One direction of a new session on that line."""
        return Way(self._loop, self.line(line), self._draw, self.counts, deliver)
