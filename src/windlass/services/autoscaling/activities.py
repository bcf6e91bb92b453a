"""Writes scaling activities, and tells the event bus of them (source aws.autoscaling).

Detail: EC2 Auto Scaling User Guide, "EventBridge events".
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from windlass.aws.bus import Bus, Notice
from windlass.kernel.clock import MICROSECOND, Instant
from windlass.kernel.ids import Ids
from windlass.kernel.rows import replace
from windlass.kernel.store import Transaction
from windlass.services.autoscaling import limits
from windlass.services.autoscaling.model import (
    ACTIVITIES,
    LAUNCHING,
    Activity,
    Group,
    Hook,
    Member,
    Wait,
)

SOURCE = "aws.autoscaling"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def begin(
    tx: Transaction, group: Group, ids: Ids, description: str, why: str, now: Instant, **further: Any
) -> Activity:
    """A further activity of the group, under way unless `further` says otherwise.

    When there are many the oldest is forgotten.
    """
    activity = Activity(
        id=ids.uuid(),
        account=group.account,
        region=group.region,
        group=group.name,
        description=description,
        cause=cause(group, why, now),
        started_at=now,
        **further,
    )
    if tx[ACTIVITIES].count("group", group.key) >= limits.ACTIVITIES_KEPT:
        oldest = tx[ACTIVITIES].first("group", group.key)
        if oldest is not None:
            tx[ACTIVITIES].delete(oldest.id)
    return tx[ACTIVITIES].put(activity)


def finish(tx: Transaction, bus: Bus, member: Member, now: Instant, status: str = "Successful") -> None:
    """The activity of that instance is over, if it is still known."""
    activity = tx[ACTIVITIES].get(member.activity)
    if activity is None or activity.status != "InProgress":
        return
    activity = tx[ACTIVITIES].put(replace(activity, ended_at=now, status=status))
    launched = activity.description.startswith("Launching")
    outcome = "Successful" if status == "Successful" else "Unsuccessful"
    kind = f"EC2 Instance {'Launch' if launched else 'Terminate'} {outcome}"
    detail = {
        "StatusCode": "InProgress",
        "Description": activity.description,
        "AutoScalingGroupName": member.group,
        "ActivityId": activity.id,
        "RequestId": activity.id,
        "StatusMessage": activity.message,
        "Details": {"Availability Zone": member.zone},
        "EC2InstanceId": member.id,
        "StartTime": text(activity.started_at),
        "EndTime": text(now),
        "Cause": activity.cause,
        "Origin": "EC2" if launched else "AutoScalingGroup",
        "Destination": "AutoScalingGroup" if launched else "EC2",
    }
    _publish(tx, bus, member, kind, detail, now)


def cause(group: Group, why: str, now: Instant) -> str:
    """As AWS words causes: what changed the group, then what follows from it."""
    changed = f"At {text(group.scaled_at)} {group.cause}  " if group.cause else ""
    return f"{changed}At {text(now)} {why}."


def tell_wait(tx: Transaction, bus: Bus, member: Member, hook: Hook, wait: Wait, now: Instant) -> None:
    """An instance waits for a hook: whoever acts on it hears so."""
    launching = hook.transition == LAUNCHING
    detail = {
        "LifecycleActionToken": wait.token,
        "AutoScalingGroupName": member.group,
        "LifecycleHookName": hook.name,
        "EC2InstanceId": member.id,
        "LifecycleTransition": hook.transition,
        "Origin": "EC2" if launching else "AutoScalingGroup",
        "Destination": "AutoScalingGroup" if launching else "EC2",
    }
    if hook.metadata:
        detail["NotificationMetadata"] = hook.metadata
    kind = f"EC2 Instance-{'launch' if launching else 'terminate'} Lifecycle Action"
    _publish(tx, bus, member, kind, detail, now)


def text(at: Instant) -> str:
    """An instant as causes and events write it.

    >>> text(1_000_000_000)
    '1970-01-01T00:00:01Z'
    """
    return (_EPOCH + timedelta(microseconds=at // MICROSECOND)).strftime("%Y-%m-%dT%H:%M:%SZ")


def _publish(
    tx: Transaction, bus: Bus, member: Member, kind: str, detail: dict[str, Any], now: Instant
) -> None:
    bus.publish(
        tx,
        member.account,
        member.region,
        SOURCE,
        lambda: Notice(
            account=member.account,
            region=member.region,
            source=SOURCE,
            detail_type=kind,
            resources=(f"arn:aws:ec2:{member.region}:{member.account}:instance/{member.id}",),
            detail=detail,
            at=now,
        ),
    )
