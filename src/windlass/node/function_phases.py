"""How long the parts of one environment's start take on its node: a stopwatch that is told what begins.

Pure but for what it remembers; time is handed in, nanoseconds that only go forward.
"""

from __future__ import annotations

from typing import Literal

from windlass.fleet.function_messages import StartPhases
from windlass.kernel.clock import Duration

Phase = Literal["code", "network", "sandbox", "runtime", "init", "restore"]


class Stopwatch:
    """Runs from the first `enter` until `finish`; what is told after that changes nothing."""

    def __init__(self) -> None:
        self._took: dict[str, Duration] = {}
        self._phase: Phase | None = None
        self._since: Duration = 0
        self._finished = False

    def enter(self, phase: Phase, now: Duration) -> None:
        """That phase begins, and the one before it is over."""
        if self._finished:
            return
        if self._phase is not None:
            self._took[self._phase] = self._took.get(self._phase, 0) + max(0, now - self._since)
        self._phase, self._since = phase, max(now, self._since)

    def finish(self, now: Duration) -> None:
        """The start is over."""
        if self._phase is not None:
            self.enter(self._phase, now)
        self._finished = True

    def told(self) -> StartPhases:
        """What was measured, for the plane."""
        return StartPhases(**self._took)
