"""The loop that takes down what Express services made, once their ECS service is gone, whoever deleted it."""

from __future__ import annotations

from collections.abc import Hashable

from windlass.aws.calls import Principal
from windlass.kernel.clock import HOUR, MINUTE, SECOND, Duration, Instant
from windlass.kernel.faults import Fault
from windlass.kernel.reconcile import Loop
from windlass.kernel.store import Change
from windlass.services.ecs.express.model import EXPRESS, Express
from windlass.services.ecs.express.provision import Provision
from windlass.services.ecs.service_model import SERVICES, Service
from windlass.services.plane import Plane

LOOK_PERIOD: Duration = MINUTE
AGAIN_AFTER: Duration = 5 * SECOND
"""When it is tried again to delete what is still used: our choice."""
KEPT: Duration = HOUR
"""How long a deleted one can be described: our choice, as for services."""
PRINCIPAL = "ecs.amazonaws.com"


class Cleaning:
    """Run it with `spawn.start(loop.name, loop.run())`."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane
        self.loop = Loop("ecs.express", plane.clock, plane.journal, self._pass, period=LOOK_PERIOD)
        plane.store.watch((SERVICES,), self._on_service)
        plane.store.watch((EXPRESS,), self._on_express)

    def _on_service(self, change: Change) -> None:
        row: Service = change.new or change.old
        if row.status == "INACTIVE" and self._plane.store[EXPRESS].get(row.key) is not None:
            self.loop.wake()

    def _on_express(self, change: Change) -> None:
        row: Express | None = change.new
        if row is not None and row.deleting and not row.gone:
            self.loop.wake()

    async def _pass(self, now: Instant, keys: frozenset[Hashable]) -> Instant | None:
        """All that are to go; returns when to try again what could not."""
        again: Instant | None = None
        for row in self._plane.store[EXPRESS].by("open", "yes"):
            if self._is_over(row) and not await self._take_down(row):
                again = now + AGAIN_AFTER
        with self._plane.store.transact() as tx:
            for row in tx[EXPRESS].all():
                if row.gone and row.updated_at + KEPT <= now:
                    tx[EXPRESS].delete(row.key)
        return again

    def _is_over(self, row: Express) -> bool:
        """Nothing of a service that is still being made."""
        found = self._plane.store[SERVICES].get(row.key)
        lives = found is not None and found.id == row.service_id and found.status != "INACTIVE"
        return not lives and (row.deleting or bool(row.service_id))

    async def _take_down(self, row: Express) -> bool:
        call = self._plane.calls.on_behalf(Principal(row.account, row.region, PRINCIPAL))
        provision = Provision(call, row)
        try:
            await provision.take_down()
        except Fault as fault:
            self._plane.journal.note("ecs", row.arn, "not taken down yet", fault.message)
            return False
        provision.put(gone=True, updated_at=call.now)
        return True
