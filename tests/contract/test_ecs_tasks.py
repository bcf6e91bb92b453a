"""ECS tasks with boto3 against a plane that really runs them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, WaiterError

OFTEN = {"Delay": 0.05, "MaxAttempts": 400}
Client = Callable[..., Any]


def a_container(script: str, name: str = "app", **members: Any) -> dict[str, Any]:
    """A container that runs a shell script."""
    return {
        "name": name,
        "image": "busybox",
        "memory": 256,
        "entryPoint": ["sh", "-c"],
        "command": [script],
        **members,
    }


def register(ecs: Any, *containers: dict[str, Any], **members: Any) -> str:
    made = ecs.register_task_definition(family="work", containerDefinitions=list(containers), **members)
    return str(made["taskDefinition"]["taskDefinitionArn"])


def run_to_the_end(ecs: Any, **params: Any) -> dict[str, Any]:
    """Run one task of `work`, wait until it has stopped, describe it."""
    [task] = ecs.run_task(taskDefinition="work", **params)["tasks"]
    ecs.get_waiter("tasks_stopped").wait(tasks=[task["taskArn"]], WaiterConfig=OFTEN)
    [stopped] = ecs.describe_tasks(tasks=[task["taskArn"]])["tasks"]
    return dict(stopped)


def exit_codes(task: dict[str, Any]) -> dict[str, int | None]:
    return {container["name"]: container.get("exitCode") for container in task["containers"]}


def test_a_task_runs_and_ends(client: Client) -> None:
    """A short task: its exit code, its reason, and every instant in order."""
    ecs = client("ecs")
    register(ecs, a_container("exit 3"))
    task = run_to_the_end(ecs, startedBy="me")
    assert exit_codes(task) == {"app": 3}
    assert (task["stopCode"], task["stoppedReason"]) == (
        "EssentialContainerExited",
        "Essential container in task exited",
    )
    assert (task["lastStatus"], task["desiredStatus"], task["startedBy"]) == ("STOPPED", "STOPPED", "me")
    instants = [task[name] for name in ("createdAt", "startedAt", "executionStoppedAt", "stoppedAt")]
    assert instants == sorted(instants)


def test_stopping_a_running_task(client: Client) -> None:
    """tasks_running, StopTask with a reason, tasks_stopped; SIGTERM is exit code 143."""
    ecs = client("ecs")
    register(ecs, a_container("exec sleep 600"))
    [task] = ecs.run_task(taskDefinition="work")["tasks"]
    arn = task["taskArn"]
    ecs.get_waiter("tasks_running").wait(tasks=[arn], WaiterConfig=OFTEN)
    assert ecs.list_tasks()["taskArns"] == [arn]
    assert ecs.stop_task(task=arn, reason="enough")["task"]["desiredStatus"] == "STOPPED"
    ecs.get_waiter("tasks_stopped").wait(tasks=[arn], WaiterConfig=OFTEN)
    [stopped] = ecs.describe_tasks(tasks=[arn])["tasks"]
    assert exit_codes(stopped) == {"app": 143}
    assert (stopped["stopCode"], stopped["stoppedReason"]) == ("UserInitiated", "enough")
    assert ecs.list_tasks()["taskArns"] == []
    assert ecs.list_tasks(desiredStatus="STOPPED")["taskArns"] == [arn]


def test_a_command_that_does_not_exist(client: Client) -> None:
    """The task fails to start: TaskFailedToStart, the container's reason, and tasks_running gives up."""
    ecs = client("ecs")
    register(ecs, {"name": "app", "image": "busybox", "memory": 64, "command": ["/no/such/command"]})
    task = run_to_the_end(ecs)
    assert task["stopCode"] == "TaskFailedToStart"
    assert "startedAt" not in task
    assert "/no/such/command" in task["containers"][0]["reason"]
    with pytest.raises(WaiterError):
        ecs.get_waiter("tasks_running").wait(tasks=[task["taskArn"]], WaiterConfig=OFTEN)


