"""One deadline that is pushed back often and seldom comes: a timer that is armed once and looks again.

Each byte of a connection pushes its idle timeout back; that must cost no more than an assignment.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Deadline:
    """Calls `expired` once the time set last has come. Seconds; the loop's time."""

    __slots__ = ("_at", "_expired", "_handle", "_loop", "_wakes")

    def __init__(self, loop: asyncio.AbstractEventLoop, expired: Callable[[], None]) -> None:
        self._loop = loop
        self._expired = expired
        self._at = 0.0
        self._wakes = 0.0
        self._handle: asyncio.TimerHandle | None = None

    def set(self, seconds: float) -> None:
        """So long from now, in place of what was set before."""
        self._at = at = self._loop.time() + seconds
        if self._handle is None:
            self._arm(at)
        elif at < self._wakes:
            self._handle.cancel()
            self._arm(at)

    def clear(self) -> None:
        """Nothing expires until it is set again."""
        self._at = 0.0

    def close(self) -> None:
        self._at = 0.0
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _arm(self, at: float) -> None:
        self._wakes = at
        self._handle = self._loop.call_at(at, self._look)

    def _look(self) -> None:
        self._handle = None
        if not self._at:
            return
        if self._loop.time() < self._at - 0.0005:
            self._arm(self._at)
            return
        self._at = 0.0
        self._expired()
