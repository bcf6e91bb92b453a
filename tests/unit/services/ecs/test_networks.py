"""Networks of tasks: interfaces and attachments in mode awsvpc, ports and bindings in the others."""

from __future__ import annotations

from typing import Any

import pytest

from tests.build import call
from tests.ec2_build import SUBNET_ID, a_subnet
from tests.ecs_build import SUBNET, Ecs, a_container, a_fargate_definition, exited, running, with_ecs
from tests.unit.services.ecs.test_loops import Hearer
from windlass.aws.quotas import Profile
from windlass.fleet.model import UNITS
from windlass.fleet.networks import Binding, Interface, PortMapping
from windlass.kernel.bucket import Rate
from windlass.kernel.faults import Fault

AWSVPC: dict[str, Any] = {"launchType": "FARGATE", "networkConfiguration": SUBNET}


def within(subnet: str, **members: Any) -> dict[str, Any]:
    return {"networkConfiguration": {"awsvpcConfiguration": {"subnets": [subnet], **members}}}


async def ec2(ecs: Ecs, operation: str, **params: Any) -> Any:
    return await call(ecs.plane, "ec2", operation, **params)


async def the_task(ecs: Ecs, task: str) -> Any:
    [found] = (await ecs.call("DescribeTasks", tasks=[task]))["tasks"]
    return found


async def interfaces(ecs: Ecs) -> list[Any]:
    return list((await ec2(ecs, "DescribeNetworkInterfaces"))["NetworkInterfaces"])


def interface_of(ecs: Ecs, task: str) -> Interface:
    """What the task's node is told."""
    interface = ecs.plane.store[UNITS].require(task).spec.network.interface
    assert interface is not None
    return interface


def details(task: Any) -> dict[str, str]:
    [attachment] = task["attachments"]
    return {detail["name"]: detail["value"] for detail in attachment["details"]}


def test_an_interface_from_start_to_end() -> None:
    """(1) made with the task; (2) told when it is placed; (3) shown in use; (4) gone with the task."""

    async def scenario(ecs: Ecs) -> None:
        heard = Hearer(ecs).notices
        await ecs.call("RegisterTaskDefinition", **a_fargate_definition())
        [first] = (await ecs.call("RunTask", taskDefinition="work", **AWSVPC))["tasks"]
        task = first["taskArn"].rpartition("/")[2]
        assert (first["attachments"][0]["status"], details(first)) == ("PRECREATED", {"subnetId": SUBNET_ID})
        [shown] = await interfaces(ecs)
        assert (shown["Status"], shown["RequesterManaged"], shown["AvailabilityZone"]) == (
            "in-use",
            True,
            "eu-west-1b",
        )
        told = interface_of(ecs, task)
        assert (told.id, told.address, told.mac) == (
            shown["NetworkInterfaceId"],
            shown["PrivateIpAddress"],
            shown["MacAddress"],
        )
        assert (told.subnet, told.vpc) == ("172.31.128.0/20", "172.31.0.0/16")
        assert told.hostname == shown["PrivateDnsName"]
        assert told.groups == (shown["Groups"][0]["GroupId"],)
        assert shown["Groups"][0]["GroupName"] == "default"
        await ecs.report(task, "running", containers=(running(),))
        up = await the_task(ecs, task)
        [attachment] = up["attachments"]
        assert (attachment["type"], attachment["status"]) == ("ElasticNetworkInterface", "ATTACHED")
        assert shown["Description"].endswith(f":attachment/{attachment['id']}")
        assert details(up) == {
            "subnetId": SUBNET_ID,
            "networkInterfaceId": told.id,
            "macAddress": told.mac,
            "privateDnsName": told.hostname,
            "privateIPv4Address": told.address,
        }
        assert up["containers"][0]["networkInterfaces"] == [
            {"attachmentId": attachment["id"], "privateIpv4Address": told.address}
        ]
        assert up["availabilityZone"] == "eu-west-1b"
        await ecs.report(task, "stopped", containers=(exited(),))
        ended = await the_task(ecs, task)
        assert (ended["attachments"][0]["status"], details(ended)) == ("DELETED", details(up))
        assert await interfaces(ecs) == []
        assert [n.detail["lastStatus"] for n in heard] == [
            "PROVISIONING",
            "PENDING",
            "RUNNING",
            "DEPROVISIONING",
            "STOPPED",
        ]
        assert [n.detail["version"] for n in heard] == [1, 2, 3, 4, 5]
        assert [n.detail["attachments"][0]["status"] for n in heard][-2:] == ["DETACHING", "DELETED"]
        assert heard[0].detail["attachments"][0]["type"] == "eni"

    with_ecs(scenario)


