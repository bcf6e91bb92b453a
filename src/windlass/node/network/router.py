"""One router of a node: a VPC's (or mode bridge's) namespace with a bridge per subnet, rules, and sandboxes.

Acts, in the thread of fabric.py. A router is a namespace of its own, so that ranges of VPCs may be equal, to
each other and to the host's own networks, and so that the host's tables stay as they are. It leaves by one
pair of interfaces; its name is all that must be taken away for everything in it to be gone.
"""

from __future__ import annotations

import os
import socket
from collections import deque
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field

from windlass.fleet.networks import Interface
from windlass.node.network import addressing, firewall, names, namespaces
from windlass.node.network.groups import RouterGroups
from windlass.node.network.netlink import Netlink, set_kernel
from windlass.node.network.nft import Nft

PORT_PREFIX = "port"
_FIRST_PORT = 1000
"""Numbers of ports begin here; below are the router's own interfaces."""
_BACKLOG = 128


@dataclass(slots=True)
class Plugged:
    """A sandbox that is plugged into a subnet's bridge. `namespace` is a descriptor that is ours."""

    namespace: int
    port: int
    subnet_id: str
    interface: Interface | None = None


@dataclass(slots=True)
class Subnet:
    """A subnet that tasks of this node are in."""

    bridge: int
    gateway: str
    prefix: int
    spare: deque[Plugged] = field(default_factory=deque)
    """The pool: made ahead, without an address."""
    used: int = 0


