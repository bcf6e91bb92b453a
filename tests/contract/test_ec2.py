"""EC2 as boto3 sees it: the default VPC, and VPCs, subnets, groups, interfaces and tags of one's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

Client = Callable[..., Any]


def code(caught: Any) -> str:
    return str(caught.value.response["Error"]["Code"])


def by(name: str, *values: str) -> list[dict[str, Any]]:
    return [{"Name": name, "Values": list(values)}]


def test_the_default_vpc(client: Client) -> None:
    """It is there on the first call, the same on the next, with a subnet in each zone."""
    ec2 = client("ec2")
    [vpc] = ec2.describe_vpcs(Filters=by("is-default", "true"))["Vpcs"]
    assert (vpc["CidrBlock"], vpc["IsDefault"], vpc["State"]) == ("172.31.0.0/16", True, "available")
    subnets = ec2.describe_subnets(Filters=by("vpc-id", vpc["VpcId"]))["Subnets"]
    assert [(s["AvailabilityZone"], s["CidrBlock"], s["AvailableIpAddressCount"]) for s in subnets] == [
        ("eu-west-1a", "172.31.0.0/20", 4091),
        ("eu-west-1b", "172.31.16.0/20", 4091),
        ("eu-west-1c", "172.31.32.0/20", 4091),
    ]
    [group] = ec2.describe_security_groups(GroupNames=["default"])["SecurityGroups"]
    [ingress], [egress] = group["IpPermissions"], group["IpPermissionsEgress"]
    assert ingress["UserIdGroupPairs"][0]["GroupId"] == group["GroupId"]
    assert egress["IpRanges"] == [{"CidrIp": "0.0.0.0/0"}]
    [table] = ec2.describe_route_tables(Filters=by("association.main", "true"))["RouteTables"]
    [gateway] = ec2.describe_internet_gateways()["InternetGateways"]
    assert [r["GatewayId"] for r in table["Routes"]] == ["local", gateway["InternetGatewayId"]]
    assert ec2.describe_vpcs()["Vpcs"] == [vpc]


def test_every_region_and_account_has_its_own(client: Client, plane: Any) -> None:
    there = plane.client("ec2", "888888888888", region="us-east-1")
    zones = there.describe_availability_zones()["AvailabilityZones"]
    assert [zone["ZoneId"] for zone in zones] == ["use1-az1", "use1-az2", "use1-az3"]
    [vpc] = there.describe_vpcs()["Vpcs"]
    with pytest.raises(ClientError) as caught:
        client("ec2").describe_vpcs(VpcIds=[vpc["VpcId"]])
    assert code(caught) == "InvalidVpcID.NotFound"
    regions = [r["RegionName"] for r in there.describe_regions(Filters=by("region-name", "eu-*"))["Regions"]]
    assert regions == ["eu-central-1", "eu-north-1", "eu-west-1", "eu-west-2", "eu-west-3"]


def test_a_vpc_of_ones_own(client: Client) -> None:
    """Create, wait, subnets side by side, delete from the inside out."""
    ec2 = client("ec2")
    tags = [{"ResourceType": "vpc", "Tags": [{"Key": "Name", "Value": "mine"}]}]
    vpc = ec2.create_vpc(CidrBlock="10.7.0.9/16", TagSpecifications=tags)["Vpc"]["VpcId"]
    ec2.get_waiter("vpc_available").wait(VpcIds=[vpc])
    [shown] = ec2.describe_vpcs(Filters=by("tag:Name", "mine"))["Vpcs"]
    assert (shown["CidrBlock"], shown["Tags"][0]["Value"]) == ("10.7.0.0/16", "mine")
    first = ec2.create_subnet(VpcId=vpc, CidrBlock="10.7.0.0/28", AvailabilityZone="eu-west-1c")["Subnet"]
    assert (first["AvailableIpAddressCount"], first["AvailabilityZone"]) == (11, "eu-west-1c")
    other = ec2.create_subnet(VpcId=vpc, CidrBlock="10.7.0.16/28")["Subnet"]
    assert other["AvailabilityZone"] == "eu-west-1a"
    ec2.get_waiter("subnet_available").wait(SubnetIds=[first["SubnetId"], other["SubnetId"]])
    for cidr, expected in [
        ("10.7.0.0/16", "InvalidSubnet.Conflict"),
        ("10.7.0.24/29", "InvalidSubnet.Range"),
        ("10.8.0.0/24", "InvalidSubnet.Range"),
        ("nonsense", "InvalidParameterValue"),
    ]:
        with pytest.raises(ClientError) as caught:
            ec2.create_subnet(VpcId=vpc, CidrBlock=cidr)
        assert code(caught) == expected
    ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
    names = ec2.describe_vpc_attribute(VpcId=vpc, Attribute="enableDnsHostnames")
    assert names["EnableDnsHostnames"] == {"Value": True}
    ec2.modify_subnet_attribute(SubnetId=first["SubnetId"], MapPublicIpOnLaunch={"Value": True})
    mapped = ec2.describe_subnets(Filters=by("map-public-ip-on-launch", "true") + by("vpc-id", vpc))
    assert [s["SubnetId"] for s in mapped["Subnets"]] == [first["SubnetId"]]
    with pytest.raises(ClientError) as caught:
        ec2.delete_vpc(VpcId=vpc)
    assert code(caught) == "DependencyViolation"
    for subnet in (first, other):
        ec2.delete_subnet(SubnetId=subnet["SubnetId"])
    ec2.delete_vpc(VpcId=vpc)
    assert ec2.describe_tags(Filters=by("resource-id", vpc))["Tags"] == []
    assert len(ec2.describe_security_groups()["SecurityGroups"]) == 1


def test_the_default_vpc_goes_and_comes_back(client: Client) -> None:
    """Deleted it stays deleted, until it is asked for again."""
    ec2 = client("ec2")
    with pytest.raises(ClientError) as caught:
        ec2.create_default_vpc()
    assert code(caught) == "DefaultVpcAlreadyExists"
    for subnet in ec2.describe_subnets()["Subnets"]:
        ec2.delete_subnet(SubnetId=subnet["SubnetId"])
    ec2.delete_vpc(VpcId=ec2.describe_vpcs()["Vpcs"][0]["VpcId"])
    assert ec2.describe_vpcs()["Vpcs"] == []
    with pytest.raises(ClientError) as caught:
        ec2.create_security_group(GroupName="lost", Description="nowhere")
    assert code(caught) == "VPCIdNotSpecified"
    assert ec2.create_default_vpc()["Vpc"]["IsDefault"]
    assert len(ec2.describe_subnets()["Subnets"]) == 3


def test_rules_of_a_group(client: Client) -> None:
    """Authorize, double, describe in both shapes, modify, revoke by id and by what they say."""
    ec2 = client("ec2")
    web = ec2.create_security_group(GroupName="web", Description="web servers")["GroupId"]
    app = ec2.create_security_group(GroupName="app", Description="applications")["GroupId"]
    ec2.get_waiter("security_group_exists").wait(GroupIds=[web, app])
    http = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80}
    world = {**http, "IpRanges": [{"CidrIp": "0.0.0.0/0", "Description": "all"}]}
    from_web = {**http, "UserIdGroupPairs": [{"GroupId": web}]}
    [made] = ec2.authorize_security_group_ingress(GroupId=web, IpPermissions=[world])["SecurityGroupRules"]
    [peer] = ec2.authorize_security_group_ingress(GroupId=app, IpPermissions=[from_web])["SecurityGroupRules"]
    assert (made["CidrIpv4"], made["IsEgress"], made["Description"]) == ("0.0.0.0/0", False, "all")
    assert peer["ReferencedGroupInfo"]["GroupId"] == web
    with pytest.raises(ClientError) as caught:
        ec2.authorize_security_group_ingress(GroupId=web, IpPermissions=[world])
    assert code(caught) == "InvalidPermission.Duplicate"
    [shown] = ec2.describe_security_groups(Filters=by("ip-permission.cidr", "0.0.0.0/0"))["SecurityGroups"]
    assert (shown["GroupId"], shown["IpPermissions"][0]["IpRanges"]) == (web, world["IpRanges"])
    with pytest.raises(ClientError) as caught:
        ec2.delete_security_group(GroupId=web)
    assert code(caught) == "DependencyViolation"
    changed = {**http, "ToPort": 90, "CidrIpv4": "10.0.0.0/8"}
    ec2.modify_security_group_rules(
        GroupId=web,
        SecurityGroupRules=[
            {"SecurityGroupRuleId": made["SecurityGroupRuleId"], "SecurityGroupRule": changed}
        ],
    )
    again = {**http, "ToPort": 90, "IpRanges": [{"CidrIp": "10.0.0.0/8", "Description": "ours"}]}
    ec2.update_security_group_rule_descriptions_ingress(GroupId=web, IpPermissions=[again])
    rules = ec2.describe_security_group_rules(Filters=by("group-id", web))["SecurityGroupRules"]
    assert sorted((r["IsEgress"], r.get("Description", "")) for r in rules) == [(False, "ours"), (True, "")]
    out = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0", "Description": "out"}]}
    ec2.update_security_group_rule_descriptions_egress(GroupId=web, IpPermissions=[out])
    rules = ec2.describe_security_group_rules(Filters=by("group-id", web))["SecurityGroupRules"]
    assert [r["Description"] for r in rules if r["IsEgress"]] == ["out"]
    ec2.revoke_security_group_ingress(GroupId=web, IpPermissions=[again])
    unknown = ec2.revoke_security_group_ingress(GroupId=web, IpPermissions=[again])
    assert unknown["UnknownIpPermissions"][0]["ToPort"] == 90
    ec2.revoke_security_group_ingress(GroupId=app, SecurityGroupRuleIds=[peer["SecurityGroupRuleId"]])
    ec2.revoke_security_group_egress(
        GroupId=web, IpPermissions=[{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
    )
    assert ec2.describe_security_group_rules(Filters=by("group-id", web))["SecurityGroupRules"] == []
    ec2.delete_security_group(GroupId=web)
    ec2.delete_security_group(GroupName="app")


def test_interfaces_hold_addresses(client: Client) -> None:
    """Each has an address of its own; a full subnet says so; a deleted one gives it back."""
    ec2 = client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.1.0.0/28")["Subnet"]["SubnetId"]
    group = ec2.create_security_group(GroupName="g", Description="g", VpcId=vpc)["GroupId"]
    chosen = ec2.create_network_interface(SubnetId=subnet, PrivateIpAddress="10.1.0.9", Groups=[group])
    first = chosen["NetworkInterface"]
    ec2.get_waiter("network_interface_available").wait(NetworkInterfaceIds=[first["NetworkInterfaceId"]])
    assert (first["PrivateIpAddress"], first["Groups"]) == (
        "10.1.0.9",
        [{"GroupId": group, "GroupName": "g"}],
    )
    others = [ec2.create_network_interface(SubnetId=subnet)["NetworkInterface"] for _ in range(10)]
    addresses = {one["PrivateIpAddress"] for one in (first, *others)}
    assert addresses == {f"10.1.0.{last}" for last in range(4, 15)}
    assert len({one["MacAddress"] for one in (first, *others)}) == 11
    [shown] = ec2.describe_subnets(SubnetIds=[subnet])["Subnets"]
    assert shown["AvailableIpAddressCount"] == 0
    for params, expected in [
        ({}, "InsufficientFreeAddressesInSubnet"),
        ({"PrivateIpAddress": "10.1.0.9"}, "InvalidIPAddress.InUse"),
        ({"PrivateIpAddress": "10.1.0.1"}, "InvalidParameterValue"),
        ({"Groups": ["sg-00000000000000000"]}, "InvalidGroup.NotFound"),
    ]:
        with pytest.raises(ClientError) as caught:
            ec2.create_network_interface(SubnetId=subnet, **params)
        assert code(caught) == expected
    for operation, params in [
        ("delete_subnet", {"SubnetId": subnet}),
        ("delete_security_group", {"GroupId": group}),
    ]:
        with pytest.raises(ClientError) as caught:
            getattr(ec2, operation)(**params)
        assert code(caught) == "DependencyViolation"
    interface = first["NetworkInterfaceId"]
    default = next(g for g in others[0]["Groups"])["GroupId"]
    ec2.modify_network_interface_attribute(NetworkInterfaceId=interface, Groups=[default])
    seen = ec2.describe_network_interface_attribute(NetworkInterfaceId=interface, Attribute="groupSet")
    assert [one["GroupId"] for one in seen["Groups"]] == [default]
    pages = ec2.get_paginator("describe_network_interfaces").paginate(
        Filters=by("subnet-id", subnet), PaginationConfig={"PageSize": 5}
    )
    assert [len(page["NetworkInterfaces"]) for page in pages] == [5, 5, 1]
    ec2.delete_network_interface(NetworkInterfaceId=interface)
    again = ec2.create_network_interface(SubnetId=subnet)["NetworkInterface"]
    assert again["PrivateIpAddress"] == "10.1.0.9"


def test_tags(client: Client) -> None:
    """On any kind of resource, filtered by key and value, and gone with it."""
    ec2 = client("ec2")
    [vpc] = ec2.describe_vpcs()["Vpcs"]
    group = ec2.create_security_group(GroupName="t", Description="t")["GroupId"]
    ec2.create_tags(
        Resources=[vpc["VpcId"], group], Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": ""}]
    )
    assert len(ec2.describe_tags(Filters=by("key", "a"))["Tags"]) == 2
    [tag] = ec2.describe_tags(Filters=by("resource-type", "vpc") + by("key", "a"))["Tags"]
    assert (tag["ResourceId"], tag["Value"]) == (vpc["VpcId"], "1")
    ec2.delete_tags(Resources=[group], Tags=[{"Key": "a", "Value": "2"}, {"Key": "b"}])
    [left] = ec2.describe_tags(Filters=by("resource-id", group))["Tags"]
    assert left["Key"] == "a"
    ec2.delete_security_group(GroupId=group)
    assert ec2.describe_tags(Filters=by("resource-id", group))["Tags"] == []
    with pytest.raises(ClientError) as caught:
        ec2.create_tags(Resources=["vol-1"], Tags=[{"Key": "a", "Value": "1"}])
    assert code(caught) == "InvalidID"


@pytest.mark.parametrize(
    ("operation", "params", "expected"),
    [
        ("describe_vpcs", {"VpcIds": ["vpc-0"]}, "InvalidVpcID.NotFound"),
        ("describe_subnets", {"SubnetIds": ["subnet-1"]}, "InvalidSubnetID.NotFound"),
        ("describe_security_groups", {"GroupIds": ["sg-1"]}, "InvalidGroup.NotFound"),
        ("describe_security_groups", {"GroupIds": ["web"]}, "InvalidGroupId.Malformed"),
        ("describe_security_groups", {"GroupNames": ["web"]}, "InvalidGroup.NotFound"),
        ("describe_security_groups", {"Filters": by("colour", "red")}, "InvalidParameterValue"),
        ("describe_network_interfaces", {"NextToken": "x"}, "InvalidNextToken"),
        (
            "describe_network_interfaces",
            {"NetworkInterfaceIds": ["eni-1"]},
            "InvalidNetworkInterfaceID.NotFound",
        ),
        ("delete_network_interface", {"NetworkInterfaceId": "eni-1"}, "InvalidNetworkInterfaceID.NotFound"),
        ("create_vpc", {}, "MissingParameter"),
        ("create_vpc", {"CidrBlock": "10.0.0.0/8"}, "InvalidVpc.Range"),
        ("create_vpc", {"CidrBlock": "10.0.0.0/16", "DryRun": True}, "DryRunOperation"),
        ("create_vpc", {"CidrBlock": "10.0.0.0/16", "Ipv4IpamPoolId": "ipam"}, "UnsupportedOperation"),
        ("create_security_group", {"GroupName": "sg-x", "Description": "d"}, "InvalidParameterValue"),
        ("create_security_group", {"GroupName": "default", "Description": "d"}, "InvalidParameterValue"),
        ("delete_security_group", {"GroupName": "default"}, "CannotDelete"),
        (
            "authorize_security_group_ingress",
            {"GroupName": "default", "IpProtocol": "tcp", "FromPort": 1, "ToPort": 0, "CidrIp": "0.0.0.0/0"},
            "InvalidParameterValue",
        ),
        ("describe_volumes", {}, "NotImplemented"),
    ],
)
def test_errors(client: Client, operation: str, params: dict[str, Any], expected: str) -> None:
    with pytest.raises(ClientError) as caught:
        getattr(client("ec2"), operation)(**params)
    assert code(caught) == expected


def test_quotas_of_the_profile(own_plane: Callable[..., Any], tmp_path: Any) -> None:
    """`local` has none; with one, the VPC above it is refused. What was made outlives a kill."""
    profile = tmp_path / "small.toml"
    entry = 'unit = "", source = "this test", date = "today"'
    profile.write_text(
        f'[quotas]\n"ec2.vpcs" = {{ value = 2, {entry} }}\n'
        f'"ec2.rules_per_security_group" = {{ value = 2, {entry} }}\n'
        f'"ec2.network_interfaces" = {{ value = 1, {entry} }}\n'
        f'"ec2.subnets_per_vpc" = {{ value = 3, {entry} }}\n'
        f'"ec2.security_groups" = {{ value = 2, {entry} }}\n'
    )
    plane = own_plane("--profile", str(profile), "--no-agent")
    ec2 = plane.client("ec2", "123456789012")
    [vpc] = ec2.describe_vpcs()["Vpcs"]
    ec2.create_vpc(CidrBlock="10.0.0.0/16")
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    made = ec2.create_network_interface(SubnetId=subnet)["NetworkInterface"]
    [group] = ec2.describe_security_groups(Filters=by("vpc-id", vpc["VpcId"]))["SecurityGroups"]
    two = {"IpProtocol": "tcp", "FromPort": 1, "ToPort": 1}
    two |= {"IpRanges": [{"CidrIp": "10.0.0.0/8"}, {"CidrIp": "11.0.0.0/8"}]}
    for operation, params, expected in [
        ("create_vpc", {"CidrBlock": "10.0.0.0/16"}, "VpcLimitExceeded"),
        ("create_network_interface", {"SubnetId": subnet}, "NetworkInterfaceLimitExceeded"),
        ("create_subnet", {"VpcId": vpc["VpcId"], "CidrBlock": "172.31.64.0/20"}, "SubnetLimitExceeded"),
        ("create_security_group", {"GroupName": "x", "Description": "x"}, "SecurityGroupLimitExceeded"),
        (
            "authorize_security_group_ingress",
            {"GroupId": group["GroupId"], "IpPermissions": [two]},
            "RulesPerSecurityGroupLimitExceeded",
        ),
    ]:
        with pytest.raises(ClientError) as caught:
            getattr(ec2, operation)(**params)
        assert code(caught) == expected
    plane.kill()
    plane.start()
    [kept] = plane.client("ec2", "123456789012").describe_network_interfaces()["NetworkInterfaces"]
    assert (kept["NetworkInterfaceId"], kept["PrivateIpAddress"]) == (
        made["NetworkInterfaceId"],
        made["PrivateIpAddress"],
    )
