"""awslogs options, from the task definition to the events in CloudWatch Logs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.fault.waiting import until
from tests.process import REGION, PlaneProcess

TRACE = "echo '2026-01-31 E1'; echo '  at f'; echo; echo '  at g'; echo '2026-02-01 E2'"


@pytest.fixture
def ecs(client: Callable[..., Any]) -> Any:
    found = client("ecs")
    found.create_cluster()
    return found


def run(ecs: Any, script: str, *, log: dict[str, Any], **definition: Any) -> str:
    container = {
        "name": "app", "image": "busybox", "memory": 64, "command": ["sh", "-c", script],
        "logConfiguration": log,
    }  # fmt: skip
    ecs.register_task_definition(family="logs", containerDefinitions=[container], **definition)
    return str(ecs.run_task(taskDefinition="logs")["tasks"][0]["taskArn"])


def stopped(ecs: Any, arn: str) -> dict[str, Any]:
    """The task when it has stopped."""

    def look() -> dict[str, Any] | None:
        task: dict[str, Any] = ecs.describe_tasks(tasks=[arn])["tasks"][0]
        return task if task["lastStatus"] == "STOPPED" else None

    return until(look, "the task stops")


def events(logs: Any, group: str, stream: str) -> list[str]:
    found = logs.get_log_events(logGroupName=group, logStreamName=stream, startFromHead=True)["events"]
    return [event["message"] for event in found]


def awslogs(group: str, region: str = REGION, **options: str) -> dict[str, Any]:
    given = {name.replace("_", "-"): value for name, value in options.items()}
    return {"logDriver": "awslogs", "options": {"awslogs-group": group, "awslogs-region": region, **given}}


@pytest.mark.parametrize(
    "multiline", [{"awslogs_datetime_format": "%Y-%m-%d"}, {"awslogs_multiline_pattern": r"^\d+-"}]
)
def test_several_lines_are_one_event(ecs: Any, client: Callable[..., Any], multiline: dict[str, str]) -> None:
    """A stack trace is one event, in a group that the task makes, in the stream of its prefix."""
    log = awslogs(
        "/made", awslogs_create_group="true", awslogs_stream_prefix="p", mode="blocking", **multiline
    )
    arn = run(ecs, TRACE, log=log)
    stopped(ecs, arn)
    assert events(client("logs"), "/made", f"p/app/{arn.rsplit('/', 1)[1]}") == [
        "2026-01-31 E1\n  at f\n\n  at g\n",
        "2026-02-01 E2\n",
    ]


def test_another_region_and_no_prefix(ecs: Any, plane: PlaneProcess, account: str) -> None:
    """The stream is the container's runtime id, in the Region that the options name."""
    logs = plane.client("logs", account, "us-east-2")
    logs.create_log_group(logGroupName="far")
    task = stopped(ecs, run(ecs, "echo there", log=awslogs("far", "us-east-2")))
    assert events(logs, "far", task["containers"][0]["runtimeId"]) == ["there"]


def test_long_lines_and_bytes_that_are_no_text(ecs: Any, client: Callable[..., Any]) -> None:
    """Lines are cut at 16 KiB as Docker does; what is no UTF-8 is replaced."""
    script = r"printf '%020000d\n' 7; printf '\377x\n'"
    log = awslogs("/long", awslogs_create_group="true", awslogs_stream_prefix="p")
    arn = run(ecs, script, log=log)
    stopped(ecs, arn)
    found = events(client("logs"), "/long", f"p/app/{arn.rsplit('/', 1)[1]}")
    assert [len(line) for line in found] == [16 * 1024, 20_000 - 16 * 1024, 2]
    assert found[2] == "\ufffdx"


def test_a_log_group_that_is_missing(ecs: Any, client: Callable[..., Any]) -> None:
    """Without awslogs-create-group the task fails to start, with AWS's words for each launch type."""
    log = awslogs("/nowhere", awslogs_stream_prefix="p")
    task = stopped(ecs, run(ecs, "true", log=log))
    assert (task["stopCode"], task["stoppedReason"]) == ("TaskFailedToStart", "Task failed to start")
    assert task["containers"][0]["reason"].startswith("CannotStartContainerError: ")
    assert (
        "ResourceNotFoundException: The specified log group does not exist."
        in task["containers"][0]["reason"]
    )
    ecs.register_task_definition(
        family="far", networkMode="awsvpc", cpu="256", memory="512", requiresCompatibilities=["FARGATE"],
        containerDefinitions=[
            {"name": "app", "image": "x", "command": ["true"], "logConfiguration": log}
        ],
    )  # fmt: skip
    [subnet, *_] = client("ec2").describe_subnets()["Subnets"]
    network = {"awsvpcConfiguration": {"subnets": [subnet["SubnetId"]]}}
    arn = ecs.run_task(taskDefinition="far", launchType="FARGATE", networkConfiguration=network)
    task = stopped(ecs, arn["tasks"][0]["taskArn"])
    assert task["stopCode"] == "TaskFailedToStart"
    assert task["stoppedReason"].startswith(
        "ResourceInitializationError: failed to validate logger args: create stream has been retried 1 "
    )


def test_what_registration_refuses(ecs: Any) -> None:
    """A driver that is not here, and options that mean nothing, are told at once."""
    for log, message in (
        ({"logDriver": "fluentd"}, "does not have the log driver 'fluentd'"),
        (awslogs("g", awslogs_multiline_pattern="("), "could not parse multiline pattern"),
        (awslogs("g", tag="x"), "disallows options: tag"),
    ):
        with pytest.raises(ClientError) as caught:
            run(ecs, "true", log=log)
        assert caught.value.response["Error"]["Code"] == "ClientException"
        assert message in caught.value.response["Error"]["Message"]
