"""Container instances follow their machines and nodes: this loop writes what they observe.

A machine (fleet.model.Instance) that runs and names a cluster is registered there once; one that shuts down
is deregistered, and its tasks stop. `connected` follows the node's session. Woken with the keys of what
changed. What it must not know: where machines come from.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable

from windlass import __version__
from windlass.aws.bus import Bus
from windlass.fleet import model as fleet
from windlass.fleet.instances import GONE
from windlass.fleet.model import NODES, Instance, Node
from windlass.kernel.clock import MINUTE, Duration, Instant
from windlass.kernel.ids import Ids
from windlass.kernel.reconcile import Loop
from windlass.kernel.rows import replace
from windlass.kernel.store import Change, Transaction
from windlass.services.ecs import (
    account_settings,
    instances,
    lookup,
    notices,
    providers,
    registration,
)
from windlass.services.ecs.instance_model import INSTANCES, ContainerInstance
from windlass.services.ecs.model import CLUSTERS, Cluster
from windlass.services.ecs.rooms import Rooms
from windlass.services.plane import Plane

PERIOD: Duration = 10 * MINUTE
"""How often everything is looked at, in case a wake-up was lost."""
BATCH_MAX = 500
"""Rows per transaction, so that no pass holds up calls for long."""


class Registrar:
    """Run it with `spawn.start("ecs.instances", registrar.loop.run())`."""

    def __init__(self, plane: Plane, rooms: Rooms) -> None:
        self._plane = plane
        self._rooms = rooms
        self._bus = plane.calls.part(Bus)
        self._ids = Ids(plane.chance.stream("ecs.instances"))
        self.loop = Loop("ecs.instances", plane.clock, plane.journal, self._pass, period=PERIOD)
        plane.store.watch((fleet.INSTANCES,), lambda change: self.loop.wake(("machine", change.key)))
        plane.store.watch((NODES,), self._on_node)
        plane.store.watch((CLUSTERS,), self._on_cluster)

    def _on_cluster(self, change: Change) -> None:
        """A cluster that is there now may have been named by machines before: their agents try again."""
        old: Cluster | None = change.old
        new: Cluster | None = change.new
        if new is None or new.status != "ACTIVE" or (old is not None and old.status == "ACTIVE"):
            return
        for machine in self._plane.store[fleet.INSTANCES].by("scope", (new.account, new.region)):
            if machine.cluster == new.name:
                self.loop.wake(("machine", machine.id))

    def _on_node(self, change: Change) -> None:
        old: Node | None = change.old
        new: Node | None = change.new
        if (old is not None and old.connected) != (new is not None and new.connected):
            self.loop.wake(("node", change.key))

    async def _pass(self, now: Instant, keys: frozenset[Hashable]) -> Instant | None:
        store = self._plane.store
        machine_ids = sorted(k[1] for k in keys if isinstance(k, tuple) and k[0] == "machine")
        node_ids = sorted(k[1] for k in keys if isinstance(k, tuple) and k[0] == "node")
        if not keys:
            machine_ids = sorted(machine.id for machine in store[fleet.INSTANCES].all())
            node_ids = sorted(node.id for node in store[NODES].all())
        dues = []
        for some in _batches(machine_ids):
            with store.transact() as tx:
                dues += [self._follow_machine(tx, machine_id, now) for machine_id in some]
        for node_id in node_ids:
            rows = sorted(row.id for row in store[INSTANCES].by("node", node_id))
            for some in _batches(rows):
                with store.transact() as tx:
                    for instance_id in some:
                        self._follow_node(tx, instance_id, now)
        return min((due for due in dues if due is not None), default=None)

    def _follow_machine(self, tx: Transaction, machine_id: str, now: Instant) -> Instant | None:
        """Register or deregister one machine; returns when it is time to register it."""
        machine = tx[fleet.INSTANCES].get(machine_id)
        if machine is None or not machine.cluster:
            return None
        known = tx[INSTANCES].by("machine", machine_id)
        if machine.phase in GONE:
            for instance in known:
                if instance.status != "INACTIVE":
                    instances.deregister(tx, self._bus, instance, instances.TERMINATION, _ended(machine), now)
        elif machine.phase == "running" and not known:
            if now < machine.registers_at:
                return machine.registers_at
            self._register(tx, machine, now)
        return None

    def _register(self, tx: Transaction, machine: Instance, now: Instant) -> None:
        """In a cluster that is not there it is not registered: its agent would try for ever, too."""
        cluster = lookup.any_cluster(tx, (machine.account, machine.region), machine.cluster)
        node = tx[NODES].get(machine.node_id)
        if cluster is None or cluster.status != "ACTIVE" or node is None:
            self._plane.journal.note("ecs", machine.id, "not registered", f"no cluster {machine.cluster}")
            return
        tx[CLUSTERS].put(cluster)
        provider = providers.of_machine(tx, machine)
        made = registration.of_machine(machine, node, self._ids.hex(32), __version__, now, provider)
        scope = (machine.account, machine.region)
        if account_settings.of_account(tx, scope, "awsvpcTrunking") == "enabled":
            made = registration.trunked(made, f"eni-0{self._ids.hex(16)}")
        instances.register(tx, self._bus, made, now)
        self._plane.journal.note("ecs", made.arn, "registered", machine.id)

    def _follow_node(self, tx: Transaction, instance_id: str, now: Instant) -> None:
        instance: ContainerInstance | None = tx[INSTANCES].get(instance_id)
        if instance is None or instance.status == "INACTIVE":
            return
        node = tx[NODES].get(instance.node_id)
        connected = node is not None and node.connected
        after = replace(instance, connected=connected)
        if node is not None and connected and instance.lent:  # it may have been lent before it told its size
            after = replace(after, cpu_units=node.cpu_units, memory_mib=node.memory_mib)
        if after != instance:
            changed = tx[INSTANCES].put(replace(after, version=instance.version + 1))
            notices.tell_instance(self._bus, tx, changed, self._rooms.taken(changed), now)


def _ended(machine: Instance) -> str:
    """Why a task of that machine stopped (ECS Developer Guide, stopped task error codes)."""
    return f"Host EC2 (instance {machine.id}) terminated."


def _batches(keys: list[str]) -> Iterable[list[str]]:
    return (keys[start : start + BATCH_MAX] for start in range(0, len(keys), BATCH_MAX))
