"""Batch and EventBridge: a rule submits jobs, and rules hear of what becomes of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests import batch_build as build
from tests.sqs_queue import Queue

Client = Callable[..., Any]


@pytest.fixture
def batch(client: Client) -> Any:
    """A client of an account with one queue, `q`, over an environment of 1 vCPU."""
    batch = client("batch")
    build.an_environment(batch, client("ec2"), vcpus=1)
    build.a_queue(batch)
    return batch


def heard(client: Client, pattern: dict[str, Any]) -> Queue:
    """A queue to which events of that pattern go."""
    queue, events = Queue(client("sqs"), "events"), client("events")
    events.put_rule(Name="jobs", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="jobs", Targets=[{"Id": "q", "Arn": queue.arn}])
    return queue


def test_a_rule_submits_a_job_and_others_hear_of_it(batch: Any, client: Client) -> None:
    """An event becomes a job with parameters of its input; each status but the submission is an event."""
    events = client("events")
    build.a_definition(batch, "true", "Ref::what")
    [queue] = batch.describe_job_queues(jobQueues=["q"])["jobQueues"]
    target = {
        "Id": "job",
        "Arn": queue["jobQueueArn"],
        "RoleArn": build.ROLE,
        "BatchParameters": {"JobDefinition": "job", "JobName": "told"},
        "Input": json.dumps({"Parameters": {"what": "frames"}}),
    }
    events.put_rule(Name="orders", EventPattern=json.dumps({"source": ["shop"]}))
    assert events.put_targets(Rule="orders", Targets=[target])["FailedEntryCount"] == 0
    told = heard(client, {"source": ["aws.batch"], "detail": {"jobName": ["told"]}})
    events.put_events(Entries=[{"Source": "shop", "DetailType": "order", "Detail": "{}"}])
    found = [told.record() for _ in range(4)]
    assert {event["detail-type"] for event in found} == {"Batch Job State Change"}
    found.sort(key=lambda event: event["detail"]["status"])
    assert [event["detail"]["status"] for event in found] == ["RUNNABLE", "RUNNING", "STARTING", "SUCCEEDED"]
    detail = found[-1]["detail"]
    assert found[-1]["resources"] == [detail["jobArn"]]
    assert (detail["jobQueue"], detail["parameters"]) == (queue["jobQueueArn"], {"what": "frames"})
    [described] = batch.describe_jobs(jobs=[detail["jobId"]])["jobs"]
    assert detail == json.loads(json.dumps(described))


def test_a_blocked_queue_is_told_once(batch: Any, client: Client) -> None:
    """A job that no environment of its queue can ever run; what comes behind it waits, and is no event."""
    build.a_definition(batch, "true", vcpu="2", memory="4096")
    told = heard(client, {"source": ["aws.batch"], "detail-type": ["Batch Job Queue Blocked"]})
    submitted = [
        batch.submit_job(jobName=name, jobQueue="q", jobDefinition="job") for name in ("large", "next")
    ]
    event = told.record()
    [queue] = batch.describe_job_queues(jobQueues=["q"])["jobQueues"]
    assert event["resources"] == [submitted[0]["jobArn"], queue["jobQueueArn"]]
    detail = event["detail"]
    assert (detail["jobName"], detail["status"]) == ("large", "RUNNABLE")
    assert detail["statusReason"].startswith("MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE - ")
    batch.cancel_job(jobId=submitted[0]["jobId"], reason="too large")
    assert told.record()["detail"]["jobName"] == "next"
