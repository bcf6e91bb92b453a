"""How attempts are connected: on Fargate with an interface of their own in their environment's subnets.

EC2 makes the interfaces, in the transaction in which the attempts start (fleet/interfaces.py); observer.py
gives them back. A setting of the profile (`batch.own_interfaces`) says whether there are any: without it all
attempts are in their node's own network, as those of EC2 environments are. Where no address is left, what has
none stays in line: ours, as AWS does not say what Batch does then.
"""

from __future__ import annotations

from dataclasses import dataclass

from windlass.aws.arn import arn
from windlass.aws.quotas import Quotas
from windlass.fleet.interfaces import Interfaces, Making, NoInterface, Wish
from windlass.fleet.networks import Network
from windlass.kernel.clock import Instant
from windlass.kernel.faults import Fault
from windlass.kernel.ids import Ids
from windlass.kernel.journal import Journal
from windlass.kernel.store import Transaction
from windlass.services.batch.model import OWNER, Attached
from windlass.services.batch.resource_model import FARGATE_KINDS, ComputeEnvironment

OWN_INTERFACES = "batch.own_interfaces"


@dataclass(frozen=True, slots=True)
class Wired:
    """One attempt's network."""

    network: Network
    interface: Attached | None = None


ON_THE_HOST = Wired(Network("host"))


class Wiring:
    """Made for one transaction, at one instant."""

    def __init__(
        self,
        tx: Transaction,
        quotas: Quotas,
        interfaces: Interfaces,
        journal: Journal,
        ids: Ids,
        now: Instant,
    ) -> None:
        self._tx = tx
        self._own = quotas.switch(OWN_INTERFACES)
        self._interfaces = interfaces
        self._journal = journal
        self._ids = ids
        self._now = now

    def connect(self, environment: ComputeEnvironment, public: bool, count: int) -> list[Wired]:
        """Networks for `count` attempts that start there now; fewer when there are no more addresses."""
        if not self._own or environment.kind not in FARGATE_KINDS:
            return [ON_THE_HOST] * count
        wired: list[Wired] = []
        try:
            making = self._begin(environment, public)
            while len(wired) < count:
                wired.append(self._one(making, environment))
        except (Fault, NoInterface) as why:
            self._journal.note(OWNER, environment.arn, "cannot connect attempts", str(why))
        return wired

    def _begin(self, environment: ComputeEnvironment, public: bool) -> Making:
        wish = Wish(
            environment.account,
            environment.region,
            requester=OWNER,
            subnets=tuple(environment.resources.get("subnets", ())),
            groups=tuple(environment.resources.get("securityGroupIds", ())),
            public=public,
        )
        return self._interfaces.begin(self._tx, wish, self._now, self._ids)

    def _one(self, making: Making, environment: ComputeEnvironment) -> Wired:
        attachment_id = self._ids.uuid()
        attachment = arn("ecs", environment.region, environment.account, f"attachment/{attachment_id}")
        interface = making.make(attachment, "", bound=False)
        return Wired(Network("awsvpc", interface), Attached(attachment_id, interface.address))
