"""Rules between Batch's resources that cut across calls: platforms and queues, sizes of requests, stops."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests import batch_build as build
from tests.fault.waiting import until

Client = Callable[..., Any]


def submit(batch: Any, **params: Any) -> str:
    return str(
        batch.submit_job(**{"jobName": "j", "jobQueue": "q", "jobDefinition": "job"} | params)["jobId"]
    )


def test_a_job_for_ec2_is_refused_by_a_queue_on_fargate_and_the_other_way_round(client: Client) -> None:
    """At SubmitJob: it could never start as what it is."""
    batch = build.with_a_queue(client)
    batch.create_compute_environment(computeEnvironmentName="own", type="UNMANAGED", serviceRole=build.ROLE)
    build.valid(batch, "own")
    build.a_queue(batch, ["own"], "machines")
    build.a_definition(batch, "true", name="ec2", vcpu="1", fargate=False)
    build.a_definition(batch, "true", name="fargate")
    with pytest.raises(ClientError, match=r"platform capabilities \[EC2\] cannot be used in job queue q"):
        submit(batch, jobDefinition="ec2")
    with pytest.raises(ClientError, match=r"\[FARGATE\] cannot be used in job queue machines"):
        submit(batch, jobDefinition="fargate", jobQueue="machines")
    with pytest.raises(ClientError, match="do not fit a job queue of the type ECS_FARGATE"):
        batch.update_job_queue(
            jobQueue="q", computeEnvironmentOrder=[{"order": 1, "computeEnvironment": "own"}]
        )
    submit(batch, jobDefinition="ec2", jobQueue="machines")
    submit(batch, jobDefinition="fargate")


def test_a_request_has_its_size(client: Client) -> None:
    """30 KiB in all, whatever they are of."""
    batch = build.with_a_queue(client)
    build.a_definition(batch, "true")
    submit(batch, parameters={"p": "x" * 29_000})
    with pytest.raises(ClientError, match="at most 30720 bytes"):
        submit(batch, parameters={"p": "x" * 31_000})


def test_a_child_that_outlives_the_cancelling_of_its_array_says_how_it_ended(client: Client) -> None:
    """CancelJob leaves alone what runs; what was waiting says why it never ran."""
    batch = client("batch")
    build.an_environment(batch, client("ec2"), vcpus=1)
    build.a_queue(batch)
    build.a_definition(batch, "sh", "-c", "sleep 2; exit 3", vcpu="1", memory="2048")
    array = submit(batch, arrayProperties={"size": 2}, retryStrategy={"attempts": 3})
    build.reached(batch, f"{array}:0", "RUNNING")
    batch.cancel_job(jobId=array, reason="not needed")
    assert build.described(batch, f"{array}:1")["statusReason"] == "not needed"
    child = build.ended(batch, f"{array}:0")
    assert (child["statusReason"], len(child["attempts"])) == ("Essential container in task exited", 1)
    parent = build.ended(batch, array)
    assert (parent["status"], parent["statusReason"]) == ("FAILED", "not needed")


def test_tags_are_propagated_from_the_definition_too(client: Client) -> None:
    """Fifty of both at most: a job with more fails instead of starting."""
    batch = build.with_a_queue(client)
    tags = {f"d{number}": "" for number in range(40)}
    build.a_definition(batch, "true", tags=tags, propagateTags=True)
    fits = submit(batch, tags={f"j{number}": "" for number in range(10)})
    more = submit(batch, tags={f"j{number}": "" for number in range(11)})
    alone = submit(batch, tags={f"j{number}": "" for number in range(11)}, propagateTags=False)
    assert build.ended(batch, fits)["status"] == "SUCCEEDED"
    assert build.ended(batch, alone)["status"] == "SUCCEEDED"
    failed = build.ended(batch, more)
    assert (failed["status"], failed["attempts"]) == ("FAILED", [])
    assert "more than 50 tags" in failed["statusReason"]


def test_an_environment_that_could_launch_nothing_is_invalid(client: Client) -> None:
    """Its launch template, then its instance type is not there, until it is updated to one that is."""
    batch, ec2 = client("batch"), client("ec2")

    def status() -> tuple[str, str]:
        [found] = batch.describe_compute_environments(computeEnvironments=["ce"])["computeEnvironments"]
        return found["status"], found["statusReason"]

    resources = {
        "type": "EC2",
        "minvCpus": 0,
        "maxvCpus": 4,
        "instanceTypes": ["optimal"],
        "instanceRole": "ecs",
        "allocationStrategy": "BEST_FIT_PROGRESSIVE",
        "launchTemplate": {"launchTemplateName": "none"},
        **build.network(ec2),
    }
    batch.create_compute_environment(
        computeEnvironmentName="ce", type="MANAGED", computeResources=resources, serviceRole=build.ROLE
    )
    until(lambda: status()[0] == "INVALID", "the environment is INVALID")
    assert "InvalidLaunchTemplateName.NotFoundException" in status()[1]
    data = {"ImageId": "ami-12345678", "InstanceType": "c5.large"}
    ec2.create_launch_template(LaunchTemplateName="some", LaunchTemplateData=data)
    batch.update_compute_environment(
        computeEnvironment="ce", computeResources={"launchTemplate": {"launchTemplateName": "some"}}
    )
    until(lambda: status()[0] == "VALID", "the environment is VALID")
    batch.update_compute_environment(computeEnvironment="ce", computeResources={"instanceTypes": ["x0.tiny"]})
    until(lambda: "x0.tiny" in status()[1], "an unknown instance type is told of")
    assert status()[0] == "INVALID"


def test_what_a_retry_rule_does_may_be_written_in_any_case(client: Client) -> None:
    """AWS's console writes it in lower case (Batch API, EvaluateOnExit)."""
    batch = build.with_a_queue(client)
    build.a_definition(batch, "sh", "-c", "exit 3")
    exits = {"attempts": 3, "evaluateOnExit": [{"onExitCode": "3", "action": "exit"}]}
    assert len(build.ended(batch, submit(batch, retryStrategy=exits))["attempts"]) == 1
    wrong = {"attempts": 3, "evaluateOnExit": [{"onExitCode": "3", "action": "stop"}]}
    with pytest.raises(ClientError, match="action must be RETRY or EXIT"):
        submit(batch, retryStrategy=wrong)
