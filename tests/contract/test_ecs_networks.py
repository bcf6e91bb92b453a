"""Tasks with interfaces of their own, over the wire, on a plane that really runs them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.fault.waiting import until

Client = Callable[..., Any]
OFTEN = {"Delay": 0.05, "MaxAttempts": 400}


def test_a_fargate_task_has_an_address(client: Client) -> None:
    """As a user does it: look up subnets, make a group, run, find the address, stop, all is gone."""
    ecs, ec2 = client("ecs"), client("ec2")
    ecs.register_task_definition(
        family="web",
        requiresCompatibilities=["FARGATE"],
        networkMode="awsvpc",
        cpu="256",
        memory="512",
        containerDefinitions=[
            {
                "name": "app",
                "image": "busybox",
                "command": ["sleep", "600"],
                "portMappings": [{"containerPort": 8080}],
            }
        ],
    )
    subnets = [subnet["SubnetId"] for subnet in ec2.describe_subnets()["Subnets"]]
    group = ec2.create_security_group(GroupName="web", Description="web servers")["GroupId"]
    network = {"awsvpcConfiguration": {"subnets": subnets, "securityGroups": [group]}}
    asked = {"taskDefinition": "web", "launchType": "FARGATE", "networkConfiguration": network}
    [started] = ecs.run_task(**asked)["tasks"]
    assert started["attachments"][0]["status"] == "PRECREATED"
    arn = started["taskArn"]
    ecs.get_waiter("tasks_running").wait(tasks=[arn], WaiterConfig=OFTEN)
    [task] = ecs.describe_tasks(tasks=[arn])["tasks"]
    details = {one["name"]: one["value"] for one in task["attachments"][0]["details"]}
    [interface] = ec2.describe_network_interfaces(NetworkInterfaceIds=[details["networkInterfaceId"]])[
        "NetworkInterfaces"
    ]
    assert interface["PrivateIpAddress"] == details["privateIPv4Address"]
    assert interface["Status"] == "in-use"
    assert interface["Groups"] == [{"GroupId": group, "GroupName": "web"}]
    assert task["availabilityZone"] == interface["AvailabilityZone"]
    [subnet] = ec2.describe_subnets(SubnetIds=[interface["SubnetId"]])["Subnets"]
    assert subnet["AvailableIpAddressCount"] == 4090
    ecs.stop_task(task=arn)
    ecs.get_waiter("tasks_stopped").wait(tasks=[arn], WaiterConfig=OFTEN)
    until(lambda: not ec2.describe_network_interfaces()["NetworkInterfaces"], "the interface is gone")
    ec2.delete_security_group(GroupId=group)
    with pytest.raises(ClientError) as caught:
        ecs.run_task(**asked)
    error = caught.value.response["Error"]
    assert error["Code"] == "InvalidParameterException"
    assert f"The security group '{group}' does not exist" in error["Message"]
