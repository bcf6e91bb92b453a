"""All networks of this node, as the kernel has them: routers, sandboxes, rules, ports. Root, Linux.

Works off jobs in the order in which they were given, in one thread: interfaces one by one, rules of a batch
in one transaction per router. Answers say what became of each. Knows no loop and no agent.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from windlass.fleet.networks import (
    Binding,
    Interface,
    NetworkState,
    PoolCounts,
    PortMapping,
    SecurityGroup,
)
from windlass.node.network import addressing, files, firewall, leftovers, names, namespaces
from windlass.node.network.host import Host, add_route
from windlass.node.network.jobs import (
    Adopt,
    Connect,
    Disconnect,
    Groups,
    Job,
    Keep,
    Key,
    Plane,
    bridge_interface,
)
from windlass.node.network.netlink import Netlink
from windlass.node.network.ports import HeldPort, PortTaken, hold
from windlass.node.network.router import Plugged, Router, Subnet
from windlass.node.sandbox import Connected, NotConnected, Sandbox

_HOST = ""
"""The host's table, among the keys of routers."""
_RESOLV_CONFS = ("/etc/resolv.conf", "/run/systemd/resolve/resolv.conf")
_GROUPS = "security-groups"
_LOCAL = ("127.0.0.1", "localhost", "0.0.0.0")

log = logging.getLogger("windlass.agent")


@dataclass(slots=True)
class _Net:
    """One network that is there."""

    router: Router | None
    plugged: Plugged | None
    namespace: int
    interface: Interface | None = None
    """Set once there are rules for it."""
    ports: list[HeldPort] = field(default_factory=list)


