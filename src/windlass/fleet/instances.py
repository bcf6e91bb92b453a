"""Instances: machines that are launched, boot, join a cluster and are terminated.

A machine is a row (`model.Instance`); this module moves it through its phases. What it must not know: ECS,
which watches the rows (services/ecs/instance_controller.py), and how a node keeps a machine's tasks within
its room (node/). Whoever has machines to offer calls `launch` in a transaction of its own: the command line
for EC2 capacity on this machine, an activation for a machine of one's own (ECS Anywhere), an Auto Scaling
group.

    with store.transact() as tx:
        instances.launch(tx, Instance("mi-0ab…", "EXTERNAL", node_id, account, region, "default",
                                      cpu_units=4096, memory_mib=16384, launched_at=now))
"""

from __future__ import annotations

import random
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import cast

from windlass.aws.quotas import Quotas
from windlass.fleet.model import INSTANCES, NODES, UNITS, Instance, InstancePhase, Node
from windlass.kernel.clock import HOUR, MINUTE, Clock, Duration, Instant, seconds
from windlass.kernel.faults import Bug
from windlass.kernel.journal import Journal
from windlass.kernel.machine import Moves, move
from windlass.kernel.reconcile import Loop
from windlass.kernel.rows import replace
from windlass.kernel.store import Change, Store, Transaction

INSTANCE_MOVES: Moves = {
    ("pending", "booted"): "running",
    ("pending", "terminate"): "shutting-down",
    ("running", "terminate"): "shutting-down",
    ("shutting-down", "emptied"): "terminated",
}
GONE: frozenset[InstancePhase] = frozenset({"shutting-down", "terminated"})
"""It takes no more tasks, and those that it has end."""
TERMINATED_KEPT: Duration = HOUR
"""How long a terminated machine is shown, as EC2 does for about an hour."""
PERIOD: Duration = 10 * MINUTE
SPOT = {"InstanceLifecycle": "spot"}
"""Details of a Spot Instance, as DescribeInstances has them."""
BATCH_MAX = 500
"""Rows per transaction, so that no pass holds up calls for long."""


@dataclass(frozen=True, slots=True)
class Boot:
    """How long a machine takes: until it runs, and from there until its agent has registered it."""

    boot: Duration = 0
    register: Duration = 0


DELAYS = ("instance.boot", "instance.register")
"""Of the profile: until a machine runs, and from there until it is registered."""


def draw_boot(quotas: Quotas, stream: random.Random) -> Boot:
    """How long the next machine takes, as the profile says."""
    return Boot(*(seconds(quotas.draw_s(name, stream)) for name in DELAYS))


def host(nodes: Iterable[Node]) -> Node | None:
    """The agent of this machine, of which machines can be parts: of the nodes `by("whole", "yes")`."""
    return min(nodes, key=lambda node: node.id, default=None)


def on_spot(instance: Instance) -> bool:
    """Whether EC2 may take it back."""
    return SPOT.items() <= instance.details.items()


def launch(tx: Transaction, instance: Instance, boot: Boot = Boot()) -> Instance:
    """A new machine on a node that is registered: it boots, runs, and joins its cluster."""
    if tx[INSTANCES].get(instance.id) is not None:
        raise Bug("an instance is launched twice", instance)
    tx[NODES].require(instance.node_id)
    running_at = instance.launched_at + boot.boot
    phase: InstancePhase = "pending" if boot.boot else "running"
    return tx[INSTANCES].put(
        replace(instance, phase=phase, running_at=running_at, registers_at=running_at + boot.register)
    )


def terminate(tx: Transaction, instance_id: str, why: str) -> Instance:
    """End the machine: its tasks are stopped, then it is terminated. Again: nothing more happens."""
    instance = tx[INSTANCES].require(instance_id)
    if instance.phase in GONE:
        return instance
    return tx[INSTANCES].put(replace(instance, phase=_move(instance, "terminate"), why=why))


class Machines:
    """The loop that lets machines finish booting, and shutting down. Run it with `spawn.start`."""

    def __init__(self, store: Store, clock: Clock, journal: Journal) -> None:
        self._store = store
        self._journal = journal
        self.loop = Loop("fleet.instances", clock, journal, self._pass, period=PERIOD)
        store.watch((INSTANCES,), lambda change: self.loop.wake())
        store.watch((UNITS,), self._on_unit)

    def _on_unit(self, change: Change) -> None:
        if change.new is None and change.old.spec.instance is not None:
            self.loop.wake()

    async def _pass(self, now: Instant, keys: frozenset[Hashable]) -> Instant | None:
        with self._store.transact() as tx:
            booted = tx[INSTANCES].upto("phase", "pending", now, BATCH_MAX)
            for instance in booted:
                self._put(tx, replace(instance, phase=_move(instance, "booted")))
            for instance in tx[INSTANCES].by("phase", "shutting-down"):
                if not tx[UNITS].count("instance", instance.id):
                    phase = _move(instance, "emptied")
                    self._put(tx, replace(instance, phase=phase, terminated_at=now))
            for instance in tx[INSTANCES].upto("phase", "terminated", now - TERMINATED_KEPT, BATCH_MAX):
                tx[INSTANCES].delete(instance.id)
            pending = tx[INSTANCES].first("phase", "pending")
            terminated = tx[INSTANCES].first("phase", "terminated")
        dues = [pending.running_at] if pending is not None else []
        dues += [terminated.terminated_at + TERMINATED_KEPT] if terminated is not None else []
        return min(dues, default=None)

    def _put(self, tx: Transaction, instance: Instance) -> None:
        tx[INSTANCES].put(instance)
        self._journal.note("fleet", instance.id, instance.phase, instance.why)


def _move(instance: Instance, event: str) -> InstancePhase:
    return cast(InstancePhase, move(INSTANCE_MOVES, instance.phase, event, instance))
