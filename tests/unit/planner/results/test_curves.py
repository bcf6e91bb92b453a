"""Curves: of one run its samples; of several the middle and the band; of gauges one chart per kind."""

from __future__ import annotations

from dataclasses import replace

from tests.unit.planner.outcomes import a_run, a_scenario, an_outcome, several
from windlass.planner.pages.charts import Chart
from windlass.planner.results.curves import LINES_MAX, curves, running
from windlass.planner.results.outcome import Outcome


def by_title(outcome: Outcome) -> dict[str, Chart]:
    return {chart.title: chart for chart in curves(outcome)}


def test_one_run_is_drawn_as_it_was() -> None:
    outcome = an_outcome()
    chart = by_title(outcome)["Tasks"]
    assert list(chart.lines["running"]) == [sample.running for sample in outcome.shown.samples]
    assert not chart.bands and chart.marks == ((20.0, "kill zone"),)


def test_several_runs_are_their_middle_and_their_band() -> None:
    """Low, middle and high at every time are in order; counts stay when runs are over."""
    charts = by_title(an_outcome(*several(21)))
    tasks = charts["Tasks"]
    low, high = tasks.bands["running"]
    for below, middle, above in zip(low, tasks.lines["running"], high, strict=True):
        assert below is not None and middle is not None and above is not None
        assert below <= middle <= above
    assert tasks.lines["running"][-1] == 100 and tasks.at[-1] == 60
    assert any(above != below for below, above in zip(low, high, strict=True))
    assert tasks.band_name == "p10 to p90 of 21 runs"
    rate = charts["Launch rate, over 10 s"]
    assert rate.lines["launched"][-1] is None  # most runs are over by then
    assert rate.lines["launched"][0] is not None


def test_buckets_are_shares_of_what_they_hold() -> None:
    """A bucket that no sample tells of was full."""
    buckets = by_title(an_outcome())["Tokens left in the buckets"]
    assert list(buckets.lines["fargate.on_demand"][:6]) == [100, 80, 60, 40, 20, 0]
    assert buckets.lines["fargate.on_demand"][-1] == 100
    assert "ecs.deployment.fargate" not in buckets.lines  # always more than half full


def test_gauges_have_charts_and_unknown_kinds_too() -> None:
    charts = by_title(an_outcome(a_run(gauges=True)))
    assert list(charts["Queues"].lines) == ["jobs: visible"] and charts["Queues"].unit == "messages"
    assert list(charts["Latency of good answers"].lines) == ["users: 99 % within"]
    assert list(charts["Moons"].lines) == ["up"]


def test_what_never_was_is_not_drawn() -> None:
    """No errors beside requests; with nothing at all, the gauge is told as it is."""
    run = a_run()
    calm = {("requests_per_s", "users"): 5.0, ("errors_per_s", "users"): 0.0}
    run = replace(run, samples=tuple(replace(one, gauges=calm) for one in run.samples))
    assert list(by_title(an_outcome(run))["Requests"].lines) == ["users: answered"]


def test_of_many_gauges_the_highest_are_drawn() -> None:
    run = a_run()
    many = {("messages", f"q{number:02}"): float(number) for number in range(20)}
    run = replace(run, samples=tuple(replace(one, gauges=many) for one in run.samples))
    lines = by_title(an_outcome(run))["Queues"].lines
    assert list(lines) == [f"q{number}: visible" for number in range(20 - LINES_MAX, 20)]


def test_a_scenario_without_tasks_has_no_curves_of_tasks() -> None:
    assert "Tasks" not in by_title(an_outcome(a_run(tasks=0, gauges=True)))


def test_running_tasks_of_scenarios_with_the_same_name() -> None:
    """Each has its line, which ends where its runs end."""
    chart = running([an_outcome(), an_outcome(a_run(took_s=80.0)), an_outcome(scenario=a_scenario("other"))])
    assert list(chart.lines) == ["web", "web (2)", "other"]
    assert chart.lines["web"][-1] is None and chart.lines["web (2)"][-1] == 100
