"""ECS clusters, task definitions and settings with boto3: happy path, modelled errors, paging."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

Client = Callable[..., Any]
CONTAINER = {"name": "app", "image": "busybox", "memory": 64}


def a_definition(**members: Any) -> dict[str, Any]:
    return {"family": "work", "containerDefinitions": [CONTAINER], **members}


def test_clusters(client: Client) -> None:
    """Create, describe with everything included, update, delete."""
    ecs = client("ecs")
    tags = [{"key": "team", "value": "red"}]
    made = ecs.create_cluster(clusterName="main", tags=tags, capacityProviders=["FARGATE"])["cluster"]
    assert (made["status"], made["capacityProviders"]) == ("ACTIVE", ["FARGATE"])
    everything = ["ATTACHMENTS", "CONFIGURATIONS", "SETTINGS", "STATISTICS", "TAGS"]
    found = ecs.describe_clusters(clusters=["main", "gone"], include=everything)
    [shown], [failure] = found["clusters"], found["failures"]
    assert shown["tags"] == tags
    assert shown["settings"] == [{"name": "containerInsights", "value": "disabled"}]
    assert failure["reason"] == "MISSING"
    enhanced = [{"name": "containerInsights", "value": "enhanced"}]
    updated = ecs.update_cluster_settings(cluster="main", settings=enhanced)["cluster"]
    assert updated["settings"] == enhanced
    assert ecs.delete_cluster(cluster=made["clusterArn"])["cluster"]["status"] == "INACTIVE"


def test_paging_through_clusters(client: Client) -> None:
    """Five clusters in pages of two."""
    ecs = client("ecs")
    for name in "abcde":
        ecs.create_cluster(clusterName=name)
    pages = list(ecs.get_paginator("list_clusters").paginate(PaginationConfig={"PageSize": 2}))
    assert [len(page["clusterArns"]) for page in pages] == [2, 2, 1]


def test_a_task_definition_comes_back_whole(client: Client) -> None:
    """Every member that is stored, as it was given, with ECS's defaults beside it."""
    ecs = client("ecs")
    container = {
        **CONTAINER,
        "cpu": 10,
        "memoryReservation": 32,
        "links": ["other"],
        "portMappings": [{"containerPort": 80, "hostPort": 8080, "protocol": "tcp", "name": "web"}],
        "essential": True,
        "entryPoint": ["sh"],
        "command": ["-c", "true"],
        "environment": [{"name": "A", "value": "é"}],
        "mountPoints": [{"sourceVolume": "v", "containerPath": "/v", "readOnly": True}],
        "linuxParameters": {"initProcessEnabled": True, "tmpfs": [{"containerPath": "/t", "size": 1}]},
        "startTimeout": 3,
        "stopTimeout": 4,
        "user": "nobody",
        "workingDirectory": "/",
        "dockerLabels": {"a.b": "c"},
        "ulimits": [{"name": "nofile", "softLimit": 10, "hardLimit": 20}],
        "healthCheck": {"command": ["CMD", "true"], "interval": 10},
        "systemControls": [{"namespace": "net.core.somaxconn", "value": "1"}],
        "volumesFrom": [],
        "logConfiguration": {
            "logDriver": "awslogs",
            "options": {"awslogs-group": "g", "awslogs-region": "eu-west-1", "awslogs-stream-prefix": "p"},
        },
    }
    other = {**CONTAINER, "name": "other", "essential": False}
    given = a_definition(
        containerDefinitions=[container, other],
        taskRoleArn="arn:aws:iam::123456789012:role/r",
        networkMode="bridge",
        volumes=[{"name": "v", "host": {"sourcePath": "/x"}}],
        placementConstraints=[{"type": "memberOf", "expression": "attribute:a == b"}],
        requiresCompatibilities=["EC2"],
        cpu="512",
        memory="1024",
        pidMode="task",
        runtimePlatform={"cpuArchitecture": "X86_64", "operatingSystemFamily": "LINUX"},
    )
    made = ecs.register_task_definition(**given)["taskDefinition"]
    shown = ecs.describe_task_definition(taskDefinition="work")["taskDefinition"]
    assert shown == made
    for member in set(given) - {"containerDefinitions"}:
        assert shown[member] == given[member]
    health = {"command": ["CMD", "true"], "interval": 10, "timeout": 5, "retries": 3}
    assert shown["containerDefinitions"][0] == {**container, "healthCheck": health}
    assert shown["compatibilities"] == ["EC2", "EXTERNAL"]


