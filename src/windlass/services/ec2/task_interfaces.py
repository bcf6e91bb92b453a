"""The interfaces of tasks: what EC2 does for other services, in their transactions (fleet/interfaces.py)."""

from __future__ import annotations

from itertools import count

from windlass.aws.quotas import Quotas
from windlass.fleet.interfaces import Make, NoInterface, Wish
from windlass.fleet.networks import Interface
from windlass.kernel.clock import Instant
from windlass.kernel.faults import Fault
from windlass.kernel.ids import Ids
from windlass.kernel.store import Transaction
from windlass.services.ec2 import defaults, interfaces, zones
from windlass.services.ec2.cidr import text
from windlass.services.ec2.find import SUBNET
from windlass.services.ec2.model import INTERFACES, VPCS, NetworkInterface, Subnet


class TaskInterfaces:
    """Implements fleet.interfaces.Source."""

    def __init__(self, quotas: Quotas) -> None:
        self._quotas = quotas

    def begin(self, tx: Transaction, wish: Wish, now: Instant, ids: Ids) -> Make:
        """Tasks take turns on the subnets, from a drawn one on, so that they spread over the zones."""
        scope = (wish.account, wish.region)
        defaults.begin_in(tx, scope, now, ids)
        subnets = SUBNET.several(tx, scope, wish.subnets)
        if len({subnet.vpc_id for subnet in subnets}) > 1:
            raise Fault("InvalidParameterValue", "The subnets are not in the same VPC.")
        groups = interfaces.chosen_groups(tx, scope, subnets[0].vpc_id, wish.groups)
        for group in groups:
            if group.vpc_id != subnets[0].vpc_id:
                raise Fault(
                    "InvalidGroup.NotFound",
                    f"Security group {group.id} and subnet {subnets[0].id} belong to different networks.",
                )
        group_ids = [group.id for group in groups]
        turns = count(int(ids.hex(4), 16))

        def make(description: str) -> Interface:
            subnet = _roomy(tx, subnets, next(turns))
            attachment_id = defaults.new_id(ids, "ela-attach")
            try:
                row = interfaces.make(
                    tx,
                    self._quotas,
                    subnet,
                    group_ids,
                    now,
                    ids,
                    public=wish.public,
                    description=description,
                    requester=wish.requester,
                    attachment_id=attachment_id,
                )
            except Fault as fault:
                raise NoInterface(subnet.id, fault.code) from fault
            return _told(tx, row, subnet)

        return make

    def release(self, tx: Transaction, interface_id: str) -> None:
        row = tx[INTERFACES].get(interface_id)
        if row is not None:
            interfaces.remove(tx, row)


def _roomy(tx: Transaction, subnets: list[Subnet], turn: int) -> Subnet:
    """The subnet whose turn it is, or the next that has an address left; if none has, that one."""
    for place in range(len(subnets)):
        subnet = subnets[(turn + place) % len(subnets)]
        if tx[INTERFACES].count("subnet", subnet.id) < subnet.block.usable_count:
            return subnet
    return subnets[turn % len(subnets)]


def _told(tx: Transaction, row: NetworkInterface, subnet: Subnet) -> Interface:
    """The interface as its node is told."""
    address = text(row.address)
    return Interface(
        id=row.id,
        mac=row.mac,
        address=address,
        subnet_id=subnet.id,
        subnet=str(subnet.block),
        vpc_id=row.vpc_id,
        vpc=str(tx[VPCS].require(row.vpc_id).block),
        groups=row.groups,
        hostname=zones.private_dns(address, row.region),
        public_address=text(row.public) if row.public else "",
        zone=row.zone,
    )
