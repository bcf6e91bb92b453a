"""What a RunTask call asks for: its rules, and the order that it makes. Pure.

Rules: ECS API reference, RunTask. Wordings are AWS's where they are known (docs/aws/ecs.md).
Which container instances EC2 tasks go to is placing.py's business; task_rows.py makes rows of an order.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from windlass.aws.arn import parse
from windlass.aws.fargate_sizes import is_fargate_size
from windlass.fleet.networks import NetworkMode
from windlass.fleet.room import Need, Strategy
from windlass.kernel.faults import Fault
from windlass.services.ecs import (
    capacity,
    container_definition,
    containers,
    limits,
    placement,
    sizes,
    tagging,
    task_definition,
)
from windlass.services.ecs.capacity import Place
from windlass.services.ecs.model import FARGATE, Cluster, Shape, TaskDefinition

FARGATE_PLATFORM = "1.4.0"
"""What LATEST means on Linux; ECS Developer Guide, Fargate platform versions."""
FARGATE_PLATFORMS = ("LATEST", "1.4.0", "1.3.0")
OLD_PLATFORM = "1.3.0"
NEW_SIZES_FROM = 8_192
"""CPU units that need 1.4.0, as ephemeral storage of one's own size does (RegisterTaskDefinition, cpu)."""
FARGATE_STORAGE_GIB = 20
"""GiB that a Fargate task has when it asks for none; ECS API reference, EphemeralStorage."""
OWNER = "ecs"
_STARTED_BY = re.compile(r"[A-Za-z0-9/_-]*", re.ASCII)
MANAGED_TAG = "aws:ecs:clusterName"
"""What enableECSManagedTags adds to a task run by itself; ECS Developer Guide, tagging."""


class Order(msgspec.Struct, frozen=True):
    """A RunTask call that may be carried out: one place per task, everything else in common."""

    places: Sequence[Place]
    overrides: Shape
    containers: Sequence[Shape]
    """The definition's containers with the call's overrides."""
    cpu: str
    memory: str
    group: str
    started_by: str
    tags: Mapping[str, str]
    platform_version: str
    ephemeral_gib: int | None
    role_arn: str
    """The role that the tasks act as, or ""."""
    exec_enabled: bool
    network_mode: NetworkMode
    vpc_configuration: Shape
    """The call's awsvpcConfiguration; empty in other modes."""
    need: Need
    """What one task takes of the machine that it runs on."""
    constraints: Sequence[Mapping[str, Any]] = ()
    """Placement constraints of the call and of the definition."""
    strategies: Sequence[Strategy] = ()
    """Placement strategies, in their order; a service's default is its scheduler's business."""
    service: str = ""
    """The service that launches, "" for a call."""
    deployment: str = ""
    """Its deployment or task set."""
    balanced: bool = False
    """Whether load balancers are to send the tasks requests."""
    digests: Mapping[str, str] = {}
    """Container name → digest that its image's tag is to mean (image_versions.py)."""


def order(params: Mapping[str, Any], cluster: Cluster, definition: TaskDefinition) -> Order:
    """Check the call against its cluster and definition. Raises what RunTask raises."""
    _check_not_here(params)
    count = params.get("count", 1)
    if not 1 <= count <= limits.RUN_COUNT_MAX:
        raise _invalid(f"Count must be between 1 and {limits.RUN_COUNT_MAX}.")
    if params.get("propagateTags") == "SERVICE":
        raise _invalid("propagateTags SERVICE is only for tasks of a service.")
    return compose(
        params,
        definition,
        places=_places(params, cluster, count),
        group=_group(params, definition),
        started_by=_started_by(params),
        tags=_tags(params, cluster, definition),
    )


