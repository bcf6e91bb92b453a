"""Builders for Batch tests: an environment with a queue, a definition of a shell script, waiting for jobs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tests.fault.waiting import WITHIN_S, until

ROLE = "arn:aws:iam::123456789012:role/batch"


def network(ec2: Any) -> dict[str, list[str]]:
    """Subnets and security groups of the account's default VPC, as an environment takes them."""
    [group] = ec2.describe_security_groups(GroupNames=["default"])["SecurityGroups"]
    subnets = ec2.describe_subnets()["Subnets"]
    return {"subnets": [subnets[0]["SubnetId"]], "securityGroupIds": [group["GroupId"]]}


def with_a_queue(client: Callable[..., Any]) -> Any:
    """A client of an account with one queue, `q`, over one environment of 16 vCPUs, `ce`."""
    batch = client("batch")
    an_environment(batch, client("ec2"))
    a_queue(batch)
    return batch


def an_environment(
    batch: Any,
    ec2: Any,
    name: str = "ce",
    vcpus: int = 16,
    kind: str = "FARGATE",
    further: dict[str, Any] | None = None,
) -> str:
    """An environment that is VALID; `further` are more of its computeResources."""
    resources = {"type": kind, "maxvCpus": vcpus, **network(ec2), **(further or {})}
    made = batch.create_compute_environment(
        computeEnvironmentName=name, type="MANAGED", computeResources=resources, serviceRole=ROLE
    )
    valid(batch, name)
    return str(made["computeEnvironmentArn"])


def valid(batch: Any, name: str) -> None:
    """Wait until that environment is VALID."""

    def is_valid() -> bool:
        found = batch.describe_compute_environments(computeEnvironments=[name])["computeEnvironments"]
        return bool(found and found[0]["status"] == "VALID")

    until(is_valid, f"environment {name} is VALID")


def delete(batch: Any, queue: str = "q", environment: str = "ce") -> None:
    """Delete the queue and the environment, and wait until both are gone."""
    batch.update_job_queue(jobQueue=queue, state="DISABLED")
    until(
        lambda: batch.describe_job_queues(jobQueues=[queue])["jobQueues"][0]["status"] == "VALID", "disabled"
    )
    batch.delete_job_queue(jobQueue=queue)
    until(lambda: not batch.describe_job_queues(jobQueues=[queue])["jobQueues"], "the queue is gone")
    batch.update_compute_environment(computeEnvironment=environment, state="DISABLED")
    valid(batch, environment)
    batch.delete_compute_environment(computeEnvironment=environment)
    named = {"computeEnvironments": [environment]}
    until(
        lambda: not batch.describe_compute_environments(**named)["computeEnvironments"],
        "the environment is gone",
    )


def a_queue(
    batch: Any, environments: Sequence[str] = ("ce",), name: str = "q", priority: int = 1, **members: Any
) -> str:
    """A queue that is VALID."""
    order = [{"order": n, "computeEnvironment": ce} for n, ce in enumerate(environments, 1)]
    made = batch.create_job_queue(
        jobQueueName=name, priority=priority, computeEnvironmentOrder=order, **members
    )

    def valid() -> bool:
        found = batch.describe_job_queues(jobQueues=[name])["jobQueues"]
        return bool(found and found[0]["status"] == "VALID")

    until(valid, f"queue {name} is VALID")
    return str(made["jobQueueArn"])


def a_definition(
    batch: Any,
    *command: str,
    name: str = "job",
    vcpu: str = "0.25",
    memory: str = "512",
    fargate: bool = True,
    **members: Any,
) -> str:
    """A definition that runs this command."""
    container = {
        "image": "busybox",
        "command": list(command),
        "executionRoleArn": ROLE,
        "resourceRequirements": [
            {"type": "VCPU", "value": vcpu},
            {"type": "MEMORY", "value": memory},
        ],
        **members.pop("container", {}),
    }
    made = batch.register_job_definition(
        jobDefinitionName=name,
        type="container",
        platformCapabilities=["FARGATE" if fargate else "EC2"],
        containerProperties=container,
        **members,
    )
    return str(made["jobDefinitionArn"])


def described(batch: Any, job_id: str) -> dict[str, Any]:
    """The job as it is now."""
    [job] = batch.describe_jobs(jobs=[job_id])["jobs"]
    return dict(job)


def ended(batch: Any, job_id: str, within_s: float = WITHIN_S) -> dict[str, Any]:
    """The job, when it has ended."""
    return reached(batch, job_id, "SUCCEEDED", "FAILED", within_s=within_s)


def reached(batch: Any, job_id: str, *statuses: str, within_s: float = WITHIN_S) -> dict[str, Any]:
    """The job, as soon as it has one of these statuses."""
    what = f"job {job_id} is {' or '.join(statuses)}"
    until(lambda: described(batch, job_id)["status"] in statuses, what, within_s)
    return described(batch, job_id)