def test_groups_and_public_addresses_as_asked() -> None:
    async def scenario(ecs: Ecs) -> None:
        await ecs.call("RegisterTaskDefinition", **a_fargate_definition())
        group = (await ec2(ecs, "CreateSecurityGroup", GroupName="g", Description="g"))["GroupId"]
        asked = within(SUBNET_ID, securityGroups=[group], assignPublicIp="ENABLED")
        task = await ecs.run_one(launchType="FARGATE", **asked)
        told = interface_of(ecs, task)
        assert told.groups == (group,)
        assert told.public_address.startswith(("198.18.", "198.19."))
        [shown] = await interfaces(ecs)
        assert shown["Association"]["PublicIp"] == told.public_address
        for operation, params in (
            ("DeleteNetworkInterface", {}),
            ("ModifyNetworkInterfaceAttribute", {"Groups": [group]}),
        ):
            with pytest.raises(Fault) as caught:
                await ec2(ecs, operation, NetworkInterfaceId=told.id, **params)
            assert caught.value.code in ("InvalidNetworkInterface.InUse", "OperationNotPermitted")
        with pytest.raises(Fault) as caught:
            await ec2(ecs, "DeleteSecurityGroup", GroupId=group)
        assert caught.value.code == "DependencyViolation"

    with_ecs(scenario)


def test_tasks_of_a_call_spread_over_subnets() -> None:
    async def scenario(ecs: Ecs) -> None:
        await ecs.call("RegisterTaskDefinition", **a_fargate_definition())
        subnets = [s["SubnetId"] for s in (await ec2(ecs, "DescribeSubnets"))["Subnets"]]
        asked = {"networkConfiguration": {"awsvpcConfiguration": {"subnets": subnets}}}
        await ecs.call("RunTask", taskDefinition="work", launchType="FARGATE", count=8, **asked)
        shown = await interfaces(ecs)
        per_subnet = [sum(i["SubnetId"] == subnet for i in shown) for subnet in subnets]
        assert per_subnet == [2, 2, 2, 2]
        assert len({i["PrivateIpAddress"] for i in shown}) == 8

    with_ecs(scenario)


def test_what_ec2_does_not_know_ecs_refuses() -> None:
    """AWS's wording, and nothing is made: neither task nor interface."""

    async def scenario(ecs: Ecs) -> None:
        await ecs.call("RegisterTaskDefinition", **a_fargate_definition())
        vpc = (await ec2(ecs, "CreateVpc", CidrBlock="10.0.0.0/16"))["Vpc"]["VpcId"]
        other = (await ec2(ecs, "CreateSubnet", VpcId=vpc, CidrBlock="10.0.0.0/24"))["Subnet"]["SubnetId"]
        group = (await ec2(ecs, "CreateSecurityGroup", GroupName="g", Description="g", VpcId=vpc))["GroupId"]
        cases = [
            (
                within("subnet-1"),
                "Error retrieving subnet information for [subnet-1]: The subnet ID 'subnet-1' does not exist "
                "(ErrorCode: InvalidSubnetID.NotFound)",
            ),
            (
                within(SUBNET_ID, securityGroups=["sg-1"]),
                "Error retrieving security group information for [sg-1]: The security group 'sg-1' does not "
                "exist (ErrorCode: InvalidGroup.NotFound)",
            ),
            (within(SUBNET_ID, securityGroups=[group]), "belong to different networks"),
            (
                {"networkConfiguration": {"awsvpcConfiguration": {"subnets": [SUBNET_ID, other]}}},
                "not in the same VPC",
            ),
        ]
        for asked, wording in cases:
            with pytest.raises(Fault) as caught:
                await ecs.call("RunTask", taskDefinition="work", launchType="FARGATE", **asked)
            assert caught.value.code == "InvalidParameterException"
            assert wording in caught.value.message
        assert await interfaces(ecs) == []
        assert (await ecs.call("ListTasks"))["taskArns"] == []

    with_ecs(scenario)


def test_a_subnet_without_addresses() -> None:
    """Eleven tasks have an address; the twelfth is made and stops, and says why. An end makes room."""

    async def scenario(ecs: Ecs) -> None:
        await ecs.call("RegisterTaskDefinition", **a_fargate_definition())
        small = a_subnet(ecs.plane.store, "subnet-00000000000000002", prefix=28).id
        asked = {"launchType": "FARGATE", **within(small)}
        tasks = [await ecs.run_one(**asked) for _ in range(11)]
        twelfth = await ecs.run_one(**asked)
        assert ecs.plane.store[UNITS].require(twelfth).desired == "stop"
        await ecs.report(twelfth, "stopped")
        shown = await the_task(ecs, twelfth)
        assert (shown["lastStatus"], shown["stopCode"]) == ("STOPPED", "TaskFailedToStart")
        assert shown["stoppedReason"] == (
            "Unexpected EC2 error while attempting to Create Network Interface with public IP assignment "
            f"disabled in subnet '{small}': InsufficientFreeAddressesInSubnet"
        )
        assert shown["attachments"] == []
        freed = interface_of(ecs, tasks[3]).address
        await ecs.report(tasks[3], "stopped", containers=(exited(),))
        assert interface_of(ecs, await ecs.run_one(**asked)).address == freed

    with_ecs(scenario)


