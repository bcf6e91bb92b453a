"""Capacity providers on Auto Scaling groups over the wire: a group follows its tasks, on a real plane."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.fault.waiting import until

Client = Callable[..., Any]
SOON = {"Delay": 1, "MaxAttempts": 60}


@pytest.fixture
def scaling(client: Client) -> Iterator[Any]:
    made = client("autoscaling")
    yield made
    for group in made.describe_auto_scaling_groups()["AutoScalingGroups"]:
        if group.get("Status") is None:
            made.delete_auto_scaling_group(
                AutoScalingGroupName=group["AutoScalingGroupName"], ForceDelete=True
            )


@pytest.fixture
def ecs(client: Client, scaling: Any) -> Any:
    """A cluster prod, a task of half a vCPU, and a group web of machines with two."""
    ecs, ec2 = client("ecs"), client("ec2")
    ecs.create_cluster(clusterName="prod")
    main = {"name": "main", "image": "host", "cpu": 512, "memory": 128, "command": ["sleep", "600"]}
    ecs.register_task_definition(family="sleep", containerDefinitions=[main])
    script = base64.b64encode(b"echo ECS_CLUSTER=prod >> /etc/ecs/ecs.config").decode()
    ec2.create_launch_template(
        LaunchTemplateName="web",
        LaunchTemplateData={"ImageId": "ami-12345678", "InstanceType": "t3.small", "UserData": script},
    )
    a_group(scaling, "web")
    return ecs


def a_group(scaling: Any, name: str) -> None:
    scaling.create_auto_scaling_group(
        AutoScalingGroupName=name,
        LaunchTemplate={"LaunchTemplateName": "web"},
        AvailabilityZones=[f"{scaling.meta.region_name}a"],
        MinSize=0,
        MaxSize=6,
        NewInstancesProtectedFromScaleIn=True,
    )


def a_provider(ecs: Any, name: str = "web", **members: Any) -> Any:
    return ecs.create_capacity_provider(
        name=name,
        autoScalingGroupProvider={
            "autoScalingGroupArn": "web",
            "managedScaling": {"status": "ENABLED", "instanceWarmupPeriod": 60},
            **members,
        },
    )["capacityProvider"]


def associate(ecs: Any, *names: str) -> Any:
    strategy = [{"capacityProvider": names[0], "weight": 1}] if names else []
    return ecs.put_cluster_capacity_providers(
        cluster="prod", capacityProviders=names, defaultCapacityProviderStrategy=strategy
    )["cluster"]


def desired(scaling: Any) -> int:
    [group] = scaling.describe_auto_scaling_groups(AutoScalingGroupNames=["web"])["AutoScalingGroups"]
    return int(group["DesiredCapacity"])


def code(caught: pytest.ExceptionInfo[ClientError]) -> str:
    return str(caught.value.response["Error"]["Code"])


def test_a_group_follows_its_tasks(ecs: Any, scaling: Any) -> None:
    """0 → 2 → 3 instances for twelve tasks that wait meanwhile; those end, and nothing is left."""
    a_provider(ecs, managedTerminationProtection="ENABLED")
    cluster = associate(ecs, "web")
    kinds = {one["type"]: one["status"] for one in cluster["attachments"]}
    assert kinds == {"as_policy": "CREATED", "managed_draining": "CREATED"}
    assert cluster["attachmentsStatus"] == "UPDATE_COMPLETE"
    hooks = scaling.describe_lifecycle_hooks(AutoScalingGroupName="web")["LifecycleHooks"]
    assert [one["LifecycleHookName"] for one in hooks] == ["ecs-managed-draining-termination-hook"]
    arns = []
    for _ in range(2):
        ran = ecs.run_task(cluster="prod", taskDefinition="sleep", count=6)
        assert ran["failures"] == []
        assert {task["lastStatus"] for task in ran["tasks"]} == {"PROVISIONING"}
        assert {task["capacityProviderName"] for task in ran["tasks"]} == {"web"}
        assert not any("containerInstanceArn" in task for task in ran["tasks"])
        arns += [task["taskArn"] for task in ran["tasks"]]
    ecs.get_waiter("tasks_running").wait(cluster="prod", tasks=arns, WaiterConfig=SOON)
    assert desired(scaling) == 3
    shown = ecs.list_container_instances(cluster="prod")["containerInstanceArns"]
    found = ecs.describe_container_instances(cluster="prod", containerInstances=shown)["containerInstances"]
    assert [one["capacityProviderName"] for one in found] == ["web"] * 3
    assert [one["runningTasksCount"] for one in found] == [4] * 3
    with pytest.raises(ClientError) as caught:
        associate(ecs)
    assert code(caught) == "ResourceInUseException"
    for arn in arns:
        ecs.stop_task(cluster="prod", task=arn)
    until(lambda: desired(scaling) == 0, "the group is made smaller after fifteen seconds", 90)
    until(
        lambda: not ecs.list_container_instances(cluster="prod")["containerInstanceArns"],
        "the instances are gone",
    )
    associate(ecs)


def test_waiting_tasks_can_be_stopped(ecs: Any, scaling: Any) -> None:
    """Nothing scales for what fits on no instance of the group; it waits until it is stopped."""
    a_provider(ecs)
    associate(ecs, "web")
    main = {"name": "main", "image": "host", "cpu": 4096, "memory": 128}
    ecs.register_task_definition(family="huge", containerDefinitions=[main])
    [task] = ecs.run_task(cluster="prod", taskDefinition="huge")["tasks"]
    assert ecs.describe_clusters(clusters=["prod"])["clusters"][0]["pendingTasksCount"] == 1
    ecs.stop_task(cluster="prod", task=task["taskArn"], reason="never mind")
    ecs.get_waiter("tasks_stopped").wait(cluster="prod", tasks=[task["taskArn"]], WaiterConfig=SOON)
    [ended] = ecs.describe_tasks(cluster="prod", tasks=[task["taskArn"]])["tasks"]
    assert (ended["stopCode"], ended["stoppedReason"]) == ("UserInitiated", "never mind")
    assert desired(scaling) == 0


def test_a_provider_that_is_not_managed_refuses(ecs: Any, scaling: Any) -> None:
    """Its tasks go to its instances only, and to none when there is none; so do services' without it."""
    a_provider(ecs, managedScaling={"status": "DISABLED"}, managedDraining="DISABLED")
    associate(ecs, "web", "FARGATE")
    with pytest.raises(ClientError) as caught:
        ecs.run_task(cluster="prod", taskDefinition="sleep")
    assert "No Container Instances were found in your capacity provider." in str(caught.value)
    scaling.set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=1)
    until(lambda: ecs.list_container_instances(cluster="prod")["containerInstanceArns"], "one has joined")
    ran = ecs.run_task(cluster="prod", taskDefinition="sleep", count=5)
    assert len(ran["tasks"]) == 4
    assert [one["reason"] for one in ran["failures"]] == ["RESOURCE:CPU"]
    with pytest.raises(ClientError) as caught:
        ecs.run_task(
            cluster="prod",
            taskDefinition="sleep",
            capacityProviderStrategy=[
                {"capacityProvider": "web", "weight": 1},
                {"capacityProvider": "FARGATE", "weight": 1},
            ],
        )
    assert "mix of capacity providers" in str(caught.value)
    for task in ran["tasks"]:
        ecs.stop_task(cluster="prod", task=task["taskArn"])


