"""The loop of scheduled actions of groups: sets sizes when their time has come.

Sizes and the next fire are written in one transaction. One that has no further fire is deleted, as on AWS.
"""

from __future__ import annotations

from collections.abc import Hashable
from zoneinfo import ZoneInfo

from windlass.kernel.clock import HOUR, Instant
from windlass.kernel.reconcile import Loop
from windlass.kernel.rows import replace
from windlass.kernel.store import Change, Transaction
from windlass.services.autoscaling import recurrence
from windlass.services.autoscaling.model import GROUPS, Group
from windlass.services.autoscaling.policy_model import UPDATES, ScheduledUpdate
from windlass.services.plane import Plane

SOME = 100  # actions fired in one pass; ours


def first_fire(row: ScheduledUpdate, now: Instant) -> Instant | None:
    """When an action that was just put fires first: at its start, if it has one that is to come."""
    if row.starts_at is not None and row.starts_at > now:
        return row.starts_at
    return following_fire(row, now)


def following_fire(row: ScheduledUpdate, now: Instant) -> Instant | None:
    if not row.recurrence:
        return None
    fire = recurrence.next_of(row.recurrence, now, ZoneInfo(row.zone))
    return None if fire is None or (row.ends_at is not None and fire > row.ends_at) else fire


def changed(group: Group, row: ScheduledUpdate, now: Instant) -> Group:
    """The group with the action's sizes; what it does not name moves within them."""
    least = group.min_size if row.least is None else row.least
    most = group.max_size if row.most is None else row.most
    least, most = (min(least, most), most) if row.least is None else (least, max(least, most))
    desired = max(least, min(group.desired if row.desired is None else row.desired, most))
    if (least, most, desired) == (group.min_size, group.max_size, group.desired):
        return group
    cause = (
        f"a scheduled action update of AutoScalingGroup constraints to min: {least}, max: {most}, desired: "
        f"{desired} changing the desired capacity from {group.desired} to {desired}."
    )
    scaled_at = now if desired != group.desired else group.scaled_at
    return replace(group, min_size=least, max_size=most, desired=desired, scaled_at=scaled_at, cause=cause)


class ScheduledUpdates:
    """A part with one loop."""

    def __init__(self, plane: Plane) -> None:
        self._store = plane.store
        self._journal = plane.journal
        self.loop = Loop("autoscaling.schedules", plane.clock, plane.journal, self.run_pass, period=HOUR)
        plane.store.watch((UPDATES,), self._changed)

    async def run_pass(self, now: Instant, keys: frozenset[Hashable]) -> Instant | None:
        """Fire what is due; looks again when the next is."""
        due = self._store[UPDATES].upto("due", True, now, limit=SOME)
        if due:
            with self._store.transact() as tx:
                for row in due:
                    self._fire(tx, row, now)
        following = self._store[UPDATES].first("due", True)
        return None if following is None else following.next_fire

    def _fire(self, tx: Transaction, row: ScheduledUpdate, now: Instant) -> None:
        group = tx[GROUPS].get((row.account, row.region, row.group))
        fire = following_fire(row, now)
        if fire is None or group is None:
            tx[UPDATES].delete((row.account, row.region, row.group, row.name))
        else:
            tx[UPDATES].put(replace(row, next_fire=fire))
        if group is None or group.deleting or "ScheduledActions" in group.suspended:
            return
        tx[GROUPS].put(changed(group, row, now))
        self._journal.note("autoscaling", group.arn, "scheduled action", row.name)

    def _changed(self, change: Change) -> None:
        if change.new is not None and change.new.next_fire is not None:
            self.loop.wake()
