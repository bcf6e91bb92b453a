"""What a task definition requires of container instances by itself: requiresAttributes. Pure.

Names and versions of Docker's API: the ECS agent's capabilities (amazon-ecs-agent, agent/app) and what
DescribeTaskDefinition answers on AWS. They are shown and do not steer placement here: an agent of ours takes
what its runner can, and the process runner takes tasks whose containers it cannot make (docs/aws/ecs.md).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from windlass.services.ecs.model import Shape

_ECS = "com.amazonaws.ecs.capability."
_DOCKER = f"{_ECS}docker-remote-api."
Test: TypeAlias = Callable[[Shape], Any]


def names(definition: Shape) -> list[str]:
    """The names, sorted; of a definition as it is stored.

    >>> names({"networkMode": "awsvpc", "containerDefinitions": [{"privileged": True}]})[-1]
    'ecs.capability.task-eni'
    """
    found = {name for test, wanted in _OF_TASK if test(definition) for name in wanted}
    for container in definition["containerDefinitions"]:
        found.update(name for test, wanted in _OF_CONTAINER if test(container) for name in wanted)
    drivers = {_driver(container) for container in definition["containerDefinitions"]} - {""}
    found.update(f"{_ECS}logging-driver.{driver}" for driver in drivers)
    if "awslogs" in drivers and definition.get("executionRoleArn"):
        found.add("ecs.capability.execution-role-awslogs")
    if definition.get("executionRoleArn") and any(map(_is_ecr, definition["containerDefinitions"])):
        found.add("ecs.capability.execution-role-ecr-pull")
    return sorted(found)


def _driver(container: Shape) -> str:
    return str(container.get("logConfiguration", {}).get("logDriver", ""))


def _is_ecr(container: Shape) -> bool:
    return ".dkr.ecr." in str(container.get("image", ""))


def _linux(member: str) -> Test:
    return lambda container: container.get("linuxParameters", {}).get(member)


def _awsvpc(definition: Shape) -> bool:
    return definition.get("networkMode") == "awsvpc"


def _has(member: str) -> Test:
    return lambda shape: shape.get(member)


def _volume(kind: str) -> Test:
    return lambda definition: any(kind in volume for volume in definition.get("volumes", ()))


def _local_volume(definition: Shape) -> bool:
    drivers: Sequence[Mapping[str, Any]] = [
        volume["dockerVolumeConfiguration"]
        for volume in definition.get("volumes", ())
        if "dockerVolumeConfiguration" in volume
    ]
    return any(driver.get("driver", "local") == "local" for driver in drivers)


_OF_TASK: Sequence[tuple[Test, tuple[str, ...]]] = (
    (
        lambda definition: definition.get("networkMode") == "awsvpc",
        ("ecs.capability.task-eni", f"{_DOCKER}1.18"),
    ),
    (_has("taskRoleArn"), (f"{_ECS}task-iam-role", f"{_DOCKER}1.17")),
    (
        lambda definition: definition.get("taskRoleArn") and definition.get("networkMode") == "host",
        (f"{_ECS}task-iam-role-network-host",),
    ),
    (
        lambda definition: definition.get("cpu") or definition.get("memory"),
        ("ecs.capability.task-cpu-mem-limit",),
    ),
    (
        lambda definition: definition.get("pidMode") or definition.get("ipcMode"),
        ("ecs.capability.pid-ipc-namespace-sharing",),
    ),
    (_has("proxyConfiguration"), ("ecs.capability.aws-appmesh",)),
    (_volume("efsVolumeConfiguration"), ("ecs.capability.efs",)),
    (_local_volume, ("ecs.capability.docker-plugin.local", f"{_DOCKER}1.25")),
)
_OF_CONTAINER: Sequence[tuple[Test, tuple[str, ...]]] = (
    (_is_ecr, (f"{_ECS}ecr-auth", f"{_DOCKER}1.19")),
    (lambda container: _driver(container) == "awslogs", (f"{_DOCKER}1.19",)),
    (_has("privileged"), (f"{_ECS}privileged-container",)),
    (_has("memoryReservation"), (f"{_DOCKER}1.21",)),
    (_has("healthCheck"), ("ecs.capability.container-health-check", f"{_DOCKER}1.29")),
    (_has("dependsOn"), ("ecs.capability.container-ordering",)),
    (_has("restartPolicy"), ("ecs.capability.container-restart-policy",)),
    (_has("firelensConfiguration"), ("ecs.capability.firelens.fluentbit",)),
    (_linux("initProcessEnabled"), (f"{_DOCKER}1.25",)),
    (_linux("tmpfs"), (f"{_DOCKER}1.22",)),
    (_linux("sharedMemorySize"), (f"{_DOCKER}1.22",)),
)
