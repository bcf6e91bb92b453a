"""Waits of one mapping's pollers, all of which can be ended early: by a change of the mapping, or its end.

An edge. What was waited for is not lost: a receive is only given up while it is parked, when it has taken
nothing yet.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from windlass.kernel.clock import SECOND, Clock, Instant

T = TypeVar("T")


class Waits:
    """`recall()` ends all that there are; `turn` counts how often that was."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._open: dict[asyncio.Timeout, None] = {}
        self.turn = 0

    async def until(self, at: Instant | None) -> None:
        """Return at that instant, None: never, or when recalled."""
        await self.parked(asyncio.get_running_loop().create_future(), at)

    async def parked(self, waiting: Awaitable[T], at: Instant | None) -> T | None:
        """What is waited for; None when it was given up, at that instant or because it was recalled."""
        left = None if at is None else max(0, at - self._clock.now()) / SECOND
        timeout = asyncio.timeout(left)
        try:
            async with timeout:
                self._open[timeout] = None
                return await waiting
        except TimeoutError:
            return None
        finally:
            self._open.pop(timeout, None)

    def recall(self) -> None:
        """End every wait."""
        self.turn += 1
        now = asyncio.get_running_loop().time()
        for timeout in list(self._open):
            timeout.reschedule(now)
        self._open.clear()
