"""From a task definition and a call's overrides to what a node runs. Pure.

Decides what a task's containers are (ECS API reference, TaskOverride and ContainerOverride) and what it
reserves; container_shapes.py of the fleet makes of them what a node runs. Must not know where that will be.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from msgspec.structs import replace

from windlass.fleet import container_shapes, log_options
from windlass.fleet.container_shapes import ContainerShape, Surroundings, named_values
from windlass.fleet.messages import ContainerSpec, UnitSpec
from windlass.fleet.networks import Network, NetworkMode
from windlass.fleet.task_messages import TaskFacts

ON_THE_HOST = Network("host")
Names: TypeAlias = Mapping[str, tuple[str, str]]
"""Container name → (its ARN, its runtime id)."""


@dataclass(frozen=True, slots=True)
class Reserve:
    """What placement sets aside for a task: CPU units and MiB."""

    cpu_units: int
    memory_mib: int


def overridden(definition: Mapping[str, Any], overrides: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The definition's containers with a call's overrides: environments merge by name, the rest replaces."""
    by_name = {change["name"]: change for change in overrides.get("containerOverrides", ())}
    return [
        _override(container, by_name.get(container["name"], {}))
        for container in definition["containerDefinitions"]
    ]


def _override(container: ContainerShape, change: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(container)
    for member in ("command", "cpu", "memory", "memoryReservation", "resourceRequirements"):
        if member in change:
            merged[member] = change[member]
    if change.get("environment"):
        pairs = {**named_values(container["environment"]), **named_values(change["environment"])}
        merged["environment"] = [{"name": name, "value": value} for name, value in pairs.items()]
    return merged


@dataclass(frozen=True, slots=True)
class Blueprint:
    """What tasks of one order have in common, made once for all of them."""

    family: str
    around: Surroundings
    shapes: Sequence[ContainerShape]
    specs: Sequence[ContainerSpec]
    """Of `shapes`: without an ARN, and with an output that goes nowhere."""

    def unit(self, task_id: str, facts: TaskFacts, names: Names, network: Network = ON_THE_HOST) -> UnitSpec:
        """One whole task for a node."""
        return UnitSpec(
            unit_id=task_id,
            kind="task",
            containers=tuple(
                self._named(shape, spec, task_id, *names[spec.name])
                for shape, spec in zip(self.shapes, self.specs, strict=True)
            ),
            task=facts,
            network=network,
        )

    def _named(
        self, shape: ContainerShape, spec: ContainerSpec, task_id: str, arn: str, runtime_id: str
    ) -> ContainerSpec:
        log = log_options.target(
            shape, self.family, self.around.account, self.around.region, task_id, runtime_id
        )
        return replace(spec, arn=arn, runtime_id=runtime_id, log=log)


def blueprint(
    containers: Sequence[ContainerShape],
    family: str,
    launch_type: str,
    memory_mib: int,
    around: Surroundings,
    volumes: Sequence[Mapping[str, Any]] = (),
    mode: NetworkMode = "host",
) -> Blueprint:
    """`containers` are those of `overridden`, `memory_mib` is the task's own or 0, `volumes` the

    definition's.
    """
    specs = container_shapes.specs(containers, launch_type, memory_mib, around, volumes, mode)
    return Blueprint(family, around, containers, specs)


def reserve(cpu: str, memory: str, containers: Sequence[ContainerShape]) -> Reserve:
    """The task's own sizes, else the sum of its containers': reservations where set (ContainerDefinition).

    >>> reserve("", "", [{"cpu": 10, "memory": 128, "memoryReservation": 64}, {"cpu": 5, "memory": 32}])
    Reserve(cpu_units=15, memory_mib=96)
    """
    return Reserve(
        cpu_units=int(cpu) if cpu else sum(container["cpu"] for container in containers),
        memory_mib=int(memory) if memory else sum(map(_container_memory, containers)),
    )


def _container_memory(container: ContainerShape) -> int:
    return int(container.get("memoryReservation", container.get("memory", 0)))
