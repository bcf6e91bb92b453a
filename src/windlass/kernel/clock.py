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

RESOLUTION_S = 1e-9
"""No timer is more exact."""

JUMP_MIN: Duration = SECOND
"""Smaller steps do no harm to any timer."""


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

    async def sleep(self, duration: Duration) -> None:
        """For so long, however the clock is set meanwhile."""


class WallClock:
    """The host's clock on the running asyncio loop."""

    def now(self) -> Instant:
        return time.time_ns()

    async def sleep_until(self, at: Instant) -> None:
        """Return at or after `at`; re-reads the clock, so that a jump of it is noticed."""
        while (left := at - self.now()) > 0:  # noqa: ASYNC110 (time itself is what is waited for)
            await asyncio.sleep(min(left, RECHECK) / SECOND)

    async def sleep(self, duration: Duration) -> None:
        await asyncio.sleep(duration / SECOND)


class Jumps:
    """Finds out when a clock was set: by time that never jumps, the loop's."""

    def __init__(self, now: Instant, loop_s: float) -> None:
        self._difference = now - seconds(loop_s)

    def look(self, now: Instant, loop_s: float) -> Duration:
        """By how much the clock jumped since the last look, back if negative; 0 for less than JUMP_MIN."""
        jump = now - seconds(loop_s) - self._difference
        if abs(jump) < JUMP_MIN:
            return 0
        self._difference += jump
        return jump


class LoopClock:
    """Time as the loop tells it: the simulator's clock. `epoch` is the instant of loop time zero."""

    def __init__(self, loop: asyncio.AbstractEventLoop, epoch: Instant) -> None:
        self._loop = loop
        self._epoch = epoch

    def now(self) -> Instant:
        return self._epoch + round(self._loop.time() * SECOND)

    async def sleep_until(self, at: Instant) -> None:
        await asyncio.sleep(max(0, at - self.now()) / SECOND)

    async def sleep(self, duration: Duration) -> None:
        await asyncio.sleep(max(0, duration) / SECOND)
