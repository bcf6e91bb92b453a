"""The interfaces of tasks: what EC2 does for other services, in their transactions (fleet/interfaces.py)."""

from __future__ import annotations

from itertools import count

from windlass.aws.quotas import Quotas
from windlass.fleet.interfaces import Making, NoInterface, Wish
from windlass.fleet.networks import Interface
from windlass.fleet.outages import Outages
from windlass.kernel.clock import Instant
from windlass.kernel.faults import Fault
from windlass.kernel.ids import Ids
from windlass.kernel.store import Transaction
from windlass.services.ec2 import defaults, interfaces, zones
from windlass.services.ec2.cidr import text
from windlass.services.ec2.find import SUBNET
from windlass.services.ec2.model import INTERFACES, SUBNETS, VPCS, NetworkInterface, Reads, Subnet

UNAVAILABLE = "Unavailable"
"""EC2's code for what cannot be had now, of a zone that failed: ours among those of its error list."""


class TaskInterfaces:
    """Implements fleet.interfaces.Source."""

    def __init__(self, quotas: Quotas, outages: Outages) -> None:
        self._quotas = quotas
        self._outages = outages

    def begin(self, tx: Transaction, wish: Wish, now: Instant, ids: Ids) -> Making:
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
        well = [subnet for subnet in subnets if not self._outages.has(subnet.zone)]
        names = tuple(group.id for group in groups)
        return _Making(tx, self._quotas, wish, well, subnets[0].id, names, now, ids)

    def release(self, tx: Transaction, interface_id: str) -> None:
        row = tx[INTERFACES].get(interface_id)
        if row is not None:
            interfaces.remove(tx, row)


class _Making:
    """Implements Making: tasks take turns on the subnets, from a drawn one on: they spread over zones.

    `subnets` are those whose zones have not failed.
    """

    def __init__(
        self,
        tx: Transaction,
        quotas: Quotas,
        wish: Wish,
        subnets: list[Subnet],
        first: str,
        groups: tuple[str, ...],
        now: Instant,
        ids: Ids,
    ) -> None:
        self._tx = tx
        self._quotas = quotas
        self._wish = wish
        self._subnets = subnets
        self._first = first
        """A subnet that was wished for, whether or not its zone has failed."""
        self._groups = groups
        self._now = now
        self._ids = ids
        self._turns = count(int(ids.hex(4), 16))

    @property
    def zones(self) -> frozenset[str]:
        return frozenset(subnet.zone for subnet in self._subnets)

    @property
    def open_zones(self) -> frozenset[str]:
        return frozenset(subnet.zone for subnet in self._subnets if self._has_address(subnet))

    def make(self, description: str, zone: str, *, bound: bool = True) -> Interface:
        if not self._subnets:
            raise NoInterface(self._first, UNAVAILABLE)
        subnet = self._next_subnet(zone if bound or zone in self.open_zones else "")
        try:
            row = interfaces.make(
                self._tx,
                self._quotas,
                subnet,
                self._groups,
                self._now,
                self._ids,
                public=self._wish.public,
                description=description,
                requester=self._wish.requester,
                shared=self._wish.shared,
                attachment_id=defaults.new_id(self._ids, "ela-attach"),
            )
        except Fault as fault:
            raise NoInterface(subnet.id, fault.code) from fault
        return told(self._tx, row)

    def _next_subnet(self, zone: str) -> Subnet:
        """The subnet whose turn it is, or the next that has an address left; if none has, that one."""
        turn = next(self._turns)
        there = [subnet for subnet in self._subnets if zone in ("", subnet.zone)] or self._subnets
        for place in range(len(there)):
            subnet = there[(turn + place) % len(there)]
            if self._has_address(subnet):
                return subnet
        return there[turn % len(there)]

    def _has_address(self, subnet: Subnet) -> bool:
        return self._tx[INTERFACES].count("subnet", subnet.id) < subnet.block.usable_count


def told(reads: Reads, row: NetworkInterface) -> Interface:
    """The interface as its node is told."""
    address, subnet = text(row.address), reads[SUBNETS].require(row.subnet_id)
    return Interface(
        id=row.id,
        mac=row.mac,
        address=address,
        subnet_id=subnet.id,
        subnet=str(subnet.block),
        vpc_id=row.vpc_id,
        vpc=str(reads[VPCS].require(row.vpc_id).block),
        groups=row.groups,
        hostname=zones.private_dns(address, row.region),
        public_address=text(row.public) if row.public else "",
        zone=row.zone,
    )
