"""Provisioned concurrency: which environments to start, stop and give events to, and what to say of it. Pure.

A configuration wants so many initialised environments of the versions behind its qualifier. They take events
once all of them are there, and go on to while some are replaced: those that died, and those that got old,
which serve until their successors do. Where an initialisation fails, the configuration is FAILED and starts
no more; what is ready serves. Knows no store, no units and no pool; provisioning.py acts.
Source: Lambda Developer Guide, "Configuring provisioned concurrency" (facts/lambda.md, section 8). How an
alias with weights shares is ours: by weight, as its invocations do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from windlass.kernel.clock import Duration, Instant

Status: TypeAlias = Literal["IN_PROGRESS", "READY", "FAILED"]


@dataclass(frozen=True, slots=True)
class Standing:
    """What GetProvisionedConcurrencyConfig tells: `allocated` are initialised, `available` take events."""

    status: Status = "IN_PROGRESS"
    reason: str = ""
    allocated: int = 0
    available: int = 0


@dataclass(frozen=True, slots=True)
class Wish:
    """One configuration: `shares` of its versions in environments, and how it stood at the last look.

    `begins_at`: nothing is started before. `failure` is why an initialisation failed since then.
    """

    qualifier: str
    shares: Mapping[str, int]
    standing: Standing = Standing()
    begins_at: Instant = 0
    failure: str = ""

    @property
    def failed(self) -> bool:
        return bool(self.failure) or self.standing.status == "FAILED"


@dataclass(frozen=True, slots=True)
class Held:
    """One environment that runs or is on its way. `ready`: initialised; `serves`: it takes events."""

    unit_id: str
    version: str
    created_at: Instant
    ready: bool = False
    serves: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do now. `again`: when to look at the latest."""

    start: Mapping[str, int] = field(default_factory=dict)
    """Version → how many."""
    stop: tuple[str, ...] = ()
    serve: tuple[str, ...] = ()
    standings: Mapping[str, Standing] = field(default_factory=dict)
    """By qualifier, those that changed."""
    again: Instant | None = None


def shares(requested: int, version: str, weights: Iterable[tuple[str, float]]) -> dict[str, int]:
    """How many environments of each version. 10 for version 1, of which 2 has 0.25 → 8 and 2."""
    found = {other: round(requested * weight) for other, weight in weights}
    return {version: requested - sum(found.values()), **found}


def plan(wishes: Sequence[Wish], held: Sequence[Held], *, room: int, now: Instant, life: Duration) -> Plan:
    """The next moves for one function.

    `room` is how many may be started now, `life` how old an environment may get. No two wishes share a
    version: Put… and UpdateAlias see to that.
    """
    by_version: dict[str, list[Held]] = {}
    for one in sorted(held, key=lambda one: (one.created_at, one.unit_id)):
        by_version.setdefault(one.version, []).append(one)
    start: dict[str, int] = {}
    stop: list[str] = []
    serve: list[str] = []
    standings: dict[str, Standing] = {}
    again: list[Instant] = []
    for wish in wishes:
        mine = {version: by_version.pop(version, []) for version in wish.shares}
        if wish.begins_at > now:
            again.append(wish.begins_at)
        elif not wish.failed:
            for version, wanted in _missing(wish, mine, now, life).items():
                count = min(wanted, room)
                room -= count
                if count:
                    start[version] = count
        stops = [id for version in mine for id in _surplus(mine[version], wish.shares[version], now, life)]
        kept = {version: [one for one in mine[version] if one.unit_id not in stops] for version in mine}
        served, standing = _standing(wish, kept)
        stop += stops
        serve += served
        if standing != wish.standing:
            standings[wish.qualifier] = standing
    stop += [one.unit_id for rest in by_version.values() for one in rest]
    return Plan(start, tuple(stop), tuple(serve), standings, min(again, default=None))


def _missing(wish: Wish, mine: Mapping[str, Sequence[Held]], now: Instant, life: Duration) -> dict[str, int]:
    """Those that get old have to be replaced, so they do not count."""
    return {
        version: max(0, wanted - sum(now - one.created_at < life for one in mine[version]))
        for version, wanted in wish.shares.items()
    }


def _surplus(mine: Sequence[Held], wanted: int, now: Instant, life: Duration) -> list[str]:
    """Whom to stop: more than are wanted, first those that serve least; the old once others are ready."""
    old = [one for one in mine if now - one.created_at >= life]
    fresh = sorted((one for one in mine if one not in old), key=lambda one: (not one.serves, not one.ready))
    ready = sum(one.ready for one in fresh[:wanted])
    useless = [one for one in old if not one.ready]
    useful = [one for one in old if one.ready]
    excess = max(0, ready + len(useful) - wanted)
    return [one.unit_id for one in (*fresh[wanted:], *useless, *useful[:excess])]


def _standing(wish: Wish, kept: Mapping[str, Sequence[Held]]) -> tuple[list[str], Standing]:
    """Who takes events from now on, and what to tell."""
    allocated = sum(
        min(wanted, sum(one.ready for one in kept[version])) for version, wanted in wish.shares.items()
    )
    complete = allocated == sum(wish.shares.values())
    serving = [one for version in kept for one in kept[version] if one.serves]
    waiting = [one.unit_id for version in kept for one in kept[version] if one.ready and not one.serves]
    if not complete and not wish.failed:  # only those that took events before this plane was started
        waiting = waiting[: max(0, wish.standing.available - len(serving))]
    status: Status = "READY" if complete else "IN_PROGRESS"
    reason = ""
    if wish.failed and not complete:
        status, reason = "FAILED", wish.failure or wish.standing.reason
    available = min(sum(wish.shares.values()), len(serving) + len(waiting))
    return waiting, Standing(status, reason, allocated, available)
