"""Batch's resources with boto3: compute environments, queues, scheduling policies, job definitions, tags."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.contract.test_iam import refusal
from tests.fault.waiting import until

Client = Callable[..., Any]
UNKNOWN = "subnet-0123456789abcdef0"


@pytest.fixture
def batch(client: Client) -> Any:
    return client("batch")


def fargate(client: Client, **more: Any) -> dict[str, Any]:
    """computeResources in the account's default VPC."""
    subnets = client("ec2").describe_subnets()["Subnets"]
    groups = client("ec2").describe_security_groups()["SecurityGroups"]
    return {
        "type": "FARGATE",
        "maxvCpus": 4,
        "subnets": [subnets[0]["SubnetId"]],
        "securityGroupIds": [groups[0]["GroupId"]],
        **more,
    }


def shown(batch: Any, name: str) -> dict[str, Any]:
    [found] = batch.describe_compute_environments(computeEnvironments=[name])["computeEnvironments"]
    return dict(found)


def settled(batch: Any, name: str) -> dict[str, Any]:
    """The environment once it is neither CREATING nor UPDATING."""
    until(lambda: shown(batch, name)["status"] in ("VALID", "INVALID"), f"{name} has settled")
    return shown(batch, name)


def an_environment(batch: Any, client: Client, name: str = "render", **resources: Any) -> str:
    made = batch.create_compute_environment(
        computeEnvironmentName=name, type="MANAGED", computeResources=fargate(client, **resources)
    )
    settled(batch, name)
    return str(made["computeEnvironmentArn"])


def a_queue(batch: Any, environment: str, name: str = "frames", **more: Any) -> str:
    made = batch.create_job_queue(
        jobQueueName=name,
        priority=1,
        computeEnvironmentOrder=[{"order": 1, "computeEnvironment": environment}],
        **more,
    )
    until(lambda: queue(batch, name)["status"] == "VALID", f"{name} is VALID")
    return str(made["jobQueueArn"])


def queue(batch: Any, name: str) -> dict[str, Any]:
    [found] = batch.describe_job_queues(jobQueues=[name])["jobQueues"]
    return dict(found)


def test_an_environment_becomes_valid(batch: Any, client: Client) -> None:
    """CREATING → VALID; it has a cluster of its own, and is listed by name and ARN."""
    arn = an_environment(batch, client)
    found = shown(batch, arn)
    assert (found["status"], found["statusReason"]) == ("VALID", "ComputeEnvironment Healthy")
    assert (found["state"], found["containerOrchestrationType"]) == ("ENABLED", "ECS")
    assert found["computeResources"]["maxvCpus"] == 4
    cluster = found["ecsClusterArn"]
    assert cluster.endswith(f":cluster/AWSBatch-render-{found['uuid']}")
    [described] = client("ecs").describe_clusters(clusters=[cluster])["clusters"]
    assert described["status"] == "ACTIVE"


def test_an_unknown_subnet_makes_it_invalid_until_it_is_updated(batch: Any, client: Client) -> None:
    """The call is taken all the same, as on AWS; an update that names one that exists mends it."""
    an_environment(batch, client, subnets=[UNKNOWN])
    found = shown(batch, "render")
    assert found["status"] == "INVALID"
    assert found["statusReason"].startswith("CLIENT_ERROR - ") and UNKNOWN in found["statusReason"]
    batch.update_compute_environment(
        computeEnvironment="render", computeResources={"subnets": fargate(client)["subnets"], "maxvCpus": 8}
    )
    found = settled(batch, "render")
    assert (found["status"], found["computeResources"]["maxvCpus"]) == ("VALID", 8)


