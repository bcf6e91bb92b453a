"""Events of scenarios, and how scenarios end: short worlds of `windlass plan`."""

from __future__ import annotations

import re

import pytest

from tests.workload_build import DEFINITION
from windlass.planner.playing.changes import CannotPlay
from windlass.planner.playing.play import Played, play
from windlass.planner.scenario.reading import parse

SERVICE = (
    """
name: x
profile: aws-2022
resources:
  - ecs.CreateCluster: {clusterName: default, capacityProviders: [FARGATE, FARGATE_SPOT]}
"""
    + DEFINITION
    + """\
  - ecs.CreateService:
      serviceName: web
      taskDefinition: web
      desiredCount: 4
      networkConfiguration: {awsvpcConfiguration: {subnets: "${default.subnets}"}}
"""
)
FARGATE, EC2 = "      launchType: FARGATE\n", "      launchType: EC2\n"
SPOT = "      capacityProviderStrategy: [{capacityProvider: FARGATE_SPOT, weight: 1}]\n"
JOB = """
name: x
profile: local
horizon: 1d
resources:
  - batch.CreateComputeEnvironment:
      computeEnvironmentName: ce
      type: MANAGED
      computeResources:
        {type: FARGATE, maxvCpus: 4, subnets: "${default.subnets}",
         securityGroupIds: "${default.security_groups}"}
  - batch.CreateJobQueue:
      {jobQueueName: q, priority: 1, computeEnvironmentOrder: [{order: 1, computeEnvironment: ce}]}
  - batch.RegisterJobDefinition:
      jobDefinitionName: large
      type: container
      platformCapabilities: [FARGATE]
      containerProperties:
        image: large
        executionRoleArn: arn:aws:iam::123456789012:role/run
        resourceRequirements: [{type: VCPU, value: "8"}, {type: MEMORY, value: "16384"}]
  - batch.SubmitJob: {jobName: one, jobQueue: q, jobDefinition: large}
until: {job_queue: q}
"""
UP = "until: {service: web}\n"


def played(text: str) -> Played:
    return play(parse(text, "x.yaml"), 1)


def stopped(run: Played) -> int:
    return run.samples[-1].stopped


def test_a_broken_image_is_mended() -> None:
    """Nothing starts until then; the rest follows."""
    events = "images: {web: {}}\nevents:\n  - {at: 0, break_image: web, lasts: 5m}\n"
    run = played(SERVICE + FARGATE + UP + events)
    assert run.took_s is not None and run.took_s > 300 and stopped(run) >= 4


def test_what_is_provisioned_while_its_image_is_broken_is_pulled_later() -> None:
    """On Fargate a pull begins some 20 s after the launch: what was broken in between did not matter."""
    events = "images: {web: {}}\nevents:\n  - {at: 0, break_image: web, lasts: 2s}\n"
    whole, broken = played(SERVICE + FARGATE + UP), played(SERVICE + FARGATE + UP + events)
    assert (broken.took_s, stopped(broken)) == (whole.took_s, 0)


def test_health_checks_of_containers_pass_after_their_interval() -> None:
    checked = SERVICE.replace(
        "{name: web, image: web}", "{name: web, image: web, healthCheck: {command: [CMD, ok], interval: 50}}"
    )
    text, up = checked.replace("aws-2022", "local") + FARGATE, "until: {service: web}\n"
    run = played(text + up)
    assert run.took_s is not None and 50 <= run.took_s < 60


def test_spot_is_interrupted_and_replaced() -> None:
    run = played(SERVICE + SPOT + "events: [{at: 3m, interrupt_spot: 50%}]\nhorizon: 10m\n")
    assert (stopped(run), run.samples[-1].running, run.notes) == (2, 4, ())


