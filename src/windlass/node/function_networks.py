"""The networks of environments: one of their own, or one that several share, as their unit's spec says.

A shared network is there from the first of its environments until the last: those that come between enter a
namespace that exists, which takes no time. It is what a Hyperplane interface is on AWS: many environments
speak through one address. What they listen on at their own loopback they share as well: ports are apart,
names are not. Environments in no VPC have the host's network.
"""

from __future__ import annotations

import asyncio
from functools import partial

import msgspec

from windlass.fleet.messages import UnitSpec
from windlass.node.runner import Networks
from windlass.node.sandbox import HOST, Connected, NotConnected, Sandbox


class FunctionNetworks:
    """Of one function host, over the networks of its node."""

    def __init__(self, networks: Networks) -> None:
        self._networks = networks
        self._users: dict[str, dict[str, asyncio.Future[Sandbox]]] = {}
        """By what the network is called at the node: who is in it, or waits to be."""
        self._names: dict[str, str] = {}
        """By unit id: what its network is called."""

    async def connect(self, spec: UnitSpec) -> Sandbox:
        """The network of that unit. Raises OSError when it cannot be had, or the unit leaves meanwhile."""
        interface = spec.network.interface
        if interface is None:
            return HOST
        name = interface.id if spec.network.shared else spec.unit_id
        answer: asyncio.Future[Sandbox] = asyncio.get_running_loop().create_future()
        self._users.setdefault(name, {})[spec.unit_id] = answer
        self._names[spec.unit_id] = name
        self._networks.connect(msgspec.structs.replace(spec, unit_id=name), "", partial(_answer, answer))
        return await answer

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


def _answer(answer: asyncio.Future[Sandbox], network: Connected | NotConnected) -> None:
    if answer.done():
        return
    if isinstance(network, Connected):
        answer.set_result(network.sandbox)
    else:
        answer.set_exception(OSError(network.reason))
