"""What a task can ask about itself and as whom it acts: real tasks that ask with an SDK, and plain HTTP."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config

from tests.process import REGION, PlaneProcess

OFTEN = {"Delay": 0.05, "MaxAttempts": 600}
Client = Callable[..., Any]

WHO_AM_I = """
import boto3, os
assert "AWS_ACCESS_KEY_ID" not in os.environ
session = boto3.Session()
print(session.client("sts").get_caller_identity()["Arn"])
print(session.get_credentials().method)
session.client("ecs").list_clusters()
"""
ASK_ALL = """
import json, os, urllib.error, urllib.request

def ask(url, body=None, method="GET", **headers):
    request = urllib.request.Request(url, body, headers, method=method)
    try:
        with urllib.request.urlopen(request) as answer:
            return [answer.status, json.load(answer)]
    except urllib.error.HTTPError as error:
        text = error.read().decode()
        return [error.code, json.loads(text) if text[:1] in '{"' else text]

metadata = os.environ["ECS_CONTAINER_METADATA_URI_V4"]
state = os.environ["ECS_AGENT_URI"] + "/task-protection/v1/state"
credentials = os.environ.get("AWS_CONTAINER_CREDENTIALS_FULL_URI", "")
token = os.environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN", "")
print(json.dumps({
    "": ask(metadata),
    **{path: ask(metadata + path) for path in ("/task", "/taskWithTags", "/stats", "/task/stats", "/no")},
    "guessed": ask(metadata[:-1] + ("0" if metadata[-1] != "0" else "1")),
    "get": ask(state),
    "put": ask(state, b'{"ProtectionEnabled":true,"ExpiresInMinutes":60}', "PUT"),
    "put nothing": ask(state, b"{}", "PUT"),
    "put nonsense": ask(state, b'{"Protect":1}', "PUT"),
    "mode": os.environ["AWS_EXECUTION_ENV"],
    **({
        "credentials": ask(credentials, Authorization=token),
        "no token": ask(credentials),
        "no id": ask(credentials.rpartition("/")[0] + "/", Authorization=token),
        "wrong id": ask(credentials + "0", Authorization=token),
        "by metadata": ask(credentials.rpartition("/")[0] + "/" + metadata.rpartition("/")[2]),
    } if credentials else {}),
}))
"""
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}


def a_python(script: str, name: str = "app", **members: Any) -> dict[str, Any]:
    """A container that runs a script under this interpreter."""
    command = [sys.executable, "-c", script]
    return {"name": name, "image": "python", "memory": 512, "command": command, **members}


def output_of(
    client: Client, *containers: dict[str, Any], **members: Any
) -> tuple[dict[str, Any], list[str]]:
    """Run one task to its end: how it stands then, and the output of its container `app`."""
    ecs, logs = client("ecs"), client("logs")
    ecs.register_task_definition(family="asks", containerDefinitions=list(containers), **members)
    tags = [{"key": "colour", "value": "blue"}]
    [task] = ecs.run_task(taskDefinition="asks", tags=tags)["tasks"]
    arn = task["taskArn"]
    ecs.get_waiter("tasks_stopped").wait(tasks=[arn], WaiterConfig=OFTEN)
    [stopped] = ecs.describe_tasks(tasks=[arn])["tasks"]
    stream = f"ecs/app/{arn.rpartition('/')[2]}"
    events = logs.get_log_events(logGroupName="/ecs/asks", logStreamName=stream, startFromHead=True)["events"]
    lines = [event["message"] for event in events]
    assert [c.get("exitCode") for c in stopped["containers"]] == [0] * len(containers), lines
    return stopped, lines


def test_boto3_finds_the_role_by_itself(client: Client, account: str) -> None:
    """A task with a role, whose script knows nothing of credentials, is that role's session."""
    role = client("iam").create_role(RoleName="asker", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]
    task, lines = output_of(client, a_python(WHO_AM_I), taskRoleArn=role["Arn"])
    session = task["taskArn"].rpartition("/")[2]
    assert lines == [f"arn:aws:sts::{account}:assumed-role/asker/{session}", "container-role"]


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlaneProcess]:
    running = PlaneProcess(tmp_path_factory.mktemp("strict") / "data", "--auth", "sigv4").start()
    yield running
    assert running.stop() == 0


def test_the_role_signs_too(strict: PlaneProcess) -> None:
    """The same under --auth sigv4, where only signatures of keys that were given out are taken."""
    root = json.loads((strict.data / "root-credentials.json").read_text())

    def client(service: str) -> Any:
        return boto3.session.Session(root["AccessKeyId"], root["SecretAccessKey"]).client(
            service,  # type: ignore[call-overload]
            endpoint_url=strict.endpoint,
            region_name=REGION,
            config=Config(retries={"max_attempts": 0}),
        )

    role = "arn:aws:iam::000000000000:role/signer"
    task, lines = output_of(client, a_python(WHO_AM_I), taskRoleArn=role)
    session = task["taskArn"].rpartition("/")[2]
    assert lines[0] == f"arn:aws:sts::000000000000:assumed-role/signer/{session}"
    for log in ("agent/agent.log", "../data.stderr"):
        assert "ASIA" not in (strict.data / log).read_text()