class Fabric:
    """`own` is the tag of the agent's directory `data`, `mounts` the host's mount namespace.

    So many `spares` are made ahead for each subnet in use.
    """

    def __init__(self, own: str, data: Path, mounts: int, spares: int) -> None:
        self._own = own
        self._data = data
        self._mounts = mounts
        self._spares = spares
        self._routers: dict[str, Router] = {}
        self._nets: dict[Key, _Net] = {}
        self._groups = _read_groups(data)
        self._plane: tuple[str, int] | None = None
        self._endpoint = ""
        self._host: Host | None = None
        self._last_bridge_address = ""
        self._rules: dict[str, list[str]] = {}
        self._listeners: list[tuple[str, socket.socket]] = []
        self._launches: dict[str, tuple[int, int]] = {}

    def work(self, jobs: Sequence[Job]) -> list[Connected | NotConnected | None]:
        """Do all of these; the answers in the same order. Only networks that were asked for have one."""
        answers = [self._do(job) for job in jobs]
        failed = self._apply()
        for at, job in enumerate(jobs):
            net = self._nets.get(job.key) if isinstance(job, Connect) else None
            if isinstance(job, Connect) and net is not None and net.router is not None:
                error = failed.get(net.router.key) or (failed.get(_HOST) if job.ports else None)
                if error is not None:
                    self._disconnect_one(job.key)
                    answers[at] = _refusal(job, error)
        return answers

    def _do(self, job: Job) -> Connected | NotConnected | None:
        match job:
            case Connect():
                return self._connect(job)
            case Adopt():
                return self._adopt(job)
            case Disconnect(unit_id):
                self._disconnect(unit_id)
            case Groups(groups):
                self._take_groups(groups)
            case Plane(endpoint):
                self._reach_plane(endpoint)
            case Keep(spares):
                self._spares = spares
        return None

    def new_listeners(self) -> list[tuple[str, socket.socket]]:
        """Where tasks of new routers will look for their endpoints: (router's key, listening socket)."""
        found, self._listeners = self._listeners, []
        return found

    def refill(self) -> bool:
        """Make one spare sandbox where one is missing. False: the pool is full, or cannot be filled."""
        for router in self._routers.values():
            for subnet_id, subnet in router.subnets.items():
                if subnet.used and len(subnet.spare) < self._spares:
                    try:
                        subnet.spare.append(router.make(subnet_id))
                    except OSError as error:
                        log.warning("no sandbox can be made ahead: %s", error)
                        return False
                    return True
        return False

    def pool(self) -> PoolCounts:
        """What the pool did so far, and what is in it."""
        subnets = (subnet for router in self._routers.values() for subnet in router.subnets.values())
        classes = tuple((size, *counts) for size, counts in sorted(self._launches.items()))
        return PoolCounts(sum(len(subnet.spare) for subnet in subnets), classes)

    def _count(self, size: str, *, hit: bool) -> None:
        hits, misses = self._launches.get(size, (0, 0))
        self._launches[size] = (hits + hit, misses + (not hit))

    def tidy(self) -> list[str]:
        """Take away routers that nobody is in; returns their keys."""
        used = {net.router.key for net in self._nets.values() if net.router is not None}
        gone = [key for key in self._routers if key not in used]
        for key in gone:
            self._routers.pop(key).remove(self._mounts)
        if not self._routers and self._host is not None:
            self._host.remove()
            self._host = None
            leftovers.forget(self._own)
        return gone

    def sweep(self) -> None:
        """All that still runs was adopted: take away what else an agent before this one left."""
        known = {router.name for router in self._routers.values()}
        if not leftovers.is_noted(self._own):
            return
        for leftover in leftovers.find(self._mounts):
            if leftover.tag == self._own and not known:
                leftovers.remove(leftover, self._mounts)
            elif leftover.tag == self._own:
                for name in (name for name in leftover.namespaces if name not in known):
                    namespaces.release(name, self._mounts)

    def remove(self) -> None:
        """Take everything away."""
        for unit_id in {unit_id for unit_id, _ in self._nets}:
            self._disconnect(unit_id)
        self._rules.clear()  # their tables go with them
        self.tidy()

    def detach(self) -> None:
        """Let go of everything; networks of what runs go on."""
        for net in self._nets.values():
            os.close(net.namespace)
        for router in self._routers.values():
            router.detach()
        if self._host is not None:
            self._host.close()

    # one network

    def _connect(self, job: Connect) -> Connected | NotConnected:
        if job.key in self._nets:  # asked twice: the first one is good
            self._disconnect_one(job.key)
        try:
            if job.lonely:
                return self._lonely(job)
            if job.interface is not None:
                return self._join(job, job.interface)
            return self._bridge(job)
        except (OSError, ValueError, addressing.NoAddress, PortTaken) as error:
            self._disconnect_one(job.key)
            return _refusal(job, error)

    def _lonely(self, job: Connect) -> Connected:
        namespace = namespaces.make()
        self._nets[job.key] = _Net(None, None, namespace)
        netlink = Netlink(namespace)
        try:
            netlink.bring_loopback_up()
        finally:
            netlink.close()
        sandbox = Sandbox(namespaces.path_of(namespace), files=self._files("", "localhost"))
        return Connected(sandbox, None)

    def _join(self, job: Connect, interface: Interface) -> Connected:
        """Mode awsvpc."""
        router = self._router(interface.vpc_id)
        self._sandbox(router, interface, job)
        self._admit(router, job.key, interface)
        return self._connected(job.key, interface, router)

    def _bridge(self, job: Connect) -> Connected:
        """Mode bridge: an address of the node's own, and ports of the node that lead to it."""
        router = self._router(names.BRIDGE_KEY)
        taken = {i.address for i in self._interfaces(router)}
        address = self._last_bridge_address = addressing.bridge_address(self._last_bridge_address, taken)
        interface = bridge_interface(job.key, address)
        self._sandbox(router, interface, job)
        for mapping in job.ports:
            self._nets[job.key].ports.append(hold(mapping))
        self._admit(router, job.key, interface)
        return self._connected(job.key, interface, router)

    def _admit(self, router: Router, key: Key, interface: Interface) -> None:
        """Let its packets pass, and lead its ports to it."""
        net = self._nets[key]
        net.interface = interface
        if router.key != names.BRIDGE_KEY:
            self._rule(router.key, router.groups.admit(interface))
            return
        self._rule(router.key, firewall.admit_anything(interface))
        for held in net.ports:
            self._rule(router.key, firewall.publish(held.mapping, interface.address))
            self._rule(_HOST, firewall.host_publish(self._own, held.mapping, router.address))

    def _dismiss(self, router: Router, net: _Net, interface: Interface) -> None:
        if router.key != names.BRIDGE_KEY:
            self._rule(router.key, router.groups.dismiss(interface))
            return
        self._rule(router.key, firewall.dismiss(interface))
        for held in net.ports:
            self._rule(router.key, firewall.withdraw(held.mapping))
            self._rule(_HOST, firewall.host_withdraw(self._own, held.mapping))

    def _sandbox(self, router: Router, interface: Interface, job: Connect) -> None:
        """One from the pool if there is, with that address."""
        subnet = self._subnet(router, interface)
        if job.namespace:
            plugged = router.make(interface.subnet_id, os.open(job.namespace, os.O_RDONLY | os.O_CLOEXEC))
        elif subnet.spare:
            plugged = subnet.spare.popleft()
            self._count(job.size, hit=True)
        else:
            plugged = router.make(interface.subnet_id)
            self._count(job.size, hit=False)
        subnet.used += 1
        self._nets[job.key] = _Net(router, plugged, plugged.namespace)
        router.dress(plugged, interface)

    def _connected(self, key: Key, interface: Interface, router: Router) -> Connected:
        """What the task is told."""
        net = self._nets[key]
        bindings = tuple(
            Binding("0.0.0.0", held.mapping.host_port, held.mapping.container_port, held.mapping.protocol)
            for held in net.ports
        )
        hostname = interface.hostname or files.hostname_of(interface.address)
        endpoint = self._endpoint
        if self._plane is not None:
            endpoint = f"http://{addressing.gateway(interface.subnet)}:{self._plane[1]}"
        sandbox = Sandbox(
            namespaces.path_of(net.namespace),
            interface.vpc_id,
            interface.address,
            endpoint,
            hostname,
            self._files(interface.address, hostname),
        )
        state = NetworkState(interface.address, isolated=True, router=router.name)
        return Connected(sandbox, state, bindings)

    def _adopt(self, job: Adopt) -> Connected | NotConnected:
        """A network of an agent before this one; `job.interface` is None in mode bridge."""
        path = f"/proc/{job.pid}/ns/net"
        try:
            namespace = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            return NotConnected(f"the task's network is gone: {error.strerror}")
        try:
            if job.interface is None:
                self._nets[job.key] = _Net(None, None, namespace)
                return Connected(Sandbox(namespaces.path_of(namespace)), None)
            return self._adopt_interface(job, job.interface, namespace)
        except (OSError, ValueError) as error:
            return NotConnected(f"the task's network cannot be taken over: {error}")

    def _adopt_interface(self, job: Adopt, interface: Interface, namespace: int) -> Connected:
        router = self._router(interface.vpc_id)
        self._subnet(router, interface).used += 1
        plugged = router.adopt(namespace, interface)
        net = self._nets[job.key] = _Net(router, plugged, namespace)
        for binding in job.bindings:
            with suppress(PortTaken):
                mapping = PortMapping(binding.container_port, binding.host_port, binding.protocol)
                net.ports.append(hold(mapping))
        self._admit(router, job.key, interface)
        return self._connected(job.key, interface, router)

    def _disconnect(self, unit_id: str) -> None:
        for key in [key for key in self._nets if key[0] == unit_id]:
            self._disconnect_one(key)

    def _disconnect_one(self, key: Key) -> None:
        net = self._nets.pop(key, None)
        if net is None:
            return
        if net.router is None or net.plugged is None:
            os.close(net.namespace)
            return
        if net.interface is not None:
            self._dismiss(net.router, net, net.interface)
        for held in net.ports:
            held.close()
        net.router.subnets[net.plugged.subnet_id].used -= 1
        net.router.drop(net.plugged)

    # routers and rules

    def _router(self, key: str) -> Router:
        """The router of that VPC, up and known to the host."""
        found = self._routers.get(key)
        if found is not None:
            return found
        if self._host is None:
            leftovers.note(self._own, self._data)
            self._host = Host(self._own)
            self._tell_host()
        router = Router.open(self._own, key, self._mounts)
        try:
            self._listeners.append((key, router.listen()))
        except OSError:
            router.remove(self._mounts)
            raise
        self._routers[key] = router
        self._rule(key, router.groups.tell(self._groups))
        if self._plane is not None:
            self._rule(key, firewall.reach_plane(router.host_address, self._plane[1]))
        return router

    def _subnet(self, router: Router, interface: Interface) -> Subnet:
        """The subnet's bridge; a new one is also made known to the host."""
        new = interface.subnet_id not in router.subnets
        subnet = router.subnet(interface.subnet_id, interface.subnet)
        if new and not add_route(interface.subnet, router.address):
            log.warning(
                "%s is in use on this host: tasks in %s work, but this host does not reach them by address",
                interface.subnet,
                interface.subnet_id,
            )
        return subnet

    def _take_groups(self, groups: tuple[SecurityGroup, ...]) -> None:
        self._groups = {group.id: group for group in groups}
        _write_groups(self._data, groups)
        for key, router in self._routers.items():
            if key != names.BRIDGE_KEY:
                self._rule(key, router.groups.tell(self._groups))

    def _reach_plane(self, endpoint: str) -> None:
        """Lead tasks to a plane that listens on the host's loopback; others they reach by themselves."""
        parts = urlsplit(endpoint)
        self._endpoint = endpoint
        self._plane = ("127.0.0.1", parts.port or 80) if parts.hostname in _LOCAL else None
        if self._plane is None:
            return
        if self._host is not None:
            self._tell_host()
        for key, router in self._routers.items():
            self._rule(key, firewall.reach_plane(router.host_address, self._plane[1]))

    def _tell_host(self) -> None:
        if self._plane is not None:
            self._rule(_HOST, firewall.host_reaches_plane(self._own, self._plane[1], self._plane[0]))

    def _rule(self, key: str, commands: str) -> None:
        """To be applied at the end of the batch."""
        if commands:
            self._rules.setdefault(key, []).append(commands)

    def _apply(self) -> dict[str, OSError]:
        """Apply what has gathered; the routers that refused it."""
        failed: dict[str, OSError] = {}
        for key, commands in self._rules.items():
            try:
                if key == _HOST and self._host is not None:
                    self._host.run("".join(commands))
                elif key in self._routers:
                    self._routers[key].run("".join(commands))
            except OSError as error:
                log.error("rules of %s were refused: %s", key or "the host", error)
                failed[key] = error
        self._rules.clear()
        return failed

    def _interfaces(self, router: Router) -> list[Interface]:
        nets = (net for net in self._nets.values() if net.router is router)
        return [net.interface for net in nets if net.interface is not None]

    def _files(self, address: str, hostname: str) -> tuple[tuple[str, str], ...]:
        """What a container of its own has in /etc."""
        texts = [Path(path).read_text() for path in _RESOLV_CONFS if Path(path).exists()]
        return (
            ("/etc/hosts", files.hosts(address, hostname)),
            ("/etc/hostname", f"{hostname}\n"),
            ("/etc/resolv.conf", files.resolv_conf(texts)),
        )


def _read_groups(data: Path) -> dict[str, SecurityGroup]:
    """What the plane told the agent before this one: adopted tasks are not to wait for it."""
    try:
        found = msgspec.msgpack.decode((data / _GROUPS).read_bytes(), type=tuple[SecurityGroup, ...])
    except (OSError, msgspec.DecodeError):
        return {}
    return {group.id: group for group in found}


def _write_groups(data: Path, groups: tuple[SecurityGroup, ...]) -> None:
    fresh = data / f"{_GROUPS}.new"
    try:
        fresh.write_bytes(msgspec.msgpack.encode(groups))
        fresh.replace(data / _GROUPS)
    except OSError as error:
        log.error("security groups cannot be written down for the next agent: %s", error)


def _refusal(job: Connect, error: Exception) -> NotConnected:
    """As ECS words it: the network of mode awsvpc is the task's, a port of mode bridge the container's."""
    why = (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
    if job.interface is not None:
        return NotConnected(f"ResourceInitializationError: the network of the task cannot be set up: {why}")
    return NotConnected(f"CannotStartContainerError: {why}")
