"""What the loop asks of the thread that makes networks. Pure values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from windlass.fleet.networks import Binding, Interface, PortMapping, SecurityGroup
from windlass.node.network import addressing, names

BRIDGE_SUBNET_ID = "bridge"

Key: TypeAlias = tuple[str, str]
"""(unit id, container name); "" for a network that all containers of the unit share."""


@dataclass(frozen=True, slots=True)
class Connect:
    """Make that network. Without an interface it is mode bridge, or with `lonely` mode none.

    `namespace`: the path of one that is there already and is to be plugged; "": a new one.
    """

    key: Key
    interface: Interface | None = None
    ports: tuple[PortMapping, ...] = ()
    lonely: bool = False
    size: str = "other"
    """What its launch is counted under: see PoolCounts."""
    namespace: str = ""


@dataclass(frozen=True, slots=True)
class Adopt:
    """Take over a network that an agent before this one made, from a process that is in it."""

    key: Key
    pid: int
    interface: Interface | None = None
    bindings: tuple[Binding, ...] = ()


@dataclass(frozen=True, slots=True)
class Disconnect:
    """Take away all networks of that unit."""

    unit_id: str


@dataclass(frozen=True, slots=True)
class Groups:
    """These are the security groups now."""

    groups: tuple[SecurityGroup, ...]


@dataclass(frozen=True, slots=True)
class Plane:
    """The plane's URL, as the host sees it."""

    endpoint: str


@dataclass(frozen=True, slots=True)
class Keep:
    """So many sandboxes are to be made ahead for each subnet in use."""

    spares: int


Job: TypeAlias = Connect | Adopt | Disconnect | Groups | Plane | Keep


def bridge_interface(key: Key, address: str) -> Interface:
    """An interface in mode bridge, made up here. Its hardware address follows from the other, as Docker's."""
    mac = "02:42:" + ":".join(f"{int(part):02x}" for part in address.split("."))
    return Interface(
        id="",
        mac=mac,
        address=address,
        subnet_id=BRIDGE_SUBNET_ID,
        subnet=addressing.BRIDGE_SUBNET,
        vpc_id=names.BRIDGE_KEY,
        vpc=addressing.BRIDGE_SUBNET,
    )