def compose(
    params: Mapping[str, Any],
    definition: TaskDefinition,
    *,
    places: Sequence[Place],
    group: str,
    started_by: str,
    tags: Mapping[str, str],
) -> Order:
    """The order for tasks of that definition on these places; `params` as in RunTask say the rest.

    Raises what RunTask and CreateService raise.
    """
    launch_type = places[0].launch_type
    if launch_type not in definition.compatibilities:
        raise _invalid(f"Task definition does not support launch_type {launch_type}.")
    _check_network(params, definition)
    _check_placement(params, launch_type)
    overrides = _overrides(params.get("overrides", {}), definition)
    cpu = str(overrides.get("cpu", definition.definition.get("cpu", "")))
    memory = str(overrides.get("memory", definition.definition.get("memory", "")))
    if launch_type == FARGATE and not is_fargate_size(int(cpu), int(memory)):
        raise Fault("ClientException", task_definition.fargate_size_fault(int(cpu), int(memory)))
    shapes = containers.overridden(definition.definition, overrides)
    for shape in shapes if overrides else ():
        container_definition.check_cpu_and_memory(shape, int(memory) if memory else None)
    platform = _platform_version(params.get("platformVersion"), launch_type)
    ephemeral_gib = _ephemeral_gib(overrides, definition, launch_type)
    if platform == OLD_PLATFORM and (int(cpu) >= NEW_SIZES_FROM or ephemeral_gib != FARGATE_STORAGE_GIB):
        raise Fault(
            "PlatformTaskDefinitionIncompatibilityException",
            "One or more of the requested capabilities are not supported.",
        )
    return Order(
        places=places,
        overrides=overrides,
        containers=shapes,
        cpu=cpu,
        memory=memory,
        group=group,
        started_by=started_by,
        tags=tags,
        platform_version=platform,
        ephemeral_gib=ephemeral_gib,
        role_arn=role_arn(overrides, definition),
        network_mode=task_definition.network_mode(definition.definition),
        vpc_configuration=params.get("networkConfiguration", {}).get("awsvpcConfiguration", {}),
        need=need(cpu, memory, shapes, definition),
        constraints=(
            *params.get("placementConstraints", ()),
            *definition.definition.get("placementConstraints", ()),
        ),
        strategies=placement.strategies(params.get("placementStrategy", ())),
        exec_enabled=_exec_enabled(params, overrides, definition),
    )


def need(cpu: str, memory: str, shapes: Sequence[Shape], definition: TaskDefinition) -> Need:
    """What one task takes of the machine that it runs on."""
    reserve = containers.reserve(cpu, memory, shapes)
    mode = task_definition.network_mode(definition.definition)
    gpus = sum(map(container_definition.gpus, shapes))
    ports = placement.ports(mode, shapes)
    return Need(reserve.cpu_units, reserve.memory_mib, ports, gpus, int(mode == "awsvpc"))


def role_arn(overrides: Shape, definition: TaskDefinition) -> str:
    """The task role; what is not the ARN of a role is as good as none."""
    named = str(overrides.get("taskRoleArn", definition.definition.get("taskRoleArn", "")))
    read = parse(named) if named else None
    return named if read is not None and read.resource.startswith("role/") else ""


def _exec_enabled(params: Mapping[str, Any], overrides: Shape, definition: TaskDefinition) -> bool:
    """ECS Exec's agent acts as the task's role, so there must be one (RunTask, enableExecuteCommand)."""
    if not params.get("enableExecuteCommand"):
        return False
    if not role_arn(overrides, definition):
        raise _invalid(
            "The task could not be run because a valid taskRoleArn is not being used. "
            "Specify a valid task role in your task definition and try again."
        )
    return True


def _check_not_here(params: Mapping[str, Any]) -> None:
    """Refuse what would silently be left out."""
    if params.get("volumeConfigurations"):
        raise _missing("Windlass has no EBS volumes (volumeConfigurations).")
    if params.get("launchType") == "MANAGED_INSTANCES":
        raise _missing("Windlass does not have the launch type MANAGED_INSTANCES.")


def _places(params: Mapping[str, Any], cluster: Cluster, count: int) -> list[Place]:
    strategy = params.get("capacityProviderStrategy", ())
    launch_type = params.get("launchType")
    if strategy and launch_type:
        raise _invalid(
            "Specifying both a launch type and capacity provider strategy is not supported. "
            "Remove one and try again."
        )
    if strategy:
        capacity.check_strategy(strategy, cluster.capacity_providers)
    return capacity.places(launch_type, strategy or cluster.default_strategy, count)


def _check_network(params: Mapping[str, Any], definition: TaskDefinition) -> None:
    awsvpc = task_definition.network_mode(definition.definition) == "awsvpc"
    network = params.get("networkConfiguration", {}).get("awsvpcConfiguration")
    if network is None and awsvpc:
        raise _invalid("Network Configuration must be provided when networkMode 'awsvpc' is specified.")
    if network is None:
        return
    if not awsvpc:
        raise _invalid(
            "Network Configuration is not valid for the given networkMode of this task definition."
        )
    if not network["subnets"]:
        raise _invalid("subnets can not be empty.")
    if len(network["subnets"]) > limits.SUBNETS_MAX:
        raise _invalid(f"subnets can have at most {limits.SUBNETS_MAX} items.")
    if len(network.get("securityGroups", ())) > limits.SECURITY_GROUPS_MAX:
        raise _invalid(f"securityGroups can have at most {limits.SECURITY_GROUPS_MAX} items.")


