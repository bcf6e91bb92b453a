"""The one way in which an instance of a group begins to end: by the loop, or by a caller who names it."""

from __future__ import annotations

from windlass.aws.bus import Bus
from windlass.kernel.clock import Instant
from windlass.kernel.ids import Ids
from windlass.kernel.rows import replace
from windlass.kernel.store import Transaction
from windlass.services.autoscaling import activities
from windlass.services.autoscaling.model import MEMBERS, Activity, Group, Member
from windlass.services.autoscaling.transitions import moved


def end(
    tx: Transaction, bus: Bus, ids: Ids, group: Group, member: Member, why: str, now: Instant
) -> Activity:
    """Mark it; the loop terminates the machine when no hook holds it. Returns the activity."""
    activities.finish(tx, bus, member, now, "Cancelled")
    told = f"Terminating EC2 instance: {member.id}"
    activity = activities.begin(tx, group, ids, told, why, now)
    tx[MEMBERS].put(replace(moved(member, "end"), activity=activity.id, why=member.why or why))
    return activity
