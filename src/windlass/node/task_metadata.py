"""What a task learns about itself: the documents of the task metadata endpoint, version 4. Pure.

Keys and formats are those of the ECS Developer Guide, task metadata endpoint v4, and of the ECS agent
(amazon-ecs-agent: ecs-agent/tmds/handlers/v4/state/response.go). Known gaps: no Volumes, DomainNameServers,
ClockDrift and EphemeralStorageMetrics; tags are those that the task was started with.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypeAlias

import msgspec

from windlass.fleet.messages import ContainerSpec, ContainerState
from windlass.fleet.networks import Binding
from windlass.fleet.task_messages import TaskFacts
from windlass.kernel.clock import SECOND, Instant
from windlass.node.held import Held
from windlass.node.network.addressing import gateway

Document: TypeAlias = dict[str, Any]

CPU_UNITS_PER_VCPU = 1024
_KNOWN = {"pending": "NONE", "running": "RUNNING", "stopping": "RUNNING", "stopped": "STOPPED"}
"""Our states in the ECS agent's words: NONE before a container is created."""


def container(held: Held, facts: TaskFacts, name: str) -> Document:
    """`${ECS_CONTAINER_METADATA_URI_V4}`: one container."""
    spec, state = held.container_spec(name), held.container(name)
    shown: Document = {
        "DockerId": spec.runtime_id,
        "Name": name,
        "DockerName": _docker_name(facts, spec),
        "Image": spec.image,
        "ImageID": state.image_digest,
        "Labels": labels(facts, spec),
        "DesiredStatus": _desired(held),
        "KnownStatus": _KNOWN[state.status],
        "Limits": _container_limits(spec),
        "Type": "NORMAL",
        "ContainerARN": spec.arn,
        "Networks": [_network(held, name)],
    }
    if state.bindings:
        shown["Ports"] = [_port(binding) for binding in state.bindings]
    if state.exit_code is not None:
        shown["ExitCode"] = state.exit_code
    if spec.log is not None:
        shown["LogDriver"] = "awslogs"
        shown["LogOptions"] = {
            "awslogs-group": spec.log.group,
            "awslogs-region": spec.log.region,
            "awslogs-stream": spec.log.stream,
        }
    if spec.health_check is not None:
        shown["Health"] = _health(held, state)
    if spec.restart_policy is not None:
        shown["RestartCount"] = state.restart_count
    started = held.last_start(name)
    return shown | _instants(CreatedAt=state.started_at, StartedAt=started, FinishedAt=state.stopped_at)


def task(held: Held, facts: TaskFacts) -> Document:
    """`${ECS_CONTAINER_METADATA_URI_V4}/task`."""
    shown: Document = {
        "Cluster": facts.cluster,
        "TaskARN": facts.task_arn,
        "Family": facts.family,
        "Revision": str(facts.revision),
        "DesiredStatus": _desired(held),
        "KnownStatus": _KNOWN[held.state.status],
        "LaunchType": facts.launch_type,
        "Group": facts.group,
        "FaultInjectionEnabled": False,
        "Containers": [container(held, facts, spec.name) for spec in held.spec.containers],
    }
    if (interface := held.spec.network.interface) is not None:
        shown |= {"AvailabilityZone": interface.zone, "VPCID": interface.vpc_id}
    if facts.service:
        shown["ServiceName"] = facts.service
    limits = {"CPU": facts.cpu_units / CPU_UNITS_PER_VCPU, "Memory": facts.memory_mib}
    if any(limits.values()):
        shown["Limits"] = {name: value for name, value in limits.items() if value}
    return shown | _instants(
        PullStartedAt=held.state.pull_started_at,
        PullStoppedAt=held.state.pull_stopped_at,
        ExecutionStoppedAt=held.state.execution_stopped_at,
    )


def task_with_tags(held: Held, facts: TaskFacts) -> Document:
    """`${ECS_CONTAINER_METADATA_URI_V4}/taskWithTags`."""
    return task(held, facts) | ({"TaskTags": dict(facts.tags)} if facts.tags else {})


def iso(at: Instant) -> str:
    """An instant with its nanoseconds.

    >>> iso(1_600_000_000_123_456_789)
    '2020-09-13T12:26:40.123456789Z'
    """
    whole, nanoseconds = divmod(at, SECOND)
    return f"{datetime.fromtimestamp(whole, UTC):%Y-%m-%dT%H:%M:%S}.{nanoseconds:09d}Z"


def _network(held: Held, name: str) -> Document:
    """The network as it is: an address of mode awsvpc on loopback has no hardware and no gateway."""
    network, address = held.spec.network, held.sandbox(name).address
    if network.mode == "host" or (not address and network.mode != "none"):
        return {"NetworkMode": "host", "IPv4Addresses": ["127.0.0.1"]}
    shown: Document = {"NetworkMode": network.mode, "IPv4Addresses": [address] if address else []}
    interface = network.interface
    if interface is None or address != interface.address:
        return shown
    prefix = interface.subnet.partition("/")[2]
    return shown | {
        "AttachmentIndex": 0,
        "MACAddress": interface.mac,
        "IPv4SubnetCIDRBlock": interface.subnet,
        "PrivateDNSName": interface.hostname,
        "SubnetGatewayIpv4Address": f"{gateway(interface.subnet)}/{prefix}",
    }


def _port(binding: Binding) -> Document:
    return {
        "ContainerPort": binding.container_port,
        "Protocol": binding.protocol,
        "HostPort": binding.host_port,
        "HostIp": binding.address,
    }


def _desired(held: Held) -> str:
    return "STOPPED" if held.state.stopping_at else "RUNNING"


def _docker_name(facts: TaskFacts, spec: ContainerSpec) -> str:
    if facts.launch_type == "FARGATE":
        return spec.name
    return f"ecs-{facts.family}-{facts.revision}-{spec.name}-{spec.runtime_id.rpartition('-')[2]}"


def labelled(held: Held, name: str) -> ContainerSpec:
    """The container's specification with the labels that the ECS agent puts on containers of tasks."""
    spec, facts = held.container_spec(name), held.spec.task
    if facts is None:
        return spec
    return msgspec.structs.replace(spec, labels=tuple(labels(facts, spec).items()))


def labels(facts: TaskFacts, spec: ContainerSpec) -> Mapping[str, str]:
    """The definition's, and the ECS agent's over them."""
    prefix = "com.amazonaws.ecs."
    return dict(spec.labels) | {
        f"{prefix}cluster": facts.cluster,
        f"{prefix}container-name": spec.name,
        f"{prefix}task-arn": facts.task_arn,
        f"{prefix}task-definition-family": facts.family,
        f"{prefix}task-definition-version": str(facts.revision),
    }


def _container_limits(spec: ContainerSpec) -> Mapping[str, int]:
    """CPU units (2 stand for none, as in Docker's shares) and MiB."""
    memory = {} if spec.memory_mib is None else {"Memory": spec.memory_mib}
    return {"CPU": max(2, spec.cpu_units), **memory}


def _health(held: Held, state: ContainerState) -> Document:
    checks = held.checks_of(state.name)
    shown: Document = {"status": state.health}
    if checks.since:
        shown["statusSince"] = iso(checks.since)
    if checks.exit_code is not None:
        shown["exitCode"] = checks.exit_code
    return shown


def _instants(**instants: Instant) -> Document:
    return {name: iso(at) for name, at in instants.items() if at}
