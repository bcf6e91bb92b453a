"""One timer that can be set again and again: rings at or after an instant of the injected clock.

A ring only notes that something is to do (resolves a future, wakes a loop). A jump of the host's clock is
noticed within RECHECK, as everywhere.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from windlass.kernel.clock import RECHECK, SECOND, Clock, Instant


class Alarm:
    """Rings once per setting. Needs a running loop."""

    __slots__ = ("_at", "_clock", "_ring", "_timer")

    def __init__(self, clock: Clock, ring: Callable[[], None]) -> None:
        self._clock = clock
        self._ring = ring
        self._at: Instant | None = None
        self._timer: asyncio.TimerHandle | None = None

    def set(self, at: Instant | None) -> None:
        """Ring at or after `at`, and not at the time set before; None: do not ring."""
        if at == self._at:
            return
        self._at = at
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if at is not None:
            self._arm(at)

    def _arm(self, at: Instant) -> None:
        left = max(0, min(at - self._clock.now(), RECHECK))
        self._timer = asyncio.get_running_loop().call_later(left / SECOND, self._rung)

    def _rung(self) -> None:
        at = self._at
        if at is None:
            return
        if self._clock.now() < at:
            self._arm(at)
            return
        self._at = self._timer = None
        self._ring()
