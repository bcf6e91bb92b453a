"""Auto Scaling groups and EC2 instances over the wire, on a real plane."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.fault.waiting import until

Client = Callable[..., Any]
LAUNCHING = "autoscaling:EC2_INSTANCE_LAUNCHING"
TERMINATING = "autoscaling:EC2_INSTANCE_TERMINATING"
SOON = {"Delay": 1, "MaxAttempts": 60}


@pytest.fixture
def scaling(client: Client) -> Any:
    return client("autoscaling")


@pytest.fixture
def ec2(client: Client) -> Any:
    return client("ec2")


@pytest.fixture
def template(ec2: Any) -> str:
    """A launch template of small machines in the cluster `prod`; its name."""
    data = {"ImageId": "ami-12345678", "InstanceType": "t3.small", "UserData": user_data("prod")}
    ec2.create_launch_template(LaunchTemplateName="web", LaunchTemplateData=data)
    return "web"


def user_data(cluster: str) -> str:
    script = f"#!/bin/bash\necho ECS_CLUSTER={cluster} >> /etc/ecs/ecs.config\n"
    return base64.b64encode(script.encode()).decode()


def code(caught: pytest.ExceptionInfo[ClientError]) -> str:
    return str(caught.value.response["Error"]["Code"])


def a_group(scaling: Any, name: str = "web", **asked: Any) -> None:
    region = scaling.meta.region_name
    wanted = {
        "LaunchTemplate": {"LaunchTemplateName": "web", "Version": "$Latest"},
        "AvailabilityZones": [f"{region}a", f"{region}b"],
        "MinSize": 0,
        "MaxSize": 4,
        **asked,
    }
    scaling.create_auto_scaling_group(AutoScalingGroupName=name, **wanted)


def the_group(scaling: Any, name: str = "web") -> Any:
    [group] = scaling.describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"]
    return group


def in_service(scaling: Any, count: int, name: str = "web") -> list[Any]:
    """The group's instances once so many are in service and there are no others."""

    def all_there() -> Any:
        found = the_group(scaling, name)["Instances"]
        states = [one["LifecycleState"] for one in found]
        return (found or [None]) if states == ["InService"] * count else None

    found = until(all_there, f"{count} instances are in service")
    return [one for one in found if one is not None]


def test_a_group_scales_out_and_in(scaling: Any, ec2: Any, template: str) -> None:
    """0 → 3 over two zones → 1 → deleted by force; EC2 shows its instances, with the group's tags."""
    tags = [{"Key": "team", "Value": "blue", "PropagateAtLaunch": True}]
    a_group(scaling, Tags=tags)
    assert the_group(scaling)["Instances"] == []
    scaling.set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=3)
    found = in_service(scaling, 3)
    region = scaling.meta.region_name
    zones = sorted(one["AvailabilityZone"] for one in found)
    assert zones == [f"{region}a", f"{region}a", f"{region}b"]
    assert found[0]["LaunchTemplate"]["Version"] == "1"
    ids = sorted(one["InstanceId"] for one in found)
    ec2.get_waiter("instance_running").wait(InstanceIds=ids, WaiterConfig=SOON)
    pages = ec2.get_paginator("describe_instances").paginate(
        Filters=[{"Name": "tag:aws:autoscaling:groupName", "Values": ["web"]}]
    )
    shown = [
        one for page in pages for reservation in page["Reservations"] for one in reservation["Instances"]
    ]
    assert sorted(one["InstanceId"] for one in shown) == ids
    assert {"Key": "team", "Value": "blue"} in shown[0]["Tags"]
    assert shown[0]["SubnetId"].startswith("subnet-")
    scaling.update_auto_scaling_group(AutoScalingGroupName="web", MaxSize=1)
    assert the_group(scaling)["DesiredCapacity"] == 1
    in_service(scaling, 1)
    activities = scaling.describe_scaling_activities(AutoScalingGroupName="web")["Activities"]
    assert [one["Description"].split()[0] for one in activities] == ["Terminating"] * 2 + ["Launching"] * 3
    assert {one["StatusCode"] for one in activities} == {"Successful"}
    with pytest.raises(ClientError) as caught:
        scaling.delete_auto_scaling_group(AutoScalingGroupName="web")
    assert code(caught) == "ResourceInUse"
    scaling.delete_auto_scaling_group(AutoScalingGroupName="web", ForceDelete=True)
    pages = scaling.get_paginator("describe_auto_scaling_groups")
    until(lambda: not pages.paginate().build_full_result()["AutoScalingGroups"], "the group is gone")
    ec2.get_waiter("instance_terminated").wait(InstanceIds=ids, WaiterConfig=SOON)


