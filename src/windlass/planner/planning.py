"""From files to outcomes: all seeds of a scenario, and its bottleneck. What the command line calls."""

from __future__ import annotations

from windlass.planner import bottleneck
from windlass.planner.outcome import Outcome
from windlass.planner.play import play
from windlass.planner.scenario import Scenario


def outcome_of(
    scenario: Scenario, *, seed: int | None = None, runs: int | None = None, why: bool = True
) -> Outcome:
    """Play it with each seed. `why`: find what limits it, in several more runs. Raises CannotPlay."""
    first = scenario.seed if seed is None else seed
    played = tuple(play(scenario, first + place) for place in range(runs or scenario.runs))
    outcome = Outcome(scenario, played)
    if not why:
        return outcome
    return Outcome(scenario, played, bottleneck.find(scenario, outcome.shown, play))
