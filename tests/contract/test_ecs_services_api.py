"""ECS services over the wire: their life with boto3's waiters and paginators, and each modelled error."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.fault.waiting import until

Client = Callable[..., Any]
QUICK = {"Delay": 1, "MaxAttempts": 120}
"""The waiters' own 15 s are for AWS."""


@pytest.fixture
def ecs(client: Client) -> Any:
    made = client("ecs")
    made.register_task_definition(
        family="sleep",
        containerDefinitions=[{"name": "main", "image": "host", "memory": 16, "command": ["sleep", "600"]}],
    )
    return made


def refused(call: Callable[..., Any], **params: Any) -> tuple[str, str]:
    """Code and message of the error that the call ends with."""
    with pytest.raises(ClientError) as caught:
        call(**params)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def statuses(ecs: Any) -> list[str]:
    """Those of the service deployments of `web`, the newest first."""
    return [row["status"] for row in ecs.list_service_deployments(service="web")["serviceDeployments"]]


def test_a_service_lives_and_ends(ecs: Any) -> None:
    """Created, stable, scaled, updated to a new definition, deleted: by boto3's own waiters."""
    made = ecs.create_service(serviceName="web", taskDefinition="sleep", desiredCount=2)["service"]
    assert (made["status"], made["desiredCount"]) == ("ACTIVE", 2)
    stable = ecs.get_waiter("services_stable")
    stable.wait(services=["web"], WaiterConfig=QUICK)
    [shown] = ecs.describe_services(services=["web"])["services"]
    assert (shown["runningCount"], shown["pendingCount"]) == (2, 0)
    assert shown["deployments"][0]["id"] == made["deployments"][0]["id"]

    tasks = ecs.list_tasks(serviceName="web")["taskArns"]
    assert {task["group"] for task in ecs.describe_tasks(tasks=tasks)["tasks"]} == {"service:web"}
    assert len(tasks) == 2
    [cluster] = ecs.describe_clusters()["clusters"]
    assert (cluster["activeServicesCount"], cluster["runningTasksCount"]) == (1, 2)
    assert refused(ecs.delete_cluster, cluster="default")[0] == "ClusterContainsServicesException"
    [first] = shown["deployments"]
    until(lambda: statuses(ecs) == ["SUCCESSFUL"], "the deployment is over: its tasks were looked at")
    arn = ecs.list_service_deployments(service="web")["serviceDeployments"][0]["serviceDeploymentArn"]
    [record] = ecs.describe_service_deployments(serviceDeploymentArns=[arn])["serviceDeployments"]
    revision = record["targetServiceRevision"]
    assert (revision["requestedTaskCount"], revision["runningTaskCount"]) == (2, 2)
    [described] = ecs.describe_service_revisions(serviceRevisionArns=[revision["arn"]])["serviceRevisions"]
    assert described["taskDefinition"] == first["taskDefinition"]
    assert refused(ecs.stop_service_deployment, serviceDeploymentArn=arn)[0] == "ConflictException"

    ecs.update_service(service="web", desiredCount=1)
    stable.wait(services=["web"], WaiterConfig=QUICK)
    ecs.update_service(service="web", forceNewDeployment=True)
    stable.wait(services=["web"], WaiterConfig=QUICK)
    [after] = ecs.describe_services(services=["web"])["services"]
    assert [row["status"] for row in after["deployments"]] == ["PRIMARY"]
    assert after["deployments"][0]["id"] != made["deployments"][0]["id"]

    assert refused(ecs.delete_service, service="web") == (
        "InvalidParameterException",
        "The service cannot be stopped while it is scaled above 0.",
    )
    assert ecs.delete_service(service="web", force=True)["service"]["status"] == "DRAINING"
    ecs.get_waiter("services_inactive").wait(services=["web"], WaiterConfig=QUICK)
    assert ecs.list_services()["serviceArns"] == []
    again = ecs.create_service(serviceName="web", taskDefinition="sleep", desiredCount=0)["service"]
    assert again["status"] == "ACTIVE"


def test_errors_of_services(ecs: Any) -> None:
    """Each exception of the model, with AWS's wording where it is known."""
    asked = {"serviceName": "web", "taskDefinition": "sleep", "desiredCount": 0}
    ecs.create_service(**asked)
    assert refused(ecs.create_service, **{**asked, "desiredCount": 1}) == (
        "InvalidParameterException",
        "Creation of service was not idempotent.",
    )
    assert refused(ecs.create_service, **{**asked, "cluster": "nowhere"})[0] == "ClusterNotFoundException"
    unsupported = {**asked, "serviceName": "b", "deploymentController": {"type": "CODE_DEPLOY"}}
    assert refused(ecs.create_service, **unsupported)[0] == "UnsupportedFeatureException"
    assert refused(ecs.create_service, **{**asked, "serviceName": "b", "taskDefinition": "none"}) == (
        "ClientException",
        "TaskDefinition not found.",
    )
    for call in (ecs.update_service, ecs.delete_service):
        assert refused(call, service="none") == ("ServiceNotFoundException", "Service not found.")
    assert refused(ecs.list_services_by_namespace, namespace="x")[0] == "NamespaceNotFoundException"
    answer = ecs.describe_services(services=["web", "none"], include=["TAGS"])
    assert [row["serviceName"] for row in answer["services"]] == ["web"]
    assert [row["reason"] for row in answer["failures"]] == ["MISSING"]


def test_services_are_listed_page_by_page(ecs: Any) -> None:
    """Ten on a page unless asked otherwise; boto3's paginator finds all."""
    for number in range(12):
        ecs.create_service(serviceName=f"s{number:02}", taskDefinition="sleep", desiredCount=0)
    assert len(ecs.list_services()["serviceArns"]) == 10
    pages = ecs.get_paginator("list_services").paginate(PaginationConfig={"PageSize": 5})
    found = [arn.rpartition("/")[2] for page in pages for arn in page["serviceArns"]]
    assert found == [f"s{number:02}" for number in range(12)]


