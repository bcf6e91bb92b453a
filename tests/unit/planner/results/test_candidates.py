"""What is tried when the bottleneck is looked for: each changes one thing, and nothing else."""

from __future__ import annotations

import pytest

from windlass.planner.playing.changes import profile_of
from windlass.planner.results.candidates import Candidate, candidates, together
from windlass.planner.scenario.model import Scenario
from windlass.planner.scenario.reading import parse

TEXT = """
name: x
resources:
  - ecs.CreateService: {serviceName: web, desiredCount: 3, deploymentConfiguration: {maximumPercent: 150}}
  - ecs.CreateService: {serviceName: still, desiredCount: 0}
  - application-autoscaling.RegisterScalableTarget: {ResourceId: service/c/web, MaxCapacity: 9}
  - lambda.CreateFunction: {FunctionName: f}
  - lambda.CreateEventSourceMapping: {FunctionName: f, ScalingConfig: {MaximumConcurrency: 4}}
  - batch.CreateComputeEnvironment: {computeEnvironmentName: e, computeResources: {maxvCpus: 32}}
events:
  - {at: 5m, call: {ecs.UpdateService: {service: web, forceNewDeployment: true}}}
"""


def tried(lowest: dict[str, int] | None = None) -> tuple[Scenario, dict[str, Candidate]]:
    scenario = parse(TEXT, "x.yaml")
    found = list(candidates(scenario, lowest or {}, profile_of(scenario)))
    assert len({one.name for one in found}) == len(found)
    return scenario, {one.name: one for one in found}


@pytest.mark.parametrize(
    ("name", "place", "path", "value"),
    [
        ("desiredCount of web", 0, ("ecs.CreateService", "desiredCount"), 6),
        ("maximumPercent of web", 0, ("ecs.CreateService", "deploymentConfiguration", "maximumPercent"), 300),
        (
            "minimumHealthyPercent of web",
            0,
            ("ecs.CreateService", "deploymentConfiguration", "minimumHealthyPercent"),
            50,
        ),
        (
            "MaxCapacity of service/c/web",
            2,
            ("application-autoscaling.RegisterScalableTarget", "MaxCapacity"),
            18,
        ),
        (
            "MaximumConcurrency of f",
            4,
            ("lambda.CreateEventSourceMapping", "ScalingConfig", "MaximumConcurrency"),
            8,
        ),
        ("maxvCpus of e", 5, ("batch.CreateComputeEnvironment", "computeResources", "maxvCpus"), 64),
    ],
)
def test_a_size_or_a_percentage(name: str, place: int, path: tuple[str, ...], value: int) -> None:
    scenario, found = tried()
    changed = found[name].scenario
    here = changed.resources[place]
    for step in path:
        here = here[step]
    assert here == value
    others = [one for number, one in enumerate(changed.resources) if number != place]
    assert others == [one for number, one in enumerate(scenario.resources) if number != place]
    assert scenario == parse(TEXT, "x.yaml")  # it is a copy


def test_what_is_not_tried() -> None:
    """Nothing of a service that is not deployed anew, no bucket that had tokens, no size of nothing."""
    _, found = tried({"fargate.on_demand": 1})
    assert not [name for name in found if "still" in name or name.startswith("fargate")]
    assert [one.name for one in found.values() if one.serves] == ["desiredCount of web"]


def test_quotas_and_scarce_rates_at_once() -> None:
    """A rate that had most of its tokens limits nothing; one quota by itself was tried before."""
    scenario = parse(TEXT, "x.yaml")
    profile = profile_of(scenario)
    both = together(scenario, {"lambda.environment_starts": 100, "fargate.on_demand": 99}, profile)
    assert both is not None
    assert both.name.split(", ") == [
        "lambda.environment_starts",
        "lambda.concurrent_executions",
        "lambda.mapping_pollers_per_minute",
    ]
    assert both.scenario.quotas["lambda.environment_starts"]["burst"] == 2_000
    assert together(parse("name: x\nresources: []", "x"), {"fargate.on_demand": 0}, profile) is None


def test_rates_quotas_and_delays() -> None:
    _, found = tried({"fargate.on_demand": 0, "fargate.spot": 0})
    assert found["fargate.on_demand"].scenario.quotas["fargate.on_demand"]["burst"] == 200
    assert found["fargate.spot.supply_per_s"].scenario.models == {"fargate.spot.supply_per_s": 6.8}
    assert found["lambda.concurrent_executions"].scenario.quotas == {"lambda.concurrent_executions": 2_000}
    assert found["task.provision"].scenario.delays["task.provision"].median == 7_500_000_000
    assert found["task.provision"].scenario.delays["task.provision"].sigma == 0.2
