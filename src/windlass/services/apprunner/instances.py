"""The instances of deployments: how many are wanted, how they are, and the loop that sees to it.

As a module it is model.Instances. Operations and the scaler say how many instances a deployment is to have
(`wanted`, `withdraw`); the loop makes units of them, takes in what became of units and what proxies probe,
and writes both down. replacing.py decides. An instance that is to go gets no new requests, and is stopped
when it has no open one any more. Must not know why so many are wanted.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from windlass.fleet import role_credentials, surroundings
from windlass.fleet.interfaces import Interfaces, NoInterface, Wish
from windlass.fleet.model import UNITS
from windlass.fleet.networks import Network
from windlass.fleet.proxies import Proxies
from windlass.fleet.proxy_messages import Idle, Probed
from windlass.fleet.transitions import ENDED
from windlass.kernel.clock import MINUTE, Duration, Instant
from windlass.kernel.faults import Fault
from windlass.kernel.ids import Ids
from windlass.kernel.reconcile import Loop
from windlass.kernel.rows import replace
from windlass.kernel.store import Change, Table, Transaction
from windlass.services.apprunner import pools, replacing, settings
from windlass.services.apprunner import unit as units
from windlass.services.apprunner.ends import how
from windlass.services.apprunner.instance_model import (
    INSTANCE_TABLES,
    INSTANCES,
    SETS,
    Instance,
    InstanceSet,
    SetKey,
    moved,
)
from windlass.services.apprunner.model import (
    DEPLOYMENTS,
    OWNER,
    SERVICES,
    Counts,
    Deployment,
    Reads,
    Service,
)
from windlass.services.apprunner.pools import REQUEST_LIMIT
from windlass.services.plane import Plane

PERIOD: Duration = MINUTE
"""How often every set is looked at, in case a wake-up was lost."""
TABLES: tuple[Table[Any], ...] = INSTANCE_TABLES


def wanted(tx: Transaction, service: Service, deployment: str, count: int, now: Instant) -> None:
    """See model.Instances."""
    key = (service.arn, deployment)
    row = tx[SETS].get(key)
    if row is None or not row.wanted:
        row = InstanceSet(*key, service.account, service.region)
    tx[SETS].put(replace(row, wanted=max(row.wanted, count)))


def withdraw(tx: Transaction, service: Service, deployment: str, now: Instant) -> None:
    """See model.Instances."""
    row = tx[SETS].get((service.arn, deployment))
    if row is not None:
        tx[SETS].put(replace(row, wanted=0))


def counts(reads: Reads, service: Service, deployment: str) -> Counts:
    """See model.Instances. What is wanted and not there yet counts as starting."""
    row = reads[SETS].get((service.arn, deployment))
    found = [one.state for one in reads[INSTANCES].by("set", (service.arn, deployment))]
    healthy = found.count("provisioned") + found.count("active")
    return Counts(
        starting=max(found.count("starting"), 0 if row is None else row.wanted - healthy),
        healthy=healthy,
        failed=0 if row is None else row.failed,
        stopping=found.count("stopping"),
        why="" if row is None else row.why,
    )


class Provisioning:
    """The loop. Run it with `spawn.start(loop.name, loop.run())`."""

    def __init__(self, plane: Plane, proxies: Proxies) -> None:
        self._plane = plane
        self._patience = settings.patience(plane.quotas)
        self._proxies = proxies
        self._interfaces = plane.calls.part(Interfaces)
        self._ids = Ids(plane.chance.stream("apprunner.instances"))
        self._again: dict[SetKey, Instant] = {}
        self._probed: dict[str, Probed] = {}
        """By instance: the last that was heard."""
        self._idle: set[str] = set()
        """Instances that have no open request any more, as proxies say."""
        self.loop = Loop("apprunner.instances", plane.clock, plane.journal, self._pass, period=PERIOD)
        plane.store.watch((SETS, INSTANCES), self._on_row)
        plane.store.watch((UNITS,), self._on_unit, topic=OWNER)
        proxies.on_probed(self._on_probed)
        proxies.on_idle(self._on_idle)

    # what wakes it

    def _on_row(self, change: Change) -> None:
        row: InstanceSet | Instance | None = change.new or change.old
        if row is not None:
            self.loop.wake((row.service, row.deployment))

    def _on_unit(self, change: Change) -> None:
        self._wake(change.key)

    def _on_probed(self, told: Probed) -> None:
        if pools.set_of(told.pool) is not None and told.state != "initial":
            self._probed[told.endpoint] = told
            self._wake(told.endpoint)

    def _on_idle(self, told: Idle) -> None:
        if pools.set_of(told.pool) is not None:
            self._idle.add(told.endpoint)
            self._wake(told.endpoint)

    def _wake(self, instance_id: Hashable) -> None:
        row = self._plane.store[INSTANCES].get(instance_id)
        if row is not None:
            self.loop.wake(row.set_key)

    # the loop

    async def _pass(self, now: Instant, keys: frozenset[Hashable]) -> Instant | None:
        store = self._plane.store
        due: set[SetKey] = {key for key, at in self._again.items() if at <= now}
        due |= {key for key in keys if isinstance(key, tuple)}
        if not keys:
            due |= {row.key for row in store[SETS].all()} | {row.set_key for row in store[INSTANCES].all()}
        for key in sorted(due):
            with store.transact() as tx:
                again = self._turn(tx, key, now)
            self._again.pop(key, None)
            if again is not None:
                self._again[key] = again
        await store.durable()
        return min(self._again.values(), default=None)

    def _turn(self, tx: Transaction, key: SetKey, now: Instant) -> Instant | None:
        """One set; returns when to look at it again."""
        service, deployment = tx[SERVICES].get(key[0]), tx[DEPLOYMENTS].get(key)
        found = [self._seen(tx, row, now) for row in tx[INSTANCES].by("set", key)]
        row = tx[SETS].get(key)
        before = row or InstanceSet(*key, "", "")
        if service is None or deployment is None:
            before = replace(before, wanted=0)
        units_of = {one.id: tx[UNITS].get(one.id) for one in found}
        ended = {id: how(unit) for id, unit in units_of.items() if unit is None or unit.state in ENDED}
        plan = replacing.plan(before, found, ended, now, self._patience)
        for one in found:
            if one.id in ended:
                self._forget(tx, one)
                self._note(one, "ended", ended[one.id])
            elif one.id in plan.stops:
                self._note(one, "is to end", plan.stops[one.id])
                tx[INSTANCES].put(moved(one, "stop", now, why=plan.stops[one.id]))
        after = plan.row
        if service is not None and deployment is not None:
            for _ in range(plan.starts):
                after = self._start(tx, service, deployment, after, now)
        times = [at for one in tx[INSTANCES].by("set", key) if (at := self._drain(tx, one, now))]
        times += [after.not_before] if after.not_before > now else []
        if row is not None and (after.wanted or tx[INSTANCES].count("set", key)):
            tx[SETS].put(after)
        elif row is not None:
            tx[SETS].delete(key)
        return min((at for at in (*times, plan.again) if at is not None), default=None)

    def _seen(self, tx: Transaction, row: Instance, now: Instant) -> Instance:
        """The instance with what its last probe said."""
        told = self._probed.pop(row.id, None)
        if told is None or row.state == "stopping":
            return row
        if told.state == "healthy":
            after = moved(row, "healthy", now, healthy_at=now) if row.state == "starting" else row
            after = replace(after, unhealthy="")
        elif row.healthy_at:
            after = replace(row, unhealthy=told.description or told.reason or "Health checks failed")
        else:
            return row
        if after.state != row.state:
            self._note(after, "is healthy", "")
        return tx[INSTANCES].put(after)

    def _start(
        self, tx: Transaction, service: Service, deployment: Deployment, row: InstanceSet, now: Instant
    ) -> InstanceSet:
        """One more; returns the set as it is then: where no interface can be had the next one waits."""
        instance_id = self._ids.hex(32)
        one = Instance(instance_id, *row.key, service.account, service.region, created_at=now, since=now)
        run = units.program(deployment)
        shape = units.shape(deployment, run)
        around = surroundings.find(tx, self._plane.calls, service.scope, (shape,), deployment.role_arn, now)
        try:
            network = self._network(tx, service, deployment, instance_id, now)
        except (Fault, NoInterface) as why:
            return replacing.failed(
                row, one, f"Failed to make a network interface: {why}", now, self._patience
            )
        tx[UNITS].put(units.unit(service, deployment, instance_id, around, network, now))
        tx[INSTANCES].put(one)
        self._note(one, "starts", "")
        return row

    def _network(
        self, tx: Transaction, service: Service, deployment: Deployment, instance_id: str, now: Instant
    ) -> Network:
        """With a VPC connector an interface in its subnets. Raises Fault and NoInterface."""
        if not deployment.subnets:
            return Network("bridge")
        wish = Wish(*service.scope, OWNER, deployment.subnets, deployment.security_groups)
        making = self._interfaces.begin(tx, wish, now, self._ids)
        return Network("awsvpc", making.make(f"{service.arn}/instance/{instance_id}", "", bound=False))

    def _drain(self, tx: Transaction, row: Instance, now: Instant) -> Instant | None:
        """Stop the unit of an instance that is to go and has nothing to do. Returns when it has to go."""
        if row.state != "stopping":
            return None
        until = self._proxies.drained_by(row.since, REQUEST_LIMIT)
        unit = tx[UNITS].require(row.id)
        gone = not row.healthy_at or row.id in self._idle or now >= until
        if not (row.drained or gone):
            return until
        if not row.drained:
            self._idle.discard(row.id)
            tx[INSTANCES].put(replace(row, drained=True))
        if unit.desired != "stop":
            tx[UNITS].put(replace(unit, desired="stop"))
        return None

    def _forget(self, tx: Transaction, row: Instance) -> None:
        unit = tx[UNITS].delete(row.id)
        tx[INSTANCES].delete(row.id)
        self._idle.discard(row.id)
        role_credentials.end(tx, row.access_keys)
        if unit is not None and unit.spec.network.interface is not None:
            self._interfaces.release(tx, unit.spec.network.interface.id)

    def _note(self, one: Instance, what: str, why: str) -> None:
        self._plane.journal.note(OWNER, f"{one.service} instance {one.id}", what, why)
