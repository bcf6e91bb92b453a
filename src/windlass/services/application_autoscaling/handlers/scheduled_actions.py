"""Scheduled actions: put, described, deleted."""

from __future__ import annotations

from datetime import datetime

from windlass.aws.calls import Call, Params, Result
from windlass.kernel.clock import Instant, seconds
from windlass.kernel.faults import Fault
from windlass.kernel.rows import replace
from windlass.services.application_autoscaling import describe, find, scheduled
from windlass.services.application_autoscaling.limits import SCHEDULED_MAX
from windlass.services.application_autoscaling.model import SCHEDULED, ScheduledAction


def put_scheduled_action(call: Call, params: Params) -> None:
    """PutScheduledAction: a new one, or what the call names of one that is there."""
    with call.store.transact() as tx:
        target = find.target(tx, call, params)
        name = params["ScheduledActionName"]
        action = tx[SCHEDULED].get((*target.key, name))
        if action is None:
            for member in ("Schedule", "ScalableTargetAction"):
                if member not in params:
                    raise find.invalid(f"{member} is required for a new scheduled action")
            if tx[SCHEDULED].count("target", target.key) >= SCHEDULED_MAX:
                raise Fault(
                    "LimitExceededException",
                    f"A scalable target can have at most {SCHEDULED_MAX} scheduled actions",
                )
            action = ScheduledAction(*target.key, name, call.ids.uuid(), call.now, params["Schedule"])
        action = _changed(action, params)
        if wrong := scheduled.wrong(action, call.now):
            raise find.invalid(wrong)
        tx[SCHEDULED].put(replace(action, next_fire=scheduled.first_fire(action, call.now)))


def delete_scheduled_action(call: Call, params: Params) -> None:
    """DeleteScheduledAction."""
    name = params["ScheduledActionName"]
    with call.store.transact() as tx:
        key = (*find.key(call, params), name)
        tx[SCHEDULED].require(key, lambda: find.missing("scheduled action found", params, name))
        tx[SCHEDULED].delete(key)


def describe_scheduled_actions(call: Call, params: Params) -> Result:
    """DescribeScheduledActions of a namespace."""
    rows, more = find.page(
        call, params, SCHEDULED, "DescribeScheduledActions", ("ScheduledActionNames", lambda row: row.name)
    )
    return {"ScheduledActions": [describe.scheduled_action(row) for row in rows], **more}


def _changed(action: ScheduledAction, params: Params) -> ScheduledAction:
    """With what the call says of it; a new ScalableTargetAction replaces the old one."""
    least, most = action.least, action.most
    if "ScalableTargetAction" in params:
        given = params["ScalableTargetAction"]
        least, most = given.get("MinCapacity"), given.get("MaxCapacity")
    if min(least or 0, most or 0) < 0:
        raise find.invalid("Capacities must not be negative")
    return replace(
        action,
        schedule=params.get("Schedule", action.schedule),
        zone=params.get("Timezone", action.zone),
        starts_at=_instant(params["StartTime"]) if "StartTime" in params else action.starts_at,
        ends_at=_instant(params["EndTime"]) if "EndTime" in params else action.ends_at,
        least=least,
        most=most,
    )


def _instant(given: datetime) -> Instant:
    return seconds(given.timestamp())
