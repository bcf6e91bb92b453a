"""Networks of a node that can make none: the host's, and addresses on loopback for mode awsvpc."""

from __future__ import annotations

from tests.network_build import an_interface
from windlass.fleet.messages import ContainerSpec, ContainerState, UnitSpec, UnitState
from windlass.fleet.networks import Binding, Network, NetworkState, PortMapping
from windlass.node.network.plain import PlainNetworks
from windlass.node.sandbox import HOST, Connected, NotConnected

APP = ContainerSpec("app", ports=(PortMapping(80, 8080),))


def connect(networks: PlainNetworks, unit: UnitSpec) -> Connected | NotConnected:
    answers: list[Connected | NotConnected] = []
    networks.connect(unit, "app", answers.append)
    (answer,) = answers
    return answer


def a_task(unit_id: str) -> UnitSpec:
    return UnitSpec(unit_id, "task", (APP,), network=Network("awsvpc", an_interface(5)))


def test_tasks_of_mode_awsvpc_have_addresses_of_their_own_on_loopback() -> None:
    """The same as long as the task is there, another for every other; not called isolated."""
    networks = PlainNetworks()
    one, two = connect(networks, a_task("u1")), connect(networks, a_task("u2"))
    assert isinstance(one, Connected) and isinstance(two, Connected)
    assert one.sandbox.address.startswith("127.") and one.sandbox.address != two.sandbox.address
    assert (one.sandbox.netns, one.state) == ("", NetworkState(one.sandbox.address, isolated=False))
    assert connect(networks, a_task("u1")) == one
    networks.disconnect("u1")
    assert connect(networks, a_task("u1")) == one


def test_ports_of_other_modes_are_those_that_the_process_opens() -> None:
    """Nothing leads from one port to another: the binding says where it really is."""
    answer = connect(PlainNetworks(), UnitSpec("u1", "task", (APP,), network=Network("bridge")))
    assert answer == Connected(HOST, None, (Binding("0.0.0.0", 80, 80),))


def test_who_is_told_where_to_listen_gets_a_free_port() -> None:
    """Each unit another, also in mode awsvpc, where nothing keeps them apart; one that runs keeps its own."""
    told = ContainerSpec("app", ports=(PortMapping(8080, variable="PORT"),))
    one, two = (UnitSpec(id, "task", (told,), network=Network("bridge")) for id in ("u1", "u2"))
    networks = PlainNetworks()
    first, second = connect(networks, one), connect(networks, two)
    assert isinstance(first, Connected) and isinstance(second, Connected)
    ports = [answer.bindings[0].host_port for answer in (first, second)]
    assert len(set(ports)) == 2 and 8080 not in ports
    assert [answer.bindings[0].container_port for answer in (first, second)] == [8080, 8080]
    lonely = connect(networks, UnitSpec("u3", "task", (told,), network=Network("awsvpc", an_interface(5))))
    assert isinstance(lonely, Connected) and lonely.sandbox.address.startswith("127.") and lonely.bindings
    state = UnitState("u1", "running", (ContainerState("app", "running", pid=1, bindings=first.bindings),))
    found: list[Connected | NotConnected] = []
    networks.adopt(one, state, lambda name, network: found.append(network))
    assert found == [first]
