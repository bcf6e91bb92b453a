"""A job definition as a whole: what AWS refuses at registration, and what it makes of the rest. Pure.

Takes RegisterJobDefinition's parameters, gives what DescribeJobDefinitions shows. Rules: Batch API reference,
RegisterJobDefinition; facts/batch.md, 4. Rules of one container: container_rules.py; of nodes: node_rules.py.
`Ref::` placeholders are looked at when a job is submitted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from windlass.aws import container_secrets
from windlass.kernel.cycles import find_cycle
from windlass.services.batch import container_rules, limits, node_rules, requirements, retries
from windlass.services.batch.faults import invalid, not_here
from windlass.services.batch.requirements import Amounts

Given = Mapping[str, Any]

KEPT = (
    "containerProperties",
    "ecsProperties",
    "nodeProperties",
    "parameters",
    "retryStrategy",
    "timeout",
    "platformCapabilities",
    "schedulingPriority",
    "propagateTags",
)
FARGATE_ONLY = (
    "networkConfiguration",
    "fargatePlatformConfiguration",
    "platformVersion",
    "ephemeralStorage",
    "runtimePlatform",
)
"""Members of containerProperties and taskProperties that mean nothing on EC2."""
MODES = {"ipcMode": ("none", "task", "host"), "pidMode": ("task", "host")}
"""EcsTaskProperties."""
CONDITIONS = ("START", "COMPLETE", "SUCCESS")
"""TaskContainerDependency, condition."""


def registered(params: Given, timeout_s_min: float = 0) -> dict[str, Any]:
    """What is kept of RegisterJobDefinition, with AWS's defaults. Raises ClientException."""
    _check_here(params)
    fargate = _platform(params) == "FARGATE"
    kept: dict[str, Any] = {
        "parameters": {},
        "propagateTags": False,
        **{name: params[name] for name in KEPT if name in params},
        "platformCapabilities": ["FARGATE" if fargate else "EC2"],
    }
    _check_scheduling(kept, timeout_s_min)
    kept |= _nodes(params) if params["type"] == "multinode" else _containers(params, fargate=fargate)
    size = len(msgspec.json.encode(kept))
    if size > limits.DEFINITION_BYTES_MAX:
        raise invalid(f"Job definition size {size} must be at most {limits.DEFINITION_BYTES_MAX} bytes.")
    return kept


def _containers(params: Given, *, fargate: bool) -> dict[str, Any]:
    """A container job runs one task: containerProperties or ecsProperties."""
    if "nodeProperties" in params:
        raise invalid("nodeProperties is only applicable for job definitions of the type multinode.")
    if ("containerProperties" in params) == ("ecsProperties" in params):
        raise invalid("Either containerProperties or ecsProperties must be provided for a container job.")
    if "containerProperties" in params:
        return {"containerProperties": single(params["containerProperties"], fargate=fargate)}
    return {"ecsProperties": several(params["ecsProperties"], fargate=fargate)}


def _nodes(params: Given) -> dict[str, Any]:
    """A multi-node parallel job runs a task a node, of the properties of its range."""
    if "nodeProperties" not in params or "containerProperties" in params or "ecsProperties" in params:
        raise invalid("nodeProperties, and no others, must be provided for a multinode job.")
    properties = params["nodeProperties"]
    node_rules.check(properties)
    filled = [_range(one) for one in properties["nodeRangeProperties"]]
    types = {one["container"].get("instanceType", "") for one in filled if "container" in one}
    if len(types) > 1:
        raise invalid("All node ranges must have the same instanceType.")
    return {"nodeProperties": {**properties, "nodeRangeProperties": filled}}


def _range(given: Given) -> dict[str, Any]:
    """One nodeRangeProperties as it is shown."""
    if "eksProperties" in given:
        raise not_here("jobs on Amazon EKS")
    if given.get("consumableResourceProperties"):
        raise not_here("consumable resources")
    if ("container" in given) == ("ecsProperties" in given):
        raise invalid("Either container or ecsProperties must be provided for a node range.")
    if "container" in given:
        return {**given, "container": single(given["container"], fargate=False, of_node=True)}
    return {**given, "ecsProperties": several(given["ecsProperties"], fargate=False)}


def single(container: Given, *, fargate: bool, of_node: bool = False) -> dict[str, Any]:
    """The containerProperties of a definition, or of a range of nodes, as they are shown.

    Raises ClientException.
    """
    container_rules.check(container, fargate=fargate)
    container_rules.check_volumes(container, (container,), fargate=fargate)
    _check_task(container, (container,), fargate=fargate)
    requirements.check(requirements.amounts(container), fargate=fargate)
    filled = {**{name: [] for name in container_rules.LISTS}, **container}
    if fargate:
        filled.setdefault("networkConfiguration", {"assignPublicIp": "DISABLED"})
        filled.setdefault("fargatePlatformConfiguration", {"platformVersion": "LATEST"})
        for member in ("vcpus", "memory"):
            if member in container:
                raise invalid(f"{member} is not applicable for Fargate: use resourceRequirements.")
    if "instanceType" in container and not of_node:
        raise invalid("instanceType is only applicable for multi-node parallel jobs.")
    return filled


