"""What limited a result, found by asking: the scenario again with one thing twice as good.

Buckets that were empty and quotas and delays of launches are tried one by one; the one that helps most is the
bottleneck. No share of the time is guessed: what raising it gives was simulated too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import msgspec

from windlass.aws.quotas import Profile
from windlass.kernel.clock import SECOND
from windlass.planner.playing.changes import profile_of
from windlass.planner.playing.play import Played
from windlass.planner.scenario.model import Delay, Scenario
from windlass.planner.scenario.parts import Span

GAIN_MIN = 0.02
"""A gain below this share of the time is none: the scenario's end is looked for once a second."""
BUCKETS_TRIED = 3
DELAYS: Mapping[str, str] = {
    "ecs.healthy_after": "the time that a task must run to count as healthy",
    "task.provision": "provisioning of a task",
    "instance.register": "the time until an instance has registered",
    "ecs.managed_scaling_minute": "the minute of managed scaling",
}
SUPPLIES: Mapping[str, str] = {"fargate.spot.supply_per_s": "the supply of Fargate Spot"}


@dataclass(frozen=True, slots=True)
class Bottleneck:
    """What limited the result; `would_be_s` is the result with it twice as good."""

    name: str
    what: str
    now: str
    changed: str
    would_be_s: float

    def sentence(self, took_s: float) -> str:
        """For people."""
        return (
            f"{self.what} ({self.name}, {self.now}) limits it: with {self.changed} it takes "
            f"{self.would_be_s:g} s instead of {took_s:g} s."
        )


@dataclass(frozen=True, slots=True)
class _Try:
    name: str
    what: str
    now: str
    changed: str
    scenario: Scenario


def find(scenario: Scenario, played: Played, play: Callable[[Scenario, int], Played]) -> Bottleneck | None:
    """The bottleneck of a run that reached its end; None when nothing of what is tried helps."""
    if played.took_s is None:
        return None
    found: list[Bottleneck] = []
    for one in _tries(scenario, played, profile_of(scenario)):
        took = play(one.scenario, played.seed).took_s
        if took is not None and took < played.took_s * (1 - GAIN_MIN):
            found.append(Bottleneck(one.name, one.what, one.now, one.changed, took))
    return min(found, key=lambda one: (one.would_be_s, one.name), default=None)


def _tries(scenario: Scenario, played: Played, profile: Profile) -> Iterator[_Try]:
    empty = [name for name, least in sorted(played.lowest.items()) if least == 0]
    for name in empty[:BUCKETS_TRIED]:
        rate = profile.buckets[name]
        per_minute = 60 * rate.per_second + rate.per_minute
        shown = f"{per_minute:g} per minute" if per_minute % 60 else f"{per_minute / 60:g} per second"
        twice = {"refill": f"{2 * per_minute}/min", "burst": 2 * rate.burst}
        changed = msgspec.structs.replace(scenario, quotas={**scenario.quotas, name: twice})
        yield _Try(name, "A rate", shown, "twice that", changed)
    for name, what in SUPPLIES.items():
        if name in profile.models and any("spot" in bucket for bucket in played.lowest):
            value = profile.models[name]
            changed = msgspec.structs.replace(scenario, models={**scenario.models, name: 2 * value})
            yield _Try(name, what.capitalize(), f"{value:g} per second", "twice that", changed)
    for name, what in DELAYS.items():
        if delay := profile.delays.get(name, 0.0):
            half = Delay(Span(round(delay / 2 * SECOND)), profile.sigmas.get(name, 0.0))
            changed = msgspec.structs.replace(scenario, delays={**scenario.delays, name: half})
            yield _Try(name, what[0].upper() + what[1:], f"{delay:g} s", "half of that", changed)
