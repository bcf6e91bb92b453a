"""Real namespaces, bridges and rules: what tasks reach, and that nothing of it is left. As root, on Linux."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from pyroute2 import IPRoute

from tests.fault.waiting import until
from tests.network_build import DENIED_S, a_group, an_interface, at, free_port, listening, seen_from
from windlass.fleet.networks import Binding, PoolCounts, PortMapping, Rule
from windlass.kernel.spawn import Spawn
from windlass.node import doctor
from windlass.node.network import leftovers, names, namespaces, nft
from windlass.node.network.fabric import Fabric
from windlass.node.network.jobs import Adopt, Connect, Disconnect, Groups, Plane
from windlass.node.network.networks import TaskNetworks
from windlass.node.network.opening import tag_of
from windlass.node.sandbox import Connected, NotConnected, Sandbox
from windlass.node.tenancy import move_in

WEB = Rule("ingress", "tcp", 80, 80, groups=("sg-web",))


class Net:
    """A fabric of its own, and what it has made."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.tag = tag_of(data)
        self.lock, _ = move_in(data, "n", data / "plane.sock")  # else a doctor would take it all away
        self.mounts = namespaces.mounts()
        self.fabric = Fabric(self.tag, data, self.mounts, 0)

    def connect(self, unit: str, last: int, *groups: str, **more: Any) -> Sandbox:
        answer = self.fabric.work([Connect((unit, ""), an_interface(last, *groups, **more))])[0]
        assert isinstance(answer, Connected), answer
        return answer.sandbox

    def bridge(self, unit: str, *ports: PortMapping) -> Connected | NotConnected:
        answer = self.fabric.work([Connect((unit, "c"), ports=ports)])[0]
        assert answer is not None
        return answer

    def kill(self) -> None:
        """The agent is gone, and another one has its directory."""
        self.fabric.detach()
        for _, listener in self.fabric.new_listeners():
            listener.close()
        self.fabric = Fabric(self.tag, self.data, self.mounts, 0)

    def leftovers(self) -> list[leftovers.Leftover]:
        return [left for left in leftovers.find(self.mounts) if left.tag == self.tag]

    def left(self) -> list[str]:
        """Everything on the host that carries the tag."""
        with IPRoute() as route:
            links = [str(link.get("ifname")) for link in route.get_links()]
        found = [name for name in links if name.startswith(names.uplinks(self.tag))]
        found += [name for name in namespaces.names(self.mounts) if self.tag in name]
        tables = nft.Nft()
        found += [line for line in tables.run("list tables").splitlines() if self.tag in line]
        tables.close()
        return found


@pytest.fixture
def net(tmp_path: Path) -> Iterator[Net]:
    made = Net(tmp_path)
    yield made
    made.fabric.remove()
    made.fabric.sweep()
    for listener in made.fabric.new_listeners():
        listener[1].close()
    os.close(made.mounts)
    with suppress(OSError):
        os.close(made.lock)


def test_two_tasks_of_a_subnet_have_the_same_port_on_their_own_addresses(net: Net) -> None:
    """Each listens on 80; they reach each other by address, themselves on localhost, and see who it is."""
    net.fabric.work([Groups((a_group("sg-web", WEB),))])
    one, two = net.connect("u1", 5, "sg-web"), net.connect("u2", 6, "sg-web")
    assert (one.address, two.address) == (at(5), at(6))
    with listening(one.netns, 80), listening(two.netns, 80):
        assert seen_from(one.netns, at(6), 80) == at(5)
        assert seen_from(two.netns, at(5), 80) == at(6)
        assert seen_from(one.netns, "127.0.0.1", 80) == "127.0.0.1"


def test_groups_let_in_by_member_and_range_and_nobody_else(net: Net) -> None:
    """A stranger is dropped until the rules change under running tasks; then the member is."""
    by_member, by_range = (
        a_group("sg-web", WEB),
        a_group("sg-web", Rule("ingress", "tcp", 80, 90, (f"{at(7)}/32",))),
    )
    other = a_group("sg-other")
    net.fabric.work([Groups((by_member, other))])
    server, member = net.connect("u1", 5, "sg-web"), net.connect("u2", 6, "sg-web")
    stranger = net.connect("u3", 7, "sg-other")
    with listening(server.netns, 80), listening(server.netns, 81), listening(stranger.netns, 80):
        assert seen_from(member.netns, at(5), 80)
        assert seen_from(member.netns, at(5), 81, DENIED_S) is None
        assert seen_from(stranger.netns, at(5), 80, DENIED_S) is None
        assert seen_from(member.netns, at(7), 80, DENIED_S) is None
        net.fabric.work([Groups((by_range, other))])
        assert seen_from(member.netns, at(5), 80, DENIED_S) is None
        assert seen_from(stranger.netns, at(5), 81)