def several(properties: Given, *, fargate: bool) -> dict[str, Any]:
    """The ecsProperties of a definition as they are shown. Raises ClientException."""
    if len(properties["taskProperties"]) != 1:
        raise invalid("ecsProperties must have exactly one item of taskProperties.")
    task = properties["taskProperties"][0]
    containers = task["containers"]
    if not 1 <= len(containers) <= limits.CONTAINERS_MAX:
        raise invalid(f"taskProperties must have 1 to {limits.CONTAINERS_MAX} containers.")
    total = Amounts()
    for container in containers:
        container_rules.check(container, fargate=fargate)
        asked = requirements.amounts(container)
        total += asked
        if not fargate:
            requirements.check(asked, fargate=False)
    requirements.check(total, fargate=fargate)
    _check_names(containers)
    container_rules.check_volumes(task, containers, fargate=fargate)
    _check_task(task, containers, fargate=fargate)
    filled = {**task, "containers": [_filled(container) for container in containers]}
    if fargate:
        filled.setdefault("networkConfiguration", {"assignPublicIp": "DISABLED"})
        filled.setdefault("platformVersion", "LATEST")
    return {"taskProperties": [filled]}


def _check_here(params: Given) -> None:
    if "eksProperties" in params:
        raise not_here("jobs on Amazon EKS")
    if params.get("consumableResourceProperties"):
        raise not_here("consumable resources")


def _platform(params: Given) -> str:
    asked = params.get("platformCapabilities") or ["EC2"]
    if len(asked) != 1 or asked[0] not in ("EC2", "FARGATE"):
        raise invalid("platformCapabilities must be either EC2 or FARGATE.")
    if asked[0] == "FARGATE" and params["type"] == "multinode":
        raise invalid("Multi-node parallel jobs are not applicable for Fargate.")
    return str(asked[0])


def _check_scheduling(kept: Given, timeout_s_min: float) -> None:
    seconds = kept.get("timeout", {}).get("attemptDurationSeconds")
    if seconds is not None and not 1 <= seconds >= timeout_s_min:
        raise invalid(f"attemptDurationSeconds must be at least {max(1, timeout_s_min):g} seconds.")
    if not 0 <= kept.get("schedulingPriority", 0) <= limits.PRIORITY_MAX:
        raise invalid(f"schedulingPriority must be between 0 and {limits.PRIORITY_MAX}.")
    if "retryStrategy" in kept:
        retries.check(kept["retryStrategy"])


def _check_task(task: Given, containers: Sequence[Given], *, fargate: bool) -> None:
    """What containerProperties and taskProperties have alike."""
    if fargate and not task.get("executionRoleArn"):
        raise invalid("executionRoleArn is required for Fargate.")
    for container in containers:
        if fault := container_secrets.fault({"name": "", **container}, bool(task.get("executionRoleArn"))):
            raise invalid(fault)
    for member, modes in MODES.items():
        if task.get(member, modes[0]) not in modes:
            raise invalid(f"{member} must be one of {', '.join(modes)}.")
    for member in FARGATE_ONLY if not fargate else ():
        if member in task:
            raise invalid(f"{member} not applicable for EC2.")
    low, high = limits.EPHEMERAL_GIB
    if not low <= task.get("ephemeralStorage", {}).get("sizeInGiB", low) <= high:
        raise invalid(f"Ephemeral storage must be between {low} and {high} GiB.")


def _check_names(containers: Sequence[Given]) -> None:
    """Names of containers are their own, and they wait for each other in some order."""
    names = [container.get("name", "") for container in containers]
    if len(containers) > 1 and (not all(names) or len(set(names)) < len(names)):
        raise invalid("Each container of taskProperties must have a name of its own.")
    essential = {name: one.get("essential", True) for name, one in zip(names, containers, strict=True)}
    if not any(essential.values()):
        raise invalid("At least one container of taskProperties must be essential.")
    waits_for: dict[str, list[str]] = {name: [] for name in names}
    for container, name in zip(containers, names, strict=True):
        for dependency in container.get("dependsOn", ()):
            on = dependency.get("containerName", "")
            if on not in waits_for or dependency.get("condition") not in CONDITIONS:
                raise invalid(f"dependsOn of container '{name}' is not valid.")
            if dependency["condition"] != "START" and essential[on]:
                raise invalid(
                    "A dependency container with SUCCESS or COMPLETE condition cannot be an essential "
                    "container"
                )
            waits_for[name].append(on)
    cycle = find_cycle(waits_for)
    if cycle:
        raise invalid(f"Container dependencies form a cycle: {' → '.join(cycle)}.")


def _filled(container: Given) -> dict[str, Any]:
    """A container of ecsProperties as it is shown."""
    lists: dict[str, Any] = {name: [] for name in container_rules.LISTS if name != "volumes"}
    return {**lists, "essential": True, "dependsOn": [], **container}
