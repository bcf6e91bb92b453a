"""Time, as an argument.

An `Instant` is integer nanoseconds since the Unix epoch, a `Duration` integer nanoseconds. Only edges hold
a `Clock`; planners get `now`. The same `LoopClock` serves the real loop and the simulator's, because both
are asyncio loops: the simulator's loop merely has its own idea of `time()`.
"""

from __future__ import annotations

import asyncio
import time
from typing import Protocol, TypeAlias

Instant: TypeAlias = int
Duration: TypeAlias = int

MICROSECOND: Duration = 1_000
MILLISECOND: Duration = 1_000_000
SECOND: Duration = 1_000_000_000
MINUTE: Duration = 60 * SECOND
HOUR: Duration = 60 * MINUTE
DAY: Duration = 24 * HOUR

RECHECK: Duration = 30 * SECOND
"""Longest single timer: after a jump of the host's clock a sleeper notices within this time."""


def seconds(value: float) -> Duration:
    """Nanoseconds in so many seconds. `seconds(0.5)` → 500_000_000."""
    return round(value * SECOND)


def in_seconds(value: Duration) -> float:
    """The other way, for AWS formats and people."""
    return value / SECOND


class Clock(Protocol):
    """What an edge may ask of time."""

    def now(self) -> Instant: ...

    async def sleep_until(self, at: Instant) -> None: ...


class WallClock:
    """The host's clock on the running asyncio loop."""

    def now(self) -> Instant:
        return time.time_ns()

    async def sleep_until(self, at: Instant) -> None:
        """Return at or after `at`; re-reads the clock, so that a jump of it is noticed."""
        while (left := at - self.now()) > 0:  # noqa: ASYNC110 (time itself is what is waited for)
            await asyncio.sleep(min(left, RECHECK) / SECOND)


class LoopClock:
    """Time as the loop tells it: the simulator's clock. `epoch` is the instant of loop time zero."""

    def __init__(self, loop: asyncio.AbstractEventLoop, epoch: Instant) -> None:
        self._loop = loop
        self._epoch = epoch

    def now(self) -> Instant:
        return self._epoch + round(self._loop.time() * SECOND)

    async def sleep_until(self, at: Instant) -> None:
        await asyncio.sleep(max(0, at - self.now()) / SECOND)
