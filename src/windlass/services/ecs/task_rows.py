"""The Task and Unit rows of an order. Pure but for the ids it is given.

What the tasks of an order have in common is made once, and each is a copy of it with what is its own: that
costs less, and a text that all have is kept once. Which container instances they go to placing.py has said,
how they are connected wiring.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from msgspec.structs import replace

from windlass.fleet.container_shapes import Surroundings
from windlass.fleet.messages import UnitSpec
from windlass.fleet.model import Unit
from windlass.fleet.networks import Network
from windlass.fleet.room import Need
from windlass.fleet.task_messages import InstanceRoom, TaskFacts
from windlass.kernel.clock import Instant
from windlass.kernel.ids import Ids
from windlass.services.ecs import containers, image_versions, references, registration
from windlass.services.ecs.capacity import Place
from windlass.services.ecs.instance_model import ContainerInstance
from windlass.services.ecs.launch import OWNER, Order
from windlass.services.ecs.model import FARGATE, Attachment, Cluster, Container, Shape, Task, TaskDefinition

ARCHITECTURE = "ecs.cpu-architecture"
"""The attribute of container instances; ECS Developer Guide, task placement constraints."""


class Connected(Protocol):
    """How one task is connected: wiring.Wired. `fault` says why it cannot be, "" when it can."""

    @property
    def network(self) -> Network: ...
    @property
    def attachment(self) -> Attachment | None: ...
    @property
    def zone(self) -> str: ...
    @property
    def fault(self) -> str: ...


def rows(
    made: Order,
    cluster: Cluster,
    definition: TaskDefinition,
    around: Surroundings,
    networks: Sequence[Connected],
    now: Instant,
    ids: Ids,
) -> list[tuple[Task, Unit]]:
    """The Task and Unit rows of an order; `around` is what its tasks are told, `networks` one for each.

    A task that cannot be connected is there all the same, and stops before it was placed.
    """
    if not made.places:
        return []
    launch_type = made.places[0].launch_type  # an order is of one
    blueprint = containers.blueprint(
        image_versions.pinned(made.containers, made.digests),
        definition.family,
        launch_type,
        int(made.memory or 0),
        around,
        definition.definition.get("volumes", ()),
        made.network_mode,
    )
    common = _common(made, launch_type, cluster, definition, now)
    facts = _facts(common, definition.revision)
    unit = _unit(common, made)
    written = []
    for place, wired in zip(made.places, networks, strict=True):
        task = _task(common, place, wired, ids)
        names = {row.name: (task.container_arn(row), row.runtime_id) for row in task.containers}
        spec = blueprint.unit(task.id, replace(facts, task_arn=task.arn), names, wired.network)
        written.append((task, _placed(replace(unit, id=task.id, spec=spec), place, wired, made.need)))
    return written


def zone(place: Place) -> str:
    """The availability zone in which the place's network interfaces are, "" for any."""
    return registration.zone(place.host) if place.host else place.zone


def hosted(unit: Unit, host: ContainerInstance, needs: Need) -> Unit:
    """The unit on its container instance, which is a part of a node or all of it."""
    spec = unit.spec
    if host.launch_type == "EC2" and not host.unbounded:
        spec = replace(spec, instance=InstanceRoom(host.machine_id, host.cpu_units, host.memory_mib))
    return replace(
        unit, spec=spec, bound_to=host.node_id, target_id=host.id, ports=tuple(sorted(needs.ports))
    )


def _task(common: Task, place: Place, wired: Connected, ids: Ids) -> Task:
    """One of them: its ids, where it is, and how it is connected."""
    task_id = ids.hex(32)
    own: dict[str, Any] = {
        "id": task_id,
        "containers": tuple(
            [
                replace(container, id=ids.uuid(), runtime_id=f"{task_id}-{ids.digits(10)}")
                for container in common.containers
            ]
        ),
        "capacity_provider": place.provider,
        "zone": wired.zone,
        "attachment": wired.attachment,
    }
    if common.role_arn:
        own["role_id"] = f"AROA{ids.upper(17)}"
    if place.host is not None:
        own["instance"] = place.host.id
        own["capacity_provider"] = place.provider or place.host.capacity_provider
        own["zone"] = wired.zone or place.host.attribute(registration.ZONE)
        own["architecture"] = place.host.attribute(ARCHITECTURE) or "x86_64"
    if wired.fault:
        own |= {
            "desired_status": "STOPPED",
            "stop_code": "TaskFailedToStart",
            "stopped_reason": wired.fault,
        }
    return replace(common, **own)


def _placed(unit: Unit, place: Place, wired: Connected, needs: Need) -> Unit:
    if wired.fault:
        unit = replace(unit, desired="stop")
    if place.waits:
        why = f"waits for an instance of capacity provider {place.provider}"
        unit = replace(unit, parked=True, why=why)
    return unit if place.host is None else hosted(unit, place.host, needs)


def _common(
    made: Order, launch_type: str, cluster: Cluster, definition: TaskDefinition, now: Instant
) -> Task:
    """A task with all that those of an order have in common, and without an id."""
    return Task(
        id="",
        account=cluster.account,
        region=cluster.region,
        cluster=cluster.name,
        definition_arn=definition.arn,
        family=definition.family,
        group=made.group,
        launch_type=launch_type,
        containers=tuple(map(_container, made.containers)),
        created_at=now,
        platform_version=made.platform_version,
        started_by=made.started_by,
        cpu=made.cpu,
        memory=made.memory,
        ephemeral_gib=made.ephemeral_gib,
        role_arn=made.role_arn,
        overrides=made.overrides,
        tags=made.tags,
        exec_enabled=made.exec_enabled,
        architecture=_architecture(definition),
        service=made.service,
        deployment=made.deployment,
        checked=any(shape["essential"] and "healthCheck" in shape for shape in made.containers),
        target_health="initial" if made.balanced else "",
    )


def _container(shape: Shape) -> Container:
    return Container(
        id="",
        name=shape["name"],
        image=shape["image"],
        runtime_id="",
        cpu=str(shape["cpu"]),
        memory=str(shape["memory"]) if "memory" in shape else None,
        memory_reservation=str(shape["memoryReservation"]) if "memoryReservation" in shape else None,
        essential=shape["essential"],
    )


def _facts(common: Task, revision: int) -> TaskFacts:
    """What the tasks may ask their agents about themselves, but for the ARN."""
    cluster_arn = references.cluster_arn(common.account, common.region, common.cluster)
    return TaskFacts(
        task_arn="",
        cluster=cluster_arn if common.launch_type == FARGATE else common.cluster,
        family=common.family,
        revision=revision,
        launch_type=common.launch_type,
        group=common.group,
        role_arn=common.role_arn,
        cpu_units=int(common.cpu or 0),
        memory_mib=int(common.memory or 0),
        ephemeral_gib=common.ephemeral_gib or 0,
        tags=tuple(common.tags.items()),
        service=common.service,
    )


def _unit(common: Task, made: Order) -> Unit:
    """A unit of such a task, without an id, and with nothing to run yet."""
    return Unit(
        id="",
        owner=OWNER,
        account=common.account,
        region=common.region,
        spec=UnitSpec("", "task"),
        cpu_units=made.need.cpu_units,
        memory_mib=made.need.memory_mib,
        gpus=made.need.gpus,
        created_at=common.created_at,
    )


def _architecture(definition: TaskDefinition) -> str:
    """What the definition asks for: so it is on Fargate (RuntimePlatform, cpuArchitecture)."""
    asked = definition.definition.get("runtimePlatform", {}).get("cpuArchitecture")
    return "arm64" if asked == "ARM64" else "x86_64"
