"""The roll-outs of seed 003's table: each is predicted within a tenth, by rates, cycles and delays alone.

The same scenario files as `windlass plan scenarios/seed-003/`, one set of the profile's parameters for all.
"""

from __future__ import annotations

from bisect import bisect_right
from pathlib import Path

import pytest

from windlass.planner.planning import outcome_of
from windlass.planner.scenario.reading import files, read

FOLDER = Path(__file__).parents[2] / "scenarios" / "seed-003"
FILES = files(FOLDER)
PER_MINUTE = {"ecs.deployment.fargate": 500, "ecs.deployment.ec2": 250}
SEEDS = range(2, 5)
CHEAP = ("1-fargate", "3-fargate-half-spot", "4-fargate-private", "8-ec2-host-network")


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_row(path: Path) -> None:
    """What was measured in 2022 is what our own code does; no minute has more launches than it may."""
    outcome = outcome_of(read(path), why=False)
    assert outcome.error_pct is not None and abs(outcome.error_pct) <= 10, outcome.predicted_s
    run = outcome.shown
    name, limit = next((name, rate) for name, rate in PER_MINUTE.items() if name in run.lowest)
    at, launched = [one.at_s for one in run.samples], [one.launched for one in run.samples]
    assert launched[-1] == 1_000 and launched == sorted(launched)
    minutes = [
        launched[bisect_right(at, second + 60) - 1] - count
        for second, count in zip(at, launched, strict=True)
    ]
    assert max(minutes) <= limit + outcome.bursts[name]  # a burst is what came ahead of its time


@pytest.mark.parametrize("row", CHEAP)
def test_no_day_is_far_off(row: str) -> None:
    """Not one lucky seed: the last of 1,000 tasks is an extreme value, and still each day is like another."""
    outcome = outcome_of(read(FOLDER / f"{row}.yaml"), seed=SEEDS.start, runs=len(SEEDS), why=False)
    assert outcome.scenario.published is not None
    published = outcome.scenario.published.seconds
    days = [run.took_s for run in outcome.runs]
    assert all(took is not None and abs(took / published - 1) <= 0.1 for took in days), days