def test_egress_is_what_the_rules_say(net: Net) -> None:
    """Without an egress rule nothing gets out, to neighbours and to the world alike."""
    closed = a_group("sg-web", WEB)
    net.fabric.work([Groups((closed, a_group("sg-shut")))])
    net.fabric.work([Groups((closed, type(closed)("sg-shut")))])
    server, shut = net.connect("u1", 5, "sg-web"), net.connect("u2", 6, "sg-shut", "sg-web")
    alone = net.connect("u3", 7, "sg-shut")
    with listening(server.netns, 80):
        assert seen_from(shut.netns, at(5), 80)  # its other group lets it out
        assert seen_from(alone.netns, at(5), 80, DENIED_S) is None


def test_subnets_of_a_vpc_meet_and_vpcs_do_not(net: Net) -> None:
    """Another subnet's task is reached through the router; equal ranges of another VPC are another world."""
    net.fabric.work([Groups((a_group("sg-web", Rule("ingress", ranges=("0.0.0.0/0",))),))])
    here = net.connect("u1", 5, "sg-web")
    there = net.connect("u2", 6, "sg-web", net=2)
    foreign = net.connect("u3", 5, "sg-web", vpc="vpc-2")
    with listening(here.netns, 80), listening(there.netns, 80):
        assert seen_from(here.netns, at(6, net=2), 80) == at(5)
        assert seen_from(foreign.netns, at(6, net=2), 80, DENIED_S) is None
        assert seen_from("", at(6, net=2), 80)  # the node itself, by its own routes


def test_tasks_reach_the_plane_on_the_hosts_loopback_and_nothing_else_there(net: Net) -> None:
    """The plane is at the gateway, and does not take a task for somebody local."""
    planes, other = free_port(), free_port()
    net.fabric.work([Groups((a_group("sg-web"),)), Plane(f"http://127.0.0.1:{planes}")])
    task = net.connect("u1", 5, "sg-web")
    assert task.endpoint == f"http://{at(1)}:{planes}"
    with listening("", planes, "127.0.0.1"), listening("", other, "127.0.0.1"):
        seen = seen_from(task.netns, at(1), planes)
        assert seen is not None and not seen.startswith("127.")
        assert seen_from(task.netns, at(1), other, DENIED_S) is None
        net.fabric.work([Plane(f"http://127.0.0.1:{other}")])
        assert seen_from(task.netns, at(1), other)


def test_mode_bridge_publishes_ports_of_the_node(net: Net) -> None:
    """Chosen and dynamic ports lead to containers, from loopback too; each container has its own address."""
    port = free_port()
    first = net.bridge("u1", PortMapping(80, port), PortMapping(81))
    assert isinstance(first, Connected)
    chosen, dynamic = first.bindings
    assert chosen == Binding("0.0.0.0", port, 80)
    assert dynamic.host_port >= 1024 and dynamic.container_port == 81
    second = net.bridge("u2", PortMapping(80))
    assert isinstance(second, Connected) and second.sandbox.address != first.sandbox.address
    with listening(first.sandbox.netns, 80), listening(first.sandbox.netns, 81):
        assert seen_from("", "127.0.0.1", port)
        assert seen_from("", "127.0.0.1", dynamic.host_port)
        assert seen_from(second.sandbox.netns, first.sandbox.address, 80)
        net.fabric.work([Disconnect("u1")])
        assert seen_from("", "127.0.0.1", port, DENIED_S) is None


@pytest.mark.parametrize(("reserved", "why"), [(0, "already allocated"), (51678, "reserved")])
def test_a_port_that_cannot_be_had_is_the_containers_end(net: Net, reserved: int, why: str) -> None:
    """As Docker words it; nothing of the attempt is left, so the next one without the port works."""
    taken = free_port()
    port = reserved or taken
    with listening("", taken):
        refused = net.bridge("u1", PortMapping(80, port))
    assert refused == NotConnected(
        f"CannotStartContainerError: Bind for 0.0.0.0:{port} failed: port is {why}"
    )
    assert isinstance(net.bridge("u1", PortMapping(80)), Connected)


def test_a_network_that_cannot_be_made_is_the_tasks_end(net: Net) -> None:
    """A subnet that is none: AWS's reason, and nothing left."""
    answer = net.fabric.work([Connect(("u1", ""), an_interface(5, subnet="10.1.1.0/33"))])[0]
    assert isinstance(answer, NotConnected)
    assert answer.reason.startswith("ResourceInitializationError: ")
    net.fabric.tidy()
    assert net.left() == []


def test_mode_none_has_loopback_only(net: Net) -> None:
    """Itself, and nobody else."""
    answer = net.fabric.work([Connect(("u1", "c"), lonely=True)])[0]
    assert isinstance(answer, Connected) and answer.state is None
    port = free_port()
    with listening(answer.sandbox.netns, 80), listening("", port):
        assert seen_from(answer.sandbox.netns, "127.0.0.1", 80)
        assert seen_from(answer.sandbox.netns, "127.0.0.1", port, DENIED_S) is None


