"""What is free in each environment while a plan is made and carried out: vCPUs below the cap, and machines.

Fargate has room for whatever its cap allows. Elsewhere an attempt needs a machine on which it fits whole;
order.py counts vCPUs alone, so an attempt that it would start may find none: then it waits on.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from windlass.fleet.blueprints import Makers
from windlass.fleet.blueprints import Size as MachineSize
from windlass.fleet.model import Instance
from windlass.kernel.clock import Instant
from windlass.kernel.store import Transaction
from windlass.services.batch import hosts, machine_plan
from windlass.services.batch.capacity import types_of
from windlass.services.batch.hosts import Host, Hosts
from windlass.services.batch.model import Job
from windlass.services.batch.reasons import CPU_UNITS, Room, Size
from windlass.services.batch.resource_model import (
    ENVIRONMENTS,
    FARGATE_KINDS,
    ComputeEnvironment,
    Key,
)
from windlass.services.batch.usage import Usage
from windlass.services.plane import Plane

OPEN = ("VALID", "UPDATING")
"""Statuses of environments and queues that work."""


class Rooms:
    """`open` for a transaction; then `rooms` for the plan, and `take` for each attempt that it starts."""

    def __init__(self, plane: Plane, usage: Usage, held: Hosts) -> None:
        self._usage = usage
        self._hosts = held
        self._makers = plane.calls.part(Makers)
        self.rooms: dict[str, Room] = {}
        self.opens_at: Instant | None = None
        """When the next machine that runs is registered, and takes attempts."""
        self._free: dict[str, list[Host]] = {}

    def open(self, tx: Transaction, environments: Iterable[Key], now: Instant) -> None:
        """Look at these environments of one account and Region, as they are now."""
        rows = [row for key in environments if (row := tx[ENVIRONMENTS].get(key)) is not None]
        self._free = {row.name: self._hosts.of(row, now) for row in rows if needs_machines(row)}
        self.rooms = {row.name: self._room(row) for row in rows}
        dues = [self._hosts.opens_at(row, now) for row in rows if needs_machines(row)]
        self.opens_at = min((at for at in dues if at is not None), default=None)

    def take(self, environment: ComputeEnvironment, job: Job, count: int) -> Sequence[Instance | None]:
        """Machines for so many attempts, or for as many as fit; None stands for a place on Fargate."""
        free = self._free.get(environment.name)
        if free is None:
            return [None] * count
        need = MachineSize(job.cpu_units, job.memory_mib, job.gpus)
        return hosts.take(free, need, count)

    def _room(self, row: ComputeEnvironment) -> Room:
        closed = "" if row.state == "ENABLED" and row.status in OPEN else _why(row)
        if row.name not in self._free:
            cap = (row.max_vcpus or 0) * CPU_UNITS
            return Room(row.name, max(0, cap - self._usage.cpu_units(row.key)), cap, not closed, closed)
        free = sum(host.free.cpu_units for host in self._free[row.name])
        if row.max_vcpus is None:
            return Room(row.name, free, None, not closed, closed)
        cap = row.max_vcpus * CPU_UNITS
        free = max(0, min(free, cap - self._usage.cpu_units(row.key)))
        boots = len(self._hosts.held(row)) - len(self._free[row.name])
        note = f"{boots} machine{'s' if boots > 1 else ''} starting" if boots else ""
        return Room(row.name, free, cap, not closed, closed, self._largest(row), note, row.short_of)

    def _largest(self, row: ComputeEnvironment) -> Size:
        """More than no machine of the environment will ever have."""
        found = machine_plan.largest(types_of(row, self._makers.maker()))
        return Size(0, 0) if found is None else Size(found.cpu_units, found.memory_mib, found.gpus)


def needs_machines(row: ComputeEnvironment) -> bool:
    return row.kind not in FARGATE_KINDS


def _why(row: ComputeEnvironment) -> str:
    return row.status if row.status not in OPEN else row.state
