"""Network interfaces made and taken away, inside the caller's transaction.

An address is taken by the interface that has it and by nothing else: the row is the lease. AWS picks
addresses with no order that one can see; here the search begins at a drawn place, so that an address that
was just given back does not go to the next task while somebody still talks to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from windlass.aws.quotas import Quotas
from windlass.kernel.clock import Instant
from windlass.kernel.faults import Fault
from windlass.kernel.ids import Ids
from windlass.kernel.rows import replace
from windlass.kernel.store import Transaction
from windlass.services.ec2 import limits
from windlass.services.ec2.cidr import Block, block, free, number, text
from windlass.services.ec2.defaults import new_id
from windlass.services.ec2.find import GROUP, default_group
from windlass.services.ec2.model import (
    INTERFACES,
    TAGS,
    NetworkInterface,
    Reads,
    Scope,
    SecurityGroup,
    Subnet,
    tags_of,
)

PUBLIC_RANGE = block("198.18.0.0/15") or Block(0, 15)
"""Where made-up public addresses come from: set aside for measurements, routed by nobody (RFC 2544)."""


def make(
    tx: Transaction,
    quotas: Quotas,
    subnet: Subnet,
    groups: tuple[str, ...],
    now: Instant,
    ids: Ids,
    *,
    wanted: int | None = None,
    public: bool = False,
    **columns: Any,
) -> NetworkInterface:
    """An interface with an address of the subnet, `wanted` or any. Raises as CreateNetworkInterface does."""
    scope = (subnet.account, subnet.region)
    most = quotas.value(limits.QUOTA_INTERFACES, scope)
    if most is not None and tx[INTERFACES].count("scope", scope) >= most:
        raise Fault(
            "NetworkInterfaceLimitExceeded", "The maximum number of network interfaces has been reached."
        )
    address = _any_address(tx, subnet, ids) if wanted is None else _that_address(tx, subnet, wanted)
    made = NetworkInterface(
        id=new_id(ids, "eni"),
        account=subnet.account,
        region=subnet.region,
        vpc_id=subnet.vpc_id,
        subnet_id=subnet.id,
        zone=subnet.zone,
        address=address,
        mac=mac(address, subnet.vpc_id),
        groups=groups,
        created_at=now,
        **columns,
    )
    if public:
        made = replace(made, public=_public_address(tx, ids), association_id=new_id(ids, "eipassoc"))
    return tx[INTERFACES].put(made)


def remove(tx: Transaction, row: NetworkInterface) -> None:
    """The interface is gone, its address free, its tags forgotten."""
    tx[INTERFACES].delete(row.id)
    for key in tags_of(tx, row.id):
        tx[TAGS].delete((row.id, key))


def chosen_groups(reads: Reads, scope: Scope, vpc_id: str, named: Sequence[str]) -> list[SecurityGroup]:
    """The groups of an interface in that VPC: those named, or the VPC's default one."""
    if not named:
        return [default_group(reads, vpc_id)]
    found = GROUP.several(reads, scope, named)
    if len(found) > limits.GROUPS_PER_INTERFACE_MAX:
        raise Fault(
            "SecurityGroupsPerInterfaceLimitExceeded",
            "The maximum number of security groups per interface has been reached.",
        )
    return found


def mac(address: int, vpc_id: str) -> str:
    """A locally administered MAC address, the same for the same address: one in its VPC.

    >>> mac(0xAC1F0004, "vpc-0ab")
    '0a:ab:ac:1f:00:04'
    """
    octets = [0x0A, int(vpc_id[-2:], 16), *address.to_bytes(4, "big")]
    return ":".join(f"{octet:02x}" for octet in octets)


def _any_address(tx: Transaction, subnet: Subnet, ids: Ids) -> int:
    view = tx[INTERFACES]
    low, high = subnet.block.usable
    found = free(lambda upto: view.count_upto("subnet", subnet.id, upto), low, high, _drawn(low, high, ids))
    if found is None:
        raise Fault(
            "InsufficientFreeAddressesInSubnet",
            f"The specified subnet '{subnet.id}' does not have enough free addresses to satisfy the request.",
        )
    return found


def _that_address(tx: Transaction, subnet: Subnet, wanted: int) -> int:
    low, high = subnet.block.usable
    if not subnet.block.first <= wanted <= subnet.block.last:
        raise Fault("InvalidParameterValue", "Address does not fall within the subnet's address range")
    if not low <= wanted <= high:
        raise Fault("InvalidParameterValue", "Address is in subnet's reserved address range")
    if (before := tx[INTERFACES].after("subnet", subnet.id, wanted - 1)) and before.address == wanted:
        raise Fault("InvalidIPAddress.InUse", f"Address {text(wanted)} is in use.")
    return wanted


def _public_address(tx: Transaction, ids: Ids) -> int:
    view = tx[INTERFACES]
    low, high = PUBLIC_RANGE.usable
    found = free(lambda upto: view.count_upto("public", "all", upto), low, high, _drawn(low, high, ids))
    if found is None:
        raise Fault("InsufficientAddressCapacity", "There are no made-up public addresses left.")
    return found


def _drawn(low: int, high: int, ids: Ids) -> int:
    return low + int(ids.hex(8), 16) % (high - low + 1)


def address_of(written: str) -> int:
    """An address that a call names."""
    found = number(written)
    if found is None:
        raise Fault("InvalidParameterValue", f"invalid value for parameter address: {written}")
    return found
