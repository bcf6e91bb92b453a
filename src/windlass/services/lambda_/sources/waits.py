"""Waits of one mapping's pollers, all of which can be ended early: by a change of the mapping, or its end.

An edge. What was waited for is not lost: a receive is only given up while it is parked, when it has taken
nothing yet.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Literal, TypeVar

from windlass.kernel.clock import SECOND, Clock, Instant

T = TypeVar("T")
Kind = Literal["idle", "gathering", "pause"]
"""Receives of pollers that have nothing yet, and of those that have part of a batch; mere passing of time."""


class Waits:
    """`end` those of a kind, or `recall` all; `turn` counts how often that was."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._open: dict[asyncio.Timeout, Kind] = {}
        self.turn = 0

    async def pause(self, at: Instant | None) -> None:
        """Return at that instant, None: never, or when it is ended."""
        await self._wait("pause", asyncio.get_running_loop().create_future(), at)

    async def receive(self, waiting: Awaitable[T], until: Instant | None) -> T | None:
        """What is waited for; None when it was ended, or at `until`, when the batch gathered so far goes."""
        return await self._wait("idle" if until is None else "gathering", waiting, until)

    def end(self, kind: Kind) -> None:
        now = asyncio.get_running_loop().time()
        for timeout, of in list(self._open.items()):
            if of == kind:
                del self._open[timeout]
                if not timeout.expired():  # else it ends by itself in this turn of the loop
                    timeout.reschedule(now)

    def recall(self) -> None:
        """End every wait; part of a batch goes as it is."""
        self.turn += 1
        for kind in ("idle", "gathering", "pause"):
            self.end(kind)

    async def _wait(self, kind: Kind, waiting: Awaitable[T], until: Instant | None) -> T | None:
        left = None if until is None else max(0, until - self._clock.now()) / SECOND
        timeout = asyncio.timeout(left)
        try:
            async with timeout:
                self._open[timeout] = kind
                return await waiting
        except TimeoutError:
            return None
        finally:
            self._open.pop(timeout, None)
