"""Container instances over the wire, on a real plane: machines, states, attributes, tasks on them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.fault.waiting import until
from tests.process import PlaneProcess
from windlass.cli.admin_client import AdminClient, Unreachable

Client = Callable[..., Any]
REGION = "eu-west-1"


@pytest.fixture
def ecs(client: Client) -> Any:
    made = client("ecs")
    made.register_task_definition(
        family="sleep",
        containerDefinitions=[
            {"name": "main", "image": "host", "cpu": 256, "memory": 256, "command": ["sleep", "600"]}
        ],
    )
    made.create_cluster(clusterName="prod")
    return made


@pytest.fixture
def launch(endpoint: str, account: str, ecs: Any) -> Callable[..., list[str]]:
    """Launch machines in the cluster `prod`; returns the ARNs of all its container instances."""
    total = 0

    def make(count: int = 1, **asked: str) -> list[str]:
        nonlocal total
        sizes = {
            "cpu": "512",
            "memory": "1024",
            "cluster": "prod",
            "region": ecs.meta.region_name,
            "account": account,
        }
        AdminClient(endpoint).post("instances/run", **{**sizes, "count": str(count), **asked})
        total += count

        def registered() -> list[str]:
            arns: list[str] = ecs.list_container_instances(cluster="prod")["containerInstanceArns"]
            return arns if len(arns) == total else []

        return until(registered, f"{total} instances are registered")

    return make


def code(caught: pytest.ExceptionInfo[ClientError]) -> str:
    return str(caught.value.response["Error"]["Code"])


def machine_of(ecs: Any, arn: str) -> str:
    [shown] = ecs.describe_container_instances(cluster="prod", containerInstances=[arn])["containerInstances"]
    return str(shown["ec2InstanceId"])


def test_a_machine_runs_tasks_until_it_is_terminated(ecs: Any, launch: Any, endpoint: str) -> None:
    """Placed, running, counted; terminated: the tasks stop with AWS's reason, the instance is INACTIVE."""
    [arn] = launch(attributes=json.dumps({"stack": "blue"}), zone=f"{REGION}b", type="t3.small")
    ran = ecs.run_task(cluster="prod", taskDefinition="sleep", count=3)
    assert [f["reason"] for f in ran["failures"]] == ["RESOURCE:CPU"]
    tasks = [task["taskArn"] for task in ran["tasks"]]
    assert len(tasks) == 2
    assert {(t["containerInstanceArn"], t["availabilityZone"]) for t in ran["tasks"]} == {(arn, f"{REGION}b")}
    ecs.get_waiter("tasks_running").wait(
        cluster="prod", tasks=tasks, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )
    [shown] = ecs.describe_container_instances(
        cluster="prod", containerInstances=[arn], include=["TAGS", "CONTAINER_INSTANCE_HEALTH"]
    )["containerInstances"]
    assert (shown["runningTasksCount"], shown["pendingTasksCount"]) == (2, 0)
    assert shown["remainingResources"][0]["integerValue"] == 0
    assert shown["healthStatus"]["overallStatus"] == "OK"
    assert {"name": "ecs.instance-type", "value": "t3.small"} in shown["attributes"]
    assert sorted(ecs.list_tasks(cluster="prod", containerInstance=arn)["taskArns"]) == sorted(tasks)
    AdminClient(endpoint).post("instances/terminate", id=shown["ec2InstanceId"])
    ecs.get_waiter("tasks_stopped").wait(
        cluster="prod", tasks=tasks, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )
    reason = f"Host EC2 (instance {shown['ec2InstanceId']}) terminated."
    for task in ecs.describe_tasks(cluster="prod", tasks=tasks)["tasks"]:
        assert (task["stopCode"], task["stoppedReason"]) == ("TerminationNotice", reason)
    assert ecs.list_container_instances(cluster="prod")["containerInstanceArns"] == []
    assert "deleted" not in ecs.delete_cluster(cluster="prod")["cluster"]["status"]


