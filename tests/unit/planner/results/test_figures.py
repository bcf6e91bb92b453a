"""Numbers of outcomes: one name and unit each, over all runs; and what two scenarios differ in."""

from __future__ import annotations

import pytest

from tests.unit.planner.outcomes import a_load, a_run, a_scenario, an_outcome, several
from windlass.planner.results.figures import Difference, What, differences, figures, grouped, shown


def numbers(*runs: object) -> dict[str, tuple[float | None, ...]]:
    return {one.what.full: one.values for one in figures(an_outcome(*runs))}  # type: ignore[arg-type]


def test_a_number_has_a_value_for_each_run() -> None:
    found = numbers(a_run(1), a_run(2, took_s=None, throttled=3))
    assert found["time until it is there"] == (40, None)
    assert found["tasks: most that ran at once"] == (100, 100)
    assert found["tasks: half of them running after"] == (30, 45)
    assert found["throttled: ecs.RunTask"] == (0, 3)  # a run that says nothing of it had none
    assert found["least tokens: fargate.on_demand"] == (0, 0)
    assert found["cost of the time played"][0] == pytest.approx((0.04048 + 2 * 0.004445) / 60, rel=0.2)


def test_what_became_of_requests() -> None:
    """Statuses that only some runs have are none in the others; what was not answered is told."""
    fine = a_load(statuses={"200": 1_000}, p99_s=0.2)
    found = numbers(a_run(1, loads=(a_load(),)), a_run(2, loads=(fine,)))
    assert found["users: answered 503"] == (15, 0)
    assert found["users: not answered by the end"] == (5, 0)
    assert found["users: 99 % answered within"] == (0.3, 0.2)
    assert "users: 99 % waited at most" not in found


def test_gauges_are_told_at_their_highest_and_groups_leave_out_what_never_was() -> None:
    outcome = an_outcome(a_run(gauges=True, loads=(a_load(cold_starts=0),)))
    groups = {
        name: {one.what.name: one.values[0] for one in group} for name, group in grouped(outcome).items()
    }
    assert groups["at most"] == {"messages in jobs": 100, "moons of up": 2}
    assert "cold starts" not in groups["users"] and groups["least tokens"]["fargate.on_demand"] == 0


def test_nothing_ran() -> None:
    assert "tasks: most that ran at once" not in numbers(a_run(tasks=0))


@pytest.mark.parametrize(
    ("before", "after", "unit", "sentence"),
    [
        (100, 103, "s", "+3 s (+3.0 %)"),
        (100, 50, "", "-50 (-50.0 %)"),
        (0.5, 0.25, "s", "-250 ms (-50.0 %)"),
        (0, 4, "/s", "+4/s"),
        (7, 7, "", "the same"),
        (None, 7, "", ""),
    ],
)
def test_differences_say_how_much(
    before: float | None, after: float | None, unit: str, sentence: str
) -> None:
    assert Difference(What("", "x", unit), before, after).sentence == sentence


def test_two_scenarios_number_by_number() -> None:
    """Medians of their runs; what only one of them has stands with its group, and never both without."""
    first = an_outcome(*several(5))
    second = an_outcome(a_run(took_s=60, gauges=True, loads=(a_load(),)), scenario=a_scenario("b"))
    found = differences(first, second)
    assert (found[0].before, found[0].after, found[0].sentence) == (42, 60, "+18 s (+42.9 %)")
    groups = [one.what.group for one in found]
    assert groups == sorted(groups, key=groups.index)
    assert all(one.before is not None or one.after is not None for one in found)


@pytest.mark.parametrize(
    ("value", "unit", "said"),
    [(0.0, "s", "0 s"), (0.00042, "s", "0.42 ms"), (5_400, "s", "5,400 s"), (9.6774, "/s", "9.677/s")],
)
def test_numbers_as_people_read_them(value: float, unit: str, said: str) -> None:
    assert shown(value, unit) == said
