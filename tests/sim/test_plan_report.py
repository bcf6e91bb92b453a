"""What scenarios want reported: metrics that the plane publishes, and some sections only."""

from __future__ import annotations

import pytest

from tests.workload_build import FUNCTION, balanced, played
from windlass.planner.playing.changes import CannotPlay
from windlass.planner.playing.play import play
from windlass.planner.results.curves import curves
from windlass.planner.results.outcome import Outcome, times_to, times_to_healthy
from windlass.planner.results.result_json import result_json
from windlass.planner.results.text import summary
from windlass.planner.scenario.reading import parse

USERS = """
workloads:
  - name: users
    to: {function: resize}
    arrivals: {constant: 10/s}
    lasts: 3m
    service_time: {constant: 500ms}
until: {workload: users}
"""
METRICS = """
report:
  show: [metrics]
  metrics:
    - Id: calls
      MetricStat:
        Metric:
          Namespace: AWS/Lambda
          MetricName: Invocations
          Dimensions: [{Name: FunctionName, Value: "${resize.FunctionName}"}]
        Period: 60
        Stat: Sum
    - {Id: rate, Expression: calls / PERIOD(calls), Label: calls a second}
    - Id: nothing
      MetricStat: {Metric: {Namespace: AWS/SQS, MetricName: Nothing}, Period: 60, Stat: Average}
"""
NAMED = FUNCTION.rstrip() + "\n    as: resize\n"


def test_metrics_are_those_of_cloudwatch() -> None:
    run = played(NAMED, USERS + METRICS)
    calls, rate, nothing = run.metrics
    assert calls.title == "AWS/Lambda Invocations, Sum of 60 s" and rate.title == "calls a second"
    assert sum(value for _, value in calls.points) == 1_800
    assert [value for _, value in rate.points] == [value / 60 for _, value in calls.points]
    assert not nothing.points
    assert "report: nothing was published of nothing (AWS/SQS Nothing, Average of 60 s)" in run.notes


def test_only_what_is_wanted_is_shown_and_the_json_has_everything() -> None:
    text = f"name: s\nprofile: local\nhorizon: 2h\nresources:{NAMED}\n{USERS}{METRICS}"
    outcome = Outcome(parse(text, "s.yaml"), (played(NAMED, USERS + METRICS),))
    said = "\n".join(summary(outcome))
    assert "after 181 s" in said and "metric calls: AWS/Lambda Invocations, Sum of 60 s: at most 600" in said
    assert "p99" not in said and "cost" not in said and "environments" not in said
    assert [chart.title for chart in curves(outcome)] == [
        "AWS/Lambda Invocations, Sum of 60 s",
        "calls a second",
    ]
    found = result_json(outcome)
    assert [one["id"] for one in found["metrics"]] == ["calls", "rate", "nothing"]
    assert found["loads"] and found["cost"]


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("{Id: a, Expression: b + 1}", "report.metrics: ValidationError: "),
        ("{Id: a, MetricStats: {}}", "MetricDataQueries[0].MetricStats: there is no such parameter"),
        ('{Id: a, Expression: "${web}"}', "report.metrics: "),
    ],
)
def test_what_cloudwatch_refuses_is_refused_at_the_begin(query: str, why: str) -> None:
    with pytest.raises(CannotPlay) as refused:
        played(NAMED, f"{USERS}report: {{metrics: [{query}]}}")
    assert why in str(refused.value)


def test_healthy_targets_are_counted_over_time() -> None:
    """The service is up once its load balancer finds all of its tasks healthy, later than they run."""
    text = f"name: s\nprofile: aws-2022\nresources:{balanced(20)}\nuntil: {{service: web}}"
    scenario = parse(text, "s.yaml")
    run = play(scenario, 1)
    [(group, times)] = times_to_healthy(run).items()
    assert group == "web" and [count for count, _ in times] == [10, 18, 20]
    all_run, all_healthy = times_to(run)[-1], times[-1]
    assert all_run[0] == all_healthy[0] == 20 and all_run[1] < all_healthy[1] <= run.virtual_s
    outcome = Outcome(scenario, (run,))
    assert any(line.startswith("  healthy in web: 10 after ") for line in summary(outcome))
    [chart] = [chart for chart in curves(outcome) if chart.title == "Healthy targets"]
    assert max(value or 0 for value in chart.lines["web"]) == 20