def test_a_namespace_of_somebody_else_can_be_plugged(net: Net) -> None:
    """What the docker runner does with its pause container."""
    theirs = namespaces.make()
    job = Connect(("u1", ""), an_interface(5), namespace=namespaces.path_of(theirs))
    answer = net.fabric.work([job])[0]
    assert isinstance(answer, Connected)
    with listening(namespaces.path_of(theirs), 80):
        assert seen_from("", at(5), 80)
    os.close(theirs)


def test_the_next_agent_takes_over_what_runs_and_away_what_does_not(net: Net) -> None:
    """Killed with two tasks, of which one lives on: that keeps its address, and rules as last told."""
    net.fabric.work([Groups((a_group("sg-web", WEB),))])
    living, dead = net.connect("u1", 5, "sg-web"), net.connect("u2", 6, "sg-web", vpc="vpc-2")
    with namespaces.inside_path(living.netns):
        task = subprocess.Popen(["sleep", "600"])
    net.kill()
    until(lambda: [left.in_use for left in net.leftovers()] == [1], f"{dead.address} is gone")
    answer = net.fabric.work([Adopt(("u1", ""), task.pid, an_interface(5, "sg-web"))])[0]
    net.fabric.sweep()
    assert isinstance(answer, Connected) and answer.sandbox.address == at(5)
    member, stranger = net.connect("u3", 7, "sg-web"), net.connect("u4", 8, "sg-other")
    with listening(answer.sandbox.netns, 80):
        assert seen_from(member.netns, at(5), 80) == at(7)
        assert seen_from(stranger.netns, at(5), 80, DENIED_S) is None
    assert not any("vpc-2" in name for name in net.left())
    task.kill()
    task.wait()


def test_what_a_dead_directory_left_is_found_and_removed(net: Net) -> None:
    """What `windlass agent doctor` does; the next agent of the directory does it by itself."""
    assert doctor.examine_networks(net.data) == []
    os.close(net.lock)
    net.lock = -1
    for end in (lambda: doctor.examine_networks(net.data)[0].remove(), lambda: net.fabric.sweep()):
        net.connect("u1", 5, "sg-web")
        net.bridge("u2", PortMapping(80))
        net.kill()
        (found,) = net.leftovers()
        assert (found.data, len(found.namespaces), len(found.tables)) == (net.data, 2, 1)
        end()
        assert (net.leftovers(), net.left()) == ([], [])


def test_an_agent_that_ends_at_once_takes_away_what_one_before_it_left(net: Net) -> None:
    """It adopted nothing, and had no time yet to look for what is left over."""
    net.connect("u1", 5, "sg-web")
    net.kill()

    def on_crash(name: str, error: BaseException) -> None:
        raise AssertionError(f"{name} crashed") from error

    async def body() -> None:
        networks = TaskNetworks(Spawn(on_crash), net.fabric, bridges=True)
        networks.settle()
        await networks.close()

    asyncio.run(body())
    assert (net.leftovers(), net.left()) == ([], [])


def test_tasks_reach_the_world_as_their_node(net: Net) -> None:
    """Somebody outside, who knows no route back, sees the node's address; answers come back."""
    net.fabric.work([Groups((a_group("sg-web"),))])
    task = net.connect("u1", 5, "sg-web")
    outside, link = namespaces.make(), f"wt{net.tag}"
    with IPRoute() as route:
        peer = {"ifname": "eth0", "net_ns_fd": outside}
        route.link("add", ifname=link, kind="veth", state="up", peer=peer)
        route.addr("add", index=route.link_lookup(ifname=link)[0], address=at(1, net=9), prefixlen=24)
    with namespaces.inside(outside), IPRoute() as route:
        index = route.link_lookup(ifname="eth0")[0]
        route.addr("add", index=index, address=at(2, net=9), prefixlen=24)
        route.link("set", index=index, state="up")
    with listening(namespaces.path_of(outside), 443):
        assert seen_from(task.netns, at(2, net=9), 443) == at(1, net=9)
    os.close(outside)


def test_a_hundred_sandboxes_leave_nothing(net: Net) -> None:
    """Made from the pool and without, given back in another order, and all is as before."""
    net.fabric = Fabric(net.tag, net.data, net.mounts, 3)
    jobs = [Connect((f"u{last}", ""), an_interface(last, "sg-1")) for last in range(5, 105)]
    answers = net.fabric.work(jobs[:1])
    while net.fabric.refill():
        pass
    assert net.fabric.pool().spare == 3
    answers += net.fabric.work(jobs[1:])
    assert all(isinstance(answer, Connected) for answer in answers)
    assert net.fabric.pool() == PoolCounts(0, (("other", 3, 97),))
    net.fabric.work([Disconnect(f"u{last}") for last in range(104, 4, -1)])
    net.fabric.tidy()
    for _, listener in net.fabric.new_listeners():
        listener.close()
    assert net.left() == []
