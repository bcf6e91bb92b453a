"""How long a peer may be silent: one timer for a session, whatever it says.

A timeout around each `receive` would cost more than what is received. Here a message costs a look at the
loop's time, and the timer, when it is due, is set again for as long as the peer may still be silent. Knows
neither messages nor transports.
"""

from __future__ import annotations

import asyncio
from types import TracebackType

from windlass.kernel.clock import RESOLUTION_S, SECOND, Duration


class Lease:
    """`async with Lease(…) as lease`: raises TimeoutError in there once nothing was `heard()` for so long."""

    def __init__(self, length: Duration) -> None:
        self.deaf = False
        """Nobody listens to the peer just now: that is not its silence."""
        self._length_s = length / SECOND
        self._loop = asyncio.get_running_loop()
        self._limit = asyncio.timeout(None)
        self._heard_at = self._loop.time()
        self._timer = self._loop.call_later(self._length_s, self._look)

    def heard(self) -> None:
        """The peer is there."""
        self._heard_at = self._loop.time()

    async def __aenter__(self) -> Lease:
        await self._limit.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        await self._limit.__aexit__(kind, error, trace)

    def _look(self) -> None:
        if self.deaf:
            self.heard()
        left = self._heard_at + self._length_s - self._loop.time()
        if left > RESOLUTION_S:
            self._timer = self._loop.call_later(left, self._look)
        else:
            self._limit.reschedule(self._loop.time())
