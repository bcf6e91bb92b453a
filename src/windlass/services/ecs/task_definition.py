"""A task definition as a whole: what ECS refuses at registration, and what it makes of the rest. Pure.

Takes RegisterTaskDefinition's parameters (already of the right types), gives the definition that
DescribeTaskDefinition shows. Rules are those of the ECS API reference, RegisterTaskDefinition, unless a line
names another page. Wordings are AWS's where they are known (docs/aws/ecs.md).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import msgspec

from windlass.aws import container_secrets
from windlass.aws.fargate_sizes import is_fargate_size
from windlass.fleet.networks import NetworkMode
from windlass.kernel.cycles import find_cycle
from windlass.services.ecs import container_definition, limits, sizes
from windlass.services.ecs.container_definition import refuse

_FAMILY = re.compile(r"[A-Za-z0-9_-]{1,255}", re.ASCII)
_VOLUME_NAME = re.compile(r"[A-Za-z0-9_-]{1,255}", re.ASCII)

EPHEMERAL_GIB = (21, 200)
"""GiB; EphemeralStorage, sizeInGiB."""
VOLUME_KINDS = (
    "host",
    "dockerVolumeConfiguration",
    "efsVolumeConfiguration",
    "s3filesVolumeConfiguration",
    "fsxWindowsFileServerVolumeConfiguration",
    "configuredAtLaunch",
)
"""A volume has at most one of these; Volume."""
LAUNCH_TYPES = ("EC2", "FARGATE", "EXTERNAL")
"""What a definition is checked against; MANAGED_INSTANCES is not here yet."""

Definition = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Registered:
    """A definition that ECS takes, and the launch types that it can run on."""

    definition: Definition
    compatibilities: tuple[str, ...]


def register(params: Mapping[str, Any]) -> Registered:
    """Check and normalise. Raises ClientException with the first rule that is broken."""
    if not _FAMILY.fullmatch(params["family"]):
        raise refuse(
            f"Invalid family '{params['family']}': up to {limits.NAME_LENGTH_MAX} letters, digits, hyphens "
            "and underscores are allowed."
        )
    given = {name: value for name, value in params.items() if name not in ("family", "tags")}
    size = len(msgspec.json.encode(given))
    if size > limits.DEFINITION_BYTES_MAX:
        raise refuse(f"Actual length: '{size}'. Max allowed length is '{limits.DEFINITION_BYTES_MAX}' bytes.")
    definition = _normalise(given)
    _check_containers(definition["containerDefinitions"])
    _check_volumes(definition)
    faults = {kind: fault(definition) for kind, fault in _LAUNCH_FAULTS.items()}
    for wanted in definition.get("requiresCompatibilities", ()):
        if wanted not in faults:
            raise refuse(f"Windlass does not have the launch type {wanted}.")
        if faults[wanted]:
            raise refuse(faults[wanted])
    compatibilities = tuple(kind for kind in LAUNCH_TYPES if not faults[kind])
    if not compatibilities:
        raise refuse(faults["EC2"])
    return Registered(definition, compatibilities)


def network_mode(definition: Definition) -> NetworkMode:
    """awsvpc, bridge, host or none; bridge when the definition does not say (Linux)."""
    return cast(NetworkMode, definition.get("networkMode", "bridge"))


def _normalise(given: Definition) -> dict[str, Any]:
    filled = dict(given)
    for member, read in (("cpu", sizes.cpu_units), ("memory", sizes.memory_mib)):
        if member in given:
            value = read(given[member])
            if value is None or value <= 0:
                raise refuse(
                    f"Invalid '{member}' setting for task. For more information, see the Troubleshooting "
                    "section of the Amazon ECS Developer Guide."
                )
            filled[member] = str(value)
    mode = network_mode(given)
    memory = int(filled["memory"]) if "memory" in filled else None
    filled["containerDefinitions"] = [
        container_definition.normalise(container, network_mode=mode, task_memory=memory)
        for container in given["containerDefinitions"]
    ]
    for container in filled["containerDefinitions"]:
        if fault := container_secrets.fault(container, bool(given.get("executionRoleArn"))):
            raise refuse(fault)
    filled["volumes"] = list(given.get("volumes", ()))
    filled["placementConstraints"] = list(given.get("placementConstraints", ()))
    return filled


def _check_containers(containers: Sequence[Mapping[str, Any]]) -> None:
    if not containers:
        raise refuse("Container list cannot be empty.")
    if len(containers) > limits.CONTAINERS_MAX:
        raise refuse(f"A task definition can have at most {limits.CONTAINERS_MAX} containers.")
    names = [container["name"] for container in containers]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise refuse(f"Container names must be unique; '{twice[0]}' is used twice.")
    if not any(container["essential"] for container in containers):
        raise refuse("Task definition does not have an essential container.")
    _check_dependencies(containers)
    for container in containers:
        for source in container["volumesFrom"]:
            if source.get("sourceContainer") not in names:
                raise refuse(f"Container '{container['name']}' takes volumes from an unknown container.")


def _check_dependencies(containers: Sequence[Mapping[str, Any]]) -> None:
    essential = {container["name"]: container["essential"] for container in containers}
    checked = {container["name"] for container in containers if "healthCheck" in container}
    waits_for: dict[str, list[str]] = {}
    for container in containers:
        name = container["name"]
        waits_for[name] = [dependency["containerName"] for dependency in container.get("dependsOn", ())]
        for dependency in container.get("dependsOn", ()):
            on, condition = dependency["containerName"], dependency["condition"]
            if on not in essential:
                raise refuse(f"Container '{name}' depends on container '{on}', which the task does not have.")
            if condition in ("COMPLETE", "SUCCESS") and essential[on]:
                raise refuse(
                    f"Container '{name}' depends on '{on}' with condition {condition}; "
                    "a container that others wait for to end cannot be essential."
                )
            if condition == "HEALTHY" and on not in checked:
                raise refuse(
                    f"Container '{name}' depends on '{on}' with condition HEALTHY, "
                    f"but '{on}' has no health check."
                )
    cycle = find_cycle(waits_for)
    if cycle:
        raise refuse(f"Container dependencies form a cycle: {' → '.join(cycle)}.")


def _check_volumes(definition: Definition) -> None:
    names = [volume.get("name", "") for volume in definition["volumes"]]
    for volume, name in zip(definition["volumes"], names, strict=True):
        if not _VOLUME_NAME.fullmatch(name):
            raise refuse(f"Invalid volume name '{name}'.")
        kinds = [kind for kind in VOLUME_KINDS if kind in volume]
        if len(kinds) > 1:
            raise refuse(f"Volume '{name}' must have only one of {' and '.join(kinds)}.")
    if len(set(names)) != len(names):
        raise refuse("Volume names must be unique.")
    for container in definition["containerDefinitions"]:
        for mount in container["mountPoints"]:
            if mount.get("sourceVolume") not in names:
                raise refuse(
                    f"Unknown volume '{mount.get('sourceVolume')}' in container '{container['name']}'."
                )
    storage = definition.get("ephemeralStorage")
    low, high = EPHEMERAL_GIB
    if storage is not None and not low <= storage["sizeInGiB"] <= high:
        raise refuse(f"Ephemeral storage must be between {low} and {high} GiB.")


def _ec2_fault(definition: Definition) -> str:
    cpu = definition.get("cpu")
    if cpu is not None and not sizes.TASK_CPU_MIN <= int(cpu) <= sizes.TASK_CPU_MAX:
        return (
            "Invalid 'cpu' setting for task. "
            f"It must be between {sizes.TASK_CPU_MIN} and {sizes.TASK_CPU_MAX} CPU units."
        )
    return ""


def _external_fault(definition: Definition) -> str:
    if network_mode(definition) == "awsvpc":
        return "The EXTERNAL launch type does not support network mode 'awsvpc'."
    if any("efsVolumeConfiguration" in volume for volume in definition["volumes"]):
        return "The EXTERNAL launch type does not support EFS volumes."
    return _ec2_fault(definition)


def _fargate_fault(definition: Definition) -> str:
    """Why Fargate would not take it, or ""."""
    if network_mode(definition) != "awsvpc":
        return "Fargate only supports network mode ‘awsvpc’."
    for member in ("cpu", "memory"):
        if member not in definition:
            return f"Fargate requires that '{member}' be defined at the task level."
    cpu, memory = int(definition["cpu"]), int(definition["memory"])
    if not is_fargate_size(cpu, memory):
        return fargate_size_fault(cpu, memory)
    containers = definition["containerDefinitions"]
    if sum(container["cpu"] for container in containers) > cpu:
        return "The cpu of the containers together is greater than the cpu of the task."
    if definition.get("ipcMode") is not None:
        return "Fargate does not support ipcMode."
    if definition.get("pidMode") == "host":
        return "Fargate does not support pidMode 'host'."
    if definition["placementConstraints"]:
        return "Placement constraints are not supported on Fargate."
    for volume in definition["volumes"]:
        if volume.get("host", {}).get("sourcePath") or "dockerVolumeConfiguration" in volume:
            return "Fargate does not support host paths and Docker volumes."
    return next(filter(None, map(container_definition.fargate_fault, containers)), "")


def fargate_size_fault(cpu: int, memory: int) -> str:
    return (
        f"No Fargate configuration exists for given values: {cpu} CPU, {memory} memory. "
        "See the Amazon ECS documentation for the valid values."
    )


_LAUNCH_FAULTS = {"EC2": _ec2_fault, "FARGATE": _fargate_fault, "EXTERNAL": _external_fault}
