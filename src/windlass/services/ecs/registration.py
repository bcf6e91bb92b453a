"""What a container instance is when it is registered: by a machine, a node, or over the API. Pure.

Rules: ECS API reference, RegisterContainerInstance; attribute names: ECS Developer Guide, attributes. A
machine says of itself what its node can do (`Node.attributes`), where it is, and what it was launched with.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from windlass.fleet.kinds import UNLIMITED
from windlass.fleet.model import Instance, Node, Port
from windlass.kernel.clock import Instant
from windlass.kernel.faults import Fault
from windlass.kernel.rows import replace
from windlass.services.ecs import interface_slots, limits
from windlass.services.ecs.instance_model import RESERVED_PORTS, ContainerInstance
from windlass.services.ecs.model import Cluster

ZONE = "ecs.availability-zone"
INSTANCE_TYPE = "ecs.instance-type"
BUILT_IN_PREFIXES = ("ecs.", "com.amazonaws.ecs.")
"""Attribute names that ECS itself gives out."""
_NAME = re.compile(r"[A-Za-z0-9_./\\-]{1,128}", re.ASCII)
_VALUE = re.compile(r"[A-Za-z0-9_./\\\-@: ]{0,128}", re.ASCII)
_MACHINE = re.compile(r"(i|mi)-[0-9a-f]{8,17}", re.ASCII)


def zone(instance: ContainerInstance) -> str:
    """Where network interfaces of its tasks must be, "" for anywhere: so is the embedded one, whatever it

    says of itself, since a laptop has no machine in the other zones.
    """
    return "" if instance.unbounded else instance.attribute(ZONE)


def of_machine(
    machine: Instance, node: Node, instance_id: str, version: str, now: Instant, provider: str = ""
) -> ContainerInstance:
    """The container instance that a machine becomes in its cluster; `provider` has its Auto Scaling group."""
    told = {
        **dict(node.attributes),
        **({ZONE: machine.zone} if machine.zone else {}),
        **({INSTANCE_TYPE: machine.instance_type} if machine.instance_type else {}),
        **dict(machine.attributes),
    }
    return ContainerInstance(
        id=instance_id,
        account=machine.account,
        region=machine.region,
        cluster=machine.cluster,
        node_id=machine.node_id,
        machine_id=machine.id,
        launch_type=machine.kind,
        cpu_units=machine.cpu_units,
        memory_mib=machine.memory_mib,
        registered_at=now,
        unbounded=machine.unbounded,
        gpus=tuple(f"GPU-{machine.id.removeprefix('i-')}-{number}" for number in range(machine.gpus)),
        attributes=tuple(sorted(told.items())),
        connected=node.connected,
        agent_version=version,
        capacity_provider=provider,
    )


def of_node(node: Node, cluster: Cluster, instance_id: str, version: str, now: Instant) -> ContainerInstance:
    """The container instance that a whole node is to a cluster that has no machine: as roomy as the node."""
    told = {**dict(node.attributes), ZONE: f"{cluster.region}a"}
    return ContainerInstance(
        id=instance_id,
        account=cluster.account,
        region=cluster.region,
        cluster=cluster.name,
        node_id=node.id,
        machine_id=node.id,
        launch_type="EC2",
        cpu_units=node.cpu_units,
        memory_mib=node.memory_mib,
        registered_at=now,
        unbounded=node.unbounded,
        attributes=tuple(sorted(told.items())),
        connected=node.connected,
        agent_version=version,
    )


def asked(
    params: Mapping[str, Any], cluster: Cluster, instance_id: str, tags: Mapping[str, str], now: Instant
) -> ContainerInstance:
    """What RegisterContainerInstance asks for; its machine and node are not looked up yet.

    Raises InvalidParameterException.
    """
    resources = {resource.get("name", ""): resource for resource in params.get("totalResources", ())}
    version = params.get("versionInfo", {})
    return ContainerInstance(
        id=instance_id,
        account=cluster.account,
        region=cluster.region,
        cluster=cluster.name,
        node_id="",
        machine_id=machine_id(params.get("instanceIdentityDocument", "")),
        launch_type="EC2",
        cpu_units=_amount(resources, "CPU"),
        memory_mib=_amount(resources, "MEMORY"),
        registered_at=now,
        ports_tcp=_ports(resources, "PORTS", RESERVED_PORTS),
        ports_udp=_ports(resources, "PORTS_UDP", ()),
        gpus=_gpus(resources),
        attributes=attributes(params.get("attributes", ())),
        connected=False,
        agent_version=version.get("agentVersion", ""),
        runtime_version=version.get("dockerVersion", ""),
        tags=tags,
    )


def machine_id(document: str) -> str:
    """The instance in an instance identity document; "" without a document.

    Its signature is not verified: whoever may call this operation may register anything.
    """
    if not document:
        return ""
    try:
        read = msgspec.json.decode(document)
    except msgspec.DecodeError:
        read = None
    found = read.get("instanceId") if isinstance(read, dict) else None
    if not isinstance(found, str) or not _MACHINE.fullmatch(found):
        raise _invalid("Invalid instance identity document.")
    return found


def attributes(given: Sequence[Mapping[str, str]]) -> tuple[tuple[str, str], ...]:
    """A call's attributes as a row has them, sorted by name. Raises InvalidParameterException."""
    found: dict[str, str] = {}
    for attribute in given:
        name, value = attribute.get("name", ""), attribute.get("value", "")
        if not _NAME.fullmatch(name):
            raise _invalid(f"Invalid attribute name: {name[: limits.ATTRIBUTE_LENGTH_MAX]}")
        if not _VALUE.fullmatch(value) or value != value.strip():
            raise _invalid(f"Invalid attribute value: {value[: limits.ATTRIBUTE_LENGTH_MAX]}")
        found[name] = value
    return tuple(sorted(found.items()))


