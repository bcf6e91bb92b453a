"""Scheduled actions of groups: put, described, deleted, one by one or many at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from windlass.aws.calls import Call, Params, Result
from windlass.kernel.clock import SECOND, Instant, seconds
from windlass.kernel.faults import Fault
from windlass.kernel.rows import replace
from windlass.kernel.store import Transaction
from windlass.services.autoscaling import find, recurrence, scheduled_updates
from windlass.services.autoscaling.find import invalid
from windlass.services.autoscaling.limits import SCHEDULED_MAX, SIZE_MAX
from windlass.services.autoscaling.model import Group
from windlass.services.autoscaling.policy_model import UPDATES, ScheduledUpdate


def put_scheduled_update_group_action(call: Call, params: Params) -> None:
    """EC2 Auto Scaling PutScheduledUpdateGroupAction: a new one, or another in its place."""
    with call.store.transact() as tx:
        _put(tx, call, find.group(tx, call.scope, params["AutoScalingGroupName"]), params)


def batch_put_scheduled_update_group_action(call: Call, params: Params) -> Result:
    """EC2 Auto Scaling BatchPutScheduledUpdateGroupAction: those that are wrong are told one by one."""

    def put(tx: Transaction, group: Group, one: Mapping[str, Any]) -> None:
        _put(tx, call, group, one)

    failed = _each(call, params, params["ScheduledUpdateGroupActions"], put)
    return {"FailedScheduledUpdateGroupActions": failed}


def delete_scheduled_action(call: Call, params: Params) -> None:
    """EC2 Auto Scaling DeleteScheduledAction."""
    with call.store.transact() as tx:
        _delete(tx, find.group(tx, call.scope, params["AutoScalingGroupName"]), params)


def batch_delete_scheduled_action(call: Call, params: Params) -> Result:
    """EC2 Auto Scaling BatchDeleteScheduledAction."""
    named = [{"ScheduledActionName": name} for name in params["ScheduledActionNames"]]
    return {"FailedScheduledActions": _each(call, params, named, _delete)}


def describe_scheduled_actions(call: Call, params: Params) -> Result:
    """EC2 Auto Scaling DescribeScheduledActions, in order of group and name."""
    names, index = params.get("ScheduledActionNames"), None
    if "AutoScalingGroupName" in params:
        index = ("group", find.group(call.store, call.scope, params["AutoScalingGroupName"]).key)
    first, last = _instant(params.get("StartTime")), _instant(params.get("EndTime"))

    def wanted(row: ScheduledUpdate) -> bool:
        at = row.next_fire or 0
        return (
            (not names or row.name in names or row.arn in names)
            and (first is None or at >= first)
            and (last is None or at <= last)
        )

    rows, more = find.page(call, params, UPDATES, "DescribeScheduledActions", wanted, index=index)
    return {"ScheduledUpdateGroupActions": [_shown(row) for row in rows], **more}


def _put(tx: Transaction, call: Call, group: Group, given: Mapping[str, Any]) -> None:
    name = given["ScheduledActionName"]
    known = tx[UPDATES].get((*group.key, name))
    if known is None and tx[UPDATES].count("group", group.key) >= SCHEDULED_MAX:
        raise Fault("LimitExceeded", f"A group can have at most {SCHEDULED_MAX} scheduled actions.")
    row = ScheduledUpdate(
        *group.key,
        name=name,
        id=call.ids.uuid() if known is None else known.id,
        starts_at=_instant(given.get("StartTime", given.get("Time"))),
        ends_at=_instant(given.get("EndTime")),
        recurrence=given.get("Recurrence", ""),
        zone=given.get("TimeZone", "UTC"),
        least=given.get("MinSize"),
        most=given.get("MaxSize"),
        desired=given.get("DesiredCapacity"),
    )
    _check(row, call.now)
    tx[UPDATES].put(replace(row, next_fire=scheduled_updates.first_fire(row, call.now)))


def _check(row: ScheduledUpdate, now: Instant) -> None:
    """Raises ValidationError."""
    sizes = [size for size in (row.least, row.desired, row.most) if size is not None]
    if not sizes:
        raise invalid("At least one of MinSize, MaxSize and DesiredCapacity must be given.")
    if sizes != sorted(sizes) or sizes[0] < 0 or sizes[-1] > SIZE_MAX:
        raise invalid("MinSize, DesiredCapacity and MaxSize must be in that order and not negative.")
    if not row.recurrence and (row.starts_at is None or row.starts_at <= now):
        raise invalid("Given start time is in the past")
    if row.ends_at is not None and row.ends_at <= max(now, row.starts_at or 0):
        raise invalid("The end time must be after the start time and in the future.")
    try:
        if row.recurrence:
            recurrence.expressions(row.recurrence)
        ZoneInfo(row.zone)
    except (ZoneInfoNotFoundError, OSError) as error:
        raise invalid(f"TimeZone {row.zone} is not known.") from error
    except ValueError as error:
        raise invalid(f"Given recurrence string: {row.recurrence} is invalid") from error


def _delete(tx: Transaction, group: Group, given: Mapping[str, Any]) -> None:
    name = given["ScheduledActionName"]
    if tx[UPDATES].delete((*group.key, name)) is None:
        raise invalid(f"Scheduled action name not found: {name}")


def _each(
    call: Call,
    params: Params,
    given: Sequence[Mapping[str, Any]],
    do: Callable[[Transaction, Group, Mapping[str, Any]], None],
) -> list[Result]:
    """Do it with each; returns those that are refused."""
    failed: list[Result] = []
    with call.store.transact() as tx:
        group = find.group(tx, call.scope, params["AutoScalingGroupName"])
        for one in given:
            try:
                do(tx, group, one)
            except Fault as fault:
                name = one["ScheduledActionName"]
                failed.append(
                    {"ScheduledActionName": name, "ErrorCode": fault.code, "ErrorMessage": fault.message}
                )
    return failed


def _shown(row: ScheduledUpdate) -> Result:
    start = row.starts_at if row.starts_at is not None else row.next_fire
    members = {
        "Time": start and start / SECOND,
        "StartTime": start and start / SECOND,
        "EndTime": row.ends_at and row.ends_at / SECOND,
        "Recurrence": row.recurrence or None,
        "MinSize": row.least,
        "MaxSize": row.most,
        "DesiredCapacity": row.desired,
        "TimeZone": row.zone if row.zone != "UTC" else None,
    }
    shown: Result = {
        "AutoScalingGroupName": row.group,
        "ScheduledActionName": row.name,
        "ScheduledActionARN": row.arn,
    }
    return shown | {name: value for name, value in members.items() if value is not None}


def _instant(given: datetime | None) -> Instant | None:
    return None if given is None else seconds(given.timestamp())
