"""Which of what was tried limits a result: the one that helps most, by what the scenario is about."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from tests.unit.planner.outcomes import a_load, a_run, a_scenario
from windlass.planner.playing.changes import CannotPlay
from windlass.planner.playing.play import Played
from windlass.planner.results.bottleneck import find
from windlass.planner.scenario.model import Scenario
from windlass.planner.scenario.reading import parse

SERVED = parse(
    """
name: x
resources:
  - ecs.CreateService: {serviceName: web, desiredCount: 3}
  - apprunner.CreateAutoScalingConfiguration: {AutoScalingConfigurationName: a, MaxSize: 25}
workloads:
  - {name: users, to: {load_balancer: web}, arrivals: {constant: 1/s}, lasts: 1m}
until: {workload: users}
""",
    "x.yaml",
)


def test_the_delay_that_helps_most_limits_the_time() -> None:
    def play(scenario: Scenario, seed: int) -> Played:
        return a_run(took_s=30.0 if "task.provision" in scenario.delays else 39.5)

    run = replace(a_run(), lowest={})
    found = find(a_scenario(), run, play)
    assert found is not None and (found.name, found.would_be_s) == ("task.provision", 30.0)
    assert found.sentence == (
        "Provisioning of a task (task.provision, 15 s) limits it: "
        "with half of that it takes 30 s instead of 40 s."
    )
    assert find(a_scenario(), run, lambda scenario, seed: a_run(took_s=39.5)) is None  # within what is seen
    assert find(a_scenario(), replace(run, took_s=None), play) is None


def served(scenario: Scenario, seed: int) -> Played:
    """More tasks: fewer failures. More instances than AWS lets one have: no scenario."""
    if scenario.resources[1]["apprunner.CreateAutoScalingConfiguration"]["MaxSize"] > 25:
        raise CannotPlay("InvalidRequestException")
    more = scenario.resources[0]["ecs.CreateService"]["desiredCount"] > 3
    load = a_load(statuses={"200": 990 if more else 900, "503": 10}, p99_s=1.0 if more else 9.0)
    return replace(a_run(took_s=60.0, loads=(load,)), lowest={})


def test_requests_that_fail_come_before_slow_ones_and_these_before_time() -> None:
    found = find(SERVED, served(SERVED, 1), served)
    assert found is not None and found.name == "desiredCount of web" and found.would_be_s is None
    assert found.gives == "1.0 % of the requests fail instead of 10.0 %"
    all_good = replace(served(SERVED, 1), loads=(a_load(statuses={"200": 1_000}, p99_s=9.0),))
    found = find(SERVED, all_good, served)
    assert found is not None and found.gives == "99 % are answered within 1 s instead of 9 s"


def test_more_tasks_are_no_answer_where_their_time_is_asked() -> None:
    asked = msgspec.structs.replace(SERVED, until=a_scenario().until)
    tried: list[Scenario] = []

    def play(scenario: Scenario, seed: int) -> Played:
        tried.append(scenario)
        return a_run(took_s=60.0)

    assert find(asked, a_run(took_s=60.0), play) is None
    assert all(one.resources[0] == SERVED.resources[0] for one in tried) and tried
