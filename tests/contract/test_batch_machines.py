"""Batch environments on EC2, and on instances of one's own, with boto3."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests import batch_build as build
from tests.fault.waiting import until

Client = Callable[..., Any]


def test_machines_come_for_jobs_and_go_with_the_environment(client: Client) -> None:
    """No machine, then one for four children; when it is terminated, they are tried again on another."""
    batch, ec2 = client("batch"), client("ec2")
    machines = {"minvCpus": 0, "maxvCpus": 8, "instanceTypes": ["c5", "m5.large"], "instanceRole": "ecs"}
    build.an_environment(batch, ec2, kind="EC2", vcpus=8, further=machines)
    build.a_queue(batch)
    assert alive(ec2) == []
    again = {"attempts": 2, "evaluateOnExit": [{"onStatusReason": "Host EC2*", "action": "RETRY"}]}
    build.a_definition(
        batch,
        "sh",
        "-c",
        "test $AWS_BATCH_JOB_ATTEMPT = 2 || sleep 60",
        fargate=False,
        vcpu="2",
        retryStrategy=again,
    )
    array = submit(batch, arrayProperties={"size": 4})
    jobs = [f"{array}:{index}" for index in range(4)]
    for job_id in jobs:
        build.reached(batch, job_id, "RUNNING")
    described = batch.describe_compute_environments()["computeEnvironments"][0]
    [machine] = alive(ec2)
    assert described["computeResources"]["desiredvCpus"] == 8
    assert machine["InstanceType"] == "c5.2xlarge"
    ec2.terminate_instances(InstanceIds=[machine["InstanceId"]])
    for job_id in jobs:
        job = build.ended(batch, job_id)
        assert job["status"] == "SUCCEEDED"
        assert "container-instance/AWSBatch-ce-" in job["container"]["containerInstanceArn"]
        on = [attempt["container"]["containerInstanceArn"] for attempt in job["attempts"]]
        assert len(set(on)) == 2 and on[-1] == job["container"]["containerInstanceArn"]
        assert (
            job["attempts"][0]["statusReason"] == f"Host EC2 (instance {machine['InstanceId']}) terminated."
        )
    build.delete(batch)
    until(lambda: not alive(ec2), "no machine is left")


def test_jobs_run_on_instances_of_ones_own(client: Client) -> None:
    """An UNMANAGED environment: the job waits until an instance is registered in its cluster."""
    batch, ec2 = client("batch"), client("ec2")
    batch.create_compute_environment(computeEnvironmentName="own", type="UNMANAGED", serviceRole=build.ROLE)
    build.valid(batch, "own")
    build.a_queue(batch, ["own"])
    build.a_definition(batch, "true", fargate=False, vcpu="1")
    job_id = submit(batch)
    build.reached(batch, job_id, "RUNNABLE")
    [found] = batch.describe_compute_environments()["computeEnvironments"]
    cluster = found["ecsClusterArn"].rpartition("/")[2]
    ec2.run_instances(
        ImageId="ami-12345678",
        InstanceType="c5.large",
        MinCount=1,
        MaxCount=1,
        UserData=f"ECS_CLUSTER={cluster}",
    )
    assert build.ended(batch, job_id)["status"] == "SUCCEEDED"


def submit(batch: Any, **params: Any) -> str:
    return str(batch.submit_job(jobName="j", jobQueue="q", jobDefinition="job", **params)["jobId"])


def alive(ec2: Any) -> list[dict[str, Any]]:
    """Machines that are not terminated."""
    pages = ec2.describe_instances()["Reservations"]
    machines = [machine for page in pages for machine in page["Instances"]]
    return [machine for machine in machines if machine["State"]["Name"] != "terminated"]
