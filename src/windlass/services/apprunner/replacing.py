"""Which instances of a deployment to start, to give up and to let go. Pure.

An instance has five minutes to become healthy; one that was healthy and is not any more, and one that ended
by itself, is replaced. Starts after failures wait, twice as long each time. Whoever is too many goes in the
order of what it costs: those that start, idle ones, and active ones last. Knows rows and times; no units, no
proxies.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from windlass.kernel.clock import MINUTE, SECOND, Duration, Instant
from windlass.kernel.rows import replace
from windlass.services.apprunner.instance_model import Instance, InstanceSet

NOT_HEALTHY = (
    "Health check failed: an instance was not healthy in {seconds:.0f} seconds. "
    "It has to listen on the port that the variable PORT tells."
)
NOT_NEEDED = "not needed any more"
_COST = {"starting": 0, "provisioned": 1, "active": 2}


@dataclass(frozen=True, slots=True)
class Patience:
    """How long is waited: for an instance to be healthy, and, doubling, after failures to start the next."""

    start: Duration = 5 * MINUTE
    """App Runner Developer Guide, "Developing application code"."""
    first: Duration = SECOND
    cap: Duration = MINUTE
    steady: Duration = MINUTE
    """An instance that was healthy for so long ended for other reasons than those before it."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done. `stops`: id → why; those in `lost` ended by themselves, and are gone already."""

    row: InstanceSet
    starts: int
    stops: Mapping[str, str]
    lost: tuple[str, ...]
    again: Instant | None
    """When to look, if nothing happens before."""


def plan(
    row: InstanceSet,
    instances: Sequence[Instance],
    ended: Mapping[str, str],
    now: Instant,
    patience: Patience,
) -> Plan:
    """`ended`: instances whose units are over → how. Stopping ones among them were told to end."""
    lost = tuple(one.id for one in instances if one.id in ended and one.state != "stopping")
    there = [one for one in instances if one.id not in ended and one.state != "stopping"]
    stops = {one.id: why for one in there if (why := _given_up(one, now, patience))}
    for one in instances:
        if one.id in lost or one.id in stops:
            row = failed(row, one, ended.get(one.id) or stops[one.id], now, patience)
    left = [one for one in there if one.id not in stops]
    cheapest = sorted(left, key=lambda one: (_COST[one.state], -one.created_at, one.id))
    stops |= {one.id: NOT_NEEDED for one in cheapest[: max(0, len(left) - row.wanted)]}
    missing = max(0, row.wanted - len(left))
    waits = missing and row.not_before > now
    starting = [one for one in left if one.state == "starting" and one.id not in stops]
    times = [one.created_at + patience.start for one in starting]
    times += [row.not_before] if waits else []
    return Plan(row, 0 if waits else missing, stops, lost, min(times, default=None))


def failed(row: InstanceSet, one: Instance, why: str, now: Instant, patience: Patience) -> InstanceSet:
    """The set after that instance failed. The first replacement of one that was steady starts at once."""
    steady = one.healthy_at and now - one.healthy_at >= patience.steady
    failures = 1 if steady else row.failures + 1
    wait = 0 if steady else min(patience.cap, patience.first * 2 ** min(failures - 1, 30))
    return replace(
        row,
        failed=row.failed + (not one.healthy_at),
        failures=failures,
        why=why,
        not_before=max(row.not_before, now + wait),
    )


def _given_up(one: Instance, now: Instant, patience: Patience) -> str:
    """Why it is not waited for any longer, "" while it is."""
    if one.state == "starting":
        late = now >= one.created_at + patience.start
        return NOT_HEALTHY.format(seconds=patience.start / SECOND) if late else ""
    return one.unhealthy
