"""Gives the tasks of a call their container instances: rows in, placement.py decides, an order comes out.

Writes in one case only: where the profile says so, a cluster without instances is lent the embedded node when
a task is to be placed in it, so that EC2 tasks run on a laptop that has no instances (docs/decisions/0017).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from windlass.aws.bus import Bus
from windlass.aws.calls import Call
from windlass.aws.quotas import Quotas
from windlass.fleet.room import Room
from windlass.kernel.faults import Fault
from windlass.kernel.rows import replace
from windlass.kernel.store import Transaction
from windlass.services.ecs import (
    describe,
    instances,
    limits,
    lookup,
    placement,
    providers,
    query,
    registration,
    unplaced,
)
from windlass.services.ecs.capacity import Place
from windlass.services.ecs.instance_model import INSTANCES, ContainerInstance
from windlass.services.ecs.launch import Order
from windlass.services.ecs.lookup import Reads
from windlass.services.ecs.model import FARGATE, TASKS, Cluster
from windlass.services.ecs.placement import INTERFACE_ZONE, Demand
from windlass.services.ecs.provider_model import WAITING
from windlass.services.ecs.rooms import Rooms, target

LENDS = "ecs.embedded_instance"
"""The profile's switch: whether clusters without instances are lent the embedded node."""
WAITING_QUOTA = "ecs.provisioning_tasks"
"""The profile's quota: tasks of a cluster that wait for capacity."""
NO_CAPACITY = (
    "Capacity is unavailable at this time. Please try again later or in a different availability zone"
)
"""Of Fargate in all zones of a call; repost.aws, knowledge-center/ecs-fargate-runtask-capacity."""
Failures = list[dict[str, str]]


def place(
    tx: Transaction, call: Call, cluster: Cluster, order: Order, zones: frozenset[str]
) -> tuple[Order, Failures]:
    """The order with an instance for each task that has room, without the others, and why they have none.

    Tasks of a managed capacity provider stay in the order without an instance: they wait for one. `zones` are
    those of the tasks' subnets, if they have any. Fargate tasks need no instance; those of a service spread
    over the zones.
    Raises InvalidParameterException when the cluster has no instances at all, ClientException when too many
    tasks wait, or no zone has room on Fargate.
    """
    launch_type = order.places[0].launch_type
    if launch_type == FARGATE:
        if order.network_mode == "awsvpc" and not zones:
            raise Fault("ClientException", NO_CAPACITY)
        return (_over_zones(tx, call, cluster, order, zones) if order.service else order), []
    rooms = call.part(Rooms)
    places, refused = list[Place](), Failures()
    with rooms.within(tx):
        room = rooms.of((*call.scope, cluster.name), launch_type)
        if not len(room) and not order.places[0].provider:
            room = _lent(tx, call, cluster, launch_type) or room
        for provider, count in Counter(one.provider for one in order.places).items():
            demand, subjects = _demand(order, zones, provider), Subjects(tx, room)
            chosen = placement.choose(room, demand, count, subjects, rooms.draw)
            rooms.expect(tx, room, demand, chosen)
            places += [Place(launch_type, provider, tx[INSTANCES].require(found)) for found in chosen]
            if len(chosen) == count:
                continue
            if providers.scales(tx, call.scope, provider):
                waiting = _may_wait(tx, call, cluster, order, places, count - len(chosen))
                places += [Place(launch_type, provider, waits=True)] * waiting
                continue
            refused += _refusals(tx, room, demand, subjects)
    if not places and not refused:
        why = unplaced.NONE_OF_PROVIDER if order.places[0].provider else unplaced.NO_INSTANCES
        raise Fault("InvalidParameterException", why)
    return replace(order, places=places), refused


def _may_wait(
    tx: Transaction, call: Call, cluster: Cluster, order: Order, places: Sequence[Place], wanted: int
) -> int:
    """How many of so many tasks of the order may wait for capacity, beside those places.

    A call gets all or a ClientException, a service as many as may be: it asks again.
    """
    told = call.part(Quotas).value(WAITING_QUOTA, call.scope)
    most = limits.WAITING_MAX if told is None else int(told)
    left = most - tx[WAITING].count("cluster", (*call.scope, cluster.name)) - sum(one.waits for one in places)
    if left < wanted and (not order.service or not (left > 0 or places)):
        raise Fault(
            "ClientException",
            f"You've reached the limit on the number of tasks ({most}) of a cluster that can be in the "
            "PROVISIONING state.",
        )
    return max(0, min(wanted, left))


def place_on(
    tx: Transaction, call: Call, cluster: Cluster, order: Order, references: list[str], zones: frozenset[str]
) -> tuple[Order, Failures]:
    """The same for instances that the caller chose (StartTask): one task each, if it has room."""
    demand, rooms = _demand(order, zones), call.part(Rooms)
    places, failures = list[Place](), Failures()
    with rooms.within(tx):
        for reference in dict.fromkeys(references):
            instance = lookup.instance(tx, cluster, reference)
            if instance is None:
                failures.append(describe.failure(instances.arn(cluster, reference), "MISSING"))
                continue
            room = rooms.of(instance.cluster_key, instance.launch_type)
            reason = "INACTIVE" if instance.status == "INACTIVE" else ""
            reason = reason or placement.refusal(instance, room, demand, Subjects(tx, room))
            if reason:
                known = "ATTRIBUTE" if reason == placement.NOT_MATCHED else reason
                failures.append(describe.failure(instance.arn, known))
            else:
                places.append(Place(instance.launch_type, host=instance))
    return replace(order, places=places), failures