def test_paging_through_task_definitions(client: Client) -> None:
    """Both directions in pages of two; families by prefix."""
    ecs = client("ecs")
    for family in ("web", "web", "work", "web", "batch"):
        ecs.register_task_definition(**a_definition(family=family))
    listing = ecs.get_paginator("list_task_definitions")

    def names(**params: Any) -> list[str]:
        pages = listing.paginate(PaginationConfig={"PageSize": 2}, **params)
        return [arn.rpartition("/")[2] for page in pages for arn in page["taskDefinitionArns"]]

    assert names() == ["batch:1", "web:1", "web:2", "web:3", "work:1"]
    assert names(sort="DESC") == ["work:1", "web:3", "web:2", "web:1", "batch:1"]
    assert names(familyPrefix="web", sort="DESC") == ["web:3", "web:2", "web:1"]
    families = ecs.get_paginator("list_task_definition_families").paginate(familyPrefix="w")
    assert [name for page in families for name in page["families"]] == ["web", "work"]


def test_the_way_out(client: Client) -> None:
    """Deregister, delete; the next revision counts on."""
    ecs = client("ecs")
    ecs.register_task_definition(**a_definition())
    out = ecs.deregister_task_definition(taskDefinition="work:1")["taskDefinition"]
    assert out["status"] == "INACTIVE"
    deleted = ecs.delete_task_definitions(taskDefinitions=["work:1", "work:7"])
    assert deleted["taskDefinitions"][0]["status"] == "DELETE_IN_PROGRESS"
    assert len(deleted["failures"]) == 1
    assert ecs.register_task_definition(**a_definition())["taskDefinition"]["revision"] == 2


def test_account_settings(client: Client) -> None:
    """Put for oneself and for all, list, delete."""
    ecs = client("ecs")
    put = ecs.put_account_setting(name="containerInsights", value="enabled")["setting"]
    assert (put["name"], put["value"]) == ("containerInsights", "enabled")
    ecs.put_account_setting_default(name="awsvpcTrunking", value="enabled")
    listed = ecs.list_account_settings()["settings"]
    assert {setting["name"] for setting in listed} == {"containerInsights", "awsvpcTrunking"}
    assert len(ecs.list_account_settings(effectiveSettings=True)["settings"]) == 11
    ecs.delete_account_setting(name="awsvpcTrunking")


@pytest.mark.parametrize(
    ("operation", "params", "code"),
    [
        ("create_cluster", {"clusterName": "a b"}, "InvalidParameterException"),
        ("create_cluster", {"capacityProviders": ["my-asg"]}, "InvalidParameterException"),
        ("create_cluster", {"serviceConnectDefaults": {"namespace": "n"}}, "ClientException"),
        ("delete_cluster", {"cluster": "gone"}, "ClusterNotFoundException"),
        ("update_cluster", {"cluster": "gone"}, "ClusterNotFoundException"),
        ("list_clusters", {"maxResults": 101}, "InvalidParameterException"),
        ("list_clusters", {"nextToken": "nonsense"}, "InvalidParameterException"),
        ("register_task_definition", a_definition(family="a b"), "ClientException"),
        ("register_task_definition", a_definition(networkMode="odd"), "InvalidParameterException"),
        ("register_task_definition", a_definition(requiresCompatibilities=["FARGATE"]), "ClientException"),
        ("describe_task_definition", {"taskDefinition": "gone"}, "ClientException"),
        ("deregister_task_definition", {"taskDefinition": "gone:1"}, "ClientException"),
        ("deregister_task_definition", {"taskDefinition": "gone"}, "InvalidParameterException"),
        ("delete_task_definitions", {"taskDefinitions": []}, "InvalidParameterException"),
        ("put_account_setting", {"name": "awsvpcTrunking", "value": "odd"}, "InvalidParameterException"),
        ("put_account_setting", {"name": "odd", "value": "enabled"}, "InvalidParameterException"),
        ("delete_account_setting", {"name": "awsvpcTrunking"}, "InvalidParameterException"),
    ],
)
def test_errors(client: Client, operation: str, params: dict[str, Any], code: str) -> None:
    """Each error that the model has for these operations, as botocore reads it."""
    with pytest.raises(ClientError) as caught:
        getattr(client("ecs"), operation)(**params)
    assert caught.value.response["Error"]["Code"] == code


def test_a_cluster_with_tasks_is_not_deleted(client: Client) -> None:
    """ClusterContainsTasksException while one runs."""
    ecs = client("ecs")
    ecs.create_cluster(clusterName="main")
    sleeper = {**CONTAINER, "command": ["sleep", "600"]}
    ecs.register_task_definition(**a_definition(containerDefinitions=[sleeper]))
    [task] = ecs.run_task(cluster="main", taskDefinition="work")["tasks"]
    with pytest.raises(ecs.exceptions.ClusterContainsTasksException):
        ecs.delete_cluster(cluster="main")
    ecs.stop_task(cluster="main", task=task["taskArn"])
    often = {"Delay": 0.05, "MaxAttempts": 400}
    ecs.get_waiter("tasks_stopped").wait(cluster="main", tasks=[task["taskArn"]], WaiterConfig=often)
    ecs.delete_cluster(cluster="main")
