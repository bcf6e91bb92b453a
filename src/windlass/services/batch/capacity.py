"""The loop that launches and ends the machines of EC2 and SPOT environments.

Reads what waits and what there is, has machine_plan.py decide, and writes: machines are EC2's
(fleet/blueprints.py), they boot as the profile says and register themselves in the environment's cluster. It
alone writes `desired_vcpus` and `short_of` of environments. A machine that ends takes its jobs with it.
Known gap: they are in no Auto Scaling group of the account; AWS shows one per environment.
"""

from __future__ import annotations

import base64
from collections import defaultdict
from collections.abc import Collection, Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice

from windlass.fleet import instances
from windlass.fleet.blueprints import Blueprint, Maker, Makers, Size, TemplateName
from windlass.fleet.model import INSTANCES, UNITS, Instance
from windlass.kernel.clock import MINUTE, SECOND, Duration, Instant, seconds
from windlass.kernel.faults import Fault
from windlass.kernel.ids import Ids
from windlass.kernel.reconcile import Loop
from windlass.kernel.rows import replace
from windlass.kernel.store import Change, Transaction
from windlass.services.batch import machine_plan
from windlass.services.batch.hosts import Hosts
from windlass.services.batch.line import Lines
from windlass.services.batch.machine_plan import Bounds, Demand
from windlass.services.batch.model import ARRAYS, JOBS, OWNER
from windlass.services.batch.reasons import CPU_UNITS
from windlass.services.batch.resource_model import (
    ENVIRONMENTS,
    QUEUES,
    ComputeEnvironment,
    JobQueue,
    Key,
)
from windlass.services.plane import Plane

PERIOD: Duration = MINUTE
HEADS_MAX = 100
"""Jobs of one line that machines are launched for at a time."""
RETRY_AFTER: Duration = 10 * SECOND
"""When machines that could not be had are asked for again."""
IDLE = "batch.machine_idle"
"""Of the profile: how long a machine runs on without a job."""
FAMILIES: Mapping[str, tuple[str, ...]] = {
    "optimal": ("c5", "m5", "r5"),
    "default_x86_64": ("c5", "m5", "r5"),
    "default_arm64": ("c6g", "m6g", "r6g"),
}
"""What instanceTypes may say beside types and families; facts/batch.md, 2."""


@dataclass(slots=True)
class _Wanted:
    """What one environment should have machines for."""

    demands: list[Demand] = field(default_factory=list)
    firsts: list[Size] = field(default_factory=list)
    """Of `demands`, the sizes of those that nothing is in front of in their lines."""


class Capacity:
    """Run it with `spawn.start(loop.name, loop.run())`."""

    def __init__(self, plane: Plane, hosts: Hosts) -> None:
        self._plane = plane
        self._hosts = hosts
        self._makers = plane.calls.part(Makers)
        self._ids = Ids(plane.chance.stream("batch.machines"))
        self.loop = Loop("batch.capacity", plane.clock, plane.journal, self._pass, period=PERIOD)
        store = plane.store
        store.watch((ENVIRONMENTS, QUEUES), lambda change: self.loop.wake("resources"))
        store.watch((JOBS,), self._on_job)
        store.watch((ARRAYS,), self._on_array)
        store.watch((INSTANCES,), self._on_machine)
        store.watch((UNITS,), self._on_unit, topic=OWNER)

    def _any(self) -> bool:
        return bool(self._plane.store[ENVIRONMENTS].count("machines", "yes"))

    def _on_job(self, change: Change) -> None:
        line = (change.old is not None and change.old.lined) != (change.new is not None and change.new.lined)
        if line and self._any():
            self.loop.wake("line")

    def _on_array(self, change: Change) -> None:
        """More children of an array may be RUNNABLE that stands in line already."""
        old, new = change.old, change.new
        if old is not None and new is not None and old.runnable != new.runnable and self._any():
            self.loop.wake("array")

    def _on_machine(self, change: Change) -> None:
        if self._any():
            self.loop.wake("machine")

    def _on_unit(self, change: Change) -> None:
        """A machine on which nothing runs any more may go, sometime."""
        if change.new is None and change.old.target_id and self._hosts.is_idle(change.old.target_id):
            self.loop.wake("ended")

    async def _pass(self, now: Instant, keys: frozenset[Hashable]) -> Instant | None:
        rows = self._plane.store[ENVIRONMENTS].by("machines", "yes")
        again: list[Instant] = []
        with self._plane.store.transact() as tx:
            wanted = self._demands(tx, rows)
            for row in rows:
                self._end_jobs(tx, row)
                again += self._settle(tx, row, wanted[row.key], now)
        await self._plane.store.durable()
        return min(again, default=None)

    def _settle(
        self, tx: Transaction, row: ComputeEnvironment, wanted: _Wanted, now: Instant
    ) -> list[Instant]:
        """Launch and end machines of one environment; returns when to look again."""
        if row.status == "DELETING":
            machines = self._hosts.left(row)
            if not any(self._hosts.units(tx, machine.id) for machine in machines):
                for machine in machines:
                    instances.terminate(tx, machine.id, f"compute environment {row.name} is deleted")
            return []
        if row.status not in ("VALID", "UPDATING"):
            return []
        held = self._hosts.held(row)
        bounds, types = bounds_of(row), self.types(row)
        made = machine_plan.launches(types, held, wanted.demands, bounds)
        idle_for = seconds(self._plane.quotas.delay_s(IDLE))
        gone = machine_plan.surplus(held, wanted.firsts, bounds.least, now, idle_for)
        for machine_id in gone:
            instances.terminate(tx, machine_id, "no job needs it")
        again = [
            one.idle_since + idle_for for one in held if one.idle_since is not None and one.id not in gone
        ]
        launched: list[Instance] = []
        short_of = ""
        try:
            launched = [self._launch(tx, row, name, now) for name in made.types]
        except Fault as fault:  # what one machine lacks, they all lack: nothing was written
            self._plane.journal.note("batch", row.arn, "launch failed", fault.message)
            again.append(now + RETRY_AFTER)
            short_of = made.types[0]
        kept = sum(one.size.cpu_units for one in held if one.id not in gone)
        desired = (kept + sum(one.cpu_units for one in launched)) // CPU_UNITS
        if (desired, short_of) != (row.desired_vcpus, row.short_of):
            tx[ENVIRONMENTS].put(replace(row, desired_vcpus=desired, short_of=short_of))
        if desired != row.desired_vcpus:
            self._plane.journal.note("batch", row.arn, "scaled", f"{row.desired_vcpus} → {desired} vCPUs")
        return [at for at in again if at > now]

    def types(self, row: ComputeEnvironment) -> dict[str, Size]:
        """The types that its machines may have."""
        return types_of(row, self._makers.maker())

    def _launch(self, tx: Transaction, row: ComputeEnvironment, name: str, now: Instant) -> Instance:
        """One machine, which will join the environment's cluster. Raises Fault."""
        maker, scope = self._makers.maker(), (row.account, row.region)
        made = _blueprint(tx, maker, row, name)
        sites = maker.well(maker.sites(tx, scope, row.resources["subnets"], now, self._ids))
        site = sites[len(self._hosts.left(row)) % len(sites)]
        machine = maker.launch(tx, scope, made, site, "", now)
        self._plane.journal.note("batch", row.arn, "launched", f"{machine.id}, {name}")
        return machine

    def _end_jobs(self, tx: Transaction, row: ComputeEnvironment) -> None:
        """What runs on a machine that ends is to stop."""
        for machine in self._hosts.left(row):
            for unit in self._hosts.units(tx, machine.id) if machine.phase in instances.GONE else ():
                if unit.desired != "stop":
                    tx[UNITS].put(replace(unit, desired="stop"))

    def _demands(self, tx: Transaction, rows: list[ComputeEnvironment]) -> dict[Key, _Wanted]:
        """What each environment gets machines for: of the jobs in line what those before it cannot take."""
        by_key = {row.key: row for row in rows}
        found: dict[Key, _Wanted] = defaultdict(_Wanted)
        if not rows:
            return found
        for queue, firsts, waits in _lines(tx, by_key):
            for name in queue.environments:
                row = by_key.get((queue.account, queue.region, name))
                if row is None or row.state != "ENABLED" or row.status not in ("VALID", "UPDATING"):
                    continue
                wanted = found[row.key]
                wanted.firsts += firsts
                wanted.demands += waits
                types, held, most = self.types(row), self._hosts.held(row), bounds_of(row).most
                waits = list(machine_plan.launches(types, held, wanted.demands, Bounds(0, most)).left)
        return found


