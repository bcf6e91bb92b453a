"""Makes machines for EC2 itself and for Auto Scaling (fleet/blueprints.py), and forgets what they leave.

A machine is a row of the fleet, a part of the agent on this machine with the size of its type; nothing boots
and nothing runs its user data, but what that says to the ECS agent is kept to (fleet/user_data.py).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence

from windlass.aws.quotas import Quotas
from windlass.fleet import user_data
from windlass.fleet.blueprints import Blueprint, Scope, Site, Size, TemplateName
from windlass.fleet.instances import draw_boot, host, launch
from windlass.fleet.model import INSTANCES, NODES, Instance
from windlass.fleet.outages import Outages
from windlass.kernel.chance import Chance
from windlass.kernel.clock import HOUR, Duration, Instant
from windlass.kernel.faults import Fault
from windlass.kernel.ids import Ids
from windlass.kernel.reconcile import Loop
from windlass.kernel.store import Change, Store, Transaction
from windlass.services.ec2 import defaults, find, instance_types, launch_data, templates, zones
from windlass.services.ec2.handlers.serving import forget_tags, put_tags
from windlass.services.ec2.model import SUBNETS, TAGS, Subnet
from windlass.services.plane import Plane

CHANCE = "ec2.instances"
PERIOD: Duration = HOUR


class Machines:
    """Implements fleet.blueprints.Maker. A part of the plane."""

    def __init__(self, quotas: Quotas, chance: Chance, outages: Outages) -> None:
        self._quotas = quotas
        self._outages = outages
        self._stream = chance.stream(CHANCE)
        self._ids = Ids(self._stream)

    def blueprint(self, reads: Store | Transaction, scope: Scope, named: TemplateName) -> Blueprint:
        template, version = templates.resolve(reads, scope, named)
        exact = TemplateName(template.id, template.name, str(version.number))
        return launch_data.blueprint(version.data, exact)

    def size(self, instance_type: str) -> Size | None:
        found = instance_types.find(instance_type)
        return None if found is None else Size(found.cpu_units, found.memory_mib, found.gpus)

    def types(self, named: Iterable[str]) -> dict[str, Size]:
        found = instance_types.named(frozenset(named))
        return {one.name: Size(one.cpu_units, one.memory_mib, one.gpus) for one in found}

    def zones(self, region: str) -> list[str]:
        return zones.zones(region)

    def sites(
        self, tx: Transaction, scope: Scope, subnets: Iterable[str], now: Instant, ids: Ids
    ) -> list[Site]:
        defaults.begin_in(tx, scope, now, ids)
        return [Site(row.zone, row.id) for row in find.SUBNET.several(tx, scope, subnets)]

    def well(self, sites: Sequence[Site]) -> Sequence[Site]:
        return [site for site in sites if not self._outages.has(site.zone)] or sites

    def launch(
        self,
        tx: Transaction,
        scope: Scope,
        made: Blueprint,
        site: Site,
        group: str,
        now: Instant,
        details: Mapping[str, str] | None = None,
    ) -> Instance:
        """`details` are the call's own: its reservation, its token."""
        size = launch_data.check_type(made.instance_type)
        if self._outages.has(site.zone):
            raise Fault(
                "InsufficientInstanceCapacity",
                f"We currently do not have sufficient {made.instance_type} capacity in the Availability Zone "
                f"you requested ({site.zone}).",
                status=500,
            )
        node = host(tx[NODES].by("whole", "yes"))
        if node is None:
            raise Fault(
                "InsufficientInstanceCapacity",
                "There is no agent that instances could be part of (--no-agent).",
                status=500,
            )
        told = user_data.read(made.user_data, made.image_id)
        machine = Instance(
            id=defaults.new_id(self._ids, "i"),
            kind="EC2",
            node_id=node.id,
            account=scope[0],
            region=scope[1],
            cluster=told.cluster,
            cpu_units=size.cpu_units,
            memory_mib=size.memory_mib,
            launched_at=now,
            zone=site.zone,
            instance_type=size.name,
            gpus=size.gpus,
            attributes=told.attributes,
            group=group,
            details=self._details(tx, scope, made, site, dict(details or {})),
        )
        put_tags(tx, scope, machine.id, dict(made.tags))
        return launch(tx, machine, draw_boot(self._quotas, self._stream))

    def _details(
        self, tx: Transaction, scope: Scope, made: Blueprint, site: Site, further: dict[str, str]
    ) -> dict[str, str]:
        """What DescribeInstances shows and nobody reads."""
        subnet = tx[SUBNETS].get(site.subnet_id) if site.subnet_id else _default_subnet(tx, scope, site.zone)
        shown = {
            **made.details,
            "ImageId": made.image_id,
            "SubnetId": subnet.id if subnet else "",
            "VpcId": subnet.vpc_id if subnet else "",
            **further,
        }
        shown.setdefault("ReservationId", f"r-0{self._ids.hex(16)}")
        return {name: text for name, text in shown.items() if text}


def _default_subnet(tx: Transaction, scope: Scope, zone: str) -> Subnet | None:
    vpc = find.default_vpc(tx, scope)
    rows = tx[SUBNETS].by("vpc", vpc.id) if vpc is not None else []
    return next((row for row in rows if row.zone == zone and row.default_for_zone), None)


class Leftovers:
    """Takes away the tags of instances that are shown no more. Run it with `spawn.start`."""

    def __init__(self, plane: Plane) -> None:
        self._store = plane.store
        self.loop = Loop("ec2.leftovers", plane.clock, plane.journal, self._pass, period=PERIOD)
        plane.store.watch((INSTANCES,), self._on_machine)

    def _on_machine(self, change: Change) -> None:
        if change.new is None and self._store[TAGS].count("resource", change.key):
            self.loop.wake(change.key)

    async def _pass(self, now: Instant, keys: frozenset[Hashable]) -> Instant | None:
        ids = {str(key) for key in keys} or {
            tag.resource_id for tag in self._store[TAGS].all() if tag.resource_id.startswith("i-")
        }
        gone = sorted(one for one in ids if self._store[INSTANCES].get(one) is None)
        if gone:
            with self._store.transact() as tx:
                for resource_id in gone:
                    forget_tags(tx, resource_id)
        return None