def test_a_service_on_a_provider(ecs: Any, scaling: Any) -> None:
    """Its tasks wait for instances as those of a call do, and it is stable when they run."""
    a_provider(ecs)
    associate(ecs, "web")
    ecs.create_service(cluster="prod", serviceName="web", taskDefinition="sleep", desiredCount=5)
    ecs.get_waiter("services_stable").wait(cluster="prod", services=["web"], WaiterConfig=SOON)
    assert desired(scaling) == 2
    ecs.delete_service(cluster="prod", service="web", force=True)


def test_describe_update_and_delete(ecs: Any) -> None:
    """With the two providers of every account; what is in use stays; a deleted one is INACTIVE."""
    made = a_provider(ecs, managedScaling={"status": "ENABLED", "targetCapacity": 90})
    assert made["status"] == "ACTIVE"
    scaling = made["autoScalingGroupProvider"]["managedScaling"]
    assert (scaling["targetCapacity"], scaling["instanceWarmupPeriod"]) == (90, 300)
    found = ecs.describe_capacity_providers()["capacityProviders"]
    assert [one["name"] for one in found] == ["FARGATE", "FARGATE_SPOT", "web"]
    changed = ecs.update_capacity_provider(
        name="web", autoScalingGroupProvider={"managedTerminationProtection": "ENABLED"}
    )["capacityProvider"]
    assert changed["autoScalingGroupProvider"]["managedTerminationProtection"] == "ENABLED"
    assert changed["autoScalingGroupProvider"]["managedScaling"]["targetCapacity"] == 90
    arn = made["capacityProviderArn"]
    ecs.tag_resource(resourceArn=arn, tags=[{"key": "a", "value": "b"}])
    assert ecs.list_tags_for_resource(resourceArn=arn)["tags"] == [{"key": "a", "value": "b"}]
    associate(ecs, "web")
    with pytest.raises(ClientError) as caught:
        ecs.delete_capacity_provider(capacityProvider="web")
    assert code(caught) == "ClientException"
    associate(ecs)
    gone = ecs.delete_capacity_provider(capacityProvider=arn)["capacityProvider"]
    assert (gone["status"], gone["updateStatus"]) == ("INACTIVE", "DELETE_COMPLETE")
    shown = ecs.describe_capacity_providers(capacityProviders=["web", "none"])
    assert [one["status"] for one in shown["capacityProviders"]] == ["INACTIVE"]
    assert [one["reason"] for one in shown["failures"]] == ["MISSING"]
    assert a_provider(ecs)["status"] == "ACTIVE"


