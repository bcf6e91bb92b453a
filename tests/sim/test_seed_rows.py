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


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_row(path: Path) -> None:
    """What was measured in 2022 is what our own code does; no minute has more launches than it may."""
    outcome = outcome_of(read(path), why=False)
    assert outcome.error_pct is not None and abs(outcome.error_pct) <= 10, outcome.predicted_s
    run = outcome.shown
    limit = next(rate for name, rate in PER_MINUTE.items() if name in run.lowest)
    burst = -(-limit // 6)  # what one work cycle brings ahead of its time
    at, launched = [one.at_s for one in run.samples], [one.launched for one in run.samples]
    assert launched[-1] == 1_000 and launched == sorted(launched)
    minutes = [
        launched[bisect_right(at, second + 60) - 1] - count
        for second, count in zip(at, launched, strict=True)
    ]
    assert max(minutes) <= limit + burst
