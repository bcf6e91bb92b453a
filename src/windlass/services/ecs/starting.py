"""Starts tasks of a service's deployment: what is RunTask for a caller, done by the service's scheduler.

A start that is refused is no error of a call: it comes back as a reason, in the words of the service's events
(ECS Developer Guide, service event messages).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from windlass.aws.calls import Call
from windlass.kernel.clock import Instant
from windlass.kernel.faults import Fault
from windlass.kernel.rows import replace
from windlass.kernel.store import Transaction
from windlass.services.ecs import (
    capacity,
    launch,
    launching,
    lookup,
    placement,
    placing,
    references,
    tagging,
    unplaced,
    wiring,
)
from windlass.services.ecs.capacity import Place
from windlass.services.ecs.launch_rates import LaunchRates
from windlass.services.ecs.model import (
    CLUSTERS,
    FARGATE,
    FARGATE_SPOT,
    TASKS,
    Cluster,
    Task,
    TaskDefinition,
    fargate_bucket,
)
from windlass.services.ecs.pace import Tasks
from windlass.services.ecs.placing import Zones
from windlass.services.ecs.service_model import Service, ServiceRevision

CLUSTER_TAG = "aws:ecs:clusterName"
SERVICE_TAG = "aws:ecs:serviceName"
"""What enableECSManagedTags adds; ECS Developer Guide, tagging."""
THROTTLED = "ECS_OPERATION_THROTTLED"
NO_ROOM = "SERVICE_TASK_PLACEMENT_FAILURE"
WRONG = "SERVICE_TASK_CONFIGURATION_FAILURE"
"""Names of Service Actions of type ERROR; ECS Developer Guide, ecs_service_events."""


Placed: TypeAlias = tuple[launch.Order, placing.Failures]
"""An order without what found no room, and why."""


@dataclass(frozen=True, slots=True)
class Started:
    """Tasks that were started, and why the others were not: the text of a service event, and its twin."""

    tasks: Sequence[Task] = ()
    why: str = ""
    event: str = ""
    reason: str = ""
    """As the EventBridge event names it, "RESOURCE:CPU"."""
    again: Instant | None = None
    """When more may be started, as far as time alone matters."""


def start(
    tx: Transaction,
    call: Call,
    service: Service,
    revision: ServiceRevision,
    deployment: str,
    count: int,
    *,
    most: int,
    zone: str = "",
) -> Started:
    """Start up to `count` tasks, as many as the launch rates and the cluster's room allow.

    Where no work cycle limits them, at most `most` of them: the others are for the next turn. They go to that
    Availability Zone, if one is named.
    """
    rates = call.part(LaunchRates)
    rests_until = rates.rests_until(call.scope, service.id, call.now)
    if rests_until is not None:
        return Started(again=rests_until)
    wanted = _wish(tx, revision, deployment, count if rates.paced else min(count, most))
    wish = _concurrent(tx, call, wanted)
    if wanted.total and not wish.total:
        return _TOO_MANY
    full = _TOO_MANY if wish.total < wanted.total else Started()
    pace = rates.ask(call.scope, service.id, wish, call.now)
    again = call.now if pace.starts.total == most < count else pace.look_again
    throttled = Started(why=pace.reason.rstrip("."), event=THROTTLED) if pace.reason else full
    throttled = replace(throttled, again=again)
    if not pace.starts.total:
        return throttled
    places = _places(tx, revision, deployment, pace.starts)

    def find_room(cluster: Cluster, order: launch.Order, zones: frozenset[str]) -> Placed:
        return placing.place(tx, call, cluster, order, frozenset((zone,)) if zone else zones)

    started = _launch(tx, call, service, revision, deployment, places, find_room)
    return started if started.why else replace(throttled, tasks=started.tasks)


def start_on(
    tx: Transaction,
    call: Call,
    service: Service,
    revision: ServiceRevision,
    deployment: str,
    instances: Sequence[str],
) -> Started:
    """Start one task on each of these container instances, as far as the rates and their room allow."""
    pace = call.part(LaunchRates).ask(call.scope, service.id, Tasks(other=len(instances)), call.now)
    chosen = list(instances[: pace.starts.total])
    if not chosen:
        return Started(again=pace.look_again)

    def find_room(cluster: Cluster, order: launch.Order, zones: frozenset[str]) -> Placed:
        return placing.place_on(tx, call, cluster, order, chosen, zones)

    places = [Place(revision.launch_type)] * len(chosen)
    started = _launch(tx, call, service, revision, deployment, places, find_room)
    return started if started.why else replace(started, again=pace.look_again)


def _launch(
    tx: Transaction,
    call: Call,
    service: Service,
    revision: ServiceRevision,
    deployment: str,
    places: Sequence[Place],
    find_room: Callable[[Cluster, launch.Order, frozenset[str]], Placed],
) -> Started:
    """Start a task on each of these places for which there is room; tokens of the others are given back.

    `find_room` gets the cluster, the order, and the zones of the tasks' subnets.
    """

    def give_back(unused: Sequence[Place]) -> None:
        call.part(LaunchRates).give_back(call.scope, service.id, _tokens(unused), call.now)

    definition = lookup.definition(tx, call.scope, revision.definition_arn)
    if definition is None:
        give_back(places)
        return Started(why=_unable("TaskDefinition not found"), event=WRONG)
    try:
        order = order_of(service, revision, definition, places, deployment)
        wires = wiring.begin(tx, call, order)
        cluster = tx[CLUSTERS].require(service.cluster_key)
        order, failures = find_room(cluster, order, wires.zones)
    except Fault as fault:
        give_back(places)
        return _refused(fault)
    give_back(places[len(order.places) :])
    tasks = launching.write(tx, call, order, cluster, definition, wires)
    if not failures:
        return Started(tasks)
    why, reason = unplaced.closest(failures)
    return Started(tasks, why, NO_ROOM, reason)


def zones(tx: Transaction, call: Call, service: Service, revision: ServiceRevision, deployment: str) -> Zones:
    """Where its tasks can be, and where one more could be started now."""
    definition = lookup.definition(tx, call.scope, revision.definition_arn)
    if definition is None:
        return Zones()
    try:
        places = _places(tx, revision, deployment, _wish(tx, revision, deployment, 1))
        order = order_of(service, revision, definition, places, deployment)
        wires = wiring.begin(tx, call, order)
    except Fault:
        return Zones()
    if places[0].launch_type == FARGATE:
        return Zones(wires.zones, wires.open_zones)
    cluster = tx[CLUSTERS].require(service.cluster_key)
    return placing.zones(tx, call, cluster, order, wires.zones, wires.open_zones)


def _wish(tx: Transaction, revision: ServiceRevision, deployment: str, count: int) -> Tasks:
    """So many tasks by what their launches are limited by, so that all of the deployment share out right."""
    if not revision.strategy:
        return _tokens([Place(revision.launch_type)], count)
    first = capacity.place_by(revision.strategy[0]["capacityProvider"])
    if first.launch_type != FARGATE:  # a strategy is of one kind
        return Tasks(other=count)
    return _tokens(_shared_out(tx, revision, deployment, count))


def _places(tx: Transaction, revision: ServiceRevision, deployment: str, starts: Tasks) -> list[Place]:
    """A launch type or provider for each of these tasks."""
    if not revision.strategy:
        return [Place(revision.launch_type)] * starts.total
    fargate = [(FARGATE, starts.on_demand), (FARGATE_SPOT, starts.spot)]
    on_fargate = [Place(FARGATE, provider) for provider, count in fargate for _ in range(count)]
    return on_fargate + _shared_out(tx, revision, deployment, starts.other)


def _shared_out(tx: Transaction, revision: ServiceRevision, deployment: str, count: int) -> list[Place]:
    """The providers of the strategy for so many more tasks of the deployment."""
    held = {
        name: tx[TASKS].count("held", (deployment, name))
        for name in (item["capacityProvider"] for item in revision.strategy)
    }
    return [capacity.place_by(provider) for provider in capacity.spread(revision.strategy, count, held)]


def _tokens(places: Sequence[Place], each: int = 1) -> Tasks:
    """The tasks at these places, so many at each, by what their launches are limited by."""
    kinds = Counter(
        fargate_bucket(place.provider) if place.launch_type == FARGATE else "other" for place in places
    )
    return Tasks(**{kind: count * each for kind, count in kinds.items()})


def _concurrent(tx: Transaction, call: Call, wish: Tasks) -> Tasks:
    """As many of them as Fargate's quotas of tasks at once leave."""

    def least(bucket: str, count: int) -> int:
        left = launching.concurrency_left(tx, call, bucket) if count else None
        return count if left is None else min(count, left)

    return Tasks(least("on_demand", wish.on_demand), least("spot", wish.spot), wish.other)