def test_everything_that_can_be_asked(client: Client, account: str) -> None:
    """Metadata, statistics, credentials with every refusal, and protection, from inside one task."""
    side = {"name": "side", "image": "busybox", "memory": 64, "essential": False, "command": ["sleep", "600"]}
    stopped_by = {**side, "dockerLabels": {"team": "blue"}}
    app = a_python(ASK_ALL, dependsOn=[{"containerName": "side", "condition": "START"}])
    ecs = client("ecs")
    ecs.register_task_definition(
        family="asks",
        containerDefinitions=[stopped_by, app],
        taskRoleArn=f"arn:aws:iam::{account}:role/asker",
        cpu="512",
        memory="1024",
    )
    [task] = ecs.run_task(taskDefinition="asks", tags=[{"key": "colour", "value": "blue"}])["tasks"]
    arn = task["taskArn"]
    ecs.get_waiter("tasks_stopped").wait(tasks=[arn], WaiterConfig=OFTEN)
    task_id = arn.rpartition("/")[2]
    stream = f"ecs/app/{task_id}"
    events = client("logs").get_log_events(logGroupName="/ecs/asks", logStreamName=stream)["events"]
    told = json.loads(events[0]["message"])
    check_metadata(told, task, account)
    check_credentials(told, account)
    failure = {"failure": {"Arn": arn, "Reason": "TASK_NOT_VALID", "Detail": None}}
    assert (told["get"], told["put"]) == ([200, failure], [200, failure])
    assert told["put nothing"][0] == told["put nonsense"][0] == 400
    assert told["put nothing"][1]["error"]["Code"] == "InvalidParameterException"
    assert told["mode"] == "AWS_ECS_EC2"


def check_metadata(told: dict[str, Any], task: dict[str, Any], account: str) -> None:
    arn, [side, app] = task["taskArn"], task["containers"]
    status, shown = told["/task"]
    assert (status, shown["TaskARN"], shown["Family"], shown["Revision"]) == (200, arn, "asks", "1")
    assert (shown["Cluster"], shown["LaunchType"], shown["KnownStatus"]) == ("default", "EC2", "RUNNING")
    assert shown["Limits"] == {"CPU": 0.5, "Memory": 1024}
    assert [c["ContainerARN"] for c in shown["Containers"]] == [side["containerArn"], app["containerArn"]]
    assert told[""] == [200, shown["Containers"][1]]
    assert (told[""][1]["Name"], told[""][1]["Limits"]) == ("app", {"CPU": 2, "Memory": 512})
    assert told[""][1]["LogOptions"]["awslogs-group"] == "/ecs/asks"
    labels = shown["Containers"][0]["Labels"]
    assert (labels["team"], labels["com.amazonaws.ecs.task-arn"]) == ("blue", arn)
    assert told["/taskWithTags"][1] == shown | {"TaskTags": {"colour": "blue"}}
    status, stats = told["/stats"]
    assert status == 200 and stats["cpu_stats"]["cpu_usage"]["total_usage"] > 0
    assert 0 < stats["memory_stats"]["usage"] < stats["memory_stats"]["limit"] == 512 * 2**20
    assert stats["pids_stats"] == {"current": 1}
    ids = {c["DockerId"] for c in shown["Containers"]}
    assert (
        set(told["/task/stats"][1]) == ids
        and told["/task/stats"][1][told[""][1]["DockerId"]]["name"] == "app"
    )
    assert told["guessed"][0] == told["/no"][0] == 404


def check_credentials(told: dict[str, Any], account: str) -> None:
    status, credentials = told["credentials"]
    assert status == 200 and credentials["RoleArn"] == f"arn:aws:iam::{account}:role/asker"
    assert set(credentials) == {"RoleArn", "AccessKeyId", "SecretAccessKey", "Token", "Expiration"}
    refused = {name: (told[name][0], told[name][1]["code"]) for name in ("no token", "no id", "wrong id")}
    assert refused == {
        "no token": (403, "AccessDenied"),
        "no id": (400, "NoIdInRequest"),
        "wrong id": (400, "InvalidIdInRequest"),
    }
    assert told["by metadata"][1]["code"] == "InvalidIdInRequest"


def test_a_task_without_a_role(client: Client, account: str) -> None:
    """It is told no credentials endpoint, and the rest all the same."""
    _, [line] = output_of(client, a_python(ASK_ALL))
    told = json.loads(line)
    assert "credentials" not in told and told["/task"][0] == 200
    assert {told[asked][1]["error"]["Code"] for asked in ("get", "put")} == {"AccessDeniedException"}
