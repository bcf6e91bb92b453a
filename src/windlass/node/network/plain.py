"""Networks of a node that may make none: every task has the host's, and in mode awsvpc a loopback address.

For agents without root, or on hosts without Linux's namespaces. Nothing is isolated: a task may listen on any
address and sees all of the host's. Its own, 127.x.y.z, only keeps tasks apart that mean to stay apart.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from windlass.fleet.messages import UnitSpec, UnitState
from windlass.fleet.networks import Binding, NetworkState, SecurityGroup
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
        done(Connected(Sandbox(address=address), NetworkState(address)))

    def adopt(
        self, unit: UnitSpec, state: UnitState, done: Callable[[str, Connected | NotConnected], None]
    ) -> None:
        if unit.network.mode == "awsvpc" and state.network is not None:
            self._addresses[unit.unit_id] = state.network.address
        for container in state.containers:
            if container.status == "running":
                self.connect(unit, container.name, partial(done, container.name))

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


def on_host(unit: UnitSpec, container: str) -> Connected:
    """A container in the host's network: its ports are the host's, whatever host port was asked for."""
    spec = next(spec for spec in unit.containers if spec.name == container)
    bindings = (
        Binding("0.0.0.0", mapping.container_port, mapping.container_port, mapping.protocol)
        for mapping in spec.ports
    )
    return Connected(HOST, None, tuple(bindings))
