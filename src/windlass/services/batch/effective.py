"""What one attempt of a job is: its definition with the call's overrides and parameters on top. Pure.

Both kinds of definition, containerProperties and ecsProperties, become one form: a task with containers in
the shape of ECS's container definitions, as Batch itself registers one with ECS. Rules: Batch API reference,
SubmitJob, ContainerOverrides, TaskContainerOverrides; facts/batch.md, 4 and 10.
Known gaps: nodeOverrides and overrides of EKS jobs are handlers/jobs.py's to refuse.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from windlass.fleet.container_shapes import named_values
from windlass.services.batch import container_rules, log_configuration, references, requirements
from windlass.services.batch.faults import invalid, not_here, refuse
from windlass.services.batch.model import Job
from windlass.services.batch.requirements import Amounts
from windlass.services.batch.resource_model import JobDefinition, Shape

CONTAINER = "default"
"""The name of the container of containerProperties, as its log stream shows (facts/batch.md, 10)."""
OVERRIDES_LENGTH_MAX = 8_192
"""Characters of a call's overrides as JSON (facts/batch.md, 4)."""
_DEPRECATED = {"vcpus": "VCPU", "memory": "MEMORY"}
"""Members of ContainerOverrides → the resource requirements that took their place."""
_OF_TASK = (
    "volumes",
    "executionRoleArn",
    "networkConfiguration",
    "ephemeralStorage",
    "runtimePlatform",
    "enableExecuteCommand",
)
"""Members that containerProperties has beside those of its one container, named as in EcsTaskProperties."""


@dataclass(frozen=True, slots=True)
class Effective:
    """One attempt of a job, whichever it is. `containers` are as ECS's container definitions have them."""

    name: str
    """The definition's name and revision."""
    revision: int
    containers: tuple[Shape, ...]
    volumes: tuple[Shape, ...]
    amounts: Amounts
    role_arn: str
    """What its containers act as; "" without."""
    ephemeral_gib: int = 0
    public_ip: bool = False
    """networkConfiguration.assignPublicIp; of jobs on Fargate."""
    tags: tuple[tuple[str, str], ...] = ()
    """Of the ECS task: the definition's with the job's on top, where they are to be propagated."""


def effective(definition: JobDefinition, job: Job) -> Effective:
    """What the job's attempts are. The definition is the one that the job was submitted with."""
    task = _task(definition.given)
    containers = overridden(definition, job.overrides)
    return Effective(
        name=definition.name,
        revision=definition.revision,
        containers=tuple(
            _container(container, definition.name, job.region, job.parameters) for container in containers
        ),
        volumes=tuple(task.get("volumes", ())),
        amounts=_total(containers),
        role_arn=str(task.get("taskRoleArn", "")),
        ephemeral_gib=int(task.get("ephemeralStorage", {}).get("sizeInGiB", 0)),
        public_ip=task.get("networkConfiguration", {}).get("assignPublicIp") == "ENABLED",
        tags=tuple({**definition.tags, **job.tags}.items()) if job.propagate_tags else (),
    )


def sizes(definition: JobDefinition, overrides: Mapping[str, Any]) -> tuple[int, int, int]:
    """CPU units (1,024 a vCPU), MiB and GPUs of one attempt.

    Raises ClientException for overrides that Batch refuses, and for sizes that the platform does not have.
    """
    _check(definition, overrides)
    total = _total(overridden(definition, overrides))
    requirements.check(total, fargate=definition.fargate)
    return total.cpu_units, total.memory_mib, total.gpus


