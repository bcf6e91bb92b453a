"""The networks of environments: one of their own, or one that several share, as their unit's spec says.

A shared network is there as long as the plane says that its interface is, or an environment is in it: who
comes enters a namespace that exists, which takes no time. It is what a Hyperplane interface is on AWS: many
environments speak through one address. What they listen on at their own loopback they share as well: ports
are apart, names are not. Environments in no VPC have the host's network.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection
from functools import partial

import msgspec

from windlass.fleet.messages import UnitSpec
from windlass.fleet.networks import Interface, Network
from windlass.node.runner import Networks
from windlass.node.sandbox import HOST, Connected, NotConnected, Sandbox

log = logging.getLogger("windlass.agent")


class FunctionNetworks:
    """Of one function host, over the networks of its node."""

    def __init__(self, networks: Networks) -> None:
        self._networks = networks
        self._users: dict[str, dict[str, asyncio.Future[Sandbox]]] = {}
        """By what the network is called at the node: who is in it, or waits to be."""
        self._names: dict[str, str] = {}
        """By unit id: what its network is called."""
        self._kept: set[str] = set()
        """Ids of interfaces whose networks are there for whoever comes."""

    def keep(self, interfaces: Collection[Interface]) -> None:
        """Have the networks of these there, and those of no others for nobody."""
        for interface in interfaces:
            if interface.id not in self._kept:
                self._kept.add(interface.id)
                network = Network("awsvpc", interface, shared=True)
                waiting = self._ask(UnitSpec(_keeper(interface.id), "function", network=network), interface)
                waiting.add_done_callback(_say)
        for gone in self._kept - {interface.id for interface in interfaces}:
            self._kept.discard(gone)
            self.leave(_keeper(gone))

    async def connect(self, spec: UnitSpec) -> Sandbox:
        """The network of that unit. Raises OSError when it cannot be had, or the unit leaves meanwhile."""
        interface = spec.network.interface
        return HOST if interface is None else await self._ask(spec, interface)

    def _ask(self, spec: UnitSpec, interface: Interface) -> asyncio.Future[Sandbox]:
        name = interface.id if spec.network.shared else spec.unit_id
        answer: asyncio.Future[Sandbox] = asyncio.get_running_loop().create_future()
        self._users.setdefault(name, {})[spec.unit_id] = answer
        self._names[spec.unit_id] = name
        self._networks.connect(msgspec.structs.replace(spec, unit_id=name), "", partial(_answer, answer))
        return answer

    def leave(self, unit_id: str) -> None:
        """The unit has ended; with the last one its network goes."""
        name = self._names.pop(unit_id, None)
        if name is None:
            return
        users = self._users[name]
        answer = users.pop(unit_id)
        if not answer.done():
            answer.set_exception(OSError("it was stopped meanwhile"))
        if not users:
            del self._users[name]
            self._networks.disconnect(name)


def _keeper(interface_id: str) -> str:
    """Stands among the users of a network for those that will come."""
    return f"for whoever comes to {interface_id}"


def _say(answer: asyncio.Future[Sandbox]) -> None:
    """A network that cannot be had ahead: the first environment asks for it again."""
    if not answer.cancelled() and (error := answer.exception()) is not None:
        log.warning("the network of a function is not there ahead: %s", error)


def _answer(answer: asyncio.Future[Sandbox], network: Connected | NotConnected) -> None:
    if answer.done():
        return
    if isinstance(network, Connected):
        answer.set_result(network.sandbox)
    else:
        answer.set_exception(OSError(network.reason))