@pytest.mark.parametrize(
    ("name", "members", "error"),
    [
        ("fargate-1", {}, "ClientException"),
        ("a b", {}, "ClientException"),
        ("mine", {"autoScalingGroupArn": "none"}, "ClientException"),
        ("mine", {"managedScaling": {"targetCapacity": 101}}, "InvalidParameterException"),
        (
            "mine",
            {"managedScaling": {"minimumScalingStepSize": 3, "maximumScalingStepSize": 2}},
            "InvalidParameterException",
        ),
        (
            "mine",
            {"managedScaling": {"status": "DISABLED"}, "managedTerminationProtection": "ENABLED"},
            "ClientException",
        ),
    ],
)
def test_providers_that_cannot_be(ecs: Any, name: str, members: dict[str, Any], error: str) -> None:
    with pytest.raises(ClientError) as caught:
        a_provider(ecs, name, **members)
    assert code(caught) == error


def test_a_group_has_one_provider(ecs: Any, scaling: Any) -> None:
    """And protection needs a group that protects its new instances."""
    scaling.update_auto_scaling_group(AutoScalingGroupName="web", NewInstancesProtectedFromScaleIn=False)
    with pytest.raises(ClientError) as caught:
        a_provider(ecs, managedTerminationProtection="ENABLED")
    assert "protection from scale in enabled" in str(caught.value)
    a_provider(ecs)
    for again in ("web", "other"):
        with pytest.raises(ClientError) as caught:
            a_provider(ecs, again)
        assert code(caught) == "ClientException"
    for refused in (
        lambda: ecs.delete_capacity_provider(capacityProvider="FARGATE"),
        lambda: ecs.create_capacity_provider(name="mine", managedInstancesProvider={
            "infrastructureRoleArn": "arn:aws:iam::1:role/x",
            "instanceLaunchTemplate": {
                "ec2InstanceProfileArn": "a", "networkConfiguration": {"subnets": ["s"]},
            },
        }),
        lambda: associate(ecs, "nobody"),
    ):  # fmt: skip
        with pytest.raises(ClientError):
            refused()