def test_listing_and_describing(ecs: Any, launch: Any) -> None:
    """Pages, filters, status; what is not there is a failure."""
    launch(2, attributes=json.dumps({"stack": "blue"}))
    arns = launch(1, attributes=json.dumps({"stack": "green"}))
    pages = ecs.get_paginator("list_container_instances").paginate(
        cluster="prod", PaginationConfig={"PageSize": 1}
    )
    assert [arn for page in pages for arn in page["containerInstanceArns"]] == arns
    blue = ecs.list_container_instances(cluster="prod", filter="attribute:stack == blue")
    assert len(blue["containerInstanceArns"]) == 2
    assert ecs.list_container_instances(cluster="prod", status="DRAINING")["containerInstanceArns"] == []
    for wrong in ({"filter": "stack"}, {"nextToken": "x"}, {"maxResults": 101}):
        with pytest.raises(ClientError) as caught:
            ecs.list_container_instances(cluster="prod", **wrong)
        assert code(caught) == "InvalidParameterException"
    found = ecs.describe_container_instances(cluster="prod", containerInstances=[arns[0], "nobody"])
    assert [f["reason"] for f in found["failures"]] == ["MISSING"]
    assert found["containerInstances"][0]["agentConnected"] is True
    for operation, more in (
        ("list_container_instances", {}),
        ("describe_container_instances", {"containerInstances": ["i"]}),
        ("list_attributes", {"targetType": "container-instance"}),
        ("start_task", {"containerInstances": ["i"], "taskDefinition": "sleep"}),
    ):
        with pytest.raises(ClientError) as caught:
            getattr(ecs, operation)(cluster="nowhere", **more)
        assert code(caught) == "ClusterNotFoundException"


def test_states_and_deregistration(ecs: Any, launch: Any) -> None:
    """DRAINING takes no tasks and keeps those it has; deregistered only when empty, or by force."""
    arns = launch(2)
    ran = ecs.run_task(cluster="prod", taskDefinition="sleep", count=2)
    first, second = (task["containerInstanceArn"] for task in ran["tasks"])
    drained = ecs.update_container_instances_state(
        cluster="prod", containerInstances=[first, "nobody"], status="DRAINING"
    )
    assert [row["status"] for row in drained["containerInstances"]] == ["DRAINING"]
    assert [f["reason"] for f in drained["failures"]] == ["MISSING"]
    more = ecs.run_task(cluster="prod", taskDefinition="sleep", count=2)
    assert [task["containerInstanceArn"] for task in more["tasks"]] == [second]
    assert [f["arn"] for f in more["failures"]] == [second]
    for call, wrong in (
        (ecs.update_container_instances_state, {"containerInstances": [first], "status": "REGISTERING"}),
        (ecs.update_container_instances_state, {"containerInstances": ["i"] * 11, "status": "ACTIVE"}),
        (ecs.deregister_container_instance, {"containerInstance": first}),
        (ecs.deregister_container_instance, {"containerInstance": "nobody"}),
    ):
        with pytest.raises(ClientError) as caught:
            call(cluster="prod", **wrong)
        assert code(caught) == "InvalidParameterException"
    with pytest.raises(ClientError) as caught:
        ecs.delete_cluster(cluster="prod")
    assert code(caught) == "ClusterContainsContainerInstancesException"
    with pytest.raises(ClientError) as caught:
        ecs.update_container_agent(cluster="prod", containerInstance=first)
    assert code(caught) == "NoUpdateAvailableException"
    for arn in arns:
        gone = ecs.deregister_container_instance(cluster="prod", containerInstance=arn, force=True)
        assert gone["containerInstance"]["status"] == "INACTIVE"
    tasks = [task["taskArn"] for task in (*ran["tasks"], *more["tasks"])]
    for task in ecs.describe_tasks(cluster="prod", tasks=tasks)["tasks"]:
        assert task["stoppedReason"] == "Container instance deregistration forced by user"