def test_a_refused_call_leaves_no_interface() -> None:
    """The launch bucket is empty: the transaction is taken back as a whole."""

    async def scenario(ecs: Ecs) -> None:
        await ecs.call("RegisterTaskDefinition", **a_fargate_definition())
        with pytest.raises(Fault) as caught:
            await ecs.call("RunTask", taskDefinition="work", count=3, **AWSVPC)
        assert caught.value.code == "ThrottlingException"
        assert await interfaces(ecs) == []

    with_ecs(scenario, Profile("small", buckets={"fargate.on_demand": Rate(burst=2, per_second=1)}))


def test_interfaces_are_in_the_zone_of_their_machine() -> None:
    """Machines in a and b, a subnet in b alone: all go to b; with subnets in both each has one of its zone.

    Where no machine has a subnet of its zone the failure says LOCATION.
    """

    async def scenario(ecs: Ecs) -> None:
        await ecs.a_running_definition(networkMode="awsvpc")
        in_a = await ecs.a_machine("i-0000000000000001", zone="eu-west-1a")
        in_b = await ecs.a_machine("i-0000000000000002", zone="eu-west-1b")
        only_b = await ecs.call("RunTask", taskDefinition="work", count=2, networkConfiguration=SUBNET)
        assert {task["containerInstanceArn"] for task in only_b["tasks"]} == {in_b.arn}
        subnets = [s["SubnetId"] for s in (await ec2(ecs, "DescribeSubnets"))["Subnets"]]
        everywhere = {"awsvpcConfiguration": {"subnets": subnets}}
        both = await ecs.call("RunTask", taskDefinition="work", count=6, networkConfiguration=everywhere)
        zones = {in_a.arn: "eu-west-1a", in_b.arn: "eu-west-1b"}
        assert {task["containerInstanceArn"] for task in both["tasks"]} == set(zones)
        for task in both["tasks"]:
            assert (
                interface_of(ecs, task["taskArn"].rpartition("/")[2]).zone
                == zones[task["containerInstanceArn"]]
            )
        elsewhere = next(s for s in subnets if s not in (subnets[0], subnets[1], SUBNET_ID))
        none = await ecs.call("RunTask", taskDefinition="work", **within(elsewhere))
        assert none["tasks"] == []
        assert [failure["reason"] for failure in none["failures"]] == ["LOCATION", "LOCATION"]

    with_ecs(scenario)


MAPPINGS = [
    {"containerPort": 80},
    {"containerPort": 53, "hostPort": 53, "protocol": "udp"},
    {"containerPortRange": "8000-8001"},
]
RANGE_SAME = (PortMapping(8000, 8000), PortMapping(8001, 8001))


@pytest.mark.parametrize(
    ("mode", "mappings", "ports"),
    [
        (
            None,
            MAPPINGS,
            (PortMapping(80, 0), PortMapping(53, 53, "udp"), PortMapping(8000, 0), PortMapping(8001, 0)),
        ),
        ("bridge", [{"containerPort": 80, "hostPort": 8080}], (PortMapping(80, 8080),)),
        ("host", MAPPINGS, (PortMapping(80, 80), PortMapping(53, 53, "udp"), *RANGE_SAME)),
        ("none", [], ()),
    ],
)
def test_ports_by_mode(mode: str | None, mappings: list[Any], ports: tuple[PortMapping, ...]) -> None:
    """What the node is told; and what it says of them is shown as networkBindings."""

    async def scenario(ecs: Ecs) -> None:
        named = {} if mode is None else {"networkMode": mode}
        container = a_container(portMappings=mappings)
        await ecs.call("RegisterTaskDefinition", family="work", containerDefinitions=[container], **named)
        task = await ecs.run_one()
        spec = ecs.plane.store[UNITS].require(task).spec
        assert (spec.network.mode, spec.network.interface) == (mode or "bridge", None)
        assert spec.containers[0].ports == ports
        bound = tuple(Binding("0.0.0.0", 49153, port.container_port, port.protocol) for port in ports)
        await ecs.report(task, "running", containers=(running(bindings=bound),))
        await ecs.report(task, "stopping", containers=(running(),))
        shown = await the_task(ecs, task)
        assert [b["containerPort"] for b in shown["containers"][0]["networkBindings"]] == [
            port.container_port for port in ports
        ]
        if ports:
            assert shown["containers"][0]["networkBindings"][0]["hostPort"] == 49153
        assert (shown["attachments"], shown["containers"][0]["networkInterfaces"]) == ([], [])

    with_ecs(scenario)


@pytest.mark.parametrize(
    ("mode", "mapping"),
    [
        ("awsvpc", {"containerPort": 80, "hostPort": 81}),
        ("host", {"containerPort": 80, "hostPort": 81}),
        ("none", {"containerPort": 80}),
        ("bridge", {"containerPortRange": "1-1001"}),
    ],
)
def test_port_mappings_that_are_refused(mode: str, mapping: dict[str, Any]) -> None:
    async def scenario(ecs: Ecs) -> None:
        container = a_container(portMappings=[mapping])
        with pytest.raises(Fault) as caught:
            await ecs.call(
                "RegisterTaskDefinition", family="work", networkMode=mode, containerDefinitions=[container]
            )
        assert caught.value.code == "ClientException"

    with_ecs(scenario)
