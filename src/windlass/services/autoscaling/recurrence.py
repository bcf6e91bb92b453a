"""Recurrences of scheduled actions: the five fields of Unix cron, as aws/schedule.py's six. Pure.

Source: EC2 Auto Scaling API reference, PutScheduledUpdateGroupAction, Recurrence. Where both a day of the
month and one of the week are given, either fires, as in cron.
"""

from __future__ import annotations

import re
from datetime import tzinfo

from windlass.aws.schedule import Expression, next_fire, parse
from windlass.kernel.clock import Instant

_NUMBER = re.compile(r"\d+")


def expressions(recurrence: str) -> tuple[Expression, ...]:
    """What a recurrence comes to. Raises ValueError for what is none.

    >>> len(expressions("30 0 1 1,6,12 *")), len(expressions("0 0 1 * MON"))
    (1, 2)
    """
    fields = recurrence.split()
    if len(fields) != 5:
        raise ValueError("a recurrence has five fields")
    minute, hour, day, month, weekday = fields
    of_week = "/".join(
        part if place else _NUMBER.sub(lambda found: str(int(found[0]) % 7 + 1), part)
        for place, part in enumerate(weekday.split("/"))
    )
    ways = [f"{day} {month} ?"] if day != "*" or weekday == "*" else []
    ways += [f"? {month} {of_week}"] if weekday != "*" else []
    return tuple(parse(f"cron({minute} {hour} {way} *)") for way in ways)


def next_of(recurrence: str, after: Instant, zone: tzinfo) -> Instant | None:
    """The first fire later than that."""
    fires = (next_fire(one, after, zone) for one in expressions(recurrence))
    return min((fire for fire in fires if fire is not None), default=None)
