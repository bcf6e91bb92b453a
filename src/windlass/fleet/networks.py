"""What the plane tells nodes about task networks, and what they answer. node/ may import it.

The plane decides addresses, interfaces and rules (API objects of EC2 and ECS); a node makes them real.
Addresses are IPv4 in dotted text, ranges in CIDR notation.
"""

from __future__ import annotations

from typing import Literal

import msgspec

NetworkMode = Literal["host", "bridge", "none", "awsvpc"]
"""As ECS spells it (ECS API reference, RegisterTaskDefinition, networkMode)."""
Protocol = Literal["tcp", "udp"]


class PortMapping(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A container's port. In mode bridge `host_port` 0 means one that the node picks; in the modes host and

    awsvpc both are the same. `variable` is for programs that are told where to listen, by that name in their
    environment: a container that shares the host's network gets a free port there, any other its own.
    """

    container_port: int
    host_port: int = 0
    protocol: Protocol = "tcp"
    variable: str = ""


class Binding(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Where a container's port can be reached: what DescribeTasks shows as a networkBinding."""

    address: str
    host_port: int
    container_port: int
    protocol: Protocol = "tcp"


class Interface(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A task's own network interface in mode awsvpc. `subnet` and `vpc` are ranges; `prefix` is the length of

    the subnet's mask. The subnet's first address is its gateway, as in a VPC.
    """

    id: str
    mac: str
    address: str
    subnet_id: str
    subnet: str
    vpc_id: str
    vpc: str
    groups: tuple[str, ...] = ()
    """Ids of its security groups; their rules come in `SecurityGroups`."""
    hostname: str = ""
    public_address: str = ""
    zone: str = ""
    """Its subnet's availability zone."""


class Network(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """How the containers of one unit are connected. `interface` is there in mode awsvpc, and only then."""

    mode: NetworkMode = "host"
    interface: Interface | None = None
    shared: bool = False
    """Others have that interface too: all units of a node that name it are in one network."""


class NetworkState(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """What the node made of it. `address` is where the task can be reached from its node: its own in mode

    awsvpc (127.x.y.z where the node may make no interfaces), that on the node's bridge in mode bridge.
    """

    address: str = ""
    isolated: bool = False
    """It has a network namespace of its own."""
    router: str = ""
    """The namespace of its VPC's router on the node, under /run/netns: from there its address is reached."""


class Rule(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """What a security group lets through. `protocol` is "tcp", "udp", "icmp", a number, or "-1" for all.

    Ports are inclusive, -1 for all of them (for ICMP: type and code). Peers are ranges, or members of groups.
    """

    direction: Literal["ingress", "egress"]
    protocol: str = "-1"
    from_port: int = -1
    to_port: int = -1
    ranges: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()


class SecurityGroup(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A group: its rules, and the addresses of its members wherever they run, for rules that name it."""

    id: str
    rules: tuple[Rule, ...] = ()
    members: tuple[str, ...] = ()


class PoolCounts(msgspec.Struct, frozen=True, tag="pool"):
    """What the node's pool of sandboxes did since its agent started; sent again when it has changed.

    Each of `classes` is a size of task ("256/512": CPU units, MiB; "other" without one), how many of its
    launches found a sandbox made ahead, and how many had to wait for one. `spare`: how many are ready.
    """

    spare: int
    classes: tuple[tuple[str, int, int], ...] = ()