def bounds_of(row: ComputeEnvironment) -> Bounds:
    """CPU units that it has at least and at most."""
    return Bounds(row.resources.get("minvCpus", 0) * CPU_UNITS, (row.max_vcpus or 0) * CPU_UNITS)


def types_of(row: ComputeEnvironment, maker: Maker) -> dict[str, Size]:
    """The types that its machines may have; names that nobody knows are left out."""
    named = [one for name in row.resources.get("instanceTypes", ()) for one in FAMILIES.get(name, (name,))]
    return maker.types(named)


def _lines(
    tx: Transaction, environments: Collection[Key]
) -> Iterator[tuple[JobQueue, list[Size], list[Demand]]]:
    """Queues of these environments in which jobs wait, by descending priority: the size of what is first in

    each line, and the beginning of all its lines.
    """
    shares: dict[Key, list[str]] = defaultdict(list)
    for value in tx[JOBS].values("line"):
        assert isinstance(value, tuple)
        shares[value[:3]].append(value[3])
    queues = [
        queue
        for key in shares
        if (queue := tx[QUEUES].get(key)) is not None
        and any((queue.account, queue.region, name) in environments for name in queue.environments)
    ]
    lines = Lines(tx[JOBS], tx[ARRAYS])
    for queue in sorted(queues, key=lambda queue: (-queue.priority, queue.key)):
        firsts: list[Size] = []
        waits: list[Demand] = []
        for share in sorted(shares[queue.key]):
            heads = [
                Demand(Size(head.cpu_units, head.memory_mib, head.gpus), head.count)
                for head in islice(lines.walk(queue.key, share), HEADS_MAX)
            ]
            firsts += [head.size for head in heads[:1]]
            waits += heads
        yield queue, firsts, waits


def _blueprint(tx: Transaction, maker: Maker, row: ComputeEnvironment, name: str) -> Blueprint:
    """A machine of that type: of the environment's launch template, if it has one. Raises Fault."""
    told = base64.b64encode(f"#!/bin/sh\necho ECS_CLUSTER={row.cluster} >> /etc/ecs/ecs.config\n".encode())
    tags = {**row.resources.get("tags", {}), "aws:batch:compute-environment": row.name}
    made = Blueprint(name)
    if (given := row.resources.get("launchTemplate")) is not None:
        named = TemplateName(
            given.get("launchTemplateId", ""),
            given.get("launchTemplateName", ""),
            given.get("version", "") or "$Default",
        )
        made = maker.blueprint(tx, (row.account, row.region), named)
        tags = {**made.tags, **tags}
    image = row.resources.get("imageId", "") or made.image_id
    details = {**made.details, **(instances.SPOT if row.kind == "SPOT" else {})}
    return Blueprint(name, image, told.decode(), details, tags, made.template)
