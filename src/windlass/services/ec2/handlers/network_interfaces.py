"""Network interfaces: create, describe, modify, delete. Those of tasks are not their account's to change."""

from __future__ import annotations

from windlass.aws.calls import Call, Params, Result
from windlass.aws.quotas import Quotas
from windlass.kernel.faults import Fault
from windlass.kernel.rows import replace
from windlass.kernel.store import Transaction
from windlass.services.ec2 import describe, interfaces, limits, listing, tagging, zones
from windlass.services.ec2.cidr import text
from windlass.services.ec2.filters import Values
from windlass.services.ec2.find import INTERFACE, SUBNET
from windlass.services.ec2.handlers.serving import put_tags, refuse
from windlass.services.ec2.model import GROUPS, INTERFACES, NetworkInterface, Reads, SecurityGroup, Subnet

_NOT_HERE = (
    "Ipv4Prefixes",
    "Ipv4PrefixCount",
    "Ipv6Prefixes",
    "Ipv6PrefixCount",
    "Ipv6Addresses",
    "Ipv6AddressCount",
    "EnablePrimaryIpv6",
    "SecondaryPrivateIpAddressCount",
    "ConnectionTrackingSpecification",
)
_NOT_MODIFIED = (
    "EnaSrdSpecification",
    "EnablePrimaryIpv6",
    "ConnectionTrackingSpecification",
    "AssociatePublicIpAddress",
    "AssociatedSubnetIds",
    "Attachment",
)
_MODIFIED = ("Description", "SourceDestCheck", "Groups")


def create_network_interface(call: Call, params: Params) -> Result:
    """EC2 CreateNetworkInterface: one private address, nothing attached."""
    refuse(params, _NOT_HERE)
    if params.get("InterfaceType", "interface") != "interface":
        raise Fault("UnsupportedOperation", "Windlass has network interfaces of type interface only.")
    described = params.get("Description", "")
    _check_description(described)
    tags = tagging.specified(params.get("TagSpecifications", ()), "network-interface")
    address = _wanted_address(params)
    with call.store.transact() as tx:
        subnet = SUBNET.one(tx, call.scope, params["SubnetId"])
        groups = _groups(tx, call, subnet.vpc_id, params.get("Groups", ()), subnet)
        row = interfaces.make(
            tx,
            call.part(Quotas),
            subnet,
            tuple(group.id for group in groups),
            call.now,
            call.ids,
            wanted=address,
            description=described,
        )
        put_tags(tx, call.scope, row.id, tags)
    return {"NetworkInterface": {**describe.interface(row, call.store), "Status": "pending"}}


def describe_network_interfaces(call: Call, params: Params) -> Result:
    """EC2 DescribeNetworkInterfaces."""
    found, more = listing.rows(
        call,
        params,
        INTERFACE,
        "DescribeNetworkInterfaces",
        ids="NetworkInterfaceIds",
        names={**FILTERS, "group-name": lambda row: _group_names(call.store, row)},
        narrow={"subnet-id": "subnet"},
    )
    return {"NetworkInterfaces": [describe.interface(row, call.store) for row in found], **more}


def delete_network_interface(call: Call, params: Params) -> None:
    """EC2 DeleteNetworkInterface; one in use stays."""
    with call.store.transact() as tx:
        row = INTERFACE.one(tx, call.scope, params["NetworkInterfaceId"])
        if row.requester:
            raise Fault(
                "InvalidNetworkInterface.InUse", f"The network interface '{row.id}' is currently in use."
            )
        interfaces.remove(tx, row)


def describe_network_interface_attribute(call: Call, params: Params) -> Result:
    """EC2 DescribeNetworkInterfaceAttribute."""
    row = INTERFACE.one(call.store, call.scope, params["NetworkInterfaceId"])
    attribute = params.get("Attribute")
    shown: Result = {"NetworkInterfaceId": row.id}
    if attribute == "description":
        shown["Description"] = {"Value": row.description}
    elif attribute == "groupSet":
        shown["Groups"] = describe.groups(row, call.store)
    elif attribute == "sourceDestCheck":
        shown["SourceDestCheck"] = {"Value": row.source_dest_check}
    elif attribute == "attachment" and row.requester:
        shown["Attachment"] = describe.attachment(row)
    elif attribute == "associatePublicIpAddress":
        shown["AssociatePublicIpAddress"] = bool(row.public)
    elif attribute != "attachment":
        raise Fault("MissingParameter", "The request must contain the parameter Attribute")
    return shown


