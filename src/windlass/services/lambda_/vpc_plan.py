"""Which shared interfaces to make, to keep and to free. Pure.

One interface for each combination of subnet and security groups that somebody uses, however many do. When the
last user has gone it stays for a while, for the next one finds it there; never is one freed that a running
environment speaks through. Source: Lambda developer guide, "Giving Lambda functions access to resources in an
Amazon VPC"; seed 001.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import TypeAlias

from windlass.kernel.clock import Duration, Instant
from windlass.services.lambda_.vpc_model import Combination, SharedInterface


@dataclass(frozen=True, slots=True)
class Make:
    """Somebody wants it, and it is not there."""

    combination: Combination


@dataclass(frozen=True, slots=True)
class Keep:
    """It was to be freed, and is wanted again."""

    row: SharedInterface


@dataclass(frozen=True, slots=True)
class Leave:
    """Nobody uses it any more: free it at that instant."""

    row: SharedInterface
    free_at: Instant


@dataclass(frozen=True, slots=True)
class Free:
    """Nobody has used it for long enough."""

    row: SharedInterface


Action: TypeAlias = Make | Keep | Leave | Free


def plan(
    wanted: Collection[Combination],
    rows: Iterable[SharedInterface],
    occupied: Collection[str],
    now: Instant,
    linger: Duration,
) -> list[Action]:
    """`wanted` by functions and versions, `occupied`: ids of interfaces that environments speak through.

    Wanted, no row → Make. No longer wanted → Leave, `linger` from now; after that → Free, unless occupied.
    """
    there: dict[Combination, SharedInterface] = {row.combination: row for row in rows}
    actions: list[Action] = [Make(one) for one in sorted(set(wanted) - there.keys())]
    for combination, row in sorted(there.items()):
        used = combination in wanted or row.interface.id in occupied
        if used and row.free_at:
            actions.append(Keep(row))
        elif not used and row.free_at and row.free_at <= now:
            actions.append(Free(row))
        elif not used and not row.free_at:
            actions.append(Leave(row, now + linger) if linger else Free(row))
    return actions


def next_look(rows: Iterable[SharedInterface], now: Instant) -> Instant | None:
    """When the next one becomes ready, or is to be freed; None: nothing is due by itself."""
    due = [at for row in rows for at in (row.ready_at, row.free_at) if at > now]
    return min(due, default=None)


def ready_at(rows: Collection[SharedInterface | None]) -> Instant | None:
    """When all of these can be used; None as long as one is missing. Without any: at once, 0."""
    if None in rows:
        return None
    return max((row.ready_at for row in rows if row is not None), default=0)