def trunked(instance: ContainerInstance, interface_id: str) -> ContainerInstance:
    """The instance with a trunk of that id, if its type can have one (account setting awsvpcTrunking)."""
    known = dict(instance.attributes)
    if interface_slots.TRUNK in known or not interface_slots.can_trunk(known.get(INSTANCE_TYPE, "")):
        return instance
    told = {**known, interface_slots.TRUNK: interface_id}
    return replace(instance, attributes=tuple(sorted(told.items())))


def enis(instance: ContainerInstance) -> int:
    """How many tasks with an interface of their own it takes."""
    known = dict(instance.attributes)
    slots = interface_slots.slots(known.get(INSTANCE_TYPE, ""), interface_slots.TRUNK in known)
    return UNLIMITED if instance.unbounded or slots is None else slots


def reserved(instance: ContainerInstance) -> frozenset[Port]:
    """Ports that no task gets on it."""
    tcp: list[Port] = [("tcp", port) for port in instance.ports_tcp]
    udp: list[Port] = [("udp", port) for port in instance.ports_udp]
    return frozenset((*tcp, *udp))


def _gpus(resources: Mapping[str, Mapping[str, Any]]) -> tuple[str, ...]:
    """Ids, as the agent reads them from the driver."""
    found = resources.get("GPU", {}).get("stringSetValue", ())
    if len(found) > limits.GPUS_MAX:
        raise _invalid(f"GPU can have at most {limits.GPUS_MAX} items.")
    return tuple(sorted(set(found)))


def _amount(resources: Mapping[str, Mapping[str, Any]], name: str) -> int:
    resource = resources.get(name)
    if resource is None:
        return 0
    found = resource.get("integerValue", resource.get("longValue", int(resource.get("doubleValue", 0))))
    if found < 0:
        raise _invalid(f"Invalid value of resource {name}.")
    return int(found)


def _ports(
    resources: Mapping[str, Mapping[str, Any]], name: str, default: tuple[int, ...]
) -> tuple[int, ...]:
    resource = resources.get(name)
    if resource is None:
        return default
    given = resource.get("stringSetValue", ())
    if len(given) > limits.PORTS_MAX:
        raise _invalid(f"{name} can have at most {limits.PORTS_MAX} items.")
    if not all(re.fullmatch(r"[0-9]{1,5}", port, re.ASCII) and 0 < int(port) < 65536 for port in given):
        raise _invalid(f"Invalid value of resource {name}.")
    return tuple(sorted(set(map(int, given))))


def _invalid(message: str) -> Fault:
    return Fault("InvalidParameterException", message)