def test_what_is_in_use_is_not_deleted(batch: Any, client: Client) -> None:
    """Queue before environment, DISABLED before deleted; then both are gone, and the cluster with them."""
    an_environment(batch, client)
    cluster = shown(batch, "render")["ecsClusterArn"]
    a_queue(batch, "render")
    refused = refusal(batch.delete_compute_environment, computeEnvironment="render")
    assert refused == ("ClientException", "Cannot delete, state must be DISABLED", 400)
    assert refusal(batch.delete_job_queue, jobQueue="frames")[1] == "Cannot delete, state must be DISABLED"
    batch.update_compute_environment(computeEnvironment="render", state="DISABLED")
    assert settled(batch, "render")["state"] == "DISABLED"
    refused = refusal(batch.delete_compute_environment, computeEnvironment="render")
    assert refused[1] == "Cannot delete, found existing JobQueue relationship"
    batch.update_job_queue(jobQueue="frames", state="DISABLED")
    until(lambda: queue(batch, "frames")["status"] == "VALID", "the queue has settled")
    batch.delete_job_queue(jobQueue="frames")
    until(lambda: not batch.describe_job_queues(jobQueues=["frames"])["jobQueues"], "the queue is gone")
    batch.delete_compute_environment(computeEnvironment="render")
    named = {"computeEnvironments": ["render"]}
    until(
        lambda: not batch.describe_compute_environments(**named)["computeEnvironments"],
        "the environment is gone",
    )
    [described] = client("ecs").describe_clusters(clusters=[cluster])["clusters"]
    assert described["status"] == "INACTIVE"
    missing = refusal(batch.update_compute_environment, computeEnvironment="render", state="ENABLED")
    assert missing == ("ClientException", "render does not exist", 400)


def test_a_queue_as_it_is_shown(batch: Any, client: Client) -> None:
    environment, account = an_environment(batch, client), client("sts").get_caller_identity()["Account"]
    policy = batch.create_scheduling_policy(name="fair")["arn"]
    action = {
        "reason": "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT",
        "state": "RUNNABLE",
        "maxTimeSeconds": 600,
        "action": "CANCEL",
    }
    arn = a_queue(
        batch,
        "render",
        schedulingPolicyArn=policy,
        jobStateTimeLimitActions=[action],
        tags={"team": "film"},
    )
    assert arn == f"arn:aws:batch:eu-west-1:{account}:job-queue/frames"
    assert queue(batch, arn) == {
        "jobQueueName": "frames",
        "jobQueueArn": arn,
        "state": "ENABLED",
        "status": "VALID",
        "statusReason": "JobQueue Healthy",
        "schedulingPolicyArn": policy,
        "priority": 1,
        "computeEnvironmentOrder": [{"order": 1, "computeEnvironment": environment}],
        "serviceEnvironmentOrder": [],
        "jobQueueType": "ECS_FARGATE",
        "tags": {"team": "film"},
        "jobStateTimeLimitActions": [action],
    }
    assert refusal(batch.update_job_queue, jobQueue=arn, schedulingPolicyArn="")[0] == "ClientException"
    assert refusal(batch.delete_scheduling_policy, arn=policy)[1].startswith("Cannot delete, found existing")


def test_a_definition_and_its_revisions(batch: Any) -> None:
    """The same content is a new revision; the newest comes first; no number is used twice."""
    container = {
        "image": "busybox",
        "command": ["echo", "Ref::what"],
        "resourceRequirements": [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "64"}],
    }
    asked = {"jobDefinitionName": "echo", "type": "container", "containerProperties": container}
    made = [batch.register_job_definition(**asked) for _ in range(3)]
    assert [one["revision"] for one in made] == [1, 2, 3]
    listed = batch.describe_job_definitions(jobDefinitionName="echo")["jobDefinitions"]
    assert [one["revision"] for one in listed] == [3, 2, 1]
    assert listed[0]["containerProperties"] == {
        **container,
        "volumes": [],
        "environment": [],
        "mountPoints": [],
        "ulimits": [],
        "secrets": [],
    }
    assert (listed[0]["platformCapabilities"], listed[0]["parameters"]) == (["EC2"], {})
    batch.deregister_job_definition(jobDefinition="echo:3")
    active = batch.describe_job_definitions(jobDefinitionName="echo", status="ACTIVE")["jobDefinitions"]
    assert [one["revision"] for one in active] == [2, 1]
    named = batch.describe_job_definitions(jobDefinitions=["echo:3", made[0]["jobDefinitionArn"], "no:1"])
    assert [(one["revision"], one["status"]) for one in named["jobDefinitions"]] == [
        (3, "INACTIVE"),
        (1, "ACTIVE"),
    ]
    assert batch.register_job_definition(**asked)["revision"] == 4
