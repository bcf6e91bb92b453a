"""The loop that sees activities to their end.

It sets what a plane that died had not set, and looks whether a change is fulfilled: every few seconds while
there is one under way, and not at all otherwise.
"""

from __future__ import annotations

from collections.abc import Hashable

from windlass.kernel.clock import HOUR, Instant
from windlass.kernel.faults import Fault
from windlass.kernel.reconcile import Loop
from windlass.kernel.store import Change
from windlass.services.application_autoscaling import activities
from windlass.services.application_autoscaling.limits import FULFILLED_EVERY
from windlass.services.application_autoscaling.model import ACTIVITIES, TARGETS, Activity
from windlass.services.application_autoscaling.scaler import Scaler
from windlass.services.plane import Plane


class Follow:
    """A part with one loop."""

    def __init__(self, plane: Plane, scaler: Scaler) -> None:
        self._store = plane.store
        self._scaler = scaler
        self._left = [row for row in plane.store[ACTIVITIES].by("open", True) if row.status == "Pending"]
        self.loop = Loop(
            "application-autoscaling.follow", plane.clock, plane.journal, self.run_pass, period=HOUR
        )
        plane.store.watch((ACTIVITIES,), self._changed)

    async def run_pass(self, now: Instant, keys: frozenset[Hashable]) -> Instant | None:
        """Set what was left, then look at all that is under way."""
        while self._left:
            await self._scaler.set(self._left[0])
            self._left.pop(0)
        for row in self._store[ACTIVITIES].by("open", True):
            if row.status == "InProgress":
                await self._look(row, now)
        return now + FULFILLED_EVERY if self._store[ACTIVITIES].count("open", True) else None

    async def _look(self, row: Activity, now: Instant) -> None:
        target = self._store[TARGETS].get(row.target)
        why, done = "The scalable target was deregistered.", False
        if target is not None:
            try:
                capacity = await self._scaler.capacities.read(target)
            except Fault as fault:
                why = fault.message
            else:
                why, done = "", capacity.running == row.to
        if not why and not done:
            return
        with self._store.transact() as tx:
            if tx[ACTIVITIES].get(row.key) != row:
                return
            if why:
                activities.finish(tx, row, "Unfulfilled", why, now)
            else:
                activities.fulfilled(tx, row, now)

    def _changed(self, change: Change) -> None:
        if change.new is not None and change.new.open:
            self.loop.wake()
