"""Scenarios with several accounts: everything is there so many times, each with quotas of its own."""

from __future__ import annotations

import pytest

from windlass.planner.playing.play import Played, play
from windlass.planner.scenario.reading import BadScenario, parse

SERVICE = """
name: x
profile: aws-2022
instances: [{count: 1, cpu: 65536, memory: 131072}]
resources:
  - ecs.CreateCluster: {clusterName: default}
  - ecs.RegisterTaskDefinition:
      {family: web, requiresCompatibilities: [EC2], cpu: "256", memory: "512",
       containerDefinitions: [{name: web, image: web}], placementConstraints: []}
    as: definition
  - ecs.CreateService:
      {serviceName: web, taskDefinition: "${definition.taskDefinition.taskDefinitionArn}",
       desiredCount: 60, launchType: EC2}
until: {service: web, stable: true}
"""
STORM = """
name: x
profile: aws-2022
resources:
  - ecs.CreateCluster: {clusterName: default}
  - ecs.RegisterTaskDefinition:
      {family: job, requiresCompatibilities: [FARGATE], networkMode: awsvpc, cpu: "256", memory: "512",
       containerDefinitions: [{name: job, image: job}]}
events:
  - at: 0s
    call:
      ecs.RunTask:
        {taskDefinition: job, count: 10, launchType: FARGATE,
         networkConfiguration: {awsvpcConfiguration: {subnets: "${default.subnets}"}}}
    times: 15
until: {launched: 150}
"""


def played(text: str, accounts: int) -> Played:
    return play(parse(f"{text}accounts: {accounts}\n", "x.yaml"), 1)


def test_services_of_all_accounts_are_waited_for_and_added_up() -> None:
    """Each account has the instance, the definition by its own ARN, and the service."""
    one, three = played(SERVICE, 1), played(SERVICE, 3)
    assert (one.ended, three.ended) == ("reached", "reached")
    assert one.samples[-1].running == 60
    assert three.samples[-1].running == 180
    assert one.took_s is not None
    assert three.took_s is not None
    assert abs(three.took_s - one.took_s) < 0.2 * one.took_s
    assert three.counted.events > 2 * one.counted.events


def test_each_account_has_buckets_of_its_own() -> None:
    """150 tasks are more than a burst of 100: in two accounts they are throttled as often in each."""
    one, two = played(STORM, 1), played(STORM, 2)
    assert one.samples[-1].launched == 150
    assert two.samples[-1].launched == 300
    assert one.throttled["ecs.RunTask"] > 0
    assert two.throttled["ecs.RunTask"] == 2 * one.throttled["ecs.RunTask"]


def test_what_is_missing_is_said_with_its_account() -> None:
    """A service that never comes up is told of with the account that it is in."""
    lacking = played(SERVICE.replace("cpu: 65536", "cpu: 1024") + "horizon: 5m\n", 2)
    assert lacking.took_s is None
    assert "in account 1234567890" in lacking.ended


def test_workloads_are_of_one_account() -> None:
    """What several accounts would do with requests is not modelled, and refused."""
    workload = """
workloads:
  - {name: users, to: {function: f}, arrivals: {burst: 1}}
"""
    with pytest.raises(BadScenario, match="workloads are of one account"):
        parse(f"{SERVICE}{workload}accounts: 2\n", "x.yaml")
