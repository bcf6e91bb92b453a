"""Availability-zone rebalancing of a service: which zone gets one more task, and which has one too many.
Pure.

A service with availabilityZoneRebalancing ENABLED that is steady, but not spread, is given a task in a zone
with too few, and once that is healthy loses one in a zone with too many; that takes a maximumPercent above
100 (ECS Developer Guide, service rebalancing). It is balanced when no two zones differ by more than one task.

    moves({"a": 4, "b": 1, "c": 0}, usable="abc", most=10)  →  [Move("c", "a"), Move("b", "a")]
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

STARTED = "SERVICE_REBALANCING_STARTED"
COMPLETED = "SERVICE_REBALANCING_COMPLETED"
"""Names of Service Actions; ECS Developer Guide, track service rebalancing."""


class Move(NamedTuple):
    """Start a task in one zone, stop one in another."""

    start: str
    stop: str


def allowed(enabled: bool, desired_count: int, percent_max: int) -> int:
    """How many tasks may be started beyond the desired count for it; 0 when it is off or leaves no room.

    >>> allowed(True, 10, 120), allowed(True, 10, 100), allowed(False, 10, 200)
    (2, 0, 0)
    """
    return max(0, desired_count * percent_max // 100 - desired_count) if enabled else 0


def is_balanced(tasks: Mapping[str, int]) -> bool:
    """Whether no two zones differ by more than one; `tasks` has every zone that it could use, also with 0."""
    return not tasks or max(tasks.values()) - min(tasks.values()) <= 1


def moves(tasks: Mapping[str, int], usable: Collection[str], most: int) -> list[Move]:
    """The first moves, up to `most`, on the way to balance: from the fullest zone to the emptiest usable one.

    `tasks` are healthy tasks by zone; in `usable` zones, which are among them, one more could be started now.
    Carrying the moves out, all of them or the first few, never makes it worse.
    """
    now = dict(tasks)
    found: list[Move] = []
    while usable and len(found) < most:
        emptiest = min(usable, key=lambda zone: (now[zone], zone))
        fullest = min(now, key=lambda zone: (-now[zone], zone))
        if now[fullest] - now[emptiest] <= 1:
            break
        now[emptiest] += 1
        now[fullest] -= 1
        found.append(Move(emptiest, fullest))
    return found


def begun(tasks: Mapping[str, int]) -> str:
    """The text of the service's event, without its end.

    >>> begun({"us-east-1a": 3, "us-east-1b": 1})
    'is not AZ balanced with 3 tasks in us-east-1a, 1 tasks in us-east-1b. AZ Rebalancing in progress'
    """
    return f"is not AZ balanced with {_told(tasks)}. AZ Rebalancing in progress"


def done(tasks: Mapping[str, int]) -> str:
    """As `begun`, when it is balanced again."""
    return f"is AZ balanced with {_told(tasks)}"


def _told(tasks: Mapping[str, int]) -> str:
    return ", ".join(f"{tasks[zone]} tasks in {zone}" for zone in sorted(tasks))
