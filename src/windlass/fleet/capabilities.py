"""What a container instance can say of the node behind it: attributes, by runner. Pure.

Names: the ECS agent's own (amazon-ecs-agent, agent/app/agent_capability.go), as far as the runner really does
what they stand for. Known gap: nothing places by them yet, since requiresAttributes of a task definition is
not computed; they can be named in constraints and filters.
"""

from __future__ import annotations

ARCHITECTURES = {"aarch64": "arm64", "arm64": "arm64"}
"""Machine names to what `ecs.cpu-architecture` calls them; the others are x86_64."""
_EVERY = (
    "com.amazonaws.ecs.capability.logging-driver.awslogs",
    "com.amazonaws.ecs.capability.task-iam-role",
    "ecs.capability.container-health-check",
    "ecs.capability.container-ordering",
    "ecs.capability.container-restart-policy",
)
_CONTAINERS = (
    "com.amazonaws.ecs.capability.privileged-container",
    "ecs.capability.docker-plugin.local",
    "ecs.capability.task-eni",
)
"""What needs containers; the process runner has none."""


def attributes(runner: str, machine: str) -> tuple[tuple[str, str], ...]:
    """Attributes of a node with that runner on a machine that uname calls so.

    >>> dict(attributes("process", "aarch64"))["ecs.cpu-architecture"]
    'arm64'
    """
    able = _EVERY if runner == "process" else (*_EVERY, *_CONTAINERS)
    return (
        *((name, "") for name in able),
        ("ecs.cpu-architecture", ARCHITECTURES.get(machine, "x86_64")),
        ("ecs.os-family", "LINUX"),
        ("ecs.os-type", "linux"),
    )
