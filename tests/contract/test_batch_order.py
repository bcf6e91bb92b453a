"""Which Batch job starts next, as a user sees it: snapshots of queues, priorities, shares, refusals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests import batch_build as build
from tests.fault.waiting import until

Client = Callable[..., Any]


@pytest.fixture
def batch(client: Client) -> Any:
    """A client of an account with one environment of 1 vCPU, `ce`, and a definition of 1 vCPU that sleeps."""
    batch = client("batch")
    build.an_environment(batch, client("ec2"), vcpus=1)
    build.a_definition(batch, "sleep", "60", vcpu="1", memory="2048")
    return batch


def submit(batch: Any, queue: str, **params: Any) -> str:
    made = batch.submit_job(**{"jobName": "j", "jobQueue": queue, "jobDefinition": "job"} | params)
    return str(made["jobArn"])


def front(batch: Any, queue: str) -> list[str]:
    found = batch.get_job_queue_snapshot(jobQueue=queue)["frontOfQueue"]["jobs"]
    assert all(job["earliestTimeAtPosition"] > 0 for job in found)
    return [job["jobArn"] for job in found]


def used(batch: Any, queue: str) -> dict[str, Any]:
    utilization = dict(batch.get_job_queue_snapshot(jobQueue=queue)["queueUtilization"])
    assert utilization.pop("lastUpdatedAt") > 0
    return utilization


def test_a_queue_is_served_first_in_first_out(batch: Any) -> None:
    """While one job has all the vCPUs, the snapshot shows the others in line, children of an array apart."""
    build.a_queue(batch)
    assert (front(batch, "q"), used(batch, "q")) == (
        [],
        {"totalCapacityUsage": [{"capacityUnit": "VCPU", "quantity": 0.0}]},
    )
    running = submit(batch, "q")
    build.reached(batch, running.rpartition("/")[2], "RUNNING")
    array = submit(batch, "q", arrayProperties={"size": 150})
    until(lambda: len(front(batch, "q")) == 100, "a hundred children stand in line")
    last = submit(batch, "q")
    build.reached(batch, last.rpartition("/")[2], "RUNNABLE")
    assert front(batch, "q") == [f"{array}:{index}" for index in range(100)]
    assert used(batch, "q") == {"totalCapacityUsage": [{"capacityUnit": "VCPU", "quantity": 1.0}]}
    batch.terminate_job(jobId=array.rpartition("/")[2], reason="enough")
    until(lambda: front(batch, "q") == [last], "only the last one waits")


def test_an_urgent_queue_goes_first(batch: Any) -> None:
    """Of two queues over one environment, the one of higher priority has the vCPU that becomes free."""
    build.a_queue(batch)
    build.a_queue(batch, name="urgent", priority=10)
    first, second = submit(batch, "q"), submit(batch, "q")
    build.reached(batch, first.rpartition("/")[2], "RUNNING")
    build.reached(batch, second.rpartition("/")[2], "RUNNABLE")
    urgent = submit(batch, "urgent")
    until(lambda: front(batch, "urgent") == [urgent], "the urgent one waits")
    batch.terminate_job(jobId=first.rpartition("/")[2], reason="make room")
    build.reached(batch, urgent.rpartition("/")[2], "RUNNING")
    assert front(batch, "q") == [second]


def test_shares_take_turns(batch: Any) -> None:
    """One team has submitted first and much; the other, with the same weight, is served in between."""
    policy = batch.create_scheduling_policy(
        name="teams",
        fairsharePolicy={"shareDistribution": [{"shareIdentifier": "blue*", "weightFactor": 1.0}]},
    )["arn"]
    build.a_queue(batch, schedulingPolicyArn=policy)
    running = submit(batch, "q", shareIdentifier="red")
    build.reached(batch, running.rpartition("/")[2], "RUNNING")
    red = [submit(batch, "q", shareIdentifier="red") for _ in range(2)]
    blue = submit(batch, "q", shareIdentifier="blue1")
    later = submit(batch, "q", shareIdentifier="blue1", schedulingPriorityOverride=5)
    until(lambda: len(front(batch, "q")) == 4, "all are in line")
    assert front(batch, "q") == [later, blue, *red]
    assert used(batch, "q") == {
        "totalCapacityUsage": [{"capacityUnit": "VCPU", "quantity": 1.0}],
        "fairshareUtilization": {
            "activeShareCount": 1,
            "topCapacityUtilization": [
                {"shareIdentifier": "red", "capacityUsage": [{"capacityUnit": "VCPU", "quantity": 1.0}]}
            ],
        },
    }
    batch.terminate_job(jobId=running.rpartition("/")[2], reason="make room")
    build.reached(batch, later.rpartition("/")[2], "RUNNING")


def test_what_is_refused(batch: Any) -> None:
    build.a_queue(batch)
    for params, message in (
        ({"dependsOn": [{"jobId": "nothing"}]}, "Dependent job nothing does not exist"),
        ({"dependsOn": [{"type": "SEQUENTIAL"}]}, "for an array job only"),
        ({"retryStrategy": {"evaluateOnExit": []}}, "RetryAttempts must be provided with retry strategy"),
        ({"retryStrategy": {"attempts": 11}}, "between 1 and 10"),
    ):
        with pytest.raises(ClientError, match=message) as caught:
            submit(batch, "q", **params)
        assert caught.value.response["Error"]["Code"] == "ClientException"
    with pytest.raises(ClientError, match="shareIdentifier must not be specified"):
        submit(batch, "q", shareIdentifier="red")
    policy = batch.create_scheduling_policy(name="teams")["arn"]
    build.a_queue(batch, name="shared", schedulingPolicyArn=policy)
    for share, message in (("", "must be specified"), ("a-b", "letters and digits"), ("a" * 256, "1 to 255")):
        with pytest.raises(ClientError, match=message):
            submit(batch, "shared", **({"shareIdentifier": share} if share else {}))
    with pytest.raises(ClientError, match="nowhere does not exist"):
        batch.get_job_queue_snapshot(jobQueue="nowhere")
