"""EC2 rows as the API shows them. Reads only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from windlass.aws.arn import arn
from windlass.aws.calls import Result
from windlass.kernel.clock import in_seconds
from windlass.services.ec2 import permissions, zones
from windlass.services.ec2.cidr import text
from windlass.services.ec2.model import (
    GROUPS,
    INTERFACES,
    RULES,
    NetworkInterface,
    Reads,
    SecurityGroup,
    SecurityGroupRule,
    Subnet,
    Vpc,
    tags_of,
)

REQUESTERS = {"ecs": "amazon-ecs", "lambda": "amazon-lambda"}
"""What RequesterId and InstanceOwnerId show for a service that makes interfaces: our choice."""
KINDS = {"lambda": "lambda"}
"""InterfaceType of those interfaces; "interface" when it is not listed."""


def tags(row: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in row.items()]


def vpc(row: Vpc, reads: Reads) -> Result:
    return {
        "VpcId": row.id,
        "OwnerId": row.account,
        "State": "available",
        "CidrBlock": str(row.block),
        "DhcpOptionsId": row.dhcp_options_id,
        "InstanceTenancy": row.tenancy,
        "Ipv6CidrBlockAssociationSet": [],
        "CidrBlockAssociationSet": [
            {
                "AssociationId": row.association_id,
                "CidrBlock": str(row.block),
                "CidrBlockState": {"State": "associated"},
            }
        ],
        "IsDefault": row.is_default,
        "Tags": tags(tags_of(reads, row.id)),
    }


def available_addresses(row: Subnet, reads: Reads) -> int:
    """How many interfaces more the subnet can take."""
    return row.block.usable_count - reads[INTERFACES].count("subnet", row.id)


def subnet(row: Subnet, reads: Reads) -> Result:
    return {
        "SubnetId": row.id,
        "SubnetArn": resource_arn(row, "subnet"),
        "VpcId": row.vpc_id,
        "OwnerId": row.account,
        "State": "available",
        "CidrBlock": str(row.block),
        "AvailableIpAddressCount": available_addresses(row, reads),
        "AvailabilityZone": row.zone,
        "AvailabilityZoneId": zones.zone_id(row.zone),
        "DefaultForAz": row.default_for_zone,
        "MapPublicIpOnLaunch": row.map_public_address,
        "MapCustomerOwnedIpOnLaunch": False,
        "AssignIpv6AddressOnCreation": False,
        "Ipv6CidrBlockAssociationSet": [],
        "EnableDns64": False,
        "Ipv6Native": False,
        "PrivateDnsNameOptionsOnLaunch": {
            "HostnameType": "ip-name",
            "EnableResourceNameDnsARecord": False,
            "EnableResourceNameDnsAAAARecord": False,
        },
        "Tags": tags(tags_of(reads, row.id)),
    }


def group(row: SecurityGroup, reads: Reads) -> Result:
    return {
        "GroupId": row.id,
        "GroupName": row.name,
        "Description": row.description,
        "OwnerId": row.account,
        "VpcId": row.vpc_id,
        "SecurityGroupArn": resource_arn(row, "security-group"),
        "IpPermissions": permissions.permissions(_rules(reads, row, egress=False), row.account),
        "IpPermissionsEgress": permissions.permissions(_rules(reads, row, egress=True), row.account),
        "Tags": tags(tags_of(reads, row.id)),
    }


def _rules(reads: Reads, row: SecurityGroup, *, egress: bool) -> list[SecurityGroupRule]:
    return reads[RULES].by("direction", (row.id, egress))


def rule(row: SecurityGroupRule, reads: Reads) -> Result:
    shown: Result = {
        "SecurityGroupRuleId": row.id,
        "SecurityGroupRuleArn": resource_arn(row, "security-group-rule"),
        "GroupId": row.group_id,
        "GroupOwnerId": row.account,
        "IsEgress": row.egress,
        "IpProtocol": row.opening.protocol,
        "FromPort": row.opening.from_port,
        "ToPort": row.opening.to_port,
        "Tags": tags(tags_of(reads, row.id)),
    }
    if row.opening.cidr:
        shown["CidrIpv4"] = row.opening.cidr
    if row.opening.cidr6:
        shown["CidrIpv6"] = row.opening.cidr6
    if row.opening.group_id:
        shown["ReferencedGroupInfo"] = {"GroupId": row.opening.group_id, "UserId": row.account}
    if row.description:
        shown["Description"] = row.description
    return shown


def interface(row: NetworkInterface, reads: Reads) -> Result:
    address = text(row.address)
    hostname = zones.private_dns(address, row.region)
    association = _association(row)
    shown: Result = {
        "NetworkInterfaceId": row.id,
        "OwnerId": row.account,
        "Description": row.description,
        "InterfaceType": KINDS.get(row.requester, "interface"),
        "Status": "in-use" if row.requester else "available",
        "RequesterManaged": bool(row.requester),
        "SourceDestCheck": row.source_dest_check,
        "AvailabilityZone": row.zone,
        "AvailabilityZoneId": zones.zone_id(row.zone),
        "VpcId": row.vpc_id,
        "SubnetId": row.subnet_id,
        "MacAddress": row.mac,
        "PrivateIpAddress": address,
        "PrivateDnsName": hostname,
        "PrivateIpAddresses": [
            {"Primary": True, "PrivateIpAddress": address, "PrivateDnsName": hostname, **association}
        ],
        "Ipv6Addresses": [],
        "Groups": groups(row, reads),
        "TagSet": tags(tags_of(reads, row.id)),
        **association,
    }
    if row.requester:
        shown["RequesterId"] = REQUESTERS.get(row.requester, row.requester)
        shown["Attachment"] = attachment(row)
    return shown


def groups(row: NetworkInterface, reads: Reads) -> list[dict[str, str]]:
    named = ((group_id, reads[GROUPS].get(group_id)) for group_id in row.groups)
    return [{"GroupId": group_id, "GroupName": one.name if one else ""} for group_id, one in named]


def attachment(row: NetworkInterface) -> Result:
    """The attachment of an interface in use: to no instance, as those of Fargate tasks."""
    return {
        "AttachmentId": row.attachment_id,
        "AttachTime": in_seconds(row.created_at),
        "DeleteOnTermination": True,
        "DeviceIndex": 1,
        "NetworkCardIndex": 0,
        "InstanceOwnerId": REQUESTERS.get(row.requester, row.requester),
        "Status": "attached",
    }


def _association(row: NetworkInterface) -> dict[str, Any]:
    if not row.public:
        return {}
    address = text(row.public)
    return {
        "Association": {
            "AssociationId": row.association_id,
            "IpOwnerId": "amazon",
            "PublicIp": address,
            "PublicDnsName": zones.public_dns(address, row.region),
        }
    }


def resource_arn(row: Any, kind: str) -> str:
    return arn("ec2", row.region, row.account, f"{kind}/{row.id}")
