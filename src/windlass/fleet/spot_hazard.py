"""Takes Fargate Spot capacity back at the profile's rate: whose turn it is; what that means its owner does.

ECS has one for its tasks, Batch one for the attempts of its jobs; spot.py decides. Sleeps while the profile
interrupts nothing.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Hashable
from typing import TypeAlias

from windlass.aws.quotas import Quotas
from windlass.fleet import spot
from windlass.kernel.clock import HOUR, Clock, Duration, Instant, seconds
from windlass.kernel.journal import Journal
from windlass.kernel.reconcile import Loop

RATE = "fargate.spot.interruptions_per_task_hour"
WARNING = "fargate.spot_warning"
PERIOD: Duration = HOUR

Interrupt: TypeAlias = Callable[[str, Instant], None]
"""Tells the unit of that id to stop."""


class SpotHazard:
    """One loop over the units of one owner."""

    def __init__(
        self,
        name: str,
        quotas: Quotas,
        clock: Clock,
        journal: Journal,
        stream: random.Random,
        interrupt: Interrupt,
    ) -> None:
        self.rate = quotas.value(RATE) or 0.0
        """Interruptions of a unit in an hour; without one there is no need to say who is at risk."""
        self.warning: Duration = seconds(quotas.delay_s(WARNING))
        """From the notice to the end of what is interrupted."""
        self._stream = stream
        self._interrupt = interrupt
        self._at_risk: dict[str, None] = {}
        self.loop = Loop(name, clock, journal, self._pass, period=PERIOD)
        self._budget = self._drawn(clock.now())

    def at_risk(self, unit_id: str, is_so: bool) -> None:
        """The unit may be interrupted from now on; or not any more."""
        if is_so == (unit_id in self._at_risk):
            return
        if is_so:
            self._at_risk[unit_id] = None
        else:
            del self._at_risk[unit_id]
        self.loop.wake()

    def _drawn(self, now: Instant) -> spot.Budget:
        return spot.drawn(self.rate, self._stream.random(), now, len(self._at_risk))

    async def _pass(self, now: Instant, keys: frozenset[Hashable]) -> Instant | None:
        """Take note of how many units there are now; interrupt one when its time has come."""
        if not self.rate:
            return None
        self._budget = spot.used(self._budget, len(self._at_risk), now)
        if self._budget.left <= 0:
            unit_id = spot.victim(sorted(self._at_risk), self._stream.random())
            if unit_id is not None:
                self._interrupt(unit_id, now)
            self._budget = self._drawn(now)
        return spot.due(self._budget)
