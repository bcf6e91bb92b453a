"""Every paginator and every waiter that botocore has for ECS, each at least once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import botocore.session
import pytest
from botocore.exceptions import WaiterError

Client = Callable[..., Any]
OFTEN = {"Delay": 1, "MaxAttempts": 120}
MANY = 3
"""Things of each kind, listed two a page."""
LISTS: dict[str, tuple[dict[str, Any], int]] = {
    "ListAccountSettings": ({}, MANY),
    "ListAttributes": ({"targetType": "container-instance", "attributeName": "stack"}, 1),
    "ListClusters": ({}, MANY),
    "ListContainerInstances": ({}, 1),
    "ListServices": ({}, MANY),
    "ListTaskDefinitionFamilies": ({}, MANY),
    "ListTaskDefinitions": ({}, MANY),
    "ListTasks": ({}, MANY),
}
"""Paginator → (parameters, how many it finds)."""
OF_DAEMONS = {
    "DaemonActive": {"daemonArn": "arn:aws:ecs:eu-west-1:123456789012:daemon/default/d"},
    "DaemonDeploymentStopped": {"daemonDeploymentArns": ["arn:aws:ecs:eu-west-1:123456789012:x/d"]},
    "DaemonDeploymentSuccessful": {"daemonDeploymentArns": ["arn:aws:ecs:eu-west-1:123456789012:x/d"]},
    "DaemonTaskDefinitionActive": {"daemonTaskDefinition": "d"},
    "DaemonTaskDefinitionDeleted": {"daemonTaskDefinition": "d"},
}
"""Waiters for what is not there (docs/coverage.md): their operations are refused by name."""


@pytest.fixture
def ecs(client: Client) -> Any:
    """An account with three of everything that can be listed."""
    made = client("ecs")
    container = {"name": "main", "image": "host", "memory": 16, "command": ["sleep", "600"]}
    for number in range(MANY):
        made.register_task_definition(family=f"sleep{number}", containerDefinitions=[container])
        made.create_cluster(clusterName=("default", "other", "third")[number])
        made.create_service(serviceName=f"web{number}", taskDefinition="sleep0", desiredCount=0)
    for name in ("serviceLongArnFormat", "taskLongArnFormat", "containerInsights"):
        made.put_account_setting(name=name, value="enabled")
    made.run_task(taskDefinition="sleep0", count=MANY)
    [instance] = made.list_container_instances()["containerInstanceArns"]
    attribute = {"name": "stack", "value": "blue", "targetType": "container-instance", "targetId": instance}
    made.put_attributes(attributes=[attribute])
    return made


def test_every_paginator_walks_to_the_end(ecs: Any) -> None:
    """Pages of two: as many things as there are, each once."""
    model = botocore.session.get_session().get_paginator_model("ecs")
    assert set(model._paginator_config) == {*LISTS, "ListServicesByNamespace"}
    with pytest.raises(ecs.exceptions.NamespaceNotFoundException):  # there are no namespaces
        list(ecs.get_paginator("list_services_by_namespace").paginate(namespace="shop"))
    for name, (params, count) in LISTS.items():
        method = next(m for m, operation in ecs.meta.method_to_api_mapping.items() if operation == name)
        paginator = ecs.get_paginator(method)
        [key] = paginator.result_keys
        pages = list(paginator.paginate(**params, PaginationConfig={"PageSize": 2}))
        found = [str(one) for page in pages for one in page[key.expression]]
        assert len(found) == len(set(found)) == count, name
        assert len(pages) == -(-count // 2), name


def test_every_waiter_comes_to_an_end(ecs: Any) -> None:
    """Those of tasks and services with what they wait for; those of daemons with the error that says why."""
    tasks = ecs.list_tasks()["taskArns"]
    ecs.get_waiter("tasks_running").wait(tasks=tasks, WaiterConfig=OFTEN)
    ecs.update_service(service="web0", desiredCount=1)
    ecs.get_waiter("services_stable").wait(services=["web0"], WaiterConfig=OFTEN)
    ecs.delete_service(service="web0", force=True)
    ecs.get_waiter("services_inactive").wait(services=["web0"], WaiterConfig=OFTEN)
    for task in tasks:
        ecs.stop_task(task=task)
    ecs.get_waiter("tasks_stopped").wait(tasks=tasks, WaiterConfig=OFTEN)

    model = botocore.session.get_session().get_waiter_model("ecs")
    ours = {"ServicesInactive", "ServicesStable", "TasksRunning", "TasksStopped"}
    assert set(model.waiter_names) == ours | set(OF_DAEMONS)
    names = {name.replace("_", ""): name for name in ecs.waiter_names}
    for waiter, params in OF_DAEMONS.items():
        with pytest.raises(WaiterError) as caught:
            ecs.get_waiter(names[waiter.lower()]).wait(**params, WaiterConfig=OFTEN)
        assert caught.value.last_response["ResponseMetadata"]["HTTPStatusCode"] == 501, waiter
