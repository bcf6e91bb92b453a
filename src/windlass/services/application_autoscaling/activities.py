"""Writes scaling activities: what is being done to a target, what came of it, why nothing was done.

Wording: Application Auto Scaling User Guide, "Scaling activities", and its examples. The oldest of too many
go.
"""

from __future__ import annotations

from typing import Any

from windlass.aws.capacity_plan import Code
from windlass.kernel.clock import Instant
from windlass.kernel.ids import Ids
from windlass.kernel.rows import replace
from windlass.kernel.store import Transaction
from windlass.services.application_autoscaling.kinds import KINDS
from windlass.services.application_autoscaling.limits import ACTIVITIES_MAX
from windlass.services.application_autoscaling.model import ACTIVITIES, Activity, Policy, Status, Target

ATTEMPTED = "Attempting to scale due to alarm triggered"


def because(policy: Policy, alarm: str, state: str) -> str:
    """The Cause of what an alarm asked for."""
    return f"monitor alarm {alarm} in state {state} triggered policy {policy.name}"


def begin(tx: Transaction, ids: Ids, target: Target, to: int, cause: str, now: Instant) -> Activity:
    """A change of capacity that is about to be made; it overrides one that goes on."""
    for row in tx[ACTIVITIES].by("target", target.key):
        if row.open:
            finish(tx, row, "Overridden", f"A later activity sets the capacity to {to}.", now)
    description = f"Setting {KINDS[target.namespace].noun} to {to}."
    return _add(tx, ids, target, now, description=description, cause=cause, status="Pending", to=to)


def made(tx: Transaction, activity: Activity) -> Activity:
    """The service has taken the new capacity."""
    message = f"{_set(activity)} Waiting for change to be fulfilled by {activity.namespace}."
    return tx[ACTIVITIES].put(replace(activity, status="InProgress", message=message))


def fulfilled(tx: Transaction, activity: Activity, now: Instant) -> None:
    """All of it is there."""
    message = f"{_set(activity)} Change successfully fulfilled by {activity.namespace}."
    finish(tx, activity, "Successful", message, now)


def finish(tx: Transaction, activity: Activity, status: Status, message: str, now: Instant) -> None:
    tx[ACTIVITIES].put(replace(activity, status=status, message=message, ended_at=now))


def bounds_set(tx: Transaction, ids: Ids, target: Target, action: str, now: Instant) -> None:
    """A scheduled action has changed the bounds of a target."""
    what = f"min capacity to {target.least} and max capacity to {target.most}"
    _add(
        tx,
        ids,
        target,
        now,
        description=f"Setting {what}",
        cause=f"scheduled action name {action} was triggered",
        status="Successful",
        message=f"Successfully set {what}",
        ended_at=now,
    )


def not_scaled(
    tx: Transaction, ids: Ids, target: Target, cause: str, code: Code, current: int, now: Instant
) -> None:
    """Nothing was done; told once, and not again each minute that it stays so."""
    bound = {"AlreadyAtMaxCapacity": target.most, "AlreadyAtMinCapacity": target.least}.get(code, current)
    last = tx[ACTIVITIES].last("target", target.key)
    if last is not None and (last.cause, last.not_scaled, last.bound) == (cause, code, bound):
        return
    reason: dict[str, Any] = {"not_scaled": code, "bound": bound}
    _add(tx, ids, target, now, description=ATTEMPTED, cause=cause, status="Failed", ended_at=now, **reason)


def failed(tx: Transaction, ids: Ids, target: Target, cause: str, why: str, now: Instant) -> None:
    """An alarm asked for something that could not be looked at; told once."""
    last = tx[ACTIVITIES].last("target", target.key)
    if last is not None and (last.cause, last.message) == (cause, why):
        return
    _add(tx, ids, target, now, description=ATTEMPTED, cause=cause, status="Failed", message=why, ended_at=now)


def _set(activity: Activity) -> str:
    return f"Successfully set {KINDS[activity.namespace].noun} to {activity.to}."


def _add(tx: Transaction, ids: Ids, target: Target, now: Instant, **columns: Any) -> Activity:
    last = tx[ACTIVITIES].last("scope", target.scope)
    number = 1 if last is None else last.number + 1
    if tx[ACTIVITIES].count("target", target.key) >= ACTIVITIES_MAX:
        oldest = tx[ACTIVITIES].first("target", target.key)
        assert oldest is not None
        tx[ACTIVITIES].delete(oldest.key)
    return tx[ACTIVITIES].put(Activity(*target.key, number, ids.uuid(), now, **columns))
