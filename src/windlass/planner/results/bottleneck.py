"""What limited a result, found by asking: the scenario again with one thing twice as good.

The candidate that helps most is the bottleneck. No share of the time is guessed: what raising it gives was
simulated too. What helps is what the scenario is about: the time until something is there, or how requests
are served, where it waits for these or for nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from windlass.planner.playing.changes import CannotPlay, profile_of
from windlass.planner.playing.load import Load
from windlass.planner.playing.play import Played
from windlass.planner.results.candidates import Candidate, candidates, together
from windlass.planner.scenario.model import Scenario

GAIN_MIN = 0.02
"""A gain below this share of the time is none: the scenario's end is looked for once a second."""
SERVED_GAIN_MIN = 0.1
"""The same of latencies and refusals, which chance moves more; ours."""
FAILED_MIN = 0.01
"""A smaller share of failed requests is not what limits a service; ours."""


@dataclass(frozen=True, slots=True)
class Bottleneck:
    """What limited the result, and what it would be with that twice as good."""

    name: str
    what: str
    now: str
    changed: str
    gives: str
    """For people: "it takes 100 s instead of 200 s"."""
    would_be_s: float | None = None
    """The time until it is there, if that is what it limits."""

    @property
    def sentence(self) -> str:
        return f"{self.what} ({self.name}, {self.now}) limits it: with {self.changed} {self.gives}."


@dataclass(frozen=True, slots=True)
class Goal:
    """What is to be small: a number of a run, None where it has none."""

    value: Callable[[Played], float | None]
    gain_min: float
    gives: Callable[[float, float], str]
    """(what it would be, what it is) as words."""
    is_time: bool = False


def find(scenario: Scenario, played: Played, play: Callable[[Scenario, int], Played]) -> Bottleneck | None:
    """The bottleneck of a run; None when it came to no end, or nothing of what is tried helps."""
    goal = next((goal for goal in _goals(scenario) if goal.value(played)), None)
    if goal is None or (scenario.waits_for and played.took_s is None):
        return None
    now, profile = goal.value(played) or 0.0, profile_of(scenario)
    tried = (one for one in candidates(scenario, played.lowest, profile) if not (one.serves and goal.is_time))
    best = _best(goal, now, tried, lambda changed: play(changed, played.seed))
    if best is None and (every := together(scenario, played.lowest, profile)) is not None:
        best = _best(goal, now, [every], lambda changed: play(changed, played.seed))
    if best is None:
        return None
    value, one = best
    time = value if goal.is_time else None
    return Bottleneck(one.name, one.what, one.now, one.changed, goal.gives(value, now), time)


def _best(
    goal: Goal, now: float, tried: Iterable[Candidate], play: Callable[[Scenario], Played]
) -> tuple[float, Candidate] | None:
    """The one that makes it least, and how much it is then."""
    best: tuple[float, Candidate] | None = None
    for one in tried:
        try:
            value = goal.value(play(one.scenario))
        except CannotPlay:  # twice that is more than AWS takes
            continue
        if value is not None and value < (best[0] if best else now * (1 - goal.gain_min)):
            best = value, one
    return best


def _goals(scenario: Scenario) -> Sequence[Goal]:
    """What the scenario is about: the first of these that its run has."""
    served = not scenario.waits_for or any(one.workload is not None for one in scenario.waits_for)
    return (FAILED, LATENCY, TIME) if served and scenario.workloads else (TIME,)


def _failed(played: Played) -> float | None:
    """Share of requests that had no good answer."""
    offered = sum(load.offered for load in played.loads)
    good = sum(_good(load) for load in played.loads)
    return 1 - good / offered if offered and 1 - good / offered >= FAILED_MIN else 0.0


def _good(load: Load) -> int:
    return sum(count for status, count in load.statuses.items() if status.startswith("2"))


def _latency(played: Played) -> float | None:
    """Of the slowest workload."""
    return max((load.p99_s for load in played.loads if load.p99_s is not None), default=None)


def _seconds(value: float) -> str:
    return f"{value:.3g} s" if value >= 1 else f"{value * 1_000:.3g} ms"


TIME = Goal(
    lambda played: played.took_s,
    GAIN_MIN,
    lambda would_be, now: f"it takes {would_be:g} s instead of {now:g} s",
    is_time=True,
)
FAILED = Goal(
    _failed,
    SERVED_GAIN_MIN,
    lambda would_be, now: f"{would_be:.1%} of the requests fail instead of {now:.1%}".replace("%", " %"),
)
LATENCY = Goal(
    _latency,
    SERVED_GAIN_MIN,
    lambda would_be, now: f"99 % are answered within {_seconds(would_be)} instead of {_seconds(now)}",
)