def overridden(definition: JobDefinition, overrides: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The containers of the definition, named, with the call's overrides; sizes as requirements."""
    changes = _changes(overrides)
    containers = _task(definition.given)["containers"]
    named = ({**container, "name": _name(container)} for container in containers)
    return [_override(container, changes.get(container["name"], {})) for container in named]


def _task(given: Shape) -> Shape:
    """The definition as EcsTaskProperties, whichever kind it is."""
    if "ecsProperties" in given:
        task: Shape = given["ecsProperties"]["taskProperties"][0]
        return task
    container: Shape = given["containerProperties"]
    task = {name: container[name] for name in _OF_TASK if name in container}
    if container.get("jobRoleArn"):
        task["taskRoleArn"] = container["jobRoleArn"]
    return {**task, "containers": [container]}


def _name(container: Shape) -> str:
    return str(container.get("name") or CONTAINER)


def _changes(overrides: Mapping[str, Any]) -> dict[str, Shape]:
    """Container name → what the call changes of it."""
    changes: dict[str, Shape] = {}
    if overrides.get("containerOverrides"):
        changes[CONTAINER] = overrides["containerOverrides"]
    for task in overrides.get("ecsPropertiesOverride", {}).get("taskProperties", ()):
        changes |= {_name(change): change for change in task.get("containers", ())}
    return changes


def _override(container: Shape, change: Shape) -> dict[str, Any]:
    """Command replaces, environments merge by name, requirements by type (Batch API, ContainerOverrides)."""
    merged = dict(container)
    if change.get("command"):
        merged["command"] = change["command"]
    if change.get("environment"):
        pairs = named_values((*container.get("environment", ()), *change["environment"]))
        merged["environment"] = [{"name": name, "value": value} for name, value in pairs.items()]
    merged |= {member: change[member] for member in _DEPRECATED if member in change}
    if change.get("resourceRequirements"):
        asked = {one["type"]: one for one in container.get("resourceRequirements", ())}
        asked |= {one["type"]: one for one in change["resourceRequirements"]}
        merged["resourceRequirements"] = list(asked.values())
    return merged


def _total(containers: Iterable[Shape]) -> Amounts:
    return sum(map(requirements.amounts, containers), Amounts())


def _container(
    container: Shape, definition: str, region: str, parameters: Mapping[str, str]
) -> dict[str, Any]:
    """As a container definition of ECS. Variables are not substituted (facts/batch.md, 4.1)."""
    asked = requirements.amounts(container)
    return {
        "essential": True,
        "environment": [],
        **container,
        "command": references.substituted(container.get("command", ()), parameters),
        "cpu": asked.cpu_units,
        "memory": asked.memory_mib,
        "logConfiguration": log_configuration.filled(container.get("logConfiguration"), definition, region),
    }


def _check(definition: JobDefinition, overrides: Mapping[str, Any]) -> None:
    """Raises ClientException for overrides that do not fit the definition."""
    if len(msgspec.json.encode(overrides).decode()) > OVERRIDES_LENGTH_MAX:
        raise refuse(f"Container Overrides length must be at most {OVERRIDES_LENGTH_MAX}")
    if definition.type == "multinode":
        raise not_here("multi-node parallel jobs")
    given = definition.given
    for member, needed in (
        ("containerOverrides", "containerProperties"),
        ("ecsPropertiesOverride", "ecsProperties"),
    ):
        if overrides.get(member) and needed not in given:
            raise invalid(f"{member} is only applicable for job definitions with {needed}.")
    names = set(map(_name, _task(given)["containers"]))
    for name, change in _changes(overrides).items():
        if name not in names:
            raise invalid(f"Container {name[:255]} in ecsPropertiesOverride is not in the job definition.")
        container_rules.check_environment(change.get("environment", ()))
    _check_deprecated(definition, overrides.get("containerOverrides", {}))


def _check_deprecated(definition: JobDefinition, change: Shape) -> None:
    """`vcpus` and `memory` cannot override resourceRequirements (facts/batch.md, 4)."""
    required = definition.given.get("containerProperties", {}).get("resourceRequirements", ())
    types = {one["type"] for one in required}
    for member, type_ in _DEPRECATED.items():
        if member not in change:
            continue
        if definition.fargate:
            raise invalid(f"{member} is not applicable for Fargate. Use resource requirements instead.")
        if type_ in types:
            raise invalid(
                f"Container Overrides: the deprecated key {member} cannot override the {type_} of "
                "resourceRequirements. Use resourceRequirements instead."
            )