def test_instances_join_the_cluster_of_their_user_data(scaling: Any, client: Client, template: str) -> None:
    """And run real tasks there."""
    ecs = client("ecs")
    ecs.create_cluster(clusterName="prod")
    a_group(scaling, DesiredCapacity=1)
    [one] = in_service(scaling, 1)
    arns = until(
        lambda: ecs.list_container_instances(cluster="prod")["containerInstanceArns"], "it is registered"
    )
    shown = ecs.describe_container_instances(cluster="prod", containerInstances=arns)
    assert shown["containerInstances"][0]["ec2InstanceId"] == one["InstanceId"]
    main = {"name": "main", "image": "host", "cpu": 128, "memory": 64, "command": ["true"]}
    ecs.register_task_definition(family="true", containerDefinitions=[main])
    [task] = ecs.run_task(cluster="prod", taskDefinition="true")["tasks"]
    ecs.get_waiter("tasks_stopped").wait(cluster="prod", tasks=[task["taskArn"]], WaiterConfig=SOON)
    [done] = ecs.describe_tasks(cluster="prod", tasks=[task["taskArn"]])["tasks"]
    assert done["containers"][0]["exitCode"] == 0
    assert done["containerInstanceArn"] == arns[0]
    scaling.delete_auto_scaling_group(AutoScalingGroupName="web", ForceDelete=True)


def test_protection_termination_and_attachment(scaling: Any, ec2: Any, template: str) -> None:
    """A protected one stays; one that is terminated by name is replaced; one is attached, and detached."""
    a_group(scaling, DesiredCapacity=2)
    first, _ = sorted(one["InstanceId"] for one in in_service(scaling, 2))
    scaling.set_instance_protection(
        AutoScalingGroupName="web", InstanceIds=[first], ProtectedFromScaleIn=True
    )
    scaling.set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=1)
    assert [one["InstanceId"] for one in in_service(scaling, 1)] == [first]
    ended = scaling.terminate_instance_in_auto_scaling_group(
        InstanceId=first, ShouldDecrementDesiredCapacity=False
    )
    assert first in ended["Activity"]["Description"]
    until(lambda: in_service(scaling, 1)[0]["InstanceId"] != first, "it is replaced")
    ran = ec2.run_instances(ImageId="ami-12345678", InstanceType="m5.large", MinCount=1, MaxCount=1)
    mine = ran["Instances"][0]["InstanceId"]
    ec2.get_waiter("instance_running").wait(InstanceIds=[mine], WaiterConfig=SOON)
    scaling.attach_instances(AutoScalingGroupName="web", InstanceIds=[mine])
    assert mine in {one["InstanceId"] for one in in_service(scaling, 2)}
    scaling.detach_instances(
        AutoScalingGroupName="web", InstanceIds=[mine], ShouldDecrementDesiredCapacity=True
    )
    [left] = in_service(scaling, 1)
    scaling.set_instance_health(InstanceId=left["InstanceId"], HealthStatus="Unhealthy")
    until(lambda: in_service(scaling, 1)[0]["InstanceId"] != left["InstanceId"], "it is replaced, too")
    shown = scaling.describe_auto_scaling_instances()["AutoScalingInstances"]
    assert mine not in {one["InstanceId"] for one in shown}
    scaling.delete_auto_scaling_group(AutoScalingGroupName="web", ForceDelete=True)
    gone = ec2.terminate_instances(InstanceIds=[mine])["TerminatingInstances"]
    assert gone[0]["CurrentState"]["Name"] in ("shutting-down", "terminated")


