"""How many tasks a service may start now, why not more, and when it should look again.

Three limits hold at once: a service acts in work cycles and has a deployment rate of its own; On-Demand and
Spot tasks draw from the launch buckets of the account and Region, which RunTask draws from too. Services that
found such a bucket empty stand in line for it. The line is served in rounds at fixed instants, and in a round
each gets an equal part, so that none starves and none gains by asking more often. EC2 and EXTERNAL tasks have
no bucket. Knows no store and no account: its caller keeps one line for each bucket of each account
(launch_rates.py). Source: seed 003; facts/fargate-launch-model.md section 2. The rounds are ours: AWS says
"will try again later".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from windlass.kernel.clock import SECOND, Duration, Instant
from windlass.kernel.faults import Bug

Capacity: TypeAlias = Literal["on_demand", "spot", "other"]
FARGATE: tuple[Capacity, ...] = ("on_demand", "spot")
"""Capacities with a launch bucket; the names are those of the buckets, "fargate.spot"."""
ROUNDS_ABSENT_MAX = 2
"""Rounds that a service in line may miss before it is taken for gone."""

THROTTLED = "operations are being throttled. Will try again later."
"""Service event, after "(service X) "; ECS Developer Guide, service-event-messages."""
THROTTLED_EVENT = "ECS_OPERATION_THROTTLED"
"""The same on the event bus (ECS Service Action, ERROR); ECS Developer Guide, ecs_service_events."""


@dataclass(frozen=True, slots=True)
class Tasks:
    """So many tasks, by what they run on; `other` is EC2 and EXTERNAL."""

    on_demand: int = 0
    spot: int = 0
    other: int = 0

    @property
    def total(self) -> int:
        return self.on_demand + self.spot + self.other

    @property
    def fargate(self) -> int:
        return self.on_demand + self.spot


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast services may be: lengths of a work cycle (0 for none) and of a round."""

    cycle: Duration = 0
    round: Duration = SECOND

    def round_of(self, now: Instant) -> int:
        return now // self.round

    def next_round(self, now: Instant) -> Instant:
        """When the next round is served."""
        return (self.round_of(now) + 1) * self.round


@dataclass(slots=True)
class Line:
    """The services that wait for one bucket, and what is left of the parts that this round dealt to them."""

    seen: dict[str, int] = field(default_factory=dict)
    """Service → round in which it asked last. In this order parts are dealt."""
    dealt: int = -1
    parts: dict[str, int] = field(default_factory=dict)

    def share(self, service: str, tokens: int, round_: int) -> int:
        """How many of the bucket's tokens are that service's now; 0 when it had its part of this round.

        With nobody in line all of them are. Who comes while others wait has its first part in the next round.
        """
        if not self.seen:
            return tokens
        if self.dealt != round_:
            self._deal(tokens, round_)
        return min(tokens, self.parts.pop(service, 0))

    def wait(self, service: str, round_: int, *, got: bool) -> None:
        """Stand in line. Who got something goes to its end, who got nothing keeps its place."""
        if got:
            self.seen.pop(service, None)
        self.seen[service] = round_

    def leave(self, service: str) -> None:
        self.seen.pop(service, None)
        self.parts.pop(service, None)

    def _deal(self, tokens: int, round_: int) -> None:
        """Equal parts; what does not divide goes to those in front. Services that come no more get none."""
        self.seen = {name: last for name, last in self.seen.items() if last >= round_ - ROUNDS_ABSENT_MAX}
        each, left = divmod(tokens, max(1, len(self.seen)))
        self.parts = {name: each + (place < left) for place, name in enumerate(self.seen)}
        self.dealt = round_


@dataclass(frozen=True, slots=True)
class Room:
    """What there is for a service now. None: without limit."""

    due: Instant = 0
    """When its next work cycle begins."""
    deployment: Tasks | None = None
    """Whole tokens of its own deployment buckets: `on_demand` for all of Fargate, `other` for the rest."""
    shares: Mapping[Capacity, int | None] = field(default_factory=dict)
    """Its part of each launch bucket."""
    waiting: bool = False
    """Whether it stands in line: then it need not wait for its next cycle."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Start these now. `reason` is for the service's events, empty when nothing is wrong."""

    starts: Tasks
    reason: str = ""
    look_again: Instant | None = None
    throttled: frozenset[Capacity] = frozenset()
    """Launch buckets that had too little: the service is to stand in line for them."""
    begins_cycle: bool = False


def plan(wish: Tasks, room: Room, pace: Pace, now: Instant) -> Plan:
    """What of `wish` may start now.

    500 wanted On-Demand, a full deployment bucket of 84, 100 Fargate tokens → 84 now, more in a cycle;
    with 30 Fargate tokens → 30 now, throttled, more in the next round.
    """
    if not wish.total:
        return Plan(Tasks())
    if now < room.due and not room.waiting:
        return Plan(Tasks(), look_again=room.due)
    allowed = _allowed(wish, room)
    starts, throttled = _within_buckets(wish, allowed, room.shares)
    if starts.total > wish.total or starts.fargate > allowed.on_demand or starts.other > allowed.other:
        raise Bug("a plan starts more than it may", wish, room, starts)
    if throttled:
        again = pace.next_round(now)
        return Plan(starts, THROTTLED, again, throttled, begins_cycle=not room.waiting)
    missing = wish.total - starts.total
    return Plan(starts, look_again=now + pace.cycle if missing else None, begins_cycle=True)


def _allowed(wish: Tasks, room: Room) -> Tasks:
    """By the deployment rate: `on_demand` for all of Fargate."""
    if room.deployment is None:
        return Tasks(on_demand=wish.fargate, other=wish.other)
    return Tasks(
        on_demand=min(wish.fargate, room.deployment.on_demand), other=min(wish.other, room.deployment.other)
    )


def _within_buckets(
    wish: Tasks, allowed: Tasks, shares: Mapping[Capacity, int | None]
) -> tuple[Tasks, frozenset[Capacity]]:
    """Split what is allowed as the wish is split; what one capacity lacks tokens for, the other takes."""
    most = {name: _least(getattr(wish, name), shares.get(name)) for name in FARGATE}
    spot = -(-allowed.on_demand * wish.spot // wish.fargate) if wish.fargate else 0
    wanted = {"on_demand": allowed.on_demand - spot, "spot": spot}
    starts = {name: min(wanted[name], most[name]) for name in FARGATE}
    left = allowed.on_demand - sum(starts.values())
    for name in FARGATE:
        more = min(left, most[name] - starts[name])
        starts[name] += more
        left -= more
    lacking = frozenset(name for name in FARGATE if left and starts[name] < getattr(wish, name))
    return Tasks(starts["on_demand"], starts["spot"], allowed.other), lacking


def _least(count: int, share: int | None) -> int:
    return count if share is None else min(count, share)
