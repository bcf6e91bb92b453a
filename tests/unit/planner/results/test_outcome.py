"""What came of a scenario's runs: its middle, its band, its scarce buckets, its rate of launches."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.planner.outcomes import BURSTS, a_run, a_scenario, an_outcome, several
from windlass.planner.results.outcome import Launches, launches, rates


def test_the_middle_of_several_runs() -> None:
    outcome = an_outcome(*several(5), scenario=a_scenario(published=40.0))
    assert (outcome.predicted_s, outcome.band_s, outcome.shown.seed) == (42, (40, 44), 3)
    assert outcome.error_pct == pytest.approx(5.0)


def test_no_prediction_when_most_runs_never_got_there() -> None:
    outcome = an_outcome(a_run(1), a_run(2, took_s=None))
    assert (outcome.predicted_s, outcome.spread_s, outcome.band_s) == (None, None, (40, 40))


def test_scarce_buckets_are_those_that_were_half_empty_in_any_run() -> None:
    """The emptiest first; a run that says nothing of one left it full, and size 0 has no share."""
    calm = replace(a_run(1), lowest={})
    busy = replace(a_run(2), lowest={"ecs.deployment.fargate": 42, "fargate.on_demand": 10})
    assert an_outcome(calm).scarce == []
    assert an_outcome(calm, busy).scarce == ["fargate.on_demand", "ecs.deployment.fargate"]
    assert replace(an_outcome(busy), bursts={**BURSTS, "odd": 0}).scarce == [
        "fargate.on_demand",
        "ecs.deployment.fargate",
    ]


def test_a_rate_is_over_ten_seconds_also_at_the_beginning() -> None:
    """A hundred tasks in the first second are ten a second, and none when a count goes down."""
    at = [float(second) for second in range(21)]
    assert rates(at, [100] * 21) == [10.0] * 10 + [0.0] * 11
    found = rates(at, [0] + [100] * 20)
    assert found[1] == found[10] == 10 and found[11] == 0
    assert rates([0.0, 16.0, 32.0], [0, 32, 40]) == [0.0, 2.0, 0.5]
    assert max(rates(at, list(range(20, -1, -1)))[10:]) == 0


def test_launches_until_the_last() -> None:
    """A hundred within the first 20 of 40 seconds; none at all."""
    found = launches(a_run())
    assert found == Launches(100, 20.0, 5.0) and found.per_s == 5.0
    assert Launches(2, 0.0, 0.2).per_s == 0.2
    assert launches(a_run(tasks=0)) is None is launches(replace(a_run(), samples=()))