def order_of(
    service: Service,
    revision: ServiceRevision,
    definition: TaskDefinition,
    places: Sequence[Place],
    deployment: str,
) -> launch.Order:
    """The order for tasks of that revision. Raises what CreateService raises for one that cannot run."""
    fargate = places[0].launch_type == FARGATE
    made = launch.compose(
        {
            "networkConfiguration": revision.network,
            "placementConstraints": service.constraints,
            "placementStrategy": service.strategies or (() if fargate else placement.OVER_ZONES),
            "platformVersion": revision.platform_version or None,
            "enableExecuteCommand": service.exec_enabled,
        },
        definition,
        places=places,
        group=references.service_group(service.name),
        started_by=deployment,
        tags=_tags(service, definition),
    )
    return replace(
        made,
        service=service.name,
        deployment=deployment,
        balanced=bool(revision.load_balancers),
        digests=dict(revision.digests),
    )


def _tags(service: Service, definition: TaskDefinition) -> Mapping[str, str]:
    propagated = {"SERVICE": service.tags, "TASK_DEFINITION": definition.tags}.get(service.propagate, {})
    tags = tagging.limited(dict(propagated))
    if not service.managed_tags:
        return tags
    return {**tags, CLUSTER_TAG: service.cluster, SERVICE_TAG: service.name}


def _refused(fault: Fault) -> Started:
    if fault.message in (unplaced.NO_INSTANCES, unplaced.NONE_OF_PROVIDER):
        why, reason = unplaced.none_there()
        return Started(why=why, event=NO_ROOM, reason=reason)
    return Started(why=_unable(fault.message), event=WRONG)


def _unable(reason: str) -> str:
    return f"was unable to place a task. Reason: {reason.rstrip('.')}"


_TOO_MANY = Started(why=_unable(launching.TOO_MANY), event=NO_ROOM, reason="RESOURCE:FARGATE")
