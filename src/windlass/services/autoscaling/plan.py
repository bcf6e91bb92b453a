"""What an Auto Scaling group does next: which instances it launches, moves on and terminates. Pure.

Rules: EC2 Auto Scaling User Guide, "distribute instances across Availability Zones" and "termination
policies". New instances go to the zone that has the fewest; instances are taken from the zone that has the
most, of those that are not protected. Known gap: zones that have grown apart by hand are not balanced anew
(AZRebalance); instance types of a mixed policy are taken in the order given, the first only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from windlass.fleet.blueprints import Site
from windlass.fleet.model import InstancePhase
from windlass.kernel.clock import Instant
from windlass.kernel.faults import Bug
from windlass.services.autoscaling.model import (
    LAUNCHING,
    TERMINATING,
    Group,
    Member,
    Outcome,
    Transition,
    Wait,
)
from windlass.services.autoscaling.transitions import ACTIVE

Phase: TypeAlias = InstancePhase | None
"""Of the machine; None when its row is gone."""


@dataclass(frozen=True, slots=True)
class Seen:
    """An instance and the phase of its machine."""

    member: Member
    phase: Phase


@dataclass(frozen=True, slots=True)
class Begin:
    """Launch one instance there."""

    site: Site


@dataclass(frozen=True, slots=True)
class Move:
    """Move the instance on: it is in service, waits for hooks, or goes from there."""

    member_id: str
    event: Literal["launched", "hooked", "proceed"]


@dataclass(frozen=True, slots=True)
class End:
    """Begin to terminate the instance."""

    member_id: str
    why: str


@dataclass(frozen=True, slots=True)
class Shut:
    """Terminate the machine: nothing holds it any longer."""

    member_id: str


@dataclass(frozen=True, slots=True)
class Forget:
    """The machine is gone, and the instance is no part of the group any more."""

    member_id: str


Action: TypeAlias = Begin | Move | End | Shut | Forget


@dataclass(frozen=True, slots=True)
class Plan:
    """`look_again` is when a hook's time is up; `why` says what keeps the group from its desired capacity."""

    actions: tuple[Action, ...] = ()
    look_again: Instant | None = None
    why: str = ""


def plan(group: Group, seen: Sequence[Seen], hooked: Collection[Transition], now: Instant) -> Plan:
    """The next moves of one group, from any situation. `hooked`: the transitions that it has hooks for."""
    actions: list[Action] = []
    active: list[Member] = []
    for one in seen:
        if one.member.state not in ACTIVE:
            actions += _ending(group, one, hooked, now)
            continue
        step = _living(group, one, hooked, now)
        actions += [] if step is None else [step]
        if not isinstance(step, End):
            active.append(one.member)
    scaling, why = _scale(group, active)
    dues = [wait.deadline for one in seen for wait in one.member.waits if not wait.result]
    return Plan((*actions, *scaling), min((due for due in dues if due > now), default=None), why)


def outcome(waits: Sequence[Wait], now: Instant) -> Outcome | None:
    """What became of an instance's waits: None while one goes on; one that gave up decides for all."""
    results = [wait.result or (wait.default if now >= wait.deadline else "") for wait in waits]
    if "ABANDON" in results:
        return "ABANDON"
    return None if "" in results else "CONTINUE"


def _living(group: Group, one: Seen, hooked: Collection[Transition], now: Instant) -> Action | None:
    """The next step of an instance that is a part of the capacity."""
    member = one.member
    if one.phase not in ("pending", "running"):
        return End(member.id, "EC2 instance status checks failed: the instance has been terminated")
    if not member.healthy and "ReplaceUnhealthy" not in group.suspended:
        return End(member.id, "an instance was taken out of service in response to a health check")
    if member.state == "Pending" and one.phase == "running":
        return Move(member.id, "hooked" if LAUNCHING in hooked else "launched")
    if member.state == "Pending:Wait":
        match outcome(member.waits, now):
            case "CONTINUE":
                return Move(member.id, "launched")
            case "ABANDON":
                return End(member.id, "the lifecycle action was abandoned")
    return None


