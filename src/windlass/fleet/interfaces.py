"""How a service gets network interfaces for its units: EC2 makes them, in the asking service's transaction.

Services do not import each other, and an interface must be there exactly when the task that it belongs to
is, whenever the plane is killed. So they meet here, as with notices (aws/bus.py): the asker hands in its own
transaction, and task, unit and interface are one commit (docs/decisions/0016).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from windlass.fleet.networks import Interface
from windlass.kernel.clock import Instant
from windlass.kernel.faults import Fault
from windlass.kernel.ids import Ids
from windlass.kernel.store import Transaction


@dataclass(frozen=True, slots=True)
class Wish:
    """Where the interfaces of one launch may be, in AWS's terms (ECS API, AwsVpcConfiguration)."""

    account: str
    region: str
    requester: str
    """Who asks: "ecs"."""
    subnets: tuple[str, ...]
    groups: tuple[str, ...] = ()
    """Security groups; the VPC's default one when empty."""
    public: bool = False
    """Whether each gets a public address too."""
    shared: bool = False
    """Whether any number of units may speak through each, on whatever nodes."""


class NoInterface(Exception):
    """No interface can be made now, for a reason that is no mistake of the wish: no address left, a quota."""

    def __init__(self, subnet_id: str, code: str) -> None:
        super().__init__(f"{subnet_id}: {code}")
        self.subnet_id = subnet_id
        self.code = code


class Making(Protocol):
    """Interfaces for one launch."""

    @property
    def zones(self) -> frozenset[str]:
        """Availability zones in which they can be now: none when all of the wish have failed."""

    @property
    def open_zones(self) -> frozenset[str]:
        """Those of them in which an address is left."""

    def make(self, description: str, zone: str, *, bound: bool = True) -> Interface:
        """One more, in that zone, "" in any; not `bound`, in another if it has none left.

        Raises NoInterface.
        """


class Source(Protocol):
    """Who makes interfaces."""

    def begin(self, tx: Transaction, wish: Wish, now: Instant, ids: Ids) -> Making:
        """Check the wish, once for all interfaces of a launch. Raises Fault with EC2's code and message."""

    def release(self, tx: Transaction, interface_id: str) -> None:
        """The unit is gone: so is its interface, and its address is free."""


class Interfaces:
    """One per plane: `plane.calls.part(Interfaces)`. EC2 says where they come from."""

    def __init__(self) -> None:
        self._source: Source | None = None

    def come_from(self, source: Source) -> None:
        """Have them made there."""
        self._source = source

    def begin(self, tx: Transaction, wish: Wish, now: Instant, ids: Ids) -> Making:
        """See Source."""
        if self._source is None:
            raise Fault(
                "ServiceUnavailable", "This plane has no EC2, and so no network interfaces.", status=503
            )
        return self._source.begin(tx, wish, now, ids)

    def release(self, tx: Transaction, interface_id: str) -> None:
        """See Source."""
        if self._source is not None:
            self._source.release(tx, interface_id)
