"""Tasks whose environment comes from Parameter Store and Secrets Manager."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.contract.test_ecs_logs import stopped
from tests.contract.test_iam import refusal
from tests.process import REGION, PlaneProcess

ROLE = "arn:aws:iam::000000000000:role/ecsTaskExecutionRole"
CONTAINER = {"name": "app", "image": "busybox", "memory": 64}


@pytest.fixture
def ecs(client: Callable[..., Any]) -> Any:
    found = client("ecs")
    found.create_cluster()
    return found


def test_values_reach_the_container(ecs: Any, client: Callable[..., Any], tmp_path: Any) -> None:
    """A parameter by name and ARN, a whole secret, a member of its JSON, an older version of it."""
    ssm, secrets = client("ssm"), client("secretsmanager")
    ssm.put_parameter(Name="/db/host", Value="db.example", Type="SecureString")
    ssm_arn = ssm.get_parameter(Name="/db/host")["Parameter"]["ARN"]
    made = secrets.create_secret(Name="db", SecretString=json.dumps({"password": "old", "port": 5432}))
    secrets.put_secret_value(SecretId="db", SecretString=json.dumps({"password": "new", "port": 5432}))
    wanted = {
        "HOST": ("/db/host", "db.example"),
        "HOST_AGAIN": (ssm_arn, "db.example"),
        "ALL": (made["ARN"], '{"password": "new", "port": 5432}'),
        "PASSWORD": (f"{made['ARN']}:password::", "new"),
        "PORT": (f"{made['ARN']}:port::", "5432"),
        "BEFORE": (f"{made['ARN']}:password:AWSPREVIOUS:", "old"),
        "BY_ID": (f"{made['ARN']}:password::{made['VersionId']}", "old"),
    }
    out = tmp_path / "environment"
    tmp_path.chmod(0o777)
    told = ecs.register_task_definition(
        family="told",
        executionRoleArn=ROLE,
        containerDefinitions=[
            {
                **CONTAINER,
                "command": ["sh", "-c", f"env > {out}"],
                "secrets": [{"name": name, "valueFrom": source} for name, (source, _) in wanted.items()],
            }
        ],
    )
    assert len(told["taskDefinition"]["containerDefinitions"][0]["secrets"]) == len(wanted)
    task = stopped(ecs, ecs.run_task(taskDefinition="told")["tasks"][0]["taskArn"])
    assert task["containers"][0]["exitCode"] == 0
    found = dict(line.split("=", 1) for line in out.read_text().splitlines())
    assert {name: found.get(name) for name in wanted} == {name: value for name, (_, value) in wanted.items()}
    assert "secrets" not in json.dumps(task, default=str) and "new" not in json.dumps(task, default=str)


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("/none", "ParameterNotFound: Parameter /none not found."),
        (
            f"arn:aws:secretsmanager:{REGION}:000000000000:secret:none-AbCdEf",
            "ResourceNotFoundException: Secrets Manager can't find the specified secret.",
        ),
        (f"arn:aws:secretsmanager:{REGION}:000000000000:secret:a:b", "unexpected ARN format with parameters"),
    ],
)
def test_a_value_that_is_not_there(ecs: Any, source: str, why: str) -> None:
    """The task stops before it runs, and says what could not be had."""
    container = {**CONTAINER, "command": ["true"], "secrets": [{"name": "S", "valueFrom": source}]}
    ecs.register_task_definition(family="lost", executionRoleArn=ROLE, containerDefinitions=[container])
    task = stopped(ecs, ecs.run_task(taskDefinition="lost")["tasks"][0]["taskArn"])
    assert task["stopCode"] == "TaskFailedToStart" and "startedAt" not in task
    reason = task["containers"][0]["reason"]
    assert reason.startswith("ResourceInitializationError: unable to pull secrets or registry auth")
    assert why in reason or why[:40] in reason


def test_nothing_of_other_accounts(ecs: Any, client: Callable[..., Any], plane: PlaneProcess) -> None:
    """Not by a full ARN either: their secrets and parameters are not there, for tasks and for callers."""
    secret = plane.client("secretsmanager", "999900001111").create_secret(Name="theirs", SecretString="x")[
        "ARN"
    ]
    ssm = plane.client("ssm", "999900001111")
    ssm.put_parameter(Name="/theirs", Value="x", Type="String")
    parameter = ssm.get_parameter(Name="/theirs")["Parameter"]["ARN"]
    for source, kind in ((secret, "ResourceNotFoundException"), (parameter, "ParameterNotFound")):
        container = {**CONTAINER, "command": ["true"], "secrets": [{"name": "S", "valueFrom": source}]}
        ecs.register_task_definition(family="spy", executionRoleArn=ROLE, containerDefinitions=[container])
        task = stopped(ecs, ecs.run_task(taskDefinition="spy")["tasks"][0]["taskArn"])
        assert kind in task["containers"][0]["reason"] and "startedAt" not in task
    client("ssm").put_parameter(Name="/theirs", Value="ours", Type="String")
    assert refusal(client("ssm").get_parameter, Name=parameter)[0] == "ParameterNotFound"
    assert (
        refusal(client("secretsmanager").get_secret_value, SecretId=secret)[0] == "ResourceNotFoundException"
    )


def test_definitions_that_are_refused(ecs: Any) -> None:
    """Without an execution role; under a name that an environment variable has."""
    secret = {"name": "S", "valueFrom": "/s"}
    shared = {**CONTAINER, "secrets": [secret], "environment": [{"name": "S", "value": "x"}]}
    register = ecs.register_task_definition
    _, message, _ = refusal(register, family="no", containerDefinitions=[{**CONTAINER, "secrets": [secret]}])
    assert "you must also specify a value for 'executionRoleArn'" in message
    _, message, _ = refusal(register, family="no", containerDefinitions=[shared], executionRoleArn=ROLE)
    assert "The secret name must be unique" in message
