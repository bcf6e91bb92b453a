"""A response that comes in pieces, on its way through the plane: from the node's session to whoever reads it.

The session puts pieces in, the reader takes them out, and the session tells the node how much room there is
again. So what is in here never exceeds the node's window (function_messages.py). Knows neither sockets nor
functions.
"""

from __future__ import annotations

import asyncio
from collections import deque

from windlass.fleet.function_messages import InvokeChunk


class Chunks:
    """The pieces of one response. One session puts, one reader takes."""

    def __init__(self) -> None:
        self._pieces: deque[bytes] = deque()
        self._arrived = asyncio.Event()
        self._over = False
        self._taken = 0
        self.content_type = ""
        self.begun = False
        """Whether a piece came: the response is a streamed one."""
        self.refused = False
        """Nobody reads any more."""
        self.room = asyncio.Event()
        """Set when the node should be told: of what was taken, or that nobody reads."""

    # the session's end

    def put(self, chunk: InvokeChunk) -> None:
        """A piece came."""
        if self.refused:
            return
        if not self.begun:
            self.begun, self.content_type = True, chunk.content_type
        self._pieces.append(chunk.data)
        self._arrived.set()

    def collect(self) -> int | None:
        """How many bytes were taken since it was asked last, None for none; 0: nobody reads."""
        taken, self._taken = self._taken, 0
        return 0 if self.refused else taken or None

    # the reader's end

    def end(self) -> None:
        """No more will come."""
        self._over = True
        self._arrived.set()

    async def arrival(self) -> None:
        """Return when there is a piece to take, or the end."""
        await self._arrived.wait()

    async def take(self) -> bytes | None:
        """The next piece; None at the end."""
        while not self._pieces:
            if self._over or self.refused:
                return None
            self._arrived.clear()
            await self._arrived.wait()
        piece = self._pieces.popleft()
        self._taken += len(piece)
        self.room.set()
        return piece

    def refuse(self) -> None:
        """Read no more; the function goes on, and what it says is thrown away."""
        self.refused = True
        self._pieces.clear()
        self.room.set()
