"""How many instances a service has, and which of them are active. Pure.

Instances are provisioned (memory is paid) or active (CPU too). As concurrency nears what the active ones
take, another becomes active at once: one that is provisioned and idle, else a new one is started. In again it
goes slowly: what the highest concurrency of the last `idle_after` needed stays active, what that of the last
`remove_after` needed stays provisioned, and never less than MinSize. Knows counts and times; no rows, no
proxies. Source: App Runner Developer Guide, manage-autoscaling; facts/apprunner.md, 5; how near is near, and
both times, AWS does not publish: they are settings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from windlass.kernel.clock import MINUTE, SECOND, Duration, Instant
from windlass.services.apprunner.model import Scaling

Phase: TypeAlias = Literal["starting", "provisioned", "active"]
Choice: TypeAlias = tuple[str, str]
"""An instance's id, and why it was chosen."""

ACTIVE_MIN: Duration = MINUTE
"""CPU is paid for at least so long each time that an instance becomes active; App Runner pricing."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How a service scales, beside its auto scaling configuration."""

    near: float = 0.8
    """Share of the active instances' concurrency at which another becomes active; ours."""
    idle_after: Duration = MINUTE
    """An active instance that is not needed for so long becomes idle; ours (facts/apprunner.md, 5)."""
    remove_after: Duration = 5 * MINUTE
    """A provisioned one that was not needed for so long, and is more than MinSize, goes; ours."""


@dataclass(frozen=True, slots=True)
class Standing:
    """One instance. `requests`: how many it handles now."""

    id: str
    phase: Phase
    requests: int
    since: Instant
    """When it came into this phase."""


@dataclass(frozen=True, slots=True)
class Need:
    """So many instances were needed, for the last time at that instant."""

    instances: int
    at: Instant


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to change now. `peaks` go into the next plan; `again`: when that is due at the latest."""

    wanted: int
    """Instances that are to be provisioned, those that start and those that are active included."""
    activate: tuple[Choice, ...]
    deactivate: tuple[Choice, ...]
    peaks: tuple[Need, ...]
    again: Instant | None
    why: str


def plan(
    scaling: Scaling,
    concurrency: int,
    instances: Sequence[Standing],
    peaks: Sequence[Need],
    now: Instant,
    pace: Pace,
) -> Plan:
    """`concurrency`: requests that are handled or wait, of the whole service. `peaks` are the last plan's.

    100 at a time, 81 requests, one active and one idle → the idle one becomes active.
    """
    need = needed(scaling, concurrency, pace.near)
    lasting = remember(peaks, need, now, pace.remove_after)
    active_wanted = highest(lasting, now - pace.idle_after)
    wanted = min(max(scaling.min_size, lasting[0].instances), max(scaling.max_size, scaling.min_size))
    activate = _activations(instances, active_wanted, concurrency)
    deactivate = () if activate else _deactivations(instances, active_wanted, pace.idle_after)
    edges = [at for one in lasting[:-1] for at in (one.at + pace.idle_after, one.at + pace.remove_after)]
    again = min((at for at in edges if at > now), default=None)
    why = f"{concurrency} requests at a time need {need} of {scaling.max_concurrency} each"
    return Plan(wanted, activate, deactivate, lasting, again, why)


def needed(scaling: Scaling, concurrency: int, near: float) -> int:
    """Active instances for that many requests: one more as soon as they come near to what these take.

    >>> [needed(Scaling(100, 1, 25), requests, 0.8) for requests in (0, 1, 80, 81, 10_000)]
    [0, 1, 1, 2, 25]
    """
    each = max(1, int(scaling.max_concurrency * near))
    return min(-(-concurrency // each), scaling.max_size)


def remember(peaks: Sequence[Need], need: int, now: Instant, window: Duration) -> tuple[Need, ...]:
    """The highest needs of the window, each with when it was last; falling, and now's at the end.

    What was needed until now was needed until just now, however long ago that was noted.
    """
    before = (*peaks[:-1], Need(peaks[-1].instances, now)) if peaks else ()
    kept = (one for one in before if one.instances > need and one.at > now - window)
    return (*kept, Need(need, now))


def highest(peaks: Sequence[Need], since: Instant) -> int:
    """The highest need that there was after that instant."""
    return max((one.instances for one in peaks if one.at > since), default=peaks[-1].instances)


def _activations(instances: Sequence[Standing], wanted: int, concurrency: int) -> tuple[Choice, ...]:
    """Idle ones that got requests are active whatever was planned; then the longest idle, if any miss."""
    active = sum(one.phase == "active" for one in instances)
    idle = sorted(
        (one for one in instances if one.phase == "provisioned"),
        key=lambda one: (-one.requests, one.since, one.id),
    )
    busy = [(one.id, "it got requests") for one in idle if one.requests]
    missing = max(0, wanted - active - len(busy))
    rest = [(one.id, f"{concurrency} requests need {wanted} active") for one in idle[len(busy) :][:missing]]
    return (*busy, *rest)


def _deactivations(instances: Sequence[Standing], wanted: int, idle_after: Duration) -> tuple[Choice, ...]:
    """Those without requests that are more than were needed of late, the latest to become active first."""
    active = [one for one in instances if one.phase == "active"]
    surplus = max(0, len(active) - wanted)
    idle = sorted((one for one in active if not one.requests), key=lambda one: (-one.since, one.id))
    return tuple((one.id, f"not needed for {idle_after / SECOND:g} s") for one in idle[:surplus])


@dataclass(frozen=True, slots=True)
class Bill:
    """What a service used so far, of all its instances together, in nanoseconds of instances."""

    provisioned: Duration = 0
    """Memory is paid for these."""
    active: Duration = 0
    """CPU is paid for these: at least ACTIVE_MIN each time, and while an instance starts."""


def billed(bill: Bill, instances: Sequence[Standing], elapsed: Duration) -> Bill:
    """The bill after that much more time with these instances."""
    active = sum(one.phase != "provisioned" for one in instances)
    return Bill(bill.provisioned + elapsed * len(instances), bill.active + elapsed * active)


def idle_again(bill: Bill, active_since: Instant, now: Instant) -> Bill:
    """The bill when an instance stops being active: what misses of the minimum is paid too."""
    return Bill(bill.provisioned, bill.active + max(0, ACTIVE_MIN - (now - active_since)))
