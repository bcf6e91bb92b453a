"""The loop of scheduled actions: sets a target's bounds when it is time, and its capacity within them.

The bounds and the next fire are written in one transaction: a restart neither doubles nor loses one. What
is late by more than an hour (the plane was down) is left out, and journaled. The capacity is moved at once,
whatever cools down (User Guide, "Scheduled scaling").
"""

from __future__ import annotations

from collections.abc import Hashable

from windlass.aws.schedule import parse
from windlass.kernel.clock import HOUR, SECOND, Instant
from windlass.kernel.ids import Ids
from windlass.kernel.reconcile import Loop
from windlass.kernel.rows import replace
from windlass.kernel.store import Change
from windlass.services.application_autoscaling import activities, scheduled
from windlass.services.application_autoscaling.limits import FIRE_LATE_MAX
from windlass.services.application_autoscaling.model import SCHEDULED, TARGETS, ScheduledAction, Target
from windlass.services.application_autoscaling.scaler import Scaler
from windlass.services.plane import Plane

SOME = 100  # actions fired in one pass; ours


class Schedules:
    """A part with one loop."""

    def __init__(self, plane: Plane, scaler: Scaler) -> None:
        self._store = plane.store
        self._journal = plane.journal
        self._scaler = scaler
        self._ids = Ids(plane.chance.stream("application-autoscaling.scheduled"))
        self.loop = Loop(
            "application-autoscaling.schedules", plane.clock, plane.journal, self.run_pass, period=HOUR
        )
        plane.store.watch((SCHEDULED,), self._changed)

    async def run_pass(self, now: Instant, keys: frozenset[Hashable]) -> Instant | None:
        """Fire what is due; looks again when the next is."""
        for action in self._store[SCHEDULED].upto("due", True, now, limit=SOME):
            target = self._fire(action, now)
            if target is not None:
                causes = (
                    f"minimum capacity was set to {target.least}",
                    f"maximum capacity was set to {target.most}",
                )
                await self._scaler.move_inside(target, causes, now)
        following = self._store[SCHEDULED].first("due", True)
        return None if following is None else following.next_fire

    def _fire(self, action: ScheduledAction, now: Instant) -> Target | None:
        """The target with its new bounds; None when there are none now."""
        with self._store.transact() as tx:
            current = tx[SCHEDULED].get(action.key)
            if current is None or current.next_fire is None or current.next_fire > now:
                return None
            following = scheduled.following_fire(current, parse(current.schedule), current.next_fire, now)
            tx[SCHEDULED].put(replace(current, next_fire=following))
            target = tx[TARGETS].get(current.target)
            late = now - current.next_fire
            if target is None or target.suspended.scheduled or late > FIRE_LATE_MAX:
                why = (
                    f"it is {late // SECOND} s late"
                    if late > FIRE_LATE_MAX
                    else "scheduled scaling is suspended"
                )
                self._journal.note("application-autoscaling", current.arn, "left out a scheduled action", why)
                return None
            target = tx[TARGETS].put(scheduled.bounds(current, target))
            activities.bounds_set(tx, self._ids, target, current.name, now)
        return target

    def _changed(self, change: Change) -> None:
        if change.new is not None and change.new.next_fire is not None:
            self.loop.wake()