def test_attributes(ecs: Any, launch: Any) -> None:
    """Put, found by filter and list, limited to ten, deleted; built-in ones stay."""
    [arn] = launch()
    short = {"targetType": "container-instance", "targetId": arn.rpartition("/")[2]}
    ecs.put_attributes(cluster="prod", attributes=[{"name": "rack", "value": "7", **short}])
    ecs.put_attributes(cluster="prod", attributes=[{"name": "rack", "value": "8", "targetId": arn}])
    listed = ecs.list_attributes(cluster="prod", targetType="container-instance", attributeName="rack")
    assert listed["attributes"] == [{"name": "rack", "value": "8", "targetId": arn}]
    matching = ecs.list_container_instances(cluster="prod", filter="attribute:rack > 7")
    assert matching["containerInstanceArns"] == [arn]
    many = [{"name": f"a{number}", "targetId": arn} for number in range(10)]
    for attributes, error in (
        (many, "AttributeLimitExceededException"),
        ([{"name": "rack", **short, "targetId": "nobody"}], "TargetNotFoundException"),
        ([{"name": "rack", "targetId": short["targetId"]}], "InvalidParameterException"),
        ([{"name": "ra ck", "targetId": arn}], "InvalidParameterException"),
        ([{"name": "ecs.os-type", "targetId": arn}], "InvalidParameterException"),
    ):
        with pytest.raises(ClientError) as caught:
            ecs.put_attributes(cluster="prod", attributes=attributes)
        assert code(caught) == error
    gone = ecs.delete_attributes(
        cluster="prod", attributes=[{"name": "rack", "targetId": arn}, {"name": "none", "targetId": arn}]
    )
    assert [attribute["name"] for attribute in gone["attributes"]] == ["rack"]
    pages = ecs.get_paginator("list_attributes").paginate(cluster="prod", targetType="container-instance")
    names = {attribute["name"] for page in pages for attribute in page["attributes"]}
    assert "rack" not in names
    assert {"ecs.os-type", "ecs.availability-zone"} <= names


def test_start_task(ecs: Any, launch: Any, client: Client) -> None:
    """On the instance that was named, whatever the others have free; tags of instances and tasks."""
    arns = launch(2)
    started = ecs.start_task(
        cluster="prod",
        taskDefinition="sleep",
        containerInstances=[arns[1], "nobody"],
        startedBy="me",
        tags=[{"key": "a", "value": "b"}],
    )
    assert [task["containerInstanceArn"] for task in started["tasks"]] == [arns[1]]
    assert started["tasks"][0]["tags"] == [{"key": "a", "value": "b"}]
    assert [f["reason"] for f in started["failures"]] == ["MISSING"]
    for wrong in ({"containerInstances": []}, {"containerInstances": ["i"] * 11}, {"startedBy": "x" * 37}):
        with pytest.raises(ClientError) as caught:
            asked = {"cluster": "prod", "taskDefinition": "sleep", "containerInstances": [arns[0]], **wrong}
            ecs.start_task(**asked)
        assert code(caught) == "InvalidParameterException"
    ecs.tag_resource(resourceArn=arns[0], tags=[{"key": "team", "value": "x"}])
    assert ecs.list_tags_for_resource(resourceArn=arns[0])["tags"] == [{"key": "team", "value": "x"}]
    ecs.untag_resource(resourceArn=arns[0], tagKeys=["team"])
    assert ecs.list_tags_for_resource(resourceArn=arns[0])["tags"] == []
    ecs.stop_task(cluster="prod", task=started["tasks"][0]["taskArn"])


def test_placement_strategies(ecs: Any, launch: Any) -> None:
    """Spread over zones, packed within them; a service scaled in keeps its balance; what is refused."""
    launch(2, zone=f"{REGION}a")
    launch(2, zone=f"{REGION}b")
    strategy = [
        {"type": "spread", "field": "attribute:ecs.availability-zone"},
        {"type": "binpack", "field": "memory"},
    ]
    ran = ecs.run_task(cluster="prod", taskDefinition="sleep", count=4, placementStrategy=strategy)
    placed = Counter((task["availabilityZone"], task["containerInstanceArn"]) for task in ran["tasks"])
    assert sorted((zone, count) for (zone, _), count in placed.items()) == [
        (f"{REGION}a", 2),
        (f"{REGION}b", 2),
    ]
    ecs.create_service(cluster="prod", serviceName="web", taskDefinition="sleep", desiredCount=4)
    assert zones_of_service(ecs, 4) == [2, 2]
    ecs.update_service(cluster="prod", service="web", desiredCount=2)
    assert zones_of_service(ecs, 2) == [1, 1]
    with pytest.raises(ClientError) as caught:
        ecs.run_task(cluster="prod", taskDefinition="sleep", placementStrategy=[{"type": "binpack"}])
    assert code(caught) == "InvalidParameterException"
    ecs.delete_service(cluster="prod", service="web", force=True)
    for task in ran["tasks"]:
        ecs.stop_task(cluster="prod", task=task["taskArn"])


