"""From files to outcomes: all seeds of a scenario, and its bottleneck. What the command line calls."""

from __future__ import annotations

from dataclasses import replace

from windlass.planner import bottleneck
from windlass.planner.changes import profile_of
from windlass.planner.outcome import Outcome
from windlass.planner.play import play
from windlass.planner.scenario import Scenario


def outcome_of(
    scenario: Scenario, *, seed: int | None = None, runs: int | None = None, why: bool = True
) -> Outcome:
    """Play it with each seed. `why`: find what limits it, in several more runs. Raises CannotPlay."""
    first = scenario.seed if seed is None else seed
    played = tuple(play(scenario, first + place) for place in range(runs or scenario.runs))
    bursts = {name: rate.burst for name, rate in profile_of(scenario).buckets.items()}
    outcome = Outcome(scenario, played, bursts=bursts)
    if not why:
        return outcome
    return replace(outcome, asked_why=True, bottleneck=bottleneck.find(scenario, outcome.shown, play))
