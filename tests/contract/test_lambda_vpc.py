"""Functions in a VPC through boto3: configuration, refusals, the interface that EC2 shows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.contract.test_lambda_functions import code_of, create
from tests.fault.waiting import until

Client = Callable[..., Any]


@pytest.fixture
def aws(client: Client) -> Any:
    return client("lambda")


@pytest.fixture
def ec2(client: Client) -> Any:
    return client("ec2")


def a_vpc(ec2: Any) -> dict[str, Any]:
    """The account's default VPC: two of its subnets and its default group."""
    subnets = ec2.describe_subnets()["Subnets"][:2]
    groups = ec2.describe_security_groups()["SecurityGroups"]
    return {
        "SubnetIds": [subnet["SubnetId"] for subnet in subnets],
        "SecurityGroupIds": [groups[0]["GroupId"]],
    }


def lambdas_interfaces(ec2: Any) -> list[dict[str, Any]]:
    filters = [{"Name": "interface-type", "Values": ["lambda"]}]
    return list(ec2.describe_network_interfaces(Filters=filters)["NetworkInterfaces"])


def test_life_in_a_vpc(aws: Any, ec2: Any, account: str) -> None:
    """1. In two subnets: two interfaces. 2. A second function shares them. 3. Nobody may delete them.

    4. Taken out of the VPC and deleted: they are gone, and so could the subnet be.
    """
    vpc = a_vpc(ec2)
    vpc_id = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    created = create(aws, account, VpcConfig=vpc)
    shown = {**vpc, "VpcId": vpc_id, "Ipv6AllowedForDualStack": False}
    assert created["VpcConfig"] == shown
    aws.get_waiter("function_active_v2").wait(FunctionName="f")
    made = lambdas_interfaces(ec2)
    assert sorted(one["SubnetId"] for one in made) == sorted(vpc["SubnetIds"])
    assert all(one["Description"].startswith("AWS Lambda VPC ENI-f-") for one in made)
    assert all(one["RequesterManaged"] and one["Status"] == "in-use" for one in made)
    create(aws, account, "g", VpcConfig=vpc)
    aws.get_waiter("function_active_v2").wait(FunctionName="g")
    assert len(lambdas_interfaces(ec2)) == 2
    with pytest.raises(ClientError, match="InUse"):
        ec2.delete_network_interface(NetworkInterfaceId=made[0]["NetworkInterfaceId"])
    nowhere = {"SubnetIds": [], "SecurityGroupIds": []}
    updated = aws.update_function_configuration(FunctionName="f", VpcConfig=nowhere)
    assert updated["VpcConfig"] == {**nowhere, "VpcId": "", "Ipv6AllowedForDualStack": False}
    aws.get_waiter("function_updated_v2").wait(FunctionName="f")
    assert len(lambdas_interfaces(ec2)) == 2
    aws.delete_function(FunctionName="g")
    until(lambda: not lambdas_interfaces(ec2), "the interfaces are freed")


def test_a_version_keeps_the_interface(aws: Any, ec2: Any, account: str) -> None:
    """A published version is in the VPC that its function has left."""
    vpc = a_vpc(ec2)
    create(aws, account, VpcConfig=vpc, Publish=True)
    aws.get_waiter("function_active_v2").wait(FunctionName="f")
    nowhere = {"SubnetIds": [], "SecurityGroupIds": []}
    aws.update_function_configuration(FunctionName="f", VpcConfig=nowhere)
    aws.get_waiter("function_updated_v2").wait(FunctionName="f")
    assert len(lambdas_interfaces(ec2)) == 2
    answer = aws.invoke(FunctionName="f", Qualifier="1", Payload=b"[1]")
    assert answer["Payload"].read() == b"[1]"
    aws.delete_function(FunctionName="f")
    until(lambda: not lambdas_interfaces(ec2), "the interfaces are freed")


def test_refusals(aws: Any, ec2: Any, account: str) -> None:
    """Ids that are not, with EC2's words in Lambda's; half a configuration; two VPCs; IPv6; too many."""
    vpc = a_vpc(ec2)
    missing = {**vpc, "SubnetIds": ["subnet-0123456789abcdef0"]}
    assert code_of(create, aws, account, VpcConfig=missing) == (
        400,
        "InvalidParameterValueException",
        "Error occurred while DescribeSubnets. EC2 Error Code: InvalidSubnetID.NotFound. EC2 Error Message: "
        "The subnet ID 'subnet-0123456789abcdef0' does not exist",
    )
    missing = {**vpc, "SecurityGroupIds": ["sg-0123456789abcdef0"]}
    _, _, message = code_of(create, aws, account, VpcConfig=missing)
    assert "DescribeSecurityGroups. EC2 Error Code: InvalidGroup.NotFound" in message
    _, _, message = code_of(create, aws, account, VpcConfig={"SubnetIds": vpc["SubnetIds"]})
    assert "SecurityGroupIds is empty" in message
    other = ec2.create_vpc(CidrBlock="10.7.0.0/16")["Vpc"]["VpcId"]
    elsewhere = ec2.create_subnet(VpcId=other, CidrBlock="10.7.1.0/24")["Subnet"]["SubnetId"]
    mixed = {**vpc, "SubnetIds": [elsewhere]}
    assert "must belong to one VPC" in code_of(create, aws, account, VpcConfig=mixed)[2]
    assert "IPv6" in code_of(create, aws, account, VpcConfig={**vpc, "Ipv6AllowedForDualStack": True})[2]
    many = {**vpc, "SecurityGroupIds": [f"sg-{n}" for n in range(6)]}
    assert "less than or equal to 5" in code_of(create, aws, account, VpcConfig=many)[2]
