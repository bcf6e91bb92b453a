"""Freezing an environment between events: nothing in it runs until the next one, as on AWS.

Decides when, from what it is told; the sandbox knows how. A moment passes first: events that follow each
other closely find it awake, and the runtime has asked for the next event by then.
Must not know: events, processes, the Runtime API.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from windlass.kernel.clock import MILLISECOND, SECOND, Duration
from windlass.node.function_launcher import Sandbox

FREEZE_AFTER: Duration = 20 * MILLISECOND
"""To freeze and thaw costs about 0.2 ms: not worth it between the events of a busy function."""


class Freezer:
    """One environment's. `at_rest` says whether nothing in it has work to do for an event."""

    def __init__(self, at_rest: Callable[[], bool]) -> None:
        self._at_rest = at_rest
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self.sandbox: Sandbox | None = None
        """None: there is none yet."""
        self.frozen = False

    def rest(self) -> None:
        """It is free for an event: freeze it soon, once all in it is at rest."""
        self._stop_timer()
        self._timer = self._loop.call_later(FREEZE_AFTER / SECOND, self._freeze)

    def wake(self) -> bool:
        """There is something to do in it. Returns whether it was frozen."""
        self._stop_timer()
        was, self.frozen = self.frozen, False
        if was and self.sandbox is not None:
            self.sandbox.thaw()
        return was

    def _freeze(self) -> None:
        if not self._at_rest():
            self.rest()
        elif self.sandbox is not None:
            self._timer = None
            self.frozen = self.sandbox.freeze()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
