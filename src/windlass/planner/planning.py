"""From files to outcomes: all seeds of a scenario, and its bottleneck. What the command line calls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from windlass.planner.playing.changes import profile_of
from windlass.planner.playing.play import play
from windlass.planner.results import bottleneck
from windlass.planner.results.outcome import Outcome
from windlass.planner.scenario.model import Scenario


def outcome_of(
    scenario: Scenario,
    *,
    seed: int | None = None,
    runs: int | None = None,
    why: bool = True,
    tell: Callable[[str], None] = lambda said: None,
) -> Outcome:
    """Play it with each seed. `why`: find what limits it, in several more runs. Raises CannotPlay.

    `tell` is called with what is played next, for people who wait.
    """
    first, count = scenario.seed if seed is None else seed, runs or scenario.runs
    found = []
    for place in range(count):
        tell(f"{scenario.name}: run {place + 1} of {count}")
        found.append(play(scenario, first + place))
    played = tuple(found)
    bursts = {name: rate.burst for name, rate in profile_of(scenario).buckets.items()}
    outcome = Outcome(scenario, played, bursts=bursts)
    if not why:
        return outcome
    tell(f"{scenario.name}: what limits it")
    return replace(outcome, asked_why=True, bottleneck=bottleneck.find(scenario, outcome.shown, play))
