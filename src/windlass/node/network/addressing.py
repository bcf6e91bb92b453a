"""Which addresses a node gives away itself: links to routers, the bridge network, loopback. Pure.

Addresses of VPC subnets are the plane's to give. All are IPv4.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from hashlib import sha256

ENDPOINTS = "169.254.170.2"
"""Where a task finds its endpoints; ECS Developer Guide, task metadata endpoint version 4."""
BRIDGE_SUBNET = "172.17.0.0/16"
"""The network of mode bridge, as Docker's: it lies in a router of ours, so Docker's own does not collide."""
_LINKS = int(ipaddress.IPv4Address("169.254.192.0"))
LINKS_MAX = 8192
"""Pairs of link-local addresses, up to 169.254.255.255."""
_LOOPBACK = int(ipaddress.IPv4Address("127.64.0.0"))
_LOOPBACK_SIZE = 2**22


class NoAddress(Exception):
    """All addresses of a range are taken."""


def gateway(subnet: str) -> str:
    """The router of a subnet: its first address, as in a VPC. 10.0.1.0/24 → 10.0.1.1"""
    return str(ipaddress.IPv4Network(subnet)[1])


def prefix(subnet: str) -> int:
    return ipaddress.IPv4Network(subnet).prefixlen


def link(number: int) -> tuple[str, str]:
    """(host's address, router's address) of a link: a /31."""
    first = _LINKS + 2 * number
    return str(ipaddress.IPv4Address(first)), str(ipaddress.IPv4Address(first + 1))


def link_number(address: str) -> int:
    """The link that one of its two addresses belongs to."""
    return (int(ipaddress.IPv4Address(address)) - _LINKS) // 2


def free_link(seed: str, taken: Collection[str]) -> int:
    """The number of a link that no address of the host belongs to. Raises NoAddress."""
    start = int(sha256(seed.encode()).hexdigest()[:8], 16)
    for step in range(LINKS_MAX):
        number = (start + step) % LINKS_MAX
        if not any(address in taken for address in link(number)):
            return number
    raise NoAddress("all link-local addresses for routers are taken")


def bridge_address(last: str, taken: Collection[str]) -> str:
    """The next free address of mode bridge after the one given last. Raises NoAddress."""
    subnet = ipaddress.IPv4Network(BRIDGE_SUBNET)
    first, size = int(subnet[2]), subnet.num_addresses - 3
    after = int(ipaddress.IPv4Address(last)) + 1 - first if last else 0
    if len(taken) < size:
        for step in range(size):
            address = str(ipaddress.IPv4Address(first + (after + step) % size))
            if address not in taken:
                return address
    raise NoAddress(f"no address is left in {BRIDGE_SUBNET}")


def loopback_address(seed: str, taken: Collection[str]) -> str:
    """An address of 127.64.0.0/10 for a task without a namespace; from its id, so that two planes on one

    machine hardly ever choose the same.
    """
    start = int(sha256(seed.encode()).hexdigest()[:12], 16)
    for step in range(_LOOPBACK_SIZE):
        address = str(ipaddress.IPv4Address(_LOOPBACK + (start + step) % _LOOPBACK_SIZE))
        if address not in taken and not address.endswith((".0", ".255")):
            return address
    raise NoAddress("no loopback address is left")


def overlaps(subnet: str, routes: Collection[str]) -> bool:
    """Whether the host already has a way to some of these addresses, other than its default route."""
    wanted = ipaddress.IPv4Network(subnet)
    return any(wanted.overlaps(ipaddress.IPv4Network(route)) for route in routes)