def test_what_a_container_is_told(client: Client, endpoint: str, account: str) -> None:
    """Endpoint, Region and credentials, then the definition's variables, then the call's."""
    ecs = client("ecs")
    script = f"""
        test "$AWS_ENDPOINT_URL" = {endpoint} || exit 11
        test "$AWS_REGION$AWS_DEFAULT_REGION" = eu-west-1eu-west-1 || exit 12
        test "$AWS_ACCESS_KEY_ID" = {account} || exit 13
        test "$A$B$C" = 134 || exit 14
    """
    register(ecs, a_container(script, environment=[{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]))
    environment = [{"name": "B", "value": "3"}, {"name": "C", "value": "4"}]
    task = run_to_the_end(
        ecs, overrides={"containerOverrides": [{"name": "app", "environment": environment}]}
    )
    assert exit_codes(task) == {"app": 0}


def test_the_order_of_containers(client: Client, tmp_path: Path) -> None:
    """A container that waits for SUCCESS starts after the other has written its file."""
    ecs = client("ecs")
    file = tmp_path / "written"
    first = a_container(f"echo done > {file}", name="first", essential=False)
    wait = [{"containerName": "first", "condition": "SUCCESS"}]
    register(ecs, first, a_container(f"test -s {file}", dependsOn=wait))
    assert exit_codes(run_to_the_end(ecs)) == {"first": 0, "app": 0}


def test_an_essential_exit_ends_the_others(client: Client) -> None:
    """The sidecar is stopped when the essential container ends, even with exit code 0."""
    ecs = client("ecs")
    register(ecs, a_container("exit 0"), a_container("exec sleep 600", name="side", essential=False))
    task = run_to_the_end(ecs)
    assert exit_codes(task)["app"] == 0
    assert task["stopCode"] == "EssentialContainerExited"
    assert {container["lastStatus"] for container in task["containers"]} == {"STOPPED"}


def test_the_copied_definition_of_seed_004(client: Client) -> None:
    """Describe, copy the container tenfold, register, run: ten exit codes."""
    ecs = client("ecs")
    register(ecs, a_container("exit 0"))
    described = ecs.describe_task_definition(taskDefinition="work")["taskDefinition"]
    copies = [{**described["containerDefinitions"][0], "name": f"worker-{n}"} for n in range(10)]
    again = ecs.register_task_definition(family="work", containerDefinitions=copies)
    assert again["taskDefinition"]["revision"] == 2
    task = run_to_the_end(ecs)
    assert set(exit_codes(task)) == {f"worker-{n}" for n in range(10)}


def test_client_tokens(client: Client) -> None:
    """The same call twice is one task; another call with the token is a ConflictException."""
    ecs = client("ecs")
    register(ecs, a_container("exit 0"))
    first = ecs.run_task(taskDefinition="work", clientToken="t")["tasks"][0]["taskArn"]
    assert ecs.run_task(taskDefinition="work", clientToken="t")["tasks"][0]["taskArn"] == first
    with pytest.raises(ecs.exceptions.ConflictException) as caught:
        ecs.run_task(taskDefinition="work", clientToken="t", count=2)
    assert caught.value.response["resourceIds"] == [first]


def test_paging_through_tasks(client: Client) -> None:
    """Eleven tasks in pages of four, each once."""
    ecs = client("ecs")
    register(ecs, a_container("exec sleep 600"))
    arns = [t["taskArn"] for n in (10, 1) for t in ecs.run_task(taskDefinition="work", count=n)["tasks"]]
    try:
        pages = list(
            ecs.get_paginator("list_tasks").paginate(family="work", PaginationConfig={"PageSize": 4})
        )
        assert [len(page["taskArns"]) for page in pages] == [4, 4, 3]
        assert sorted(arn for page in pages for arn in page["taskArns"]) == sorted(arns)
        assert len(ecs.describe_tasks(tasks=arns)["tasks"]) == 11
    finally:
        for arn in arns:
            ecs.stop_task(task=arn)
        ecs.get_waiter("tasks_stopped").wait(tasks=arns, WaiterConfig=OFTEN)


def test_tags_of_a_task(client: Client) -> None:
    """Given with the call, added later, shown when asked."""
    ecs = client("ecs")
    register(ecs, a_container("exit 0"), tags=[{"key": "a", "value": "1"}])
    task = run_to_the_end(ecs, propagateTags="TASK_DEFINITION")
    ecs.tag_resource(resourceArn=task["taskArn"], tags=[{"key": "b", "value": "2"}])
    [shown] = ecs.describe_tasks(tasks=[task["taskArn"]], include=["TAGS"])["tasks"]
    assert shown["tags"] == [{"key": "a", "value": "1"}, {"key": "b", "value": "2"}]
    ecs.untag_resource(resourceArn=task["taskArn"], tagKeys=["a"])
    tags = ecs.list_tags_for_resource(resourceArn=task["taskArn"])["tags"]
    assert tags == [{"key": "b", "value": "2"}]


@pytest.mark.parametrize(
    ("operation", "params", "code"),
    [
        ("run_task", {"taskDefinition": "gone"}, "ClientException"),
        ("run_task", {"taskDefinition": "work", "count": 11}, "InvalidParameterException"),
        ("run_task", {"taskDefinition": "work", "cluster": "gone"}, "ClusterNotFoundException"),
        ("run_task", {"taskDefinition": "work", "launchType": "FARGATE"}, "InvalidParameterException"),
        ("run_task", {"taskDefinition": "work", "enableExecuteCommand": True}, "InvalidParameterException"),
        ("run_task", {"taskDefinition": "work", "tags": [{"key": "aws:a"}]}, "InvalidParameterException"),
        ("stop_task", {"task": "0" * 32}, "InvalidParameterException"),
        ("stop_task", {"task": "0" * 32, "cluster": "gone"}, "ClusterNotFoundException"),
        ("describe_tasks", {"tasks": []}, "InvalidParameterException"),
        ("describe_tasks", {"tasks": ["x"], "cluster": "gone"}, "ClusterNotFoundException"),
        ("list_tasks", {"serviceName": "web"}, "ServiceNotFoundException"),
        ("list_tasks", {"cluster": "gone"}, "ClusterNotFoundException"),
        ("list_tasks", {"nextToken": "nonsense"}, "InvalidParameterException"),
        ("list_tags_for_resource", {"resourceArn": "nonsense"}, "InvalidParameterException"),
    ],
)
def test_errors(client: Client, operation: str, params: dict[str, Any], code: str) -> None:
    """Each error that the model has for these operations, as botocore reads it."""
    ecs = client("ecs")
    register(ecs, a_container("exit 0"))
    with pytest.raises(ClientError) as caught:
        getattr(ecs, operation)(**params)
    assert caught.value.response["Error"]["Code"] == code
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_accounts_do_not_see_each_other(client: Client, plane: Any) -> None:
    """Another account's task is MISSING, its definitions are not there, its cluster is not found."""
    ecs = client("ecs")
    register(ecs, a_container("exit 0"))
    task = run_to_the_end(ecs)
    other = plane.client("ecs", "999999999999")
    [failure] = other.describe_tasks(tasks=[task["taskArn"].rpartition("/")[2]])["failures"]
    assert failure["reason"] == "MISSING"
    with pytest.raises(other.exceptions.ClusterNotFoundException):
        other.describe_tasks(cluster=task["clusterArn"], tasks=[task["taskArn"]])
    with pytest.raises(other.exceptions.ClientException):
        other.describe_task_definition(taskDefinition=task["taskDefinitionArn"])


def test_the_fargate_launch_rate(own_plane: Callable[..., Any], tmp_path: Path) -> None:
    """Seed 003 on a small scale: a full bucket at once, then AWS's error; EC2 launches go on."""
    entry = 'burst = 2, per_second = 0, unit = "tasks", source = "this test", date = "today"'
    profile = tmp_path / "small.toml"
    switch = "[switches]\n'ecs.embedded_instance' = { value = true }\n"
    profile.write_text(f'[buckets]\n"fargate.on_demand" = {{ {entry} }}\n{switch}')
    plane = own_plane("--profile", str(profile))
    ecs = plane.client("ecs", "123456789012")
    [subnet, *_] = plane.client("ec2", "123456789012").describe_subnets()["Subnets"]
    register(ecs, a_container("exit 0"), cpu="256", memory="512", networkMode="awsvpc")
    network = {"awsvpcConfiguration": {"subnets": [subnet["SubnetId"]]}}
    asked = {"taskDefinition": "work", "networkConfiguration": network}
    arns = [t["taskArn"] for t in ecs.run_task(launchType="FARGATE", count=2, **asked)["tasks"]]
    with pytest.raises(ClientError) as caught:
        ecs.run_task(launchType="FARGATE", **asked)
    error = caught.value.response["Error"]
    assert (error["Code"], error["Message"]) == ("ThrottlingException", "Rate exceeded")
    arns.append(ecs.run_task(launchType="EC2", **asked)["tasks"][0]["taskArn"])
    ecs.get_waiter("tasks_stopped").wait(tasks=arns, WaiterConfig=OFTEN)