def test_a_zone_is_killed() -> None:
    """Tasks on Fargate and instances there end; the rest takes over what it can."""
    run = played(SERVICE + FARGATE + "events: [{at: 3m, kill_zone: us-east-1a}]\nhorizon: 10m\n")
    assert 1 <= stopped(run) <= 3 and run.samples[-1].running == 4 and run.notes == ()
    machines = "instances: [{count: 2, zone: us-east-1a}, {count: 2, zone: us-east-1b}]\n"
    run = played(SERVICE + EC2 + machines + "events: [{at: 5m, kill_zone: us-east-1a}]\nhorizon: 15m\n")
    assert stopped(run) == 2 and run.samples[-1].running == 4


def test_instances_on_spot_drain_and_go_after_two_minutes() -> None:
    """What is on them is started on the others; nothing replaces those that the scenario began with."""
    machines = "instances: [{count: 2, spot: true}, {count: 2}]\n"
    run = played(SERVICE + EC2 + machines + "events: [{at: 5m, interrupt_spot: 100%}]\nhorizon: 15m\n")
    assert run.samples[-1].running == 4 and "nothing replaces them" in run.notes[0]
    assert min(one.running for one in run.samples if one.at_s > 299) == 4, "they drain"
    [note] = played(SERVICE + FARGATE + "events: [{at: 5m, interrupt_spot: 10%}]\nhorizon: 6m\n").notes
    assert note == "after 300 s: nothing ran on Spot, so nothing was interrupted"


def test_a_node_is_lost_for_a_while() -> None:
    """Tasks go on without it; nothing new comes until it is back."""
    events = "events:\n  - {at: 0, lose_node: n1, lasts: 2m}\n"
    run = played(SERVICE + FARGATE + UP + events)
    assert run.took_s is not None and run.took_s > 120 and stopped(run) == 0


def test_a_quota_holds_back_until_it_is_raised() -> None:
    quotas = "quotas: {fargate.on_demand.tasks: 2}\n"
    run = played(
        SERVICE + FARGATE + UP + quotas + "events: [{at: 5m, quota: {fargate.on_demand.tasks: 9}}]\n"
    )
    assert run.took_s is not None and run.took_s > 300
    assert max(one.running for one in run.samples if one.at_s < 300) == 2


def test_a_throttled_bucket() -> None:
    slow = "events: [{at: 0, throttle: {fargate.on_demand: 1/min}}]\n"
    run = played(SERVICE + FARGATE + UP + slow)
    assert run.took_s is not None and run.took_s > 60


@pytest.mark.parametrize(
    ("more", "why"),
    [
        (EC2, "no container instance"),
        (FARGATE + "quotas: {fargate.on_demand.tasks: 2}\n", "2 of 4|limit on the number of tasks"),
    ],
    ids=["no instance", "Fargate's quota"],
)
def test_what_can_never_be_ends_with_the_reason(more: str, why: str) -> None:
    run = played(SERVICE + more + UP + "horizon: 1d\n")
    assert run.took_s is None and run.virtual_s < 7_200
    assert run.ended.startswith("nothing moves any more")
    assert any(part in run.ended for part in why.split("|")), run.ended


@pytest.mark.parametrize(
    ("profile", "image", "why"),
    [
        (
            "aws-2022",
            "fails: 'CannotPullContainerError: gone'",
            "ever runs; 10 attempts .* 15 min .*: Cannot",
        ),
        ("aws-2022", "runs: 3s, exit_code: 1", "stays up; 10 attempts in a row .*: Essential con"),
        ("local", "fails: gone", "ever runs; 8 attempts .* 10 s between two: gone"),
        ("aws", "runs: 3s, exit_code: 1", "stays up; 2.. tasks have stopped so far: Essential"),
    ],
)
def test_what_fails_again_and_again_ends_with_the_reason(profile: str, image: str, why: str) -> None:
    text = SERVICE.replace("aws-2022", profile).replace("desiredCount: 4", "desiredCount: 1")
    run = played(f"{text}{FARGATE}{UP}images: {{web: {{{image}}}}}\nhorizon: 1d\n")
    assert run.took_s is None and run.virtual_s < 6_000
    assert re.fullmatch(f"no task of the deployment of web {why}.*", run.ended), run.ended


