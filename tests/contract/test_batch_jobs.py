"""Batch jobs with boto3 against a plane that really runs them."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests import batch_build as build
from tests.fault.waiting import until

Client = Callable[..., Any]


@pytest.fixture
def batch(client: Client) -> Any:
    return build.with_a_queue(client)


def submit(batch: Any, **params: Any) -> str:
    """The id of a job of definition `job` in queue `q`."""
    return str(
        batch.submit_job(**{"jobName": "j", "jobQueue": "q", "jobDefinition": "job"} | params)["jobId"]
    )


def lines(client: Client, stream: str) -> list[str]:
    """What a job wrote, once it has written something."""
    logs = client("logs")

    def read() -> list[str]:
        found = logs.get_log_events(logGroupName="/aws/batch/job", logStreamName=stream, startFromHead=True)
        return [event["message"] for event in found["events"]]

    until(lambda: bool(logs.describe_log_streams(logGroupName="/aws/batch/job")["logStreams"]), "a stream")
    until(lambda: bool(read()), "a line")
    return read()


def test_a_job_runs_and_its_log_is_read_back(batch: Any, client: Client) -> None:
    """A parameter goes through Ref:: into the command; the environment says which job this is."""
    script = 'echo "$1 $AWS_BATCH_JOB_ID $AWS_BATCH_JOB_ATTEMPT $AWS_BATCH_CE_NAME $AWS_BATCH_JQ_NAME"'
    build.a_definition(batch, "sh", "-c", script, "sh", "Ref::batchType", parameters={"batchType": "daily"})
    job_id = submit(batch, parameters={"batchType": "month end; rm -rf $HOME"})
    job = build.ended(batch, job_id)
    assert (job["status"], job["statusReason"]) == ("SUCCEEDED", "Essential container in task exited")
    assert job["container"]["exitCode"] == 0
    assert job["createdAt"] <= job["startedAt"] <= job["stoppedAt"]
    [attempt] = job["attempts"]
    assert attempt["container"]["taskArn"] == job["container"]["taskArn"]
    assert lines(client, job["container"]["logStreamName"]) == [f"month end; rm -rf $HOME {job_id} 1 ce q"]


def test_a_failing_job_is_tried_again(batch: Any) -> None:
    """evaluateOnExit: exit code 7 is tried again, exit code 9 is not."""
    build.a_definition(
        batch,
        "sh",
        "-c",
        "test $AWS_BATCH_JOB_ATTEMPT -lt 3 && exit 7; exit 9",
        retryStrategy={
            "attempts": 5,
            "evaluateOnExit": [
                {"onExitCode": "7", "action": "RETRY"},
                {"onExitCode": "*", "action": "EXIT"},
            ],
        },
    )
    job = build.ended(batch, submit(batch))
    assert job["status"] == "FAILED"
    assert [one["container"]["exitCode"] for one in job["attempts"]] == [7, 7, 9]


def test_an_array_of_children(batch: Any) -> None:
    """Ten children: one fails for good, and so does the array, after all have run."""
    build.a_definition(batch, "sh", "-c", "test $AWS_BATCH_JOB_ARRAY_INDEX != 4")
    job_id = submit(batch, arrayProperties={"size": 10})
    job = build.ended(batch, job_id)
    assert (job["status"], job["statusReason"]) == ("FAILED", "Array Child Job failed")
    summary = job["arrayProperties"]["statusSummary"]
    assert {name: count for name, count in summary.items() if count} == {"SUCCEEDED": 9, "FAILED": 1}
    failed = batch.list_jobs(arrayJobId=job_id, jobStatus="FAILED")["jobSummaryList"]
    assert [(one["jobId"], one["arrayProperties"]["index"]) for one in failed] == [(f"{job_id}:4", 4)]
    child = build.described(batch, f"{job_id}:4")
    assert child["container"]["exitCode"] == 1
    pages = batch.get_paginator("list_jobs").paginate(
        arrayJobId=job_id, jobStatus="SUCCEEDED", PaginationConfig={"PageSize": 4}
    )
    shown = [one["jobId"] for page in pages for one in page["jobSummaryList"]]
    assert shown == [f"{job_id}:{index}" for index in range(10) if index != 4]


def test_dependencies(batch: Any) -> None:
    """One waits for success, one for a job that fails, and arrays wait child by child."""
    build.a_definition(batch, "sh", "-c", "sleep 0.2")
    build.a_definition(batch, "false", name="fails")
    first = submit(batch, arrayProperties={"size": 3})
    second = submit(
        batch,
        arrayProperties={"size": 3},
        dependsOn=[{"jobId": first, "type": "N_TO_N"}, {"type": "SEQUENTIAL"}],
    )
    third = submit(batch, dependsOn=[{"jobId": second}])
    assert build.ended(batch, third)["status"] == "SUCCEEDED"
    children = [build.described(batch, f"{second}:{index}") for index in range(3)]
    assert all(before["stoppedAt"] <= after["startedAt"] for before, after in pairwise(children))
    failing = submit(batch, jobDefinition="fails")
    doomed = build.ended(batch, submit(batch, dependsOn=[{"jobId": failing}]))
    assert (doomed["status"], doomed["statusReason"]) == ("FAILED", "Dependent Job failed")
    with pytest.raises(ClientError):
        submit(batch, dependsOn=[{"jobId": "00000000-0000-4000-8000-000000000000"}])


def test_cancel_and_terminate(batch: Any) -> None:
    """A waiting job is cancelled, a running one is not, but terminated."""
    build.a_definition(batch, "sleep", "60")
    running = submit(batch)
    waiting = submit(batch, dependsOn=[{"jobId": running}])
    build.reached(batch, running, "RUNNING")
    batch.cancel_job(jobId=running, reason="nothing happens")
    batch.cancel_job(jobId=waiting, reason="not needed")
    job = build.ended(batch, waiting)
    assert (job["status"], job["statusReason"], job["isCancelled"]) == ("FAILED", "not needed", True)
    assert build.described(batch, running)["status"] == "RUNNING"
    batch.terminate_job(jobId=running, reason="enough")
    job = build.ended(batch, running)
    assert (job["status"], job["statusReason"], job["isTerminated"]) == ("FAILED", "enough", True)
    array = submit(batch, arrayProperties={"size": 200})
    build.reached(batch, f"{array}:3", "RUNNING")
    batch.terminate_job(jobId=f"{array}:3", reason="this one")
    assert build.ended(batch, f"{array}:3")["statusReason"] == "this one"
    batch.terminate_job(jobId=array, reason="all of them")
    job = build.ended(batch, array)
    assert (job["status"], job["statusReason"]) == ("FAILED", "all of them")
    assert job["arrayProperties"]["statusSummary"]["FAILED"] == 200
    assert build.described(batch, f"{array}:199")["statusReason"] == "all of them"


def test_jobs_wait_for_vcpus(batch: Any, client: Client) -> None:
    """Two vCPUs hold two jobs of one; the third is RUNNABLE until one ends. Raising the cap acts at once."""
    build.an_environment(batch, client("ec2"), name="small", vcpus=2)
    build.a_queue(batch, ["small"], name="narrow")
    build.a_definition(batch, "sleep", "60", vcpu="1", memory="2048")
    jobs = [submit(batch, jobQueue="narrow") for _ in range(4)]
    for job_id in jobs[:2]:
        build.reached(batch, job_id, "RUNNING")
    assert build.described(batch, jobs[2])["status"] == "RUNNABLE"
    listed = batch.list_jobs(jobQueue="narrow", jobStatus="RUNNABLE")["jobSummaryList"]
    assert [one["jobId"] for one in listed] == [jobs[3], jobs[2]]
    batch.terminate_job(jobId=jobs[0], reason="room")
    build.reached(batch, jobs[2], "RUNNING")
    batch.update_compute_environment(computeEnvironment="small", computeResources={"maxvCpus": 3})
    build.reached(batch, jobs[3], "RUNNING")
    for job_id in jobs:
        batch.terminate_job(jobId=job_id, reason="done")


def test_a_job_that_is_too_large_blocks_its_queue_until_it_is_cancelled(batch: Any) -> None:
    """The first job wants more vCPUs than the environment can ever have; the one behind waits for it."""
    build.a_definition(batch, "true")
    build.a_definition(batch, "true", name="large", vcpu="16", memory="32768")
    build.a_definition(batch, "true", name="small")
    batch.update_compute_environment(computeEnvironment="ce", computeResources={"maxvCpus": 4})
    large, small = submit(batch, jobDefinition="large"), submit(batch, jobDefinition="small")
    blocked = "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE"
    until(lambda: described_reason(batch, large).startswith(blocked), "it is blocked")
    assert build.described(batch, small)["status"] == "RUNNABLE"
    batch.cancel_job(jobId=large, reason="too large")
    assert (
        build.ended(batch, small, within_s=40)["status"] == "SUCCEEDED"
    )  # by its period the scheduler takes 60


def described_reason(batch: Any, job_id: str) -> str:
    return str(build.described(batch, job_id).get("statusReason", ""))
