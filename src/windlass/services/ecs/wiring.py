"""How the tasks of a launch are connected: a network for each, with an interface of its own in mode awsvpc.

Called inside RunTask's transaction. Interfaces come from EC2 through fleet/interfaces.py; EC2's complaints
become ECS's. No address left is no error of the call: the task is made and stops, as on AWS.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from windlass.aws.calls import Call
from windlass.fleet.interfaces import Interfaces, Making, NoInterface, Wish
from windlass.fleet.networks import Interface, Network, NetworkMode
from windlass.kernel.faults import Fault
from windlass.kernel.store import Transaction
from windlass.services.ecs import references
from windlass.services.ecs.launch import OWNER
from windlass.services.ecs.model import Attachment, Shape


@dataclass(frozen=True, slots=True)
class Wired:
    """One task's network. `fault` says why it has none, as stoppedReason words it; "" when it has."""

    network: Network
    attachment: Attachment | None = None
    zone: str = ""
    fault: str = ""


NOWHERE = Network("none")
LATER = Wired(NOWHERE)
"""Of a task that waits for its instance: it is connected when it has one."""


class Connectable(Protocol):
    """What is to be connected: an order, or a task that waits."""

    @property
    def network_mode(self) -> NetworkMode: ...
    @property
    def vpc_configuration(self) -> Shape: ...


class Wiring(Protocol):
    """Connects the tasks of one order."""

    @property
    def zones(self) -> frozenset[str]:
        """Availability zones in which its tasks can be; empty: in any, or, with own interfaces, in none."""

    @property
    def open_zones(self) -> frozenset[str]:
        """Those of them in which an address is left; empty: there are no addresses of their own."""

    def connect(self, zone: str, *, bound: bool = True) -> Wired:
        """One more task, in that zone, "" in any; not `bound`, elsewhere if there is no address left."""


def begin(tx: Transaction, call: Call, order: Connectable) -> Wiring:
    """Check what the call says of its network. Raises InvalidParameterException."""
    if order.network_mode != "awsvpc":
        return _Plain(Wired(Network(order.network_mode)))
    wish = _wish(call, order.vpc_configuration)
    return _OwnInterfaces(call, wish, _begun(tx, call, wish))


@dataclass(frozen=True, slots=True)
class _Plain:
    """Every mode but awsvpc: all tasks are connected alike."""

    wired: Wired

    zones = open_zones = frozenset[str]()

    def connect(self, zone: str, *, bound: bool = True) -> Wired:
        return self.wired


@dataclass(frozen=True, slots=True)
class _OwnInterfaces:
    """Mode awsvpc."""

    call: Call
    wish: Wish
    making: Making

    @property
    def zones(self) -> frozenset[str]:
        return self.making.zones

    @property
    def open_zones(self) -> frozenset[str]:
        return self.making.open_zones

    def connect(self, zone: str, *, bound: bool = True) -> Wired:
        attachment_id = self.call.ids.uuid()
        try:
            arn = references.attachment_arn(*self.call.scope, attachment_id)
            interface = self.making.make(arn, zone, bound=bound)
        except NoInterface as none:
            public = "enabled" if self.wish.public else "disabled"
            return Wired(
                Network("none"),
                fault="Unexpected EC2 error while attempting to Create Network Interface with public IP "
                f"assignment {public} in subnet '{none.subnet_id}': {none.code}",
            )
        return Wired(Network("awsvpc", interface), _attachment(attachment_id, interface), interface.zone)


def _wish(call: Call, configuration: Any) -> Wish:
    return Wish(
        *call.scope,
        requester=OWNER,
        subnets=tuple(configuration["subnets"]),
        groups=tuple(configuration.get("securityGroups", ())),
        public=configuration.get("assignPublicIp") == "ENABLED",
    )


def _begun(tx: Transaction, call: Call, wish: Wish) -> Making:
    try:
        return call.part(Interfaces).begin(tx, wish, call.now, call.ids)
    except Fault as fault:
        about, named = "security group", wish.groups
        if fault.code.startswith("InvalidSubnet"):
            about, named = "subnet", wish.subnets
        elif not fault.code.startswith("InvalidGroup"):
            raise Fault("InvalidParameterException", fault.message) from fault
        raise Fault(
            "InvalidParameterException",
            f"Error retrieving {about} information for [{', '.join(named)}]: {fault.message} "
            f"(ErrorCode: {fault.code})",
        ) from fault


def _attachment(attachment_id: str, interface: Interface) -> Attachment:
    return Attachment(
        id=attachment_id,
        interface_id=interface.id,
        subnet_id=interface.subnet_id,
        mac=interface.mac,
        address=interface.address,
        hostname=interface.hostname,
    )
