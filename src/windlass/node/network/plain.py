"""Networks of a node that may make none: every task has the host's, and in mode awsvpc a loopback address.

For agents without root, or on hosts without Linux's namespaces. Nothing is isolated: a task may listen on any
address and sees all of the host's. Its own, 127.x.y.z, only keeps tasks apart that mean to stay apart.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from windlass.fleet.messages import ContainerState, UnitSpec, UnitState
from windlass.fleet.networks import Binding, NetworkState, PortMapping, SecurityGroup
from windlass.node.network import ports
from windlass.node.network.addressing import NoAddress, loopback_address
from windlass.node.sandbox import HOST, Connected, NotConnected, Sandbox


class PlainNetworks:
    """Implements runner.Networks."""

    def __init__(self) -> None:
        self._addresses: dict[str, str] = {}

    def attach(self, serve: object) -> None:
        """Tasks find their endpoints on the host's loopback."""

    def connect(
        self, unit: UnitSpec, container: str, done: Callable[[Connected | NotConnected], None]
    ) -> None:
        if unit.network.mode != "awsvpc":
            done(on_host(unit, container))
            return
        address = self._addresses.get(unit.unit_id)
        if address is None:
            try:
                address = loopback_address(unit.unit_id, set(self._addresses.values()))
            except NoAddress as error:
                done(NotConnected(f"ResourceInitializationError: {error}"))
                return
            self._addresses[unit.unit_id] = address
        told = tuple(mapping for mapping in _ports(unit, container) if mapping.variable)
        done(_connected(Sandbox(address=address), NetworkState(address), told))

    def adopt(
        self, unit: UnitSpec, state: UnitState, done: Callable[[str, Connected | NotConnected], None]
    ) -> None:
        if unit.network.mode == "awsvpc" and state.network is not None:
            self._addresses[unit.unit_id] = state.network.address
        for container in state.containers:
            if container.status == "running":
                self.connect(unit, container.name, partial(_done_again, done, container))

    def disconnect(self, unit_id: str) -> None:
        self._addresses.pop(unit_id, None)

    def take_groups(self, groups: tuple[SecurityGroup, ...]) -> None:
        """Nothing here can hold to them."""

    def reach_plane(self, endpoint: str) -> None:
        """Everybody is on the host, where it is."""

    def keep_spares(self, count: int, tell: object) -> None:
        """There is nothing to make ahead."""

    def settle(self) -> None:
        """Nothing was left."""

    async def close(self) -> None:
        """Nothing was made."""


def on_host(unit: UnitSpec, container: str) -> Connected | NotConnected:
    """A container in the host's network: its ports are the host's, whatever host port was asked for."""
    return _connected(HOST, None, _ports(unit, container))


def as_before(network: Connected | NotConnected, state: ContainerState) -> Connected | NotConnected:
    """The network of a container that runs already: where it listens is what it was told then."""
    return replace(network, bindings=state.bindings) if isinstance(network, Connected) else network


def _done_again(
    done: Callable[[str, Connected | NotConnected], None],
    state: ContainerState,
    network: Connected | NotConnected,
) -> None:
    done(state.name, as_before(network, state))


def _ports(unit: UnitSpec, container: str) -> tuple[PortMapping, ...]:
    return next(spec for spec in unit.containers if spec.name == container).ports


def _connected(
    sandbox: Sandbox, state: NetworkState | None, mappings: tuple[PortMapping, ...]
) -> Connected | NotConnected:
    try:
        bindings = tuple(
            Binding("0.0.0.0", _host_port(one), one.container_port, one.protocol) for one in mappings
        )
    except ports.PortTaken as error:
        return NotConnected(str(error))
    return Connected(sandbox, state, bindings)


def _host_port(mapping: PortMapping) -> int:
    """Where the container listens: a port that nobody has, if it is told which. Raises PortTaken.

    Between this and the container's own bind somebody may take it; then the container fails.
    """
    if not mapping.variable:
        return mapping.container_port
    held = ports.hold(PortMapping(mapping.container_port))
    held.close()
    return held.mapping.host_port