def modify_network_interface_attribute(call: Call, params: Params) -> None:
    """EC2 ModifyNetworkInterfaceAttribute: description, groups or source check, one a call."""
    refuse(params, _NOT_MODIFIED)
    given = [name for name in _MODIFIED if params.get(name)]
    if len(given) != 1:
        raise Fault("InvalidParameterCombination", "Exactly one attribute must be specified.")
    with call.store.transact() as tx:
        row = INTERFACE.one(tx, call.scope, params["NetworkInterfaceId"])
        if row.requester:
            raise Fault(
                "OperationNotPermitted",
                f"You do not have permission to modify '{row.id}': {describe.REQUESTERS[row.requester]} "
                "manages it.",
            )
        match given[0]:
            case "Description":
                described = params["Description"].get("Value", "")
                _check_description(described)
                row = replace(row, description=described)
            case "SourceDestCheck":
                row = replace(row, source_dest_check=bool(params["SourceDestCheck"].get("Value")))
            case _:
                groups = _groups(tx, call, row.vpc_id, params["Groups"], row)
                row = replace(row, groups=tuple(group.id for group in groups))
        tx[INTERFACES].put(row)


FILTERS: dict[str, Values[NetworkInterface]] = {
    "addresses.private-ip-address": lambda row: (text(row.address),),
    "addresses.primary": lambda row: ("true",),
    "addresses.association.public-ip": lambda row: _public(row),
    "association.public-ip": lambda row: _public(row),
    "association.association-id": lambda row: (row.association_id,) if row.public else (),
    "attachment.attachment-id": lambda row: (row.attachment_id,) if row.requester else (),
    "attachment.status": lambda row: ("attached",) if row.requester else (),
    "availability-zone": lambda row: (row.zone,),
    "availability-zone-id": lambda row: (zones.zone_id(row.zone),),
    "description": lambda row: (row.description,),
    "group-id": lambda row: row.groups,
    "interface-type": lambda row: (describe.KINDS.get(row.requester, "interface"),),
    "mac-address": lambda row: (row.mac,),
    "network-interface-id": lambda row: (row.id,),
    "owner-id": lambda row: (row.account,),
    "private-dns-name": lambda row: (zones.private_dns(text(row.address), row.region),),
    "private-ip-address": lambda row: (text(row.address),),
    "requester-id": lambda row: (describe.REQUESTERS[row.requester],) if row.requester else (),
    "requester-managed": lambda row: (str(bool(row.requester)).lower(),),
    "source-dest-check": lambda row: (str(row.source_dest_check).lower(),),
    "status": lambda row: ("in-use" if row.requester else "available",),
    "subnet-id": lambda row: (row.subnet_id,),
    "vpc-id": lambda row: (row.vpc_id,),
}


def _public(row: NetworkInterface) -> tuple[str, ...]:
    return (text(row.public),) if row.public else ()


def _group_names(reads: Reads, row: NetworkInterface) -> list[str]:
    groups = (reads[GROUPS].get(group_id) for group_id in row.groups)
    return [group.name for group in groups if group is not None]


def _groups(
    tx: Transaction, call: Call, vpc_id: str, named: list[str], within: Subnet | NetworkInterface
) -> list[SecurityGroup]:
    groups = interfaces.chosen_groups(tx, call.scope, vpc_id, named)
    for group in groups:
        if group.vpc_id != vpc_id:
            kind = "subnet" if isinstance(within, Subnet) else "interface"
            raise Fault(
                "InvalidParameterValue",
                f"Security group {group.id} and {kind} {within.id} belong to different networks.",
            )
    return groups


def _wanted_address(params: Params) -> int | None:
    """PrivateIpAddress, or the only one of PrivateIpAddresses."""
    several = params.get("PrivateIpAddresses", ())
    if len(several) > 1:
        raise Fault("UnsupportedOperation", "Windlass does not have secondary private addresses yet.")
    written = params.get("PrivateIpAddress") or next((one.get("PrivateIpAddress") for one in several), None)
    return interfaces.address_of(written) if written else None


def _check_description(described: str) -> None:
    if len(described) > limits.DESCRIPTION_LENGTH_MAX:
        raise Fault(
            "InvalidParameterValue",
            f"A description can have at most {limits.DESCRIPTION_LENGTH_MAX} characters.",
        )
