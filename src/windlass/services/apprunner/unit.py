"""One instance of a deployment as a unit of the fleet. Pure.

A deployment says of what it is made: an image, or what a build left (its artefact). An instance differs from
its siblings by its id, and so by its log stream. What it is told: its own variables and secrets, the Region,
credentials of its role, and PORT, which its node says: where instances share the host's network each has
another (fleet/networks.py, PortMapping.variable). Under the process runner an image is not looked at, and
what is run is its StartCommand on the host. Sources: App Runner Developer Guide, develop, monitor-cwl;
facts/apprunner.md, 3, 6, 8.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace

from windlass.aws.arn import arn
from windlass.fleet import container_shapes
from windlass.fleet.container_shapes import ContainerShape, Surroundings
from windlass.fleet.messages import ContainerSpec, LogTarget, Mount, UnitSpec
from windlass.fleet.model import Unit
from windlass.fleet.networks import Network, PortMapping
from windlass.fleet.task_messages import TaskFacts
from windlass.kernel.clock import Instant
from windlass.services.apprunner.limits import DEFAULT_PORT
from windlass.services.apprunner.model import OWNER, Deployment, Service

CONTAINER = "application"
LAUNCH_TYPE = "FARGATE"
"""What App Runner's instances run on."""
PORT = "PORT"
SHELL = "/bin/sh"
FROM_BUNDLE = (
    'if [ "$PWD" = / ]; then mkdir -p /app && cd /app || exit 1; fi; '
    'cp -a "$1"/. . || exit 1; exec "$0" -c "$2"'
)
"""What starts an instance of built source code: in a copy of its own, where it may write what it likes.

Its words are what the service's owner gave; none of them is part of this text.
"""


@dataclass(frozen=True, slots=True)
class Program:
    """What an instance runs, wherever it comes from. `bundle` is a directory of the node, "" for an image."""

    command: tuple[str, ...]
    port: int
    image: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    """Name → ARN, or name of a parameter."""
    bundle: str = ""
    port_variable: str = PORT
    node: str = ""
    """Where the bundle is; "" for an image, which any node can have."""


def program(deployment: Deployment) -> Program:
    """What the instances of that deployment run; of source code once it is built."""
    if deployment.is_code:
        built = deployment.artefact
        return Program(
            command=(SHELL, "-c", FROM_BUNDLE, SHELL, built["Bundle"], built["Command"]),
            port=int(built["Port"]),
            image=built.get("Image", ""),
            variables=built.get("Variables", {}),
            secrets=built.get("Secrets", {}),
            bundle=built["Bundle"],
            port_variable=built["PortVariable"],
            node=built["Node"],
        )
    repository = deployment.source["ImageRepository"]
    configured = repository.get("ImageConfiguration", {})
    return Program(
        command=tuple(words(configured.get("StartCommand", ""))),
        port=int(configured.get("Port", DEFAULT_PORT)),
        image=repository["ImageIdentifier"],
        variables=configured.get("RuntimeEnvironmentVariables", {}),
        secrets=configured.get("RuntimeEnvironmentSecrets", {}),
    )


def words(command: str) -> list[str]:
    """The words of a start command; one whose quotes do not end is one word, which nothing is called.

    >>> words("gunicorn 'my app' -b :80"), words("it's")
    (['gunicorn', 'my app', '-b', ':80'], ["it's"])
    """
    try:
        return shlex.split(command)
    except ValueError:
        return [command]


def shape(deployment: Deployment, program: Program) -> ContainerShape:
    """Its container, as the containers of ECS tasks are described."""
    return {
        "name": CONTAINER,
        "image": program.image,
        "command": list(program.command),
        "essential": True,
        "cpu": deployment.cpu_units,
        "memory": deployment.memory_mib,
        "environment": [
            {"name": name, "value": value}
            for name, value in sorted(program.variables.items())
            if name != program.port_variable
        ],
        "secrets": [{"name": name, "valueFrom": where} for name, where in sorted(program.secrets.items())],
    }


def unit(
    service: Service,
    deployment: Deployment,
    instance_id: str,
    around: Surroundings,
    network: Network,
    now: Instant,
) -> Unit:
    """One instance. `around` is what surroundings.find says of its shape and role."""
    run = program(deployment)
    facts = TaskFacts(
        task_arn=f"{service.arn}/instance/{instance_id}",
        cluster=OWNER,
        family=service.name,
        revision=deployment.number,
        launch_type=LAUNCH_TYPE,
        role_arn=deployment.role_arn,
        cpu_units=deployment.cpu_units,
        memory_mib=deployment.memory_mib,
        tags=tuple(service.tags.items()),
        service=service.name,
    )
    target = LogTarget(
        service.account, service.region, log_group(service, "application"), f"instance/{instance_id}"
    )
    container = _container(shape(deployment, run), run, service, instance_id, around)
    return Unit(
        id=instance_id,
        owner=OWNER,
        account=service.account,
        region=service.region,
        spec=UnitSpec(instance_id, "task", (replace(container, log=target),), task=facts, network=network),
        cpu_units=deployment.cpu_units,
        memory_mib=deployment.memory_mib,
        created_at=now,
        bound_to=run.node,
    )


def log_group(service: Service, of: str) -> str:
    """`of`: "application", or "service" for what App Runner itself says."""
    return f"/aws/apprunner/{service.name}/{service.id}/{of}"


def _container(
    described: Mapping[str, Any], run: Program, service: Service, instance_id: str, around: Surroundings
) -> ContainerSpec:
    [spec] = container_shapes.specs([described], LAUNCH_TYPE, described["memory"], around)
    mounts = (Mount("host", run.bundle, run.bundle, read_only=True),) if run.bundle else ()
    return replace(
        spec,
        mounts=mounts,
        ports=(PortMapping(run.port, variable=run.port_variable),),
        arn=arn("ecs", service.region, service.account, f"container/{OWNER}/{instance_id}/{CONTAINER}"),
        runtime_id=f"{instance_id}-0000000001",
    )
