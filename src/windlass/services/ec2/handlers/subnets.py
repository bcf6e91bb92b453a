"""Subnets: create, describe, modify, delete."""

from __future__ import annotations

from collections import Counter

from windlass.aws.calls import Call, Params, Result
from windlass.aws.quotas import Quotas
from windlass.kernel.faults import Fault
from windlass.kernel.rows import replace
from windlass.kernel.store import Transaction
from windlass.services.ec2 import cidr, defaults, describe, limits, listing, tagging, zones
from windlass.services.ec2.filters import Values
from windlass.services.ec2.find import SUBNET, VPC
from windlass.services.ec2.handlers.serving import forget_tags, put_tags, refuse
from windlass.services.ec2.handlers.vpcs import readable_block
from windlass.services.ec2.model import INTERFACES, SUBNETS, Subnet, Vpc

_NOT_HERE = (
    "Ipv6CidrBlock",
    "OutpostArn",
    "Ipv6Native",
    "Ipv4IpamPoolId",
    "Ipv6IpamPoolId",
)
_ATTRIBUTES_NOT_HERE = (
    "AssignIpv6AddressOnCreation",
    "MapCustomerOwnedIpOnLaunch",
    "CustomerOwnedIpv4Pool",
    "EnableDns64",
    "PrivateDnsHostnameTypeOnLaunch",
    "EnableResourceNameDnsARecordOnLaunch",
    "EnableResourceNameDnsAAAARecordOnLaunch",
    "EnableLniAtDeviceIndex",
    "DisableLniAtDeviceIndex",
)


def create_subnet(call: Call, params: Params) -> Result:
    """EC2 CreateSubnet: a range of its VPC that no other subnet has."""
    refuse(params, _NOT_HERE)
    wanted = readable_block(params.get("CidrBlock") or "")
    tags = tagging.specified(params.get("TagSpecifications", ()), "subnet")
    with call.store.transact() as tx:
        vpc = VPC.one(tx, call.scope, params["VpcId"])
        zone = _zone(tx, call, params, vpc)
        _check_range(tx, vpc, wanted)
        most = call.part(Quotas).value(limits.QUOTA_SUBNETS, call.scope)
        if most is not None and tx[SUBNETS].count("vpc", vpc.id) >= most:
            raise Fault("SubnetLimitExceeded", "The maximum number of subnets has been reached.")
        subnet = Subnet(defaults.new_id(call.ids, "subnet"), *call.scope, vpc.id, wanted, zone, call.now)
        tx[SUBNETS].put(subnet)
        put_tags(tx, call.scope, subnet.id, tags)
    return {"Subnet": describe.subnet(subnet, call.store)}


def describe_subnets(call: Call, params: Params) -> Result:
    """EC2 DescribeSubnets."""

    def available(row: Subnet) -> tuple[str, ...]:
        return (str(describe.available_addresses(row, call.store)),)

    found, more = listing.rows(
        call,
        params,
        SUBNET,
        "DescribeSubnets",
        ids="SubnetIds",
        names={**FILTERS, "available-ip-address-count": available},
        narrow={"vpc-id": "vpc"},
    )
    return {"Subnets": [describe.subnet(row, call.store) for row in found], **more}


def delete_subnet(call: Call, params: Params) -> None:
    """EC2 DeleteSubnet; refused while an interface has an address of it."""
    with call.store.transact() as tx:
        subnet = SUBNET.one(tx, call.scope, params["SubnetId"])
        if tx[INTERFACES].count("subnet", subnet.id):
            raise Fault(
                "DependencyViolation", f"The subnet '{subnet.id}' has dependencies and cannot be deleted."
            )
        tx[SUBNETS].delete(subnet.id)
        forget_tags(tx, subnet.id)


def modify_subnet_attribute(call: Call, params: Params) -> None:
    """EC2 ModifySubnetAttribute: MapPublicIpOnLaunch."""
    refuse(params, _ATTRIBUTES_NOT_HERE)
    with call.store.transact() as tx:
        subnet = SUBNET.one(tx, call.scope, params["SubnetId"])
        if "MapPublicIpOnLaunch" in params:
            given = bool(params["MapPublicIpOnLaunch"].get("Value"))
            tx[SUBNETS].put(replace(subnet, map_public_address=given))


FILTERS: dict[str, Values[Subnet]] = {
    "availability-zone": lambda row: (row.zone,),
    "availabilityZone": lambda row: (row.zone,),
    "availability-zone-id": lambda row: (zones.zone_id(row.zone),),
    "availabilityZoneId": lambda row: (zones.zone_id(row.zone),),
    "cidr": lambda row: (str(row.block),),
    "cidr-block": lambda row: (str(row.block),),
    "cidrBlock": lambda row: (str(row.block),),
    "default-for-az": lambda row: (str(row.default_for_zone).lower(),),
    "defaultForAz": lambda row: (str(row.default_for_zone).lower(),),
    "map-public-ip-on-launch": lambda row: (str(row.map_public_address).lower(),),
    "owner-id": lambda row: (row.account,),
    "state": lambda row: ("available",),
    "subnet-arn": lambda row: (describe.resource_arn(row, "subnet"),),
    "subnet-id": lambda row: (row.id,),
    "vpc-id": lambda row: (row.vpc_id,),
}


def _zone(tx: Transaction, call: Call, params: Params, vpc: Vpc) -> str:
    """The zone that the call names, by name or id; else that with the fewest subnets of the VPC."""
    names = zones.zones(call.region)
    by_id = {zones.zone_id(name): name for name in names}
    asked = params.get("AvailabilityZone") or by_id.get(params.get("AvailabilityZoneId", ""))
    if asked is None and not params.get("AvailabilityZoneId"):
        counts = Counter(subnet.zone for subnet in tx[SUBNETS].by("vpc", vpc.id))
        return min(names, key=lambda name: counts[name])
    if asked not in names:
        shown = params.get("AvailabilityZone") or params.get("AvailabilityZoneId")
        raise Fault(
            "InvalidParameterValue",
            f"Value ({shown}) for parameter availabilityZone is invalid. Subnets can currently only be "
            f"created in the following availability zones: {', '.join(names)}.",
        )
    return str(asked)


def _check_range(tx: Transaction, vpc: Vpc, wanted: cidr.Block) -> None:
    shortest, longest = limits.VPC_PREFIXES
    if not shortest <= wanted.prefix <= longest or not vpc.block.holds(wanted):
        raise Fault("InvalidSubnet.Range", f"The CIDR '{wanted}' is invalid.")
    # Subnets do not overlap, so that only the last one that begins before our end can be in the way.
    before = tx[SUBNETS].page("vpc", vpc.id, after=(wanted.last + 1,), limit=1, reverse=True)
    if before and before[0].block.overlaps(wanted):
        raise Fault("InvalidSubnet.Conflict", f"The CIDR '{wanted}' conflicts with another subnet")