def matching(
    reads: Reads,
    cluster: tuple[str, str, str],
    launch_type: str,
    given: Iterable[Mapping[str, Any]],
) -> list[str]:
    """Ids of the ACTIVE instances of that launch type that the constraints let have a task, room or not."""
    wanted = placement.constraints(given, "")
    return [
        row.id
        for row in reads[INSTANCES].by("status", (*cluster, "ACTIVE"))
        if row.launch_type == launch_type and row.reachable and not wanted.unmet(subject(reads, row))
    ]


class Zones(NamedTuple):
    """Availability Zones: all in which a task can be, and those in which one more could be started now."""

    known: frozenset[str] = frozenset()
    usable: frozenset[str] = frozenset()


def zones(
    tx: Transaction,
    call: Call,
    cluster: Cluster,
    order: Order,
    within: frozenset[str],
    with_address: frozenset[str],
) -> Zones:
    """Those of the instances, as far as the tasks' subnets, if they have any, are `within` them."""
    rooms = call.part(Rooms)
    with rooms.within(tx):
        room = rooms.of((*call.scope, cluster.name), order.places[0].launch_type)
        known = frozenset(zone for zone in room.values(INTERFACE_ZONE) if not within or zone in within)
        subjects = Subjects(tx, room)

        def has_room(zone: str) -> bool:
            demand = _demand(order, frozenset((zone,)), order.places[0].provider)
            return room.choose(demand.wish(subjects), rooms.draw) is not None

        usable = known & with_address if within else known
        return Zones(known, frozenset(filter(has_room, sorted(usable))))


def _over_zones(reads: Reads, call: Call, cluster: Cluster, order: Order, zones: frozenset[str]) -> Order:
    """Each task in the zone that has the fewest of the service then; chance decides among equals."""
    key = (*call.scope, cluster.name, order.service)
    there = {zone: reads[TASKS].count("service_zone", (*key, zone)) for zone in sorted(zones)}
    places = []
    for place in order.places:
        fewest = [zone for zone, count in there.items() if count == min(there.values())]
        zone = fewest[call.part(Rooms).draw(len(fewest))]
        there[zone] += 1
        places.append(replace(place, zone=zone))
    return replace(order, places=places)


def _demand(order: Order, zones: frozenset[str], provider: str = "") -> Demand:
    constraints = placement.constraints(order.constraints, order.group, zones, provider)
    return Demand(order.need, order.group, constraints, tuple(order.strategies))


def _lent(tx: Transaction, call: Call, cluster: Cluster, launch_type: str) -> Room | None:
    """Room on the embedded node, if the cluster may have it and has nothing else."""
    if launch_type != "EC2" or not call.part(Quotas).switch(LENDS):
        return None
    node = instances.stand_in(tx, cluster)
    if node is None:
        return None
    room = Room()
    room.put(target(instances.lend(tx, call.part(Bus), node, cluster, call.ids.hex(32), call.now)))
    return room


def _refusals(tx: Transaction, room: Room, demand: Demand, subjects: placement.Subjects) -> Failures:
    """What each ACTIVE instance lacks, in the order of their ids."""
    failures: Failures = []
    for candidate in room.targets():
        instance: ContainerInstance = tx[INSTANCES].require(candidate.id)
        if instance.status == "ACTIVE" and demand.constraints.provider in ("", instance.capacity_provider):
            reason = placement.refusal(instance, room, demand, subjects)
            failures.append(describe.failure(instance.arn, reason))
        if len(failures) == limits.FAILURES_MAX:
            break
    return failures


class Subjects:
    """Container instances as expressions see them, read when asked; the room knows of tasks without a row."""

    def __init__(self, reads: Reads, room: Room) -> None:
        self._reads = reads
        self._room = room

    def __call__(self, instance_id: str) -> query.Subject:
        found = subject(self._reads, self._reads[INSTANCES].require(instance_id))
        holds = self._room.holds
        return replace(found, has_group=lambda group: holds(instance_id, group) > 0 or found.has_group(group))


def subject(reads: Reads, row: ContainerInstance) -> query.Subject:
    """One instance as expressions see it."""
    tasks: Any = reads[TASKS]
    return query.Subject(
        attributes=row.all_attributes,
        agent_connected=row.connected,
        agent_version=row.agent_version,
        machine_id=row.machine_id,
        registered_at=row.registered_at,
        running_tasks=tasks.count("instance", (row.id, "RUNNING")),
        has_group=lambda group: bool(tasks.count("group_on_instance", (row.id, group))),
        zone=registration.zone(row),
        provider=row.capacity_provider,
    )