def _check_placement(params: Mapping[str, Any], launch_type: str) -> None:
    constraints = params.get("placementConstraints", ())
    strategies = params.get("placementStrategy", ())
    if launch_type == FARGATE and constraints:
        raise _invalid("Placement constraints are not supported with FARGATE launch type.")
    if launch_type == FARGATE and strategies:
        raise _invalid("Placement strategies are not supported with FARGATE launch type.")
    if len(constraints) > limits.CONSTRAINTS_MAX:
        raise _invalid(f"placementConstraints can have at most {limits.CONSTRAINTS_MAX} items.")


def _overrides(given: Shape, definition: TaskDefinition) -> dict[str, Any]:
    """The overrides with sizes normalised, as a task shows them."""
    if not given:
        return {}
    if len(msgspec.json.encode(given).decode()) > limits.OVERRIDES_LENGTH_MAX:
        raise _invalid(f"Overrides can be at most {limits.OVERRIDES_LENGTH_MAX} characters of JSON.")
    names = {container["name"] for container in definition.definition["containerDefinitions"]}
    for change in given.get("containerOverrides", ()):
        if change.get("name") not in names:
            raise _invalid(
                f"Override for container named {change.get('name')} is not a container in the TaskDefinition."
            )
        if change.get("environmentFiles"):
            raise Fault("ClientException", "Windlass has no S3 to read environmentFiles from.")
    made = dict(given)
    for member, read in (("cpu", sizes.cpu_units), ("memory", sizes.memory_mib)):
        if member in given:
            value = read(given[member])
            if value is None or value <= 0:
                raise _invalid(f"Invalid '{member}' override: {given[member]}")
            made[member] = str(value)
    return made


def _group(params: Mapping[str, Any], definition: TaskDefinition) -> str:
    group = str(params.get("group") or f"family:{definition.family}")
    if group.startswith("service:"):
        raise _invalid("Task groups that begin with service: belong to services.")
    if len(group) > limits.NAME_LENGTH_MAX:
        raise _invalid(f"group can have at most {limits.NAME_LENGTH_MAX} characters.")
    return group


def _started_by(params: Mapping[str, Any]) -> str:
    started_by = str(params.get("startedBy", ""))
    if not _STARTED_BY.fullmatch(started_by):
        raise _invalid("startedBy can have letters, digits, hyphens, underscores and slashes only.")
    if len(started_by) > limits.STARTED_BY_LENGTH_MAX:
        raise _invalid(f"startedBy can have at most {limits.STARTED_BY_LENGTH_MAX} characters.")
    return started_by


def _tags(params: Mapping[str, Any], cluster: Cluster, definition: TaskDefinition) -> Mapping[str, str]:
    """The call's own tags win over those of the definition."""
    propagated = definition.tags if params.get("propagateTags") == "TASK_DEFINITION" else {}
    tags = tagging.limited({**propagated, **tagging.read(params.get("tags", ()))})
    return {**tags, MANAGED_TAG: cluster.name} if params.get("enableECSManagedTags") else tags


def _platform_version(asked: str | None, launch_type: str) -> str:
    if launch_type != FARGATE:
        if asked:
            raise _invalid("The platform version must be null when specifying an EC2 launch type.")
        return ""
    if asked is not None and asked not in FARGATE_PLATFORMS:
        raise Fault("PlatformUnknownException", f"The platform version {asked} does not exist.")
    return FARGATE_PLATFORM if asked in (None, "LATEST") else str(asked)


def _ephemeral_gib(overrides: Shape, definition: TaskDefinition, launch_type: str) -> int | None:
    storage = overrides.get("ephemeralStorage", definition.definition.get("ephemeralStorage"))
    if storage is None:
        return FARGATE_STORAGE_GIB if launch_type == FARGATE else None
    low, high = task_definition.EPHEMERAL_GIB
    if not low <= storage["sizeInGiB"] <= high:
        raise _invalid(f"Ephemeral storage must be between {low} and {high} GiB.")
    return int(storage["sizeInGiB"])


def _invalid(message: str) -> Fault:
    return Fault("InvalidParameterException", message)


def _missing(message: str) -> Fault:
    return Fault("UnsupportedFeatureException", message)
