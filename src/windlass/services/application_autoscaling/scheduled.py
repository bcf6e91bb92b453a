"""Scheduled actions: when one fires next, and what it makes of a target's bounds. Pure but for zone files.

Source: Application Auto Scaling User Guide, "Scheduled scaling"; API reference, PutScheduledAction. Times of
cron() and at() are in the action's time zone; a rate counts from its start, or from when it was made.
"""

from __future__ import annotations

from dataclasses import replace
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from windlass.aws.schedule import Expression, Rate, next_fire, parse
from windlass.kernel.clock import Instant
from windlass.services.application_autoscaling.model import ScheduledAction, Target


def wrong(action: ScheduledAction, now: Instant) -> str:
    """What is wrong with an action, or nothing."""
    try:
        parse(action.schedule)
    except ValueError:
        return f"Invalid schedule expression: {action.schedule}"
    try:
        ZoneInfo(action.zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return f"Invalid time zone: {action.zone}"
    if action.starts_at is not None and action.ends_at is not None and action.starts_at >= action.ends_at:
        return "The start time must be before the end time"
    if action.ends_at is not None and action.ends_at <= now:
        return "The end time must be in the future"
    if action.least is None and action.most is None:
        return "ScalableTargetAction must have MinCapacity, MaxCapacity or both"
    if action.least is not None and action.most is not None and action.least > action.most:
        return "Minimum capacity cannot be greater than maximum capacity"
    return ""


def first_fire(action: ScheduledAction, now: Instant) -> Instant | None:
    """When an action that was just put fires first; None: never."""
    expression = parse(action.schedule)
    starts_at = action.starts_at
    if starts_at is None or starts_at <= now:
        begun = now if starts_at is None else starts_at
        return following_fire(action, expression, begun, now)
    if isinstance(expression, Rate):
        return _within(action, starts_at)
    return _within(action, next_fire(expression, starts_at - 1, ZoneInfo(action.zone)))


def following_fire(
    action: ScheduledAction, expression: Expression, fired: Instant, now: Instant
) -> Instant | None:
    """The first fire after `now`; a rate keeps its beat, whole intervals after `fired`."""
    if isinstance(expression, Rate):
        after = fired + ((now - fired) // expression.every + 1) * expression.every
        return _within(action, after)
    return _within(action, next_fire(expression, now, ZoneInfo(action.zone)))


def bounds(action: ScheduledAction, target: Target) -> Target:
    """The target with the action's bounds; one that crosses the other takes it along.

    A minimum of 10 on a target of 1 to 5 makes it 10 to 10: ours, AWS fails such an action.
    """
    least = target.least if action.least is None else action.least
    most = target.most if action.most is None else action.most
    if action.least is None:
        least = min(least, most)
    if action.most is None:
        most = max(least, most)
    return replace(target, least=least, most=most)


def _within(action: ScheduledAction, at: Instant | None) -> Instant | None:
    return None if at is None or (action.ends_at is not None and at > action.ends_at) else at
