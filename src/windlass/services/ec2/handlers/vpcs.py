"""VPCs: create, describe, their attributes, delete."""

from __future__ import annotations

from windlass.aws.calls import Call, Params, Result
from windlass.aws.quotas import Quotas
from windlass.kernel.faults import Fault
from windlass.kernel.rows import replace
from windlass.services.ec2 import cidr, defaults, describe, limits, listing, tagging
from windlass.services.ec2.filters import Values
from windlass.services.ec2.find import DEFAULT_GROUP, VPC, default_vpc
from windlass.services.ec2.handlers.security_groups import delete_rules
from windlass.services.ec2.handlers.serving import forget_tags, put_tags, refuse
from windlass.services.ec2.model import GROUPS, SUBNETS, VPCS, Vpc

FILTERS: dict[str, Values[Vpc]] = {
    "cidr": lambda row: (str(row.block),),
    "cidr-block-association.association-id": lambda row: (row.association_id,),
    "cidr-block-association.cidr-block": lambda row: (str(row.block),),
    "cidr-block-association.state": lambda row: ("associated",),
    "dhcp-options-id": lambda row: (row.dhcp_options_id,),
    "is-default": lambda row: (str(row.is_default).lower(),),
    "isDefault": lambda row: (str(row.is_default).lower(),),
    "owner-id": lambda row: (row.account,),
    "state": lambda row: ("available",),
    "vpc-id": lambda row: (row.id,),
}
_NOT_HERE = (
    "Ipv6Pool",
    "Ipv6CidrBlock",
    "Ipv4IpamPoolId",
    "Ipv6IpamPoolId",
    "AmazonProvidedIpv6CidrBlock",
    "VpcEncryptionControl",
)
ATTRIBUTES = {
    "enableDnsSupport": ("EnableDnsSupport", "dns_support"),
    "enableDnsHostnames": ("EnableDnsHostnames", "dns_hostnames"),
    "enableNetworkAddressUsageMetrics": ("EnableNetworkAddressUsageMetrics", "address_metrics"),
}
"""Attribute → its member in calls and answers, and its column."""


def create_vpc(call: Call, params: Params) -> Result:
    """EC2 CreateVpc, with its default security group and main route table."""
    refuse(params, _NOT_HERE)
    whole = readable_block(params.get("CidrBlock") or "")
    shortest, longest = limits.VPC_PREFIXES
    if not shortest <= whole.prefix <= longest:
        raise Fault("InvalidVpc.Range", f"The CIDR '{whole}' is invalid.")
    tags = tagging.specified(params.get("TagSpecifications", ()), "vpc")
    with call.store.transact() as tx:
        most = call.part(Quotas).value(limits.QUOTA_VPCS, call.scope)
        if most is not None and tx[VPCS].count("scope", call.scope) >= most:
            raise Fault("VpcLimitExceeded", "The maximum number of VPCs has been reached.")
        tenancy = params.get("InstanceTenancy", "default")
        vpc = defaults.make_vpc(tx, call.scope, whole, call.now, call.ids, tenancy=tenancy)
        put_tags(tx, call.scope, vpc.id, tags)
    return {"Vpc": describe.vpc(vpc, call.store)}


def create_default_vpc(call: Call, params: Params) -> Result:
    """EC2 CreateDefaultVpc: again, after it was deleted."""
    with call.store.transact() as tx:
        if default_vpc(tx, call.scope) is not None:
            raise Fault(
                "DefaultVpcAlreadyExists", "A Default VPC already exists for this account in this region."
            )
        vpc = defaults.make_default_vpc(tx, call.scope, call.now, call.ids)
    return {"Vpc": describe.vpc(vpc, call.store)}


def describe_vpcs(call: Call, params: Params) -> Result:
    """EC2 DescribeVpcs."""
    found, more = listing.rows(call, params, VPC, "DescribeVpcs", ids="VpcIds", names=FILTERS)
    return {"Vpcs": [describe.vpc(row, call.store) for row in found], **more}


def delete_vpc(call: Call, params: Params) -> None:
    """EC2 DeleteVpc; refused while it has subnets, or groups of its user's."""
    with call.store.transact() as tx:
        vpc = VPC.one(tx, call.scope, params["VpcId"])
        groups = tx[GROUPS].by("vpc", vpc.id)
        if tx[SUBNETS].count("vpc", vpc.id) or any(group.name != DEFAULT_GROUP for group in groups):
            raise Fault("DependencyViolation", f"The vpc '{vpc.id}' has dependencies and cannot be deleted.")
        for group in groups:
            delete_rules(tx, group.id)
            tx[GROUPS].delete(group.id)
            forget_tags(tx, group.id)
        for resource_id in (vpc.id, vpc.route_table_id, vpc.internet_gateway_id):
            forget_tags(tx, resource_id)
        tx[VPCS].delete(vpc.id)


def describe_vpc_attribute(call: Call, params: Params) -> Result:
    """EC2 DescribeVpcAttribute."""
    vpc = VPC.one(call.store, call.scope, params["VpcId"])
    member, column = ATTRIBUTES[params["Attribute"]]
    return {"VpcId": vpc.id, member: {"Value": getattr(vpc, column)}}


def modify_vpc_attribute(call: Call, params: Params) -> None:
    """EC2 ModifyVpcAttribute: one attribute a call."""
    given = [(member, column) for member, column in ATTRIBUTES.values() if member in params]
    if len(given) != 1:
        raise Fault("InvalidParameterCombination", "Exactly one attribute must be specified.")
    [(member, column)] = given
    with call.store.transact() as tx:
        vpc = VPC.one(tx, call.scope, params["VpcId"])
        tx[VPCS].put(replace(vpc, **{column: bool(params[member].get("Value"))}))


def readable_block(written: str) -> cidr.Block:
    """The range that a call names."""
    found = cidr.block(written)
    if found is None:
        raise Fault(
            "InvalidParameterValue",
            f"Value ({written}) for parameter cidrBlock is invalid. This is not a valid CIDR block.",
        )
    return found
