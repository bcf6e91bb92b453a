"""Where proxies dial targets: what nodes report of units' networks, as (host, namespace of the network).

Proxies run on the plane's machine, as the embedded agent does. A task in mode awsvpc is reached from within
its VPC's router there (docs/decisions/0015), whatever other VPC has the same range; all others at ports of
the machine. What comes from a router is the node's own and passes no security groups.
Known gap: of a node on another machine only its published ports could be reached, and its address is not
known here; such targets are dialled on this machine, and are unhealthy.
"""

from __future__ import annotations

from typing import NamedTuple

from windlass.fleet.model import UNITS, Unit
from windlass.kernel.store import Store

LOOPBACK = "127.0.0.1"


class Address(NamedTuple):
    """For `proxy_messages.Endpoint`. `netns` is the name of a namespace; "": the machine's own."""

    host: str
    netns: str = ""


class Addresses:
    """Of one plane's targets."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def of_unit(self, unit: Unit) -> Address | None:
        """Where it listens (in modes bridge and host, its host ports); None: it has no network yet."""
        if unit.spec.network.mode != "awsvpc":
            return Address(LOOPBACK)
        state = None if unit.observed is None else unit.observed.network
        return None if state is None else Address(state.address, state.router)

    def of_ip(self, account: str, region: str, vpc_id: str, ip: str) -> Address | None:
        """Of an address in that VPC: the unit that has it; None while its unit has no network yet.

        An address of no unit is dialled as it is: of something beside Windlass on this machine, or near it.
        """
        units = self._store[UNITS].by("address", (account, region, vpc_id, ip))
        for unit in sorted(units, key=lambda unit: -unit.created_at):
            if unit.state not in ("stopped", "lost"):
                return self.of_unit(unit)
        return Address(ip)

    def of_instance(self, instance_id: str) -> str:
        """The host of a container instance: all that the embedded agent serves are this machine."""
        return LOOPBACK