def zones_of_service(ecs: Any, count: int) -> list[int]:
    """How many tasks the service `web` has in each zone, once it has so many."""

    def arns() -> list[str]:
        found: list[str] = ecs.list_tasks(cluster="prod", serviceName="web")["taskArns"]
        return found if len(found) == count else []

    tasks = ecs.describe_tasks(cluster="prod", tasks=until(arns, f"{count} tasks"))["tasks"]
    return sorted(Counter(task["availabilityZone"] for task in tasks).values())


@pytest.mark.parametrize(
    ("operation", "asked"),
    [
        ("discover_poll_endpoint", {}),
        ("submit_task_state_change", {}),
        ("submit_container_state_change", {}),
        ("submit_attachment_state_changes", {"attachments": []}),
    ],
)
def test_what_only_amazons_agent_calls_is_refused(ecs: Any, operation: str, asked: dict[str, Any]) -> None:
    """Our agents speak another protocol; an ECS agent that is pointed here hears so."""
    with pytest.raises(ClientError) as caught:
        getattr(ecs, operation)(**asked)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501


def test_registering_by_hand(ecs: Any) -> None:
    """It is there with what it said, but has no agent: nothing is placed on it."""
    cpu = {"name": "CPU", "type": "INTEGER", "integerValue": 4096}
    memory = {"name": "MEMORY", "type": "INTEGER", "integerValue": 8192}
    made = ecs.register_container_instance(
        cluster="prod",
        totalResources=[cpu, memory],
        instanceIdentityDocument=json.dumps({"instanceId": "i-0123456789abcdef0"}),
        attributes=[{"name": "stack", "value": "red"}],
    )["containerInstance"]
    assert (made["agentConnected"], made["ec2InstanceId"]) == (False, "i-0123456789abcdef0")
    ran = ecs.run_task(cluster="prod", taskDefinition="sleep")
    assert ran["failures"] == [{"arn": made["containerInstanceArn"], "reason": "AGENT"}]
    for wrong, error in (
        ({"instanceIdentityDocument": "not json"}, "InvalidParameterException"),
        ({"cluster": "nowhere"}, "ClusterNotFoundException"),
    ):
        with pytest.raises(ClientError) as caught:
            ecs.register_container_instance(**{"cluster": "prod", **wrong})
        assert code(caught) == error


def test_the_aws_profile_lends_nothing(own_plane: Callable[..., PlaneProcess]) -> None:
    """Without instances EC2 tasks are refused; machines boot and register as late as the profile says."""
    plane = own_plane("--profile", "aws")
    ecs = plane.client("ecs", "123456789012")
    ecs.register_task_definition(
        family="work", containerDefinitions=[{"name": "main", "image": "host", "memory": 64}]
    )
    with pytest.raises(ClientError) as caught:
        ecs.run_task(taskDefinition="work")
    assert "No Container Instances were found in your cluster." in str(caught.value)
    admin = AdminClient(plane.endpoint)
    asked = {"cluster": "", "count": "1", "cpu": "512", "memory": "512", "region": REGION}
    [machine] = admin.post("instances/run", **asked)["instances"]
    assert machine["state"] == "pending"
    for wrong in (
        {"zone": "mars"},
        {"count": "0"},
        {"cpu": "x"},
        {"cluster": "nowhere"},
        {"attributes": "["},
    ):
        with pytest.raises(Unreachable):
            admin.post("instances/run", **{**asked, **wrong})
    [ended] = admin.post("instances/terminate", id=machine["id"])["instances"]
    assert ended["state"] == "shutting-down"
    until(lambda: admin.get("instances")["instances"][0]["state"] == "terminated", "it is gone")