def test_lifecycle_hooks(scaling: Any, client: Client, template: str) -> None:
    """An instance waits at its launch and at its end until it is told to go on; events tell of it."""
    sqs, events = client("sqs"), client("events")
    queue = sqs.create_queue(QueueName="lifecycle")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.put_rule(Name="lifecycle", EventPattern=json.dumps({"source": ["aws.autoscaling"]}))
    events.put_targets(Rule="lifecycle", Targets=[{"Id": "queue", "Arn": arn}])
    a_group(
        scaling,
        DesiredCapacity=1,
        LifecycleHookSpecificationList=[
            {"LifecycleHookName": "up", "LifecycleTransition": LAUNCHING, "HeartbeatTimeout": 300}
        ],
    )
    scaling.put_lifecycle_hook(
        AutoScalingGroupName="web",
        LifecycleHookName="down",
        LifecycleTransition=TERMINATING,
        DefaultResult="CONTINUE",
    )
    hooks = scaling.describe_lifecycle_hooks(AutoScalingGroupName="web")["LifecycleHooks"]
    assert [one["LifecycleHookName"] for one in hooks] == ["down", "up"]
    assert hooks[1]["GlobalTimeout"] == 30_000

    def waiting(state: str) -> Any:
        found = [one for one in the_group(scaling)["Instances"] if one["LifecycleState"] == state]
        return found[0]["InstanceId"] if found else None

    one = until(lambda: waiting("Pending:Wait"), "it waits at its launch")
    scaling.record_lifecycle_action_heartbeat(
        AutoScalingGroupName="web", LifecycleHookName="up", InstanceId=one
    )
    told = until(
        lambda: sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=1).get("Messages"), "an event comes"
    )
    event = json.loads(told[0]["Body"])
    assert event["detail-type"] == "EC2 Instance-launch Lifecycle Action"
    scaling.complete_lifecycle_action(
        AutoScalingGroupName="web",
        LifecycleHookName="up",
        LifecycleActionToken=event["detail"]["LifecycleActionToken"],
        LifecycleActionResult="CONTINUE",
    )
    in_service(scaling, 1)
    with pytest.raises(ClientError) as caught:
        scaling.complete_lifecycle_action(
            AutoScalingGroupName="web",
            LifecycleHookName="up",
            InstanceId=one,
            LifecycleActionResult="CONTINUE",
        )
    assert code(caught) == "ValidationError"
    scaling.set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=0)
    assert until(lambda: waiting("Terminating:Wait"), "it waits at its end") == one
    scaling.delete_lifecycle_hook(AutoScalingGroupName="web", LifecycleHookName="down")
    until(lambda: the_group(scaling)["Instances"] == [], "it is gone")
    scaling.delete_auto_scaling_group(AutoScalingGroupName="web")


