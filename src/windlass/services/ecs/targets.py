"""What a task of a service is to its target groups: which targets it has, and what is next for them. Pure.

A task registers once it runs and nobody wants it to stop; it leaves before it is told to stop, and is told so
when it has drained (ECS Developer Guide, service load balancing; facts/ecs.md sections 4 and 7.4). Knows
neither who serves the groups nor when: target_registrar.py does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, TypeAlias

from windlass.aws.target_groups import State, Target, TargetType
from windlass.services.ecs import circuit_breaker
from windlass.services.ecs.model import Registered, TargetHealth, Task

Step: TypeAlias = Literal["register", "deregister", "drained", "forget", "look", "none"]
FAILED = circuit_breaker.ELB_UNHEALTHY + " in (target-group {})"
"""stoppedReason; ECS Developer Guide, stopped task error codes."""


def step(task: Task, states: Iterable[State]) -> Step:
    """What is next for a task that load balancers send requests to, `states` being those of its targets."""
    if task.last_status == "STOPPED":
        if not task.targets:
            return "none"
        return "forget" if task.target_health == "draining" else "deregister"
    if task.desired_status == "STOPPED":
        if not task.targets:
            return "none"
        if task.target_health != "draining":
            return "deregister"
        return "drained" if all(state == "unused" for state in states) else "none"
    if not task.started_at:
        return "none"
    return "look" if task.targets else "register"


def of(task: Task, balancers: Sequence[Mapping[str, Any]], machine_id: str) -> tuple[Registered, ...]:
    """The task's targets, one for each entry of its revision's loadBalancers that can be had now.

    With an interface of its own it is an address and the container's port; else the EC2 instance and the
    port of the host. A port that is not bound has no target.
    """
    found = []
    for balancer in balancers:
        arn, name, port = (balancer[key] for key in ("targetGroupArn", "containerName", "containerPort"))
        if task.attachment is not None:
            found.append(Registered(arn, task.attachment.address, port))
            continue
        bindings = (b for c in task.containers if c.name == name for b in c.bindings)
        host_port = next((b.host_port for b in bindings if b.container_port == port), None)
        if host_port is not None and machine_id:
            found.append(Registered(arn, machine_id, host_port))
    return tuple(found)


def fits(network_mode: str, kind: TargetType) -> bool:
    """Whether targets of that kind are what tasks of that network mode have."""
    return kind == ("ip" if network_mode == "awsvpc" else "instance")


def combined(states: Iterable[State]) -> TargetHealth:
    """What all target groups say together: the worst counts.

    >>> combined(["healthy", "initial"]), combined(["healthy", "unhealthy"]), combined(["healthy"])
    ('initial', 'unhealthy', 'healthy')
    """
    found = set(states)
    if "unhealthy" in found:
        return "unhealthy"
    return "healthy" if found == {"healthy"} else "initial"


def target(registered: Registered) -> Target:
    return Target(registered.id, registered.port)


def group_name(arn: str) -> str:
    """The name in a target group's ARN.

    >>> group_name("arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/web/0123456789abcdef")
    'web'
    """
    return arn.split("/")[1]
