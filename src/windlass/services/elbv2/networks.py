"""The subnets and security groups of a load balancer: checked by asking EC2, in ELB's words when it says no.

Known gaps: IPv6, elastic addresses and Outposts; the rules of security groups are not enforced between
clients, load balancers and targets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from windlass.aws.calls import Call, Params, Principal
from windlass.kernel.faults import Fault
from windlass.services.elbv2.model import Zone
from windlass.services.elbv2.refusals import configuration, invalid, unsupported

PRINCIPAL = "elasticloadbalancing.amazonaws.com"
ZONES_MIN = 2  # Availability Zones of an Application Load Balancer; API reference, CreateLoadBalancer
SECURITY_GROUPS_MAX = 5  # per load balancer; VPC User Guide, quotas per interface


@dataclass(frozen=True, slots=True)
class Place:
    """Where a load balancer is."""

    vpc_id: str
    zones: tuple[Zone, ...]


async def place(call: Call, params: Params) -> Place:
    """What Subnets or SubnetMappings of a request come to."""
    subnets, mappings = params.get("Subnets") or (), params.get("SubnetMappings") or ()
    if bool(subnets) == bool(mappings):
        raise invalid("You must specify either subnets or subnet mappings, but not both")
    for mapping in mappings:
        other = next((name for name in mapping if name != "SubnetId"), None)
        if other is not None:
            raise unsupported(f"{other} in subnet mappings")
    ids = list(dict.fromkeys([*subnets, *(mapping.get("SubnetId", "") for mapping in mappings)]))
    found = await _ask(call, "DescribeSubnets", {"SubnetIds": ids}, "SubnetNotFoundException")
    rows: list[dict[str, Any]] = sorted(found["Subnets"], key=lambda one: ids.index(one["SubnetId"]))
    vpcs = {one["VpcId"] for one in rows}
    if len(vpcs) != 1:
        raise configuration("All subnets must belong to the same VPC")
    zones = {one["AvailabilityZone"] for one in rows}
    if len(zones) != len(rows):
        raise configuration(
            "A load balancer cannot be attached to multiple subnets in the same Availability Zone"
        )
    if len(zones) < ZONES_MIN:
        raise invalid("At least two subnets in two different Availability Zones must be specified")
    return Place(vpcs.pop(), tuple(Zone(one["AvailabilityZone"], one["SubnetId"]) for one in rows))


async def security_groups(call: Call, given: Sequence[str], vpc_id: str) -> tuple[str, ...]:
    """The groups asked for, which must be of that VPC; without any, the VPC's default one."""
    if len(given) > SECURITY_GROUPS_MAX:
        raise configuration(f"At most {SECURITY_GROUPS_MAX} security groups are allowed")
    if not given:
        filters = [{"Name": "vpc-id", "Values": [vpc_id]}, {"Name": "group-name", "Values": ["default"]}]
        asked: dict[str, Any] = {"Filters": filters}
    else:
        asked = {"GroupIds": list(dict.fromkeys(given))}
    found = await _ask(call, "DescribeSecurityGroups", asked, "InvalidSecurityGroupException")
    foreign = [one["GroupId"] for one in found["SecurityGroups"] if one["VpcId"] != vpc_id]
    if foreign:
        raise configuration(
            f"One or more security groups are not in the VPC of the load balancer: {foreign[0]}"
        )
    return tuple(given and dict.fromkeys(given)) or tuple(one["GroupId"] for one in found["SecurityGroups"])


async def check_vpc(call: Call, vpc_id: str) -> None:
    """The VPC of a target group must be there."""
    await _ask(call, "DescribeVpcs", {"VpcIds": [vpc_id]}, "ValidationError")


async def blocks(call: Call, vpc_id: str) -> list[str]:
    """The address ranges of a VPC; none of one that is gone."""
    try:
        found = await _ec2(call, "DescribeVpcs", {"VpcIds": [vpc_id]})
    except Fault:
        return []
    return [vpc["CidrBlock"] for vpc in found["Vpcs"]]


async def _ask(call: Call, operation: str, params: Params, code: str) -> Params:
    try:
        return await _ec2(call, operation, params)
    except Fault as fault:
        raise Fault(code, fault.message) from fault


async def _ec2(call: Call, operation: str, params: Params) -> Params:
    return await call.calls.call("ec2", operation, params, Principal(call.account, call.region, PRINCIPAL))