def test_launch_configurations_tags_and_processes(scaling: Any) -> None:
    """The older way to launch; what a group stores and shows; a suspended process holds it back."""
    scaling.create_launch_configuration(
        LaunchConfigurationName="old", ImageId="ami-1", InstanceType="c5.large", KeyName="mine"
    )
    with pytest.raises(ClientError) as caught:
        scaling.create_launch_configuration(
            LaunchConfigurationName="old", ImageId="ami-1", InstanceType="c5.large"
        )
    assert code(caught) == "AlreadyExists"
    [shown] = scaling.describe_launch_configurations()["LaunchConfigurations"]
    assert (shown["InstanceType"], shown["KeyName"]) == ("c5.large", "mine")
    region = scaling.meta.region_name
    scaling.create_auto_scaling_group(
        AutoScalingGroupName="old",
        LaunchConfigurationName="old",
        AvailabilityZones=[f"{region}c"],
        MinSize=0,
        MaxSize=1,
        MaxInstanceLifetime=86_400,
    )
    with pytest.raises(ClientError) as caught:
        scaling.delete_launch_configuration(LaunchConfigurationName="old")
    assert code(caught) == "ResourceInUse"
    scaling.suspend_processes(AutoScalingGroupName="old", ScalingProcesses=["Launch"])
    scaling.update_auto_scaling_group(AutoScalingGroupName="old", DesiredCapacity=1)
    group = the_group(scaling, "old")
    assert [one["ProcessName"] for one in group["SuspendedProcesses"]] == ["Launch"]
    assert (group["MaxInstanceLifetime"], group["Instances"]) == (86_400, [])
    scaling.resume_processes(AutoScalingGroupName="old")
    [one] = in_service(scaling, 1, "old")
    assert one["LaunchConfigurationName"] == "old"
    tag = {"ResourceId": "old", "ResourceType": "auto-scaling-group", "Key": "a"}
    scaling.create_or_update_tags(Tags=[{**tag, "Value": "b", "PropagateAtLaunch": False}])
    wanted = [{"Name": "key", "Values": ["a"]}]
    assert scaling.describe_tags(Filters=wanted)["Tags"][0]["Value"] == "b"
    found = scaling.describe_auto_scaling_groups(Filters=[{"Name": "tag:a", "Values": ["b"]}])
    assert len(found["AutoScalingGroups"]) == 1
    scaling.delete_tags(Tags=[tag])
    assert scaling.describe_tags()["Tags"] == []
    scaling.delete_auto_scaling_group(AutoScalingGroupName="old", ForceDelete=True)
    until(lambda: not scaling.describe_auto_scaling_groups()["AutoScalingGroups"], "the group is deleted")
    scaling.delete_launch_configuration(LaunchConfigurationName="old")


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ({"LaunchTemplate": {"LaunchTemplateName": "none"}}, "ValidationError"),
        ({"LaunchConfigurationName": "none", "LaunchTemplate": None}, "ValidationError"),
        ({"LaunchTemplate": None}, "ValidationError"),
        ({"MinSize": 5}, "ValidationError"),
        ({"DesiredCapacity": 5}, "ValidationError"),
        ({"AvailabilityZones": ["mars-1a"]}, "ValidationError"),
        ({"AvailabilityZones": None}, "ValidationError"),
        ({"AvailabilityZones": None, "VPCZoneIdentifier": "subnet-1"}, "ValidationError"),
        ({"TerminationPolicies": ["Random"]}, "ValidationError"),
        ({"AutoScalingGroupName": "a:b"}, "ValidationError"),
        ({"InstanceId": "i-12345678"}, "ValidationError"),
    ],
)
def test_groups_that_cannot_be(scaling: Any, template: str, asked: dict[str, Any], error: str) -> None:
    region = scaling.meta.region_name
    wanted = {
        "AutoScalingGroupName": "web",
        "LaunchTemplate": {"LaunchTemplateName": "web"},
        "AvailabilityZones": [f"{region}a"],
        "MinSize": 0,
        "MaxSize": 4,
        **asked,
    }
    with pytest.raises(ClientError) as caught:
        scaling.create_auto_scaling_group(
            **{key: value for key, value in wanted.items() if value is not None}
        )
    assert code(caught) == error


def test_calls_that_cannot_be(scaling: Any, template: str) -> None:
    a_group(scaling)
    with pytest.raises(ClientError) as caught:
        a_group(scaling)
    assert code(caught) == "AlreadyExists"
    for operation, asked in (
        ("set_desired_capacity", {"AutoScalingGroupName": "web", "DesiredCapacity": 5}),
        ("set_desired_capacity", {"AutoScalingGroupName": "none", "DesiredCapacity": 1}),
        ("update_auto_scaling_group", {"AutoScalingGroupName": "web", "MinSize": 9}),
        ("attach_instances", {"AutoScalingGroupName": "web", "InstanceIds": ["i-12345678"]}),
        (
            "terminate_instance_in_auto_scaling_group",
            {"InstanceId": "i-12345678", "ShouldDecrementDesiredCapacity": True},
        ),
        ("put_lifecycle_hook", {"AutoScalingGroupName": "web", "LifecycleHookName": "x"}),
        ("suspend_processes", {"AutoScalingGroupName": "web", "ScalingProcesses": ["Dancing"]}),
    ):
        with pytest.raises(ClientError) as caught:
            getattr(scaling, operation)(**asked)
        assert code(caught) == "ValidationError", operation
    scaling.delete_auto_scaling_group(AutoScalingGroupName="web")