def test_task_sets_of_an_external_controller(ecs: Any) -> None:
    """Blue serves, green comes up beside it and takes over; blue goes, and so does the service."""
    ecs.create_service(serviceName="web", desiredCount=2, deploymentController={"type": "EXTERNAL"})
    of: dict[str, Any] = {"cluster": "default", "service": "web"}

    def scaled(percent: float) -> dict[str, Any]:
        return {"value": percent, "unit": "PERCENT"}

    def stable(*ids: str) -> bool:
        sets = {row["id"]: row for row in ecs.describe_task_sets(**of)["taskSets"]}
        return sets.keys() == set(ids) and all(
            row["stabilityStatus"] == "STEADY_STATE" and row["runningCount"] == row["computedDesiredCount"]
            for row in sets.values()
        )

    blue = ecs.create_task_set(**of, taskDefinition="sleep", scale=scaled(100))["taskSet"]["id"]
    ecs.update_service_primary_task_set(**of, primaryTaskSet=blue)
    until(lambda: stable(blue), "blue runs")
    green = ecs.create_task_set(**of, taskDefinition="sleep", scale=scaled(50))["taskSet"]["id"]
    until(lambda: stable(blue, green), "green runs beside it")
    [service] = ecs.describe_services(services=["web"])["services"]
    assert (service["runningCount"], len(service["taskSets"])) == (3, 2)
    told = [event["message"] for event in service["events"]]
    assert any(
        text.startswith(f"(service web, taskSet {green}) has started 1 tasks: (task ") for text in told
    )
    tasks = ecs.list_tasks(startedBy=green)["taskArns"]
    assert len(tasks) == 1
    ecs.update_task_set(**of, taskSet=green, scale=scaled(100))
    ecs.update_service_primary_task_set(**of, primaryTaskSet=green)
    ecs.delete_task_set(**of, taskSet=blue, force=True)
    until(lambda: stable(green), "blue is gone")
    ecs.delete_service(service="web", force=True)
    ecs.get_waiter("services_inactive").wait(services=["web"], WaiterConfig=QUICK)
    assert ecs.list_tasks()["taskArns"] == []


def test_a_deployment_pauses_until_it_is_told_to_go_on(ecs: Any) -> None:
    """Held before it starts a task, continued; the next one is held and sent back."""
    pause = {"targetType": "PAUSE", "lifecycleStages": ["PRE_SCALE_UP"]}
    ecs.create_service(
        serviceName="web",
        taskDefinition="sleep",
        desiredCount=1,
        deploymentConfiguration={"lifecycleHooks": [pause]},
    )

    def paused() -> tuple[str, str] | None:
        [service] = ecs.describe_services(services=["web"])["services"]
        arn = service["currentServiceDeployment"]
        [record] = ecs.describe_service_deployments(serviceDeploymentArns=[arn])["serviceDeployments"]
        open_hooks = [hook for hook in record["lifecycleHookDetails"] if hook["status"] == "AWAITING_ACTION"]
        return (arn, open_hooks[0]["hookId"]) if open_hooks else None

    def ended(arn: str) -> str:
        [record] = ecs.describe_service_deployments(serviceDeploymentArns=[arn])["serviceDeployments"]
        return str(record["status"]) if "finishedAt" in record else ""

    arn, hook = until(paused, "the first deployment pauses")
    assert ecs.list_tasks(serviceName="web")["taskArns"] == []
    ecs.continue_service_deployment(serviceDeploymentArn=arn, hookId=hook)
    assert until(lambda: ended(arn), "it goes on") == "SUCCESSFUL"
    code, _ = refused(ecs.continue_service_deployment, serviceDeploymentArn=arn, hookId=hook)
    assert code == "InvalidParameterException"
    ecs.update_service(service="web", forceNewDeployment=True)
    arn, hook = until(paused, "the second deployment pauses")
    ecs.continue_service_deployment(serviceDeploymentArn=arn, hookId=hook, action="ROLLBACK")
    assert until(lambda: ended(arn), "it goes back") == "ROLLBACK_SUCCESSFUL"
    ecs.delete_service(service="web", force=True)


def test_a_blue_green_service_is_described(ecs: Any) -> None:
    """Without load balancers nothing is shifted, but the stages are the same, and both sets have weights."""
    blue_green = {"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 0}
    made = ecs.create_service(
        serviceName="web", taskDefinition="sleep", desiredCount=1, deploymentConfiguration=blue_green
    )["service"]
    assert made["deploymentConfiguration"]["strategy"] == "BLUE_GREEN"
    until(lambda: statuses(ecs) == ["SUCCESSFUL"], "the first deployment is over")
    updated = ecs.update_service(service="web", forceNewDeployment=True)["service"]
    assert len(updated["currentServiceRevisions"]) == 2
    until(lambda: statuses(ecs) == ["SUCCESSFUL"] * 2, "the second deployment is over")
    [shown] = ecs.describe_service_deployments(serviceDeploymentArns=[updated["currentServiceDeployment"]])[
        "serviceDeployments"
    ]
    assert shown["lifecycleStage"] == "CLEAN_UP"
    assert shown["targetServiceRevision"]["requestedProductionTrafficWeight"] == 100.0
    assert shown["sourceServiceRevisions"][0]["requestedProductionTrafficWeight"] == 0.0
    canary = {"strategy": "CANARY"}
    code, message = refused(ecs.update_service, service="web", deploymentConfiguration=canary)
    assert (code, "requires a load balancer" in message) == ("InvalidParameterException", True)
