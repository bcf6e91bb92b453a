"""The edge between Lambda and the fleet: starts environments as units, knows which are there, lets them go.

Pools are in memory; rows say which environments exist. What is no more wanted is only noted here, because
that happens in places that must not write; the controller stops it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from windlass.aws.calls import Principal
from windlass.aws.credentials import Credentials, issue
from windlass.fleet.function_messages import RESTORE_FAILURE, RESTORE_TIMEOUT
from windlass.fleet.model import NODES, UNITS, Node, Unit
from windlass.fleet.networks import Interface, Network
from windlass.kernel.clock import SECOND, Duration
from windlass.kernel.faults import Fault, Retry
from windlass.kernel.ids import Ids
from windlass.kernel.rows import replace
from windlass.kernel.store import Change, Transaction
from windlass.services.lambda_ import roles
from windlass.services.lambda_.code import CodeStore
from windlass.services.lambda_.find import served_generation
from windlass.services.lambda_.limits import CREDENTIALS_LIFE, START_WAIT, TEMPLATE_CREDENTIALS_LIFE
from windlass.services.lambda_.model import ENVIRONMENTS, Environment, Settings
from windlass.services.lambda_.pool import Pool, Warm
from windlass.services.lambda_.target import Target
from windlass.services.lambda_.unit import OWNER, EnvironmentKind, environment_unit
from windlass.services.lambda_.vpc import VpcConnections
from windlass.services.plane import Plane

ENDED = ("stopped", "lost")


class Environments:
    """All environments of this plane. `wake` is told the ids of units that the controller should look at."""

    def __init__(
        self, plane: Plane, code: CodeStore, vpc: VpcConnections, wake: Callable[[str], None]
    ) -> None:
        self._plane = plane
        self._vpc = vpc
        self._code = code
        self._wake = wake
        self._ids = Ids(plane.chance.stream("lambda.environment"))
        self._pools: dict[str, Pool] = {}
        self._starting: dict[str, asyncio.Future[Unit]] = {}
        self._attaching: set[str] = set()
        """Provisioned ones that wait for an interface of their own."""
        self._connecting: dict[str, list[asyncio.Future[None]]] = {}
        self.unwanted: set[str] = set()
        plane.store.watch((UNITS,), self._on_unit, topic=OWNER)
        plane.store.watch((NODES,), self._on_node)
        self._load()

    def pool(self, key: str) -> Pool:
        """The pool of that key (`Target.pool`, `Environment.pool`)."""
        found = self._pools.get(key)
        if found is None:
            found = self._pools[key] = Pool()
        return found

    def pools(self) -> list[tuple[str, Pool]]:
        return list(self._pools.items())

    async def start(self, target: Target) -> Warm:
        """Start an environment of the target; returns when it takes an event.

        Raises Fault ServiceException when none could be had in START_WAIT.
        """
        unit_id = self._ids.hex(32)
        started: asyncio.Future[Unit] = asyncio.get_running_loop().create_future()
        self._starting[unit_id] = started
        try:
            own, attached = await self._attach(target, unit_id)
            role_id = await self._role_id(target)
            with self._plane.store.transact() as tx:
                network = self._vpc.shared(tx, target) if own is None else Network("awsvpc", own)
                node_id = self._node_of_template(target)
                unit = self._put(tx, target, unit_id, role_id, network, node_id=node_id)
            async with asyncio.timeout(START_WAIT / SECOND):
                unit = await started
        except TimeoutError:
            waiting = self._plane.store[UNITS].get(unit_id)
            self.unwant([unit_id])
            raise _no_environment(waiting.why if waiting else "", START_WAIT // SECOND) from None
        except BaseException:
            self.unwant([unit_id])
            raise
        finally:
            del self._starting[unit_id]
        if unit.state in ENDED:
            raise _not_begun(unit)
        warm = Warm(unit_id, unit.node_id, target.generation, unit.created_at, attached)
        self.pool(target.pool).started(warm)
        return warm

    async def provision(self, target: Target, count: int) -> None:
        """Start so many ahead of events. They take events once `Pool.adopt` has been told of them.

        Raises Fault when the VPC has no interface for them.
        """
        role_id = await self._role_id(target)
        unit_ids = [self._ids.hex(32) for _ in range(count)]
        if not self._vpc.attaches(target.settings):
            with self._plane.store.transact() as tx:
                network = self._vpc.shared(tx, target)
                for unit_id in unit_ids:
                    self._put(tx, target, unit_id, role_id, network, "provisioned")
            return
        for unit_id in unit_ids:
            with self._plane.store.transact() as tx:
                interface = self._vpc.own(tx, target, unit_id)
                tx[ENVIRONMENTS].put(self._row(target, unit_id, interface.id, "provisioned"))
            self._attaching.add(unit_id)
            work = self._provision_attached(target, unit_id, role_id, interface)
            self._plane.spawn.start(f"lambda attach {unit_id}", work)

    async def _provision_attached(
        self, target: Target, unit_id: str, role_id: str, interface: Interface
    ) -> None:
        try:
            await self._plane.clock.sleep(self._vpc.attach_delay())
            if unit_id not in self.unwanted:
                with self._plane.store.transact() as tx:
                    network = Network("awsvpc", interface)
                    self._put(tx, target, unit_id, role_id, network, "provisioned")
        except Retry as error:  # the log takes no writes: without a unit the row is cleaned up
            self._plane.journal.note("lambda", unit_id, "not provisioned", error.why)
        finally:
            self._attaching.discard(unit_id)
            self._wake(unit_id)

    def takes_snapshots(self, settings: Settings) -> bool:
        """Whether environments with these can be restored from a snapshot: they need its network."""
        return settings.snap_start and not self._vpc.attaches(settings)

    async def make_template(self, target: Target) -> None:
        """Start what environments of the target are to be restored from. Raises Fault as `provision`."""
        role_id = await self._role_id(target)
        with self._plane.store.transact() as tx:
            network = self._vpc.shared(tx, target)
            self._put(tx, target, self._ids.hex(32), role_id, network, "template")

    def _node_of_template(self, target: Target) -> str:
        """Where the target's template is; "" when there is none, or that node has no session."""
        store = self._plane.store
        for row in store[ENVIRONMENTS].by("template", target.pool):
            unit = store[UNITS].get(row.unit_id)
            node = None if unit is None else store[NODES].get(unit.node_id)
            if unit is not None and unit.state == "running" and node is not None and node.connected:
                return unit.node_id
        return ""

    def retire(self, row: Environment) -> None:
        """Have it stopped, one with an event when that is over."""
        if self.pool(row.pool).retire(row.unit_id):
            self.unwant([row.unit_id])

    def is_starting(self, unit_id: str) -> bool:
        """Whether it is on its way, though it may have no unit yet."""
        return unit_id in self._starting or unit_id in self._attaching

    async def _attach(self, target: Target, unit_id: str) -> tuple[Interface | None, Duration]:
        """An interface of its own, where each environment has one, and how long that took.

        It belongs to the environment's row, which is there before its unit, so that it is never forgotten.
        """
        if not self._vpc.attaches(target.settings):
            return None, 0
        began = self._plane.clock.now()
        with self._plane.store.transact() as tx:
            interface = self._vpc.own(tx, target, unit_id)
            tx[ENVIRONMENTS].put(self._row(target, unit_id, interface.id))
        await self._plane.clock.sleep(self._vpc.attach_delay())
        return interface, self._plane.clock.now() - began

    async def connected(self, node_id: str) -> None:
        """Return when the node has a session; Retry when it stays away."""
        node = self._plane.store[NODES].get(node_id)
        if node is not None and node.connected:
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._connecting.setdefault(node_id, []).append(waiter)
        try:
            async with asyncio.timeout(START_WAIT / SECOND):
                await waiter
        except TimeoutError:
            raise Retry(f"node {node_id} is not connected") from None

    def unwant(self, unit_ids: Iterable[str]) -> None:
        """Have these stopped; nobody gets an event to them any more."""
        for unit_id in unit_ids:
            self.unwanted.add(unit_id)
            self._wake(unit_id)

    def forget_pool(self, key: str) -> None:
        """The function or version is gone: stop its environments, those with an event when that is over."""
        pool = self._pools.pop(key, None)
        if pool is not None:
            self.unwant(pool.close())

    def forget(self, unit_id: str, key: str) -> None:
        """The environment, which was in the pool of that key, is gone."""
        self.unwanted.discard(unit_id)
        pool = self._pools.get(key)
        if pool is not None:
            pool.drop(unit_id)

    def _load(self) -> None:
        """After a restart: take over what runs and is of use, have the rest stopped."""
        store, now = self._plane.store, self._plane.clock.now()
        for row in sorted(store[ENVIRONMENTS].all(), key=lambda row: (row.created_at, row.unit_id)):
            unit = store[UNITS].get(row.unit_id)
            served = served_generation(store, row.pool)
            useful = row.endpoint == self._plane.calls.endpoint and served is not None
            useful = useful and unit is not None and unit.state not in ENDED and unit.desired == "run"
            if useful and (row.provisioned or row.template):
                continue  # provisioning.py or snapshots.py takes it over
            if useful and unit is not None and unit.state == "running":
                warm = Warm(row.unit_id, unit.node_id, row.generation, row.created_at)
                self.pool(row.pool).adopt(warm, now)
            else:
                self.unwanted.add(row.unit_id)

    def _put(
        self,
        tx: Transaction,
        target: Target,
        unit_id: str,
        role_id: str,
        network: Network,
        kind: EnvironmentKind = "on-demand",
        node_id: str = "",
    ) -> Unit:
        now = self._plane.clock.now()
        life = TEMPLATE_CREDENTIALS_LIFE if kind == "template" else CREDENTIALS_LIFE
        credentials = self._credentials(tx, target, role_id, life)
        unit = environment_unit(
            target,
            unit_id,
            credentials,
            network=network,
            path_of=self._code.file,
            now=now,
            kind=kind,
            node_id=node_id,
        )
        interface_id = "" if network.interface is None else network.interface.id
        row = self._row(target, unit_id, interface_id, kind)
        tx[ENVIRONMENTS].put(replace(row, access_key=credentials.access_key))
        return tx[UNITS].put(unit)

    def _row(
        self, target: Target, unit_id: str, interface_id: str, kind: EnvironmentKind = "on-demand"
    ) -> Environment:
        vpc = target.settings.vpc
        return Environment(
            unit_id,
            target.function.uid,
            target.generation,
            self._plane.calls.endpoint,
            created_at=self._plane.clock.now(),
            version=target.version,
            interface_id=interface_id,
            provisioned=kind == "provisioned",
            own_vpc=vpc.vpc_id if vpc is not None and self._vpc.attaches(target.settings) else "",
            template=kind == "template",
        )

    def _credentials(self, tx: Transaction, target: Target, role_id: str, life: Duration) -> Credentials:
        """A session of the execution role, named like the function, as AWS does it."""
        now, name = self._plane.clock.now(), target.function.name
        account, _ = roles.parts(target.settings.role)
        return issue(
            tx,
            self._ids,
            self._plane.chance,
            account=account,
            arn=roles.session_arn(target.settings.role, name),
            user_id=f"{role_id}:{name}",
            now=now,
            expires_at=now + life,
        )

    async def _role_id(self, target: Target) -> str:
        """The role's unique id (AROA…); its name when IAM does not know the role."""
        account, role = roles.parts(target.settings.role)
        principal = Principal(account, target.function.region, "lambda.amazonaws.com")
        try:
            answer = await self._plane.calls.call("iam", "GetRole", {"RoleName": role}, principal)
        except Fault:
            return role
        return str(answer["Role"]["RoleId"])

    def _on_unit(self, change: Change) -> None:
        unit: Unit | None = change.new
        if unit is None:
            return
        started = self._starting.get(unit.id)
        if started is not None and not started.done() and unit.state in ("running", *ENDED):
            started.set_result(unit)
        if unit.state in ENDED:
            self._wake(unit.id)

    def _on_node(self, change: Change) -> None:
        node: Node | None = change.new
        if node is None or not node.connected:
            return
        for waiter in self._connecting.pop(node.id, ()):
            if not waiter.done():
                waiter.set_result(None)


_NOT_RESTORED = {
    RESTORE_FAILURE: "The runtime hook that runs after a restore failed. See the function's log.",
    RESTORE_TIMEOUT: "Lambda couldn't restore the snapshot within the timeout limit.",
}
"""By the reason of the environment's end, which is the error's code; wording unverified."""


def _not_begun(unit: Unit) -> Fault:
    reason = unit.observed.reason if unit.observed else ""
    if reason in _NOT_RESTORED:
        return Fault(reason, _NOT_RESTORED[reason])
    return _no_environment(unit.why or reason)


def _no_environment(why: str, waited_s: int = 0) -> Fault:
    waited = f" within {waited_s} s" if waited_s else ""
    return Fault(
        "ServiceException", f"No execution environment could be started{waited}: {why or 'no node took it'}"
    )
