"""A template as a scenario's resources: everything in it is made, and its service comes up."""

from __future__ import annotations

from pathlib import Path

from windlass.planner.playing.play import play, refusals
from windlass.planner.scenario.reading import parse

SCENARIO = """
name: shop
profile: aws-2022
resources: shop_template.yaml
parameters: {Desired: 3}
events:
  - at: 2m
    call: {ecs.UpdateService: {service: "${Service.service.serviceName}", cluster: Cluster, desiredCount: 5}}
until: {service: shop-web, cluster: Cluster, after: 3m}
"""


def test_a_stack_is_up() -> None:
    """A service behind a load balancer, scaling, queues, a function, a schedule; after an event, more."""
    scenario = parse(SCENARIO, str(Path(__file__).parent / "x.yaml"))
    assert refusals(scenario) == {}
    run = play(scenario, 1)
    assert run.ended == "reached", run.ended
    assert max(sample.running for sample in run.samples if sample.at_s < 120) == 3
    assert run.samples[-1].running == 5


def test_every_kind_of_capacity_is_made() -> None:
    """Machines of a group for a service, Batch, App Runner, a function with an alias, rules and alarms."""
    text = "name: x\nresources: capacity_template.yaml\n"
    scenario = parse(text, str(Path(__file__).parent / "x.yaml"))
    assert refusals(scenario) == {}
    made = {name for one in scenario.resources for name in one if name != "as"}
    assert {"ecs.PutClusterCapacityProviders", "batch.CreateJobQueue", "apprunner.CreateService"} <= made
    assert {
        "lambda.PutProvisionedConcurrencyConfig",
        "events.PutTargets",
        "cloudwatch.PutMetricAlarm",
    } <= made
