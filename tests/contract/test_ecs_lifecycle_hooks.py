"""Lifecycle hooks of deployments through boto3: real functions that let a deployment go on, or do not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.contract.test_lambda_functions import create
from tests.fault.waiting import until

ROLE = "arn:aws:iam::123456789012:role/hooks"
HOOK = """
import json, pathlib
def handler(event, context):
    seen = pathlib.Path({file!r})
    with seen.open("a") as told:
        told.write(json.dumps(event) + "\\n")
    first = len(seen.read_text().splitlines()) == 1
    return {{"hookStatus": "IN_PROGRESS", "callBackDelay": 1}} if first else {{"hookStatus": {answer!r}}}
"""


def service_of(ecs: Any) -> Any:
    return ecs.describe_services(services=["hooked"])["services"][0]


def hooked(client: Callable[..., Any], account: str, seen: Path, answer: str) -> Any:
    """A service with a hook before its tasks start; returns the client."""
    function = client("lambda")
    create(function, account, "hook", HOOK.format(file=str(seen), answer=answer))
    function.get_waiter("function_active_v2").wait(FunctionName="hook")
    arn = function.get_function(FunctionName="hook")["Configuration"]["FunctionArn"]
    ecs = client("ecs")
    main = {"name": "main", "image": "x", "command": ["sleep", "600"], "memory": 32}
    ecs.register_task_definition(family="hooked", containerDefinitions=[main])
    hooks = [{"hookTargetArn": arn, "roleArn": ROLE, "lifecycleStages": ["PRE_SCALE_UP"]}]
    ecs.create_service(
        serviceName="hooked",
        taskDefinition="hooked",
        desiredCount=1,
        deploymentConfiguration={"lifecycleHooks": hooks},
    )
    return ecs


def test_a_hook_is_asked_until_it_lets_the_deployment_go_on(
    client: Callable[..., Any], account: str, tmp_path: Path
) -> None:
    """It says first that it is not done: called again, and only then a task is started."""
    seen = tmp_path / "seen"
    ecs = hooked(client, account, seen, "SUCCEEDED")
    until(lambda: service_of(ecs)["deployments"][0]["rolloutState"] == "COMPLETED", "the deployment")
    events = [json.loads(line) for line in seen.read_text().splitlines()]
    assert [event["lifecycleStage"] for event in events] == ["PRE_SCALE_UP"] * 2
    service = service_of(ecs)
    assert events[0]["resourceArn"] == service["currentServiceDeployment"]
    assert events[0]["executionDetails"]["serviceArn"] == service["serviceArn"]
    ecs.delete_service(service="hooked", force=True)
    until(lambda: service_of(ecs)["status"] == "INACTIVE", "the end")


def test_a_hook_that_fails_fails_the_deployment(
    client: Callable[..., Any], account: str, tmp_path: Path
) -> None:
    """No task is ever started, and the deployment says why."""
    ecs = hooked(client, account, tmp_path / "seen", "FAILED")
    until(lambda: service_of(ecs)["deployments"][0]["rolloutState"] == "FAILED", "the failure")
    service = service_of(ecs)
    assert "failed at stage PRE_SCALE_UP" in service["deployments"][0]["rolloutStateReason"]
    assert not [event for event in service["events"] if "has started" in event["message"]]
    ecs.delete_service(service="hooked", force=True)