def test_launch_templates(ec2: Any, template: str) -> None:
    """Versions on top of each other, the default one, and what is not there."""
    made = ec2.create_launch_template_version(
        LaunchTemplateName="web", SourceVersion="1", LaunchTemplateData={"InstanceType": "m5.large"}
    )["LaunchTemplateVersion"]
    assert made["VersionNumber"] == 2
    assert (made["LaunchTemplateData"]["ImageId"], made["DefaultVersion"]) == ("ami-12345678", False)
    ec2.modify_launch_template(LaunchTemplateName="web", DefaultVersion="2")
    [shown] = ec2.describe_launch_templates(LaunchTemplateNames=["web"])["LaunchTemplates"]
    assert (shown["DefaultVersionNumber"], shown["LatestVersionNumber"]) == (2, 2)
    versions = ec2.describe_launch_template_versions(LaunchTemplateId=shown["LaunchTemplateId"])
    assert [one["VersionNumber"] for one in versions["LaunchTemplateVersions"]] == [2, 1]
    latest = ec2.describe_launch_template_versions(Versions=["$Latest"])["LaunchTemplateVersions"]
    assert [one["VersionNumber"] for one in latest] == [2]
    ran = ec2.run_instances(LaunchTemplate={"LaunchTemplateName": "web"}, MinCount=1, MaxCount=2)
    assert [one["InstanceType"] for one in ran["Instances"]] == ["m5.large", "m5.large"]
    again = ec2.describe_instances(Filters=[{"Name": "instance-type", "Values": ["m5.large"]}])
    assert [len(one["Instances"]) for one in again["Reservations"]] == [2]
    ec2.terminate_instances(InstanceIds=[one["InstanceId"] for one in ran["Instances"]])
    for operation, asked, error in (
        (
            "create_launch_template",
            {"LaunchTemplateName": "web", "LaunchTemplateData": {"ImageId": "ami-1"}},
            "InvalidLaunchTemplateName.AlreadyExistsException",
        ),
        (
            "create_launch_template",
            {"LaunchTemplateName": "new", "LaunchTemplateData": {"InstanceType": "z1d.large"}},
            "InvalidInstanceType",
        ),
        (
            "describe_launch_template_versions",
            {"LaunchTemplateName": "web", "Versions": ["9"]},
            "InvalidLaunchTemplateId.VersionNotFound",
        ),
        ("delete_launch_template", {"LaunchTemplateId": "lt-1"}, "InvalidLaunchTemplateId.NotFound"),
        ("describe_instances", {"InstanceIds": ["i-12345678"]}, "InvalidInstanceID.NotFound"),
        ("describe_instances", {"InstanceIds": ["mi-1"]}, "InvalidInstanceID.Malformed"),
        ("run_instances", {"MinCount": 1, "MaxCount": 1}, "MissingParameter"),
        ("run_instances", {"MinCount": 2, "MaxCount": 1, "ImageId": "ami-1"}, "InvalidParameterValue"),
    ):
        with pytest.raises(ClientError) as caught:
            getattr(ec2, operation)(**asked)
        assert code(caught) == error, operation
    ec2.delete_launch_template(LaunchTemplateName="web")


def test_instance_types(ec2: Any) -> None:
    wanted = [
        {"Name": "vcpu-info.default-vcpus", "Values": ["4"]},
        {"Name": "instance-type", "Values": ["g*"]},
    ]
    pages = ec2.get_paginator("describe_instance_types").paginate(Filters=wanted)
    found = {one["InstanceType"]: one for page in pages for one in page["InstanceTypes"]}
    assert sorted(found) == ["g4dn.xlarge", "g5.xlarge"]
    assert found["g4dn.xlarge"]["MemoryInfo"]["SizeInMiB"] == 16_384
    assert found["g4dn.xlarge"]["GpuInfo"]["Gpus"][0]["Count"] == 1


def test_what_there_is_to_choose_from(scaling: Any) -> None:
    """Types of hooks, of processes and of termination policies, as clients list them."""
    assert scaling.describe_lifecycle_hook_types()["LifecycleHookTypes"] == [LAUNCHING, TERMINATING]
    processes = {row["ProcessName"] for row in scaling.describe_scaling_process_types()["Processes"]}
    assert {"Launch", "Terminate"} <= processes
    assert "Default" in scaling.describe_termination_policy_types()["TerminationPolicyTypes"]