def test_a_job_that_no_environment_has_room_for_ends_with_the_reason() -> None:
    run = played(JOB)
    assert run.ended.startswith("nothing moves any more: 1 jobs of q are not over; MISCONFIGURATION")


def test_a_storm_of_calls_is_throttled_and_ends() -> None:
    """Each call is tried again; images that run for some time end; queues are empty in the end."""
    storm = """
images: {web: {runs: 30s}}
events:
  - at: 1s
    times: 12
    every: 10ms
    call: {ecs.RunTask: {taskDefinition: web, launchType: EC2, count: 1}}
  - {at: 2s, call: {sqs.SendMessage: {QueueUrl: "${work.QueueUrl}", MessageBody: hello}}}
  - {at: 20s, call: {sqs.PurgeQueue: {QueueUrl: "${work.QueueUrl}"}}}
quotas: {ecs.cluster_resource_modify: {refill: 1/s, burst: 2}}
instances: [{count: 2}]
until: [{launched: 12}, {queue: work}]
"""
    text = (
        SERVICE[: SERVICE.index("  - ecs.CreateService")]
        .replace("FARGATE, EC2]", "EC2]")
        .replace("awsvpc", "host")
    )
    run = played(text + "  - {sqs.CreateQueue: {QueueName: work}, as: work}" + storm)
    assert run.took_s is not None and run.throttled["ecs.RunTask"] > 10


def test_events_that_could_mean_nothing_are_refused() -> None:
    for event, why in {
        "break_image: wbe": "no definition has the image 'wbe'; there are web",
        "kill_zone: mars": "no zone 'mars'",
        "lose_node: n7": "no node 'n7'",
        "quota: {fargate.spot.interruptions_per_task_hour: 1}": "cannot change later",
    }.items():
        with pytest.raises(CannotPlay, match=why):
            played(f"{SERVICE}{FARGATE}events: [{{at: 1s, {event}}}]\n")


def test_what_is_not_modelled_is_told_and_what_is_not_there_refused() -> None:
    checked = SERVICE.replace(
        "{name: web, image: web}", "{name: web, image: web, healthCheck: {command: [CMD, ok]}}"
    )
    run = played(checked + FARGATE + "horizon: 1s\n")
    assert any("health checks of containers pass" in note for note in run.notes)
    for said, why in {
        "ecs.UpdateServce: {service: web}": "there is no such operation: did you mean UpdateS",
        "lambda.CreateCodeSigningConfig: {}": "Windlass does not have it, so it cannot be planned: see",
        "ecs.UpdateService: {desiredCount: x}": "ecs.UpdateService: desiredCount: 'x' is not a whole",
        "kinesis.PutRecord: {}": "there is no service 'kinesis' here",
    }.items():
        with pytest.raises(CannotPlay, match=f"the event at 3600 s: .*{why}"):
            played(f"{SERVICE}{FARGATE}events: [{{at: 1h, call: {{{said}}}}}]\n")


def test_calls_that_find_no_room_are_counted() -> None:
    """As failures of RunTask, and as refusals for want of capacity: neither ends the scenario."""
    text = SERVICE[: SERVICE.index("  - ecs.CreateService")]
    run_task = "ecs.RunTask: {taskDefinition: web, count: 10, launchType: LAUNCH, networkConfiguration: NET}"
    run_task = run_task.replace("NET", '{awsvpcConfiguration: {subnets: "${default.subnets}"}}')
    for launch_type, more, told in (
        ("EC2", "instances: [{count: 1, cpu: 512}]\n", "8 times ecs.RunTask: RESOURCE:CPU"),
        ("EC2", "", "1 times ecs.RunTask: InvalidParameterException: No Container Instances were found"),
        (
            "FARGATE",
            "quotas: {fargate.on_demand.tasks: 2}\n",
            "1 times ecs.RunTask: ClientException: .*limit on",
        ),
    ):
        events = f"events: [{{at: 1s, call: {{{run_task.replace('LAUNCH', launch_type)}}}}}]\nhorizon: 1m\n"
        [note] = played(text + more + events).notes
        assert re.match(told, note), note
