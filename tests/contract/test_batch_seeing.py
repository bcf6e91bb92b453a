"""`windlass batch …`, and what `ps`, `why` and `status` say of Batch, as a user types it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests import batch_build as build
from tests.fault.waiting import until
from tests.process import PlaneProcess

Run = Callable[..., str]


@pytest.fixture
def windlass(plane: PlaneProcess, programs: Path) -> Run:
    """`windlass("batch", "ps")`: what it prints; with `fails`, what it complains of."""

    def run(*arguments: str, fails: bool = False) -> str:
        done = subprocess.run(
            [str(programs / "windlass"), *arguments],
            env={**os.environ, "AWS_ENDPOINT_URL": plane.endpoint},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode != 0) == fails, done.stderr
        return done.stderr if fails else done.stdout

    return run


@pytest.fixture
def batch(client: Callable[..., Any]) -> Any:
    """Two queues over one environment of one vCPU."""
    batch = client("batch")
    build.an_environment(batch, client("ec2"), vcpus=1)
    build.a_queue(batch)
    build.a_queue(batch, name="urgent", priority=10)
    return batch


def submit(batch: Any, name: str = "j", queue: str = "q", **params: Any) -> str:
    return str(batch.submit_job(jobName=name, jobQueue=queue, **{"jobDefinition": "job", **params})["jobId"])


def test_where_jobs_are_and_why(batch: Any, windlass: Run, account: str) -> None:
    """Counts of children, vCPUs in use, and a sentence for each job that waits."""
    build.a_definition(batch, "sleep", "600", vcpu="0.5", memory="1024")
    build.a_definition(batch, "true", name="big", vcpu="4", memory="8192")
    array = submit(batch, "frames", arrayProperties={"size": 5})
    merge = submit(batch, "merge", dependsOn=[{"jobId": array}])
    big = submit(batch, "big", jobDefinition="big")
    for index in (0, 1):
        build.reached(batch, f"{array}:{index}", "RUNNING")
    shown = json.loads(windlass("batch", "ps", "--json"))
    queues = {one["name"]: one for one in shown["queues"] if one["account"] == account}
    assert {name: count for name, count in queues["q"]["states"].items() if count} == {
        "PENDING": 1,
        "RUNNABLE": 4,
        "RUNNING": 2,
    }
    [environment] = [one for one in shown["environments"] if one["account"] == account]
    assert (environment["vcpus_used"], environment["vcpus_max"], environment["attempts"]) == (1, 1, 2)
    first = "0 of 1 vCPUs of environment ce are free; the job wants 0.5"
    assert f"first in line of queue q: {first}." in windlass("batch", "why", array)
    assert "2 children of its array go before it" in windlass("batch", "why", f"{array[:8]}:4")
    assert f"2nd in line of queue q behind job {array[:8]}, which waits: {first}." in windlass(
        "batch", "why", big
    )
    assert f"job {array[:8]} (frames), an array of which 5 of 5 children have yet to end." in windlass(
        "batch", "why", merge
    )
    assert f"job {array}:0 (frames) in queue q" in windlass("why", f"{array}:0")
    assert f"q/{array}:0\t" in windlass("ps")
    assert "running" in windlass("status")
    assert "\t".join(("job", merge, f"{account}/eu-west-1", "q", "merge", "PENDING")) in windlass(
        "batch", "ps", "q"
    )
    batch.terminate_job(jobId=array, reason="seen enough")
    assert "Dependent Job failed: job" in _once_over(batch, windlass, merge)
    assert "cannot start until something is changed: environment ce has at most 1 vCPUs" in _once(
        windlass, big, "cannot start"
    )
    batch.terminate_job(jobId=big, reason="seen enough")


def test_instances_of_an_environment(batch: Any, client: Callable[..., Any], windlass: Run) -> None:
    """With instances that are kept an environment also says how many vCPUs these are to have."""
    resources = {"type": "EC2", "minvCpus": 2, "maxvCpus": 8, "instanceTypes": ["m5.large"]}
    network = {**build.network(client("ec2")), "instanceRole": "ecsInstanceRole"}
    batch.create_compute_environment(
        computeEnvironmentName="machines", type="MANAGED", computeResources={**resources, **network}
    )
    build.a_queue(batch, ["machines"], name="kept")
    until(lambda: "0 of 8, desired 2" in windlass("batch", "ps", "kept"), "instances are wanted")
    batch.update_compute_environment(computeEnvironment="machines", computeResources={"minvCpus": 0})


def test_shares_take_turns(batch: Any, windlass: Run) -> None:
    """In a fair-share queue a job is told which share goes first."""
    policy = batch.create_scheduling_policy(name="fair", fairsharePolicy={})["arn"]
    build.a_queue(batch, name="fair", schedulingPolicyArn=policy)
    build.a_definition(batch, "sleep", "600", vcpu="1", memory="2048")
    jobs = [submit(batch, queue="fair", shareIdentifier=share) for share in ("red", "red", "blue", "blue")]
    build.reached(batch, jobs[0], "RUNNING")
    assert "2nd in line of queue fair for share blue behind job" in _once(windlass, jobs[3], "which waits")
    assert "first in line of queue fair for share red; it is share blue's turn" in _once(
        windlass, jobs[1], "turn"
    )
    for job in jobs:
        batch.terminate_job(jobId=job, reason="seen enough")


def test_what_jobs_print(batch: Any, windlass: Run) -> None:
    """Attempts are told apart, children merged; `-f` ends with the job."""
    build.a_definition(
        batch,
        "sh",
        "-c",
        "echo index $AWS_BATCH_JOB_ARRAY_INDEX; test $AWS_BATCH_JOB_ATTEMPT = 2",
        retryStrategy={"attempts": 2},
    )
    array = submit(batch, arrayProperties={"size": 2})
    assert "name a child" in windlass("batch", "logs", array, fails=True)
    followed = [line.split("  ", 1)[1] for line in windlass("batch", "logs", "-f", f"{array}:1").splitlines()]
    assert followed == ["attempt 1  index 1", "attempt 2  index 1"]
    build.ended(batch, array)
    until(
        lambda: len(windlass("batch", "logs", "--all", array).splitlines()) == 4, "the lines of both children"
    )
    merged = [line.split("  ", 1)[1] for line in windlass("batch", "logs", "--all", array).splitlines()]
    assert sorted(merged) == [
        f"{index} attempt {attempt}  index {index}" for index in "01" for attempt in "12"
    ]
    assert "It succeeded" in windlass("batch", "why", f"{array}:0")
    assert "no job is called" in windlass("batch", "logs", "nothing-like-it", fails=True)
    assert "no job queue is called" in windlass("batch", "ps", "nothing-like-it", fails=True)


def _once_over(batch: Any, windlass: Run, job_id: str) -> str:
    build.ended(batch, job_id)
    return windlass("batch", "why", job_id)


def _once(windlass: Run, job_id: str, says: str) -> str:
    """What is said of the job, when it is that."""
    until(lambda: says in windlass("batch", "why", job_id), f"{job_id}: {says}")
    return windlass("batch", "why", job_id)