def _ending(group: Group, one: Seen, hooked: Collection[Transition], now: Instant) -> list[Action]:
    """The next steps of an instance that is being terminated."""
    member = one.member
    if one.phase in (None, "terminated"):
        return [Forget(member.id)]
    if one.phase == "shutting-down":
        return []
    if member.state == "Terminating" and TERMINATING in hooked and not group.forced:
        return [Move(member.id, "hooked")]
    if member.state == "Terminating:Wait":
        if outcome(member.waits, now) is None and not group.forced:
            return []
        return [Move(member.id, "proceed"), Shut(member.id)]
    return [Shut(member.id)]


def _scale(group: Group, active: Sequence[Member]) -> tuple[list[Action], str]:
    """Launches or terminations up to the desired capacity, and what stands in the way."""
    short = group.desired - len(active)
    if short > 0:
        if "Launch" in group.suspended:
            return [], "the process Launch is suspended"
        return [Begin(site) for site in choose_sites(group.sites, active, short)], ""
    if short == 0:
        return [], ""
    if "Terminate" in group.suspended and not group.deleting:
        return [], "the process Terminate is suspended"
    victims = active if group.deleting else choose_victims(group, active, -short)
    why = (
        "an instance was taken out of service in response to a difference between desired and actual capacity"
    )
    ends: list[Action] = [End(member.id, why) for member in victims]
    return ends, "" if len(ends) == -short else "the other instances are protected from scale in"


def choose_sites(sites: Sequence[Site], active: Sequence[Member], count: int) -> list[Site]:
    """Where so many new instances go: each to the zone that has the fewest, in a zone by turns.

    >>> choose_sites([Site("a"), Site("b")], [], 3)
    [Site(zone='a', subnet_id=''), Site(zone='b', subnet_id=''), Site(zone='a', subnet_id='')]
    """
    if not sites:
        raise Bug("a group has nowhere to launch")
    counts = Counter(member.zone for member in active)
    of_zone: dict[str, list[Site]] = {}
    for site in sites:
        of_zone.setdefault(site.zone, []).append(site)
    chosen = []
    for _ in range(count):
        zone = min(of_zone, key=lambda name: counts[name])
        chosen.append(of_zone[zone][counts[zone] % len(of_zone[zone])])
        counts[zone] += 1
    return chosen


def choose_victims(group: Group, active: Sequence[Member], count: int) -> list[Member]:
    """Up to so many instances to terminate; protected ones never."""
    counts = Counter(member.zone for member in active)
    left: dict[str, list[Member]] = {}
    for member in sorted(active, key=_order(group), reverse=True):
        if not member.protected:
            left.setdefault(member.zone, []).append(member)
    chosen: list[Member] = []
    while left and len(chosen) < count:
        zone = max(sorted(left), key=lambda name: counts[name])
        chosen.append(left[zone].pop())
        counts[zone] -= 1
        if not left[zone]:
            del left[zone]
    return chosen


def _order(group: Group) -> Callable[[Member], tuple[Any, ...]]:
    """Who goes first, by the group's termination policies one after the other; in the end the oldest.

    Instances that are not healthy or not in service yet go before all others.
    """
    keys = [_POLICIES[name] for name in group.policies if name in _POLICIES]

    def order(member: Member) -> tuple[Any, ...]:
        return (
            member.healthy,
            member.state == "InService",
            *(key(group, member) for key in keys),
            member.launched_at,
            member.id,
        )

    return order


def _outdated(group: Group, member: Member) -> bool:
    """False for an instance that was not made as the group would make one now: it goes first."""
    launch = group.launch
    if launch.template is None or member.template is None:
        return member.configuration == launch.configuration and launch.template is None
    same = launch.template.version in ("", "$Latest", "$Default", member.template.version)
    return same and member.template.id == launch.template.id


_POLICIES: dict[str, Callable[[Group, Member], Any]] = {
    "Default": _outdated,
    "OldestLaunchConfiguration": _outdated,
    "OldestLaunchTemplate": _outdated,
    "OldestInstance": lambda group, member: member.launched_at,
    "NewestInstance": lambda group, member: -member.launched_at,
}
"""Policies that order instances; the others of AWS are taken and order nothing."""
POLICIES = frozenset({*_POLICIES, "AllocationStrategy", "ClosestToNextInstanceHour"})
