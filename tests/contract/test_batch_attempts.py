"""One attempt of a Batch job: what it is told, whose credentials it has, and how its end is told."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import pytest

from tests import batch_build as build
from tests.fault.waiting import until
from windlass.cli.admin_client import AdminClient

Client = Callable[..., Any]

ROLE = "arn:aws:iam::123456789012:role/worker"
ASK = """
import json, os, urllib.request

def ask(url, **headers):
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as answer:
        return json.load(answer)

token = os.environ["AWS_CONTAINER_AUTHORIZATION_TOKEN"]
print(json.dumps({
    "secret": os.environ["PASSWORD"],
    "key": os.environ.get("AWS_ACCESS_KEY_ID"),
    "credentials": ask(os.environ["AWS_CONTAINER_CREDENTIALS_FULL_URI"], Authorization=token),
    "task": ask(os.environ["ECS_CONTAINER_METADATA_URI_V4"] + "/task"),
}))
"""


@pytest.fixture
def batch(client: Client) -> Any:
    return build.with_a_queue(client)


def ended(batch: Any, definition: str, **params: Any) -> dict[str, Any]:
    """A job of that definition when it has ended."""
    job = batch.submit_job(jobName="j", jobQueue="q", jobDefinition=definition, **params)
    return build.ended(batch, job["jobId"])


def written(client: Client, group: str, stream: str) -> str:
    """The first line of a log stream, once it is there."""
    logs, found = client("logs"), []

    def there() -> bool:
        if logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=stream)["logStreams"]:
            page = logs.get_log_events(logGroupName=group, logStreamName=stream, startFromHead=True)
            found.extend(event["message"] for event in page["events"])
        return bool(found)

    until(there, f"a line in {stream}")
    return str(found[0])


def test_role_secret_and_metadata(batch: Any, client: Client) -> None:
    """A job with a role has the role's credentials only; it can ask which task it is, and has its secret."""
    client("ssm").put_parameter(Name="/password", Value="hush", Type="SecureString")
    client("logs").create_log_group(logGroupName="jobs")
    build.a_definition(
        batch,
        sys.executable,
        "-c",
        ASK,
        container={
            "jobRoleArn": ROLE,
            "secrets": [{"name": "PASSWORD", "valueFrom": "/password"}],
            "logConfiguration": {
                "logDriver": "awslogs",
                "options": {"awslogs-group": "jobs", "awslogs-stream-prefix": "mine"},
            },
        },
    )
    job = ended(batch, "job")
    container = job["container"]
    assert container["exitCode"] == 0
    assert (container["jobRoleArn"], container["executionRoleArn"]) == (ROLE, build.ROLE)
    assert container["secrets"] == [{"name": "PASSWORD", "valueFrom": "/password"}]
    told = json.loads(written(client, "jobs", container["logStreamName"]))
    assert container["logStreamName"] == f"mine/default/{container['taskArn'].rpartition('/')[2]}"
    assert (told["secret"], told["key"]) == ("hush", None)
    assert told["credentials"]["RoleArn"] == ROLE
    assert told["task"]["TaskARN"] == container["taskArn"]
    assert told["task"]["Containers"][0]["Name"] == "default"


def test_several_containers(batch: Any) -> None:
    """ecsProperties: one container waits for another's success; both ends are told."""
    sizes = [{"type": "VCPU", "value": "0.25"}, {"type": "MEMORY", "value": "512"}]
    side = [{"type": "VCPU", "value": "0.25"}, {"type": "MEMORY", "value": "512"}]
    batch.register_job_definition(
        jobDefinitionName="two",
        type="container",
        platformCapabilities=["FARGATE"],
        parameters={"code": "3"},
        ecsProperties={
            "taskProperties": [
                {
                    "executionRoleArn": build.ROLE,
                    "containers": [
                        {
                            "name": "main",
                            "image": "busybox",
                            "command": ["sh", "-c", "exit $0", "Ref::code"],
                            "resourceRequirements": sizes,
                            "dependsOn": [{"containerName": "first", "condition": "SUCCESS"}],
                        },
                        {
                            "name": "first",
                            "image": "busybox",
                            "command": ["true"],
                            "essential": False,
                            "resourceRequirements": side,
                        },
                    ],
                }
            ]
        },
    )
    change = {"name": "main", "environment": [{"name": "A", "value": "1"}]}
    job = ended(batch, "two", ecsPropertiesOverride={"taskProperties": [{"containers": [change]}]})
    assert job["status"] == "FAILED"
    [task] = job["ecsProperties"]["taskProperties"]
    main, first = task["containers"]
    assert (main["exitCode"], first["exitCode"]) == (3, 0)
    assert main["environment"] == [{"name": "A", "value": "1"}]
    [attempt] = job["attempts"][0]["taskProperties"]
    assert [one["logStreamName"].split("/")[:2] for one in attempt["containers"]] == [
        ["two", "main"],
        ["two", "first"],
    ]


@pytest.mark.parametrize(
    ("container", "status_reason", "reason"),
    [
        ({"command": ["/no/such/program"]}, "Task failed to start", "CannotStartContainerError: "),
        (
            {"secrets": [{"name": "A", "valueFrom": "/gone"}]},
            "ResourceInitializationError: unable to pull secrets",
            "ResourceInitializationError: ",
        ),
    ],
)
def test_attempts_that_cannot_start(
    batch: Any, container: dict[str, Any], status_reason: str, reason: str
) -> None:
    """Nothing ran: no startedAt, no log stream; the reason says why."""
    build.a_definition(batch, "true", container=container)
    job = ended(batch, "job")
    assert job["status"] == "FAILED"
    assert job["statusReason"].startswith(status_reason)
    assert job["container"]["reason"].startswith(reason)
    assert "startedAt" not in job
    assert "logStreamName" not in job["container"]


def test_a_spot_attempt_is_interrupted(client: Client, endpoint: str) -> None:
    """`windlass chaos` takes a job's capacity back: its first attempt ends so, its second one succeeds."""
    batch = client("batch")
    build.an_environment(batch, client("ec2"), kind="FARGATE_SPOT")
    build.a_queue(batch)
    script = "test $AWS_BATCH_JOB_ATTEMPT -gt 1 && exit 0; trap 'exit 9' TERM; while :; do sleep 0.05; done"
    rules = [{"onStatusReason": "Your Spot Task*", "action": "RETRY"}, {"onReason": "*", "action": "EXIT"}]
    build.a_definition(batch, "sh", "-c", script, retryStrategy={"attempts": 2, "evaluateOnExit": rules})
    job_id = batch.submit_job(jobName="j", jobQueue="q", jobDefinition="job")["jobId"]
    running = build.reached(batch, job_id, "RUNNING")
    told = AdminClient(endpoint).post("chaos/spot-interrupt", task=job_id)
    assert (told["task"], told["stopCode"]) == (running["container"]["taskArn"], "SpotInterruption")
    job = build.ended(batch, job_id)
    first, second = job["attempts"]
    assert job["status"] == "SUCCEEDED"
    assert first["statusReason"] == "Your Spot Task was interrupted."
    assert second["container"]["exitCode"] == 0
