"""The machines of environments that are not Fargate's, and what is free of each: kept as rows change.

A machine belongs to the environment in whose ECS cluster it is: those that capacity.py launches, and, of an
UNMANAGED environment, those that its owner registered there. What Batch's units take of a machine is counted
by `Unit.target_id`, which names it. Tasks that somebody else runs there are not counted.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from windlass.fleet.blueprints import Size
from windlass.fleet.instances import GONE
from windlass.fleet.model import INSTANCES, NODES, UNITS, Instance, Unit
from windlass.fleet.task_messages import InstanceRoom
from windlass.fleet.transitions import ENDED
from windlass.kernel.clock import Instant
from windlass.kernel.rows import replace
from windlass.kernel.store import Change, Store, Transaction
from windlass.services.batch.machine_plan import Held, fits, less
from windlass.services.batch.model import OWNER
from windlass.services.batch.resource_model import ComputeEnvironment


@dataclass(slots=True)
class Host:
    """A machine that takes attempts, and what is free of it while a plan is carried out."""

    machine: Instance
    free: Size


class Hosts:
    """One per plane: `call.part(Hosts)`. What is taken is that of the transactions that are over."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._taken: dict[str, Counter[str]] = {}
        self._idle_since: dict[str, Instant] = {}
        """Machine → when the last unit on it ended."""
        for unit in store[UNITS].by("owner", OWNER):
            self._count(unit, 1)
        store.watch((UNITS,), self._on_unit, topic=OWNER)
        store.watch((INSTANCES,), self._on_machine)

    def of(self, environment: ComputeEnvironment, now: Instant) -> list[Host]:
        """Machines that take attempts now: they run, are registered, and their agent is connected."""
        return [
            Host(machine, self._free(machine))
            for machine in self._machines(environment)
            if machine.phase == "running" and machine.registers_at <= now and self._is_connected(machine)
        ]

    def opens_at(self, environment: ComputeEnvironment, now: Instant) -> Instant | None:
        """When the next machine that runs is registered; None when there is none to come."""
        later = (one.registers_at for one in self._machines(environment) if one.phase == "running")
        return min((at for at in later if at > now), default=None)

    def held(self, environment: ComputeEnvironment) -> list[Held]:
        """All that boot or run."""
        return [
            Held(machine.id, size_of(machine), self._free(machine), self._idle(machine))
            for machine in self._machines(environment)
            if machine.phase not in GONE
        ]

    def is_idle(self, machine_id: str) -> bool:
        """Whether none of Batch's units is on that machine."""
        return machine_id not in self._taken

    def left(self, environment: ComputeEnvironment) -> list[Instance]:
        """All that are not terminated yet."""
        return [machine for machine in self._machines(environment) if machine.phase != "terminated"]

    def units(self, tx: Transaction, machine_id: str) -> list[Unit]:
        """Batch's units on that machine."""
        machine = tx[INSTANCES].get(machine_id)
        rows = [] if machine is None else tx[UNITS].by("node", machine.node_id)
        return [unit for unit in rows if unit.owner == OWNER and unit.target_id == machine_id]

    def _machines(self, environment: ComputeEnvironment) -> list[Instance]:
        key = (environment.account, environment.region, environment.cluster)
        return self._store[INSTANCES].by("cluster", key)

    def _free(self, machine: Instance) -> Size:
        taken = self._taken.get(machine.id, Counter())
        needed = Size(taken["cpu_units"], taken["memory_mib"], taken["gpus"])
        return less(size_of(machine), needed)

    def _idle(self, machine: Instance) -> Instant | None:
        if machine.phase != "running" or machine.id in self._taken:
            return None
        return max(machine.registers_at, self._idle_since.get(machine.id, 0))

    def _is_connected(self, machine: Instance) -> bool:
        node = self._store[NODES].get(machine.node_id)
        return node is not None and node.connected

    def _on_unit(self, change: Change) -> None:
        old: Unit | None = change.old
        new: Unit | None = change.new
        if old is not None and old.target_id and old.state not in ENDED:
            self._count(old, -1)
            if old.target_id not in self._taken:
                self._idle_since[old.target_id] = self._store_now(new or old)
        if new is not None:
            self._count(new, 1)

    def _on_machine(self, change: Change) -> None:
        if change.new is None:
            self._idle_since.pop(change.old.id, None)

    def _store_now(self, unit: Unit) -> Instant:
        """When the unit ended, as its node says; of one that never ran when it was made."""
        return unit.observed.stopped_at if unit.observed is not None else unit.created_at

    def _count(self, unit: Unit, times: int) -> None:
        if not unit.target_id or unit.state in ENDED:
            return
        taken = self._taken.setdefault(unit.target_id, Counter())
        taken["cpu_units"] += times * unit.cpu_units
        taken["memory_mib"] += times * unit.memory_mib
        taken["gpus"] += times * unit.gpus
        taken["units"] += times
        if not taken["units"]:
            del self._taken[unit.target_id]


def size_of(machine: Instance) -> Size:
    """What it has in all."""
    return Size(machine.cpu_units, machine.memory_mib, machine.gpus)


def take(hosts: list[Host], need: Size, count: int) -> list[Instance]:
    """Machines for so many attempts, or for as many as fit; what they need is free no more.

    The fullest on which one fits is filled first, so that others stay whole, or idle.
    """
    able = [host for host in hosts if fits(host.free, need)]
    taken: list[Instance] = []
    for host in sorted(able, key=lambda host: (host.free.cpu_units, host.machine.id)):
        here = min(count - len(taken), fits(host.free, need))
        if not here:
            break
        host.free = less(host.free, need, here)
        taken += [host.machine] * here
    return taken


def hosted(unit: Unit, machine: Instance) -> Unit:
    """The unit on that machine, which is a part of a node or all of it."""
    spec = unit.spec
    if machine.kind == "EC2" and not machine.unbounded:
        spec = replace(spec, instance=InstanceRoom(machine.id, machine.cpu_units, machine.memory_mib))
    return replace(unit, spec=spec, bound_to=machine.node_id, target_id=machine.id)