class Router:
    """A router that is up. `link` is the number of its pair of addresses, `uplink` the host's end of it."""

    def __init__(self, key: str, name: str, namespace: int, link: int, uplink: str) -> None:
        self.key = key
        self.name = name
        self.namespace = namespace
        self.uplink = uplink
        self.host_address, self.address = addressing.link(link)
        self.subnets: dict[str, Subnet] = {}
        self.groups = RouterGroups()
        self._netlink = Netlink(namespace)
        self._nft = Nft(namespace)
        self._port = _FIRST_PORT

    @classmethod
    def open(cls, own: str, key: str, mounts: int) -> Router:
        """The router as an earlier agent left it, or a new one. Raises OSError, with nothing left."""
        name = names.namespace(own, key)
        namespace = namespaces.kept(name, mounts)
        with ExitStack() as stack:
            if namespace is None:
                namespaces.release(name, mounts)
                namespace = namespaces.make()
                stack.callback(os.close, namespace)
                namespaces.keep(namespace, name, mounts)
                stack.callback(namespaces.release, name, mounts)
                link = _link_up(own, key, namespace)
            else:
                stack.callback(os.close, namespace)
                link = _link_of(namespace)
            router = cls(key, name, namespace, link, names.uplink(own, link))
            stack.callback(router._close)
            router._set_up()
            stack.pop_all()
        return router

    def _set_up(self) -> None:
        """All that a router has before the first task; done again for one that is there already."""
        for name, value in (
            ("ipv4/ip_forward", "1"),
            ("ipv4/conf/all/send_redirects", "0"),
            ("ipv4/conf/default/send_redirects", "0"),
        ):
            set_kernel(self.namespace, name, value)
        self._netlink.set_up_router(names.UPLINK, (self.host_address, self.address), addressing.ENDPOINTS)
        self._port = max((_FIRST_PORT, *self._netlink.numbers().values())) + 1
        self.run(firewall.router_table(self.host_address))

    def listen(self) -> socket.socket:
        """Where tasks find their endpoints; who connects there shows the address of his task."""
        with namespaces.inside(self.namespace):
            listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((addressing.ENDPOINTS, firewall.ENDPOINTS_PORT))
            listener.listen(_BACKLOG)
            listener.setblocking(False)
        except OSError:
            listener.close()
            raise
        return listener

    def subnet(self, subnet_id: str, subnet: str) -> Subnet:
        """The subnet's bridge, made with its first task."""
        found = self.subnets.get(subnet_id)
        if found is None:
            gateway, prefix = addressing.gateway(subnet), addressing.prefix(subnet)
            mac = names.bridge_mac(subnet_id)
            bridge = self._netlink.add_bridge(names.bridge(subnet_id), mac, gateway, prefix)
            found = self.subnets[subnet_id] = Subnet(bridge, gateway, prefix)
        return found

    def make(self, subnet_id: str, namespace: int | None = None) -> Plugged:
        """A sandbox in that subnet, without an address; in a namespace of its own, or in that one.

        The descriptor becomes ours. Raises OSError, with nothing left.
        """
        subnet = self.subnets[subnet_id]
        sandbox = namespaces.make() if namespace is None else namespace
        try:
            self._port += 1
            self._netlink.add_port(self._port, f"{PORT_PREFIX}{self._port}", subnet.bridge, sandbox)
            set_kernel(sandbox, "ipv4/ip_unprivileged_port_start", "0")
            inside = Netlink(sandbox)
            try:
                inside.prepare_sandbox(subnet.gateway)
            finally:
                inside.close()
        except OSError:
            os.close(sandbox)
            raise
        return Plugged(sandbox, self._port, subnet_id)

    def dress(self, plugged: Plugged, interface: Interface) -> None:
        """Make it the interface of a task; its rules are the caller's to add. Raises OSError."""
        subnet = self.subnets[plugged.subnet_id]
        inside = Netlink(plugged.namespace)
        try:
            inside.give_address(interface.mac, interface.address, subnet.prefix)
        finally:
            inside.close()
        self._netlink.lead_to(plugged.port, subnet.bridge, interface.mac, interface.address)
        plugged.interface = interface

    def adopt(self, namespace: int, interface: Interface) -> Plugged:
        """A sandbox that an earlier agent dressed; its descriptor becomes ours."""
        return Plugged(namespace, 0, interface.subnet_id, interface)

    def drop(self, plugged: Plugged) -> None:
        """Let it go: the kernel takes the interfaces away behind the last process."""
        if plugged.interface is not None:
            self._netlink.forget(self.subnets[plugged.subnet_id].bridge, plugged.interface.address)
        os.close(plugged.namespace)

    def run(self, commands: str) -> None:
        """Apply nft commands to the router's table. Raises OSError."""
        self._nft.run(commands)

    def remove(self, mounts: int) -> None:
        """Take it away, with all that is in it: the link at once, the rest as soon as nobody holds it."""
        unlink(self.uplink)
        for subnet in self.subnets.values():
            for spare in subnet.spare:
                os.close(spare.namespace)
        self._close()
        os.close(self.namespace)
        with suppress(OSError):
            namespaces.release(self.name, mounts)

    def detach(self) -> None:
        """Let go of it; what runs goes on."""
        for subnet in self.subnets.values():
            for spare in subnet.spare:
                os.close(spare.namespace)
        self._close()
        os.close(self.namespace)

    def _close(self) -> None:
        self._netlink.close()
        self._nft.close()


def unlink(uplink: str) -> None:
    """Take a router's link from the host, and with it the host's ways there. One that is gone is gone."""
    netlink = Netlink()
    try:
        netlink.remove(uplink)
    finally:
        netlink.close()


def _link_up(own: str, key: str, namespace: int) -> int:
    """Connect a new router with the host; returns the link's number."""
    netlink = Netlink()
    try:
        link = addressing.free_link(f"{own}{key}", netlink.addresses())
        outside = names.uplink(own, link)
        netlink.add_uplink(outside, names.UPLINK, namespace, addressing.link(link))
    finally:
        netlink.close()
    set_kernel(None, f"ipv4/conf/{outside}/route_localnet", "1")
    return link


def _link_of(namespace: int) -> int:
    """The number of the link that a router has."""
    netlink = Netlink(namespace)
    try:
        addresses = netlink.addresses(netlink.index(names.UPLINK))
        return addressing.link_number(min(addresses))
    finally:
        netlink.close()
