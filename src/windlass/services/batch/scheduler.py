"""The loop that puts waiting jobs into compute environments: reads what waits and what is free, has order.py
plan, and writes what the plan says.

A start is a row STARTING and a unit for the fleet, in one transaction. Woken by whatever may change a plan:
jobs that came into line, room that became free, environments, queues and policies that were changed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence
from typing import NamedTuple, cast

from windlass.aws.bus import Bus
from windlass.aws.fargate_use import FargateUse
from windlass.fleet import surroundings
from windlass.fleet.entering import Entering
from windlass.fleet.interfaces import Interfaces
from windlass.fleet.model import INSTANCES, NODES, Instance
from windlass.kernel.clock import MINUTE, Duration, Instant
from windlass.kernel.ids import Ids
from windlass.kernel.reconcile import Loop
from windlass.kernel.rows import replace
from windlass.kernel.store import Change, Transaction
from windlass.services.batch import arrays, limits, lookup, notices, order, time_limits, unit
from windlass.services.batch.effective import effective
from windlass.services.batch.hosts import hosted
from windlass.services.batch.launches import Launches
from windlass.services.batch.line import Lines
from windlass.services.batch.model import (
    ACTIVE,
    ARRAYS,
    CHILDREN,
    JOBS,
    Child,
    Job,
    Run,
    Stop,
)
from windlass.services.batch.order import Blocked, Queue
from windlass.services.batch.progress import Progress
from windlass.services.batch.resource_model import (
    ENVIRONMENTS,
    FARGATE_KINDS,
    POLICIES,
    QUEUES,
    ComputeEnvironment,
    Key,
)
from windlass.services.batch.rooms import OPEN, Rooms
from windlass.services.batch.transitions import moved
from windlass.services.batch.unit import Blueprint
from windlass.services.batch.usage import Usage
from windlass.services.batch.wiring import Wired, Wiring
from windlass.services.plane import Plane

PERIOD: Duration = MINUTE
"""How often everything is looked at, in case a wake-up was lost."""
STARTS_PER_PASS = 200
"""Attempts started in one transaction, so that no pass holds up calls for long."""
NOTHING = Run()
TOO_MANY_TAGS = f"The job and its definition have more than {limits.TAGS_MAX} tags to propagate"
"""Such a job moves to FAILED (BC, SubmitJob, propagateTags); the wording is ours."""
GONE = "The job definition was deregistered and is not kept any more"
IN_PIECES = "no instance of its compute environment has all the room that it needs"
"""Why a job does not start though there are vCPUs enough: for people, ours."""
NO_ADDRESS = "the subnets of its compute environment have no address left, or are not there"
Scope = tuple[str, str]


class Place(NamedTuple):
    """Where one attempt starts. `machine` is None on Fargate."""

    machine: Instance | None
    wired: Wired


class Scheduler:
    """Run it with `spawn.start(loop.name, loop.run())`; one per plane: `call.part(Scheduler)`."""

    def __init__(self, plane: Plane, usage: Usage, rooms: Rooms) -> None:
        self._plane = plane
        self._usage = usage
        self._rooms = rooms
        self._bus = plane.calls.part(Bus)
        self._entering = plane.calls.part(Entering)
        self._ids = Ids(plane.chance.stream("batch.attempts"))
        self._blocked: dict[Scope, tuple[Blocked, ...]] = {}
        self._writes = False
        """What changes while a pass writes is its own doing."""
        self.loop = Loop("batch.scheduler", plane.clock, plane.journal, self._pass, period=PERIOD)
        plane.store.watch((JOBS,), self._on_job)
        plane.store.watch((CHILDREN,), self._on_child)
        plane.store.watch((ARRAYS,), self._on_array)
        plane.store.watch((ENVIRONMENTS, QUEUES, POLICIES), lambda change: self.loop.wake("resources"))
        plane.store.watch((INSTANCES,), lambda change: self.loop.wake("machines"))
        plane.store.watch((NODES,), self._on_node)

    def blocked(self, scope: Scope) -> tuple[Blocked, ...]:
        """Why the first jobs of that account's and Region's queues did not start, when last looked at."""
        return self._blocked.get(scope, ())

    # wake-ups

    def _on_job(self, change: Change) -> None:
        old: Job | None = change.old
        new: Job | None = change.new
        line = ("" if old is None else old.lined) != ("" if new is None else new.lined)
        freed = old is not None and old.status in ACTIVE and (new is None or new.status not in ACTIVE)
        if (line or freed) and not self._writes:
            self.loop.wake("job")

    def _on_child(self, change: Change) -> None:
        old: Child | None = change.old
        new: Child | None = change.new  # None also when the disk did not keep its start
        if old is not None and old.status in ACTIVE and (new is None or new.status not in ACTIVE):
            self.loop.wake("child")

    def _on_array(self, change: Change) -> None:
        """More children of an array may be RUNNABLE that stands in line already."""
        if change.old is not None and change.new is not None and not self._writes:
            self.loop.wake("array")

    def _on_node(self, change: Change) -> None:
        if change.old is None or change.new is None or change.old.connected != change.new.connected:
            self.loop.wake("node")

    # a pass

    async def _pass(self, now: Instant, keys: frozenset[Hashable]) -> Instant | None:
        again: list[Instant] = []
        self._writes = True
        try:
            with self._plane.store.transact() as tx:
                progress = Progress(tx, self._bus, now)
                queues = _queues(tx)
                for scope in sorted(self._blocked.keys() - queues.keys()):
                    del self._blocked[scope]
                for scope in sorted(queues):
                    most = max(1, STARTS_PER_PASS // len(queues))
                    again += self._serve(tx, progress, scope, queues[scope], most)
        finally:
            self._writes = False
        await self._plane.store.durable()
        return min(again, default=None)

    def _serve(
        self, tx: Transaction, progress: Progress, scope: Scope, names: list[str], most: int
    ) -> list[Instant]:
        """Start what an account's queues in one Region can start now; returns when to look again."""
        now = progress.now
        queues = [made for name in names if (made := self._queue(tx, (*scope, name), now)) is not None]
        used = {name for queue in queues for name in queue.environments}
        self._rooms.open(tx, [(*scope, name) for name in sorted(used)], now)
        lines = Lines(tx[JOBS], tx[ARRAYS])
        planned = order.plan(queues, self._rooms.rooms, lines, now, most)
        launches = Launches(tx, self._plane.quotas, self._plane.calls.part(FargateUse), now)
        stuck: dict[Key, Blocked] = {}
        started = 0
        for start in planned.starts:
            job = tx[JOBS].require(start.job_id)
            if job.queue_key in stuck:
                continue
            environment = tx[ENVIRONMENTS].require((*scope, start.environment))
            granted = launches.granted(environment, start.count)
            count = self._start(tx, progress, job, granted, environment) if granted else 0
            started += count
            if count < granted:
                launches.give_back(environment, granted - count)
                why = NO_ADDRESS if environment.kind in FARGATE_KINDS else IN_PIECES
                stuck[job.queue_key] = Blocked(job.queue_key, job.id, "", why)
        before = self._blocked.get(scope, ())
        self._blocked[scope] = (*planned.blocked, *stuck.values())
        _forget_blocked(tx, progress, before, self._blocked[scope])
        due = [self._note_blocked(tx, progress, blocked) for blocked in planned.blocked]
        due.append(now if planned.more and started else launches.look_again)
        return [at for at in (*due, self._rooms.opens_at) if at is not None]

    def _queue(self, tx: Transaction, key: Key, now: Instant) -> Queue | None:
        """The queue as the plan sees it; None when nothing of it may start."""
        row = tx[QUEUES].get(key)
        if row is None or row.status not in OPEN:
            return None
        return Queue(key, row.priority, row.environments, self._usage.shares(row, now))

    def _start(
        self, tx: Transaction, progress: Progress, job: Job, count: int, environment: ComputeEnvironment
    ) -> int:
        """Start so many attempts of the job, or as many as find a machine and an address; how many did."""
        machines = self._rooms.take(environment, job, count)
        if not machines:
            return 0
        made = _blueprint(tx, self._plane, job, environment, progress.now)
        if isinstance(made, str):
            progress.fail(job, made)
            return len(machines)
        wires = self._wiring(tx, progress.now).connect(environment, made.public, len(machines))
        places = [Place(machine, wired) for machine, wired in zip(machines, wires, strict=False)]
        if job.size and places:
            self._start_children(tx, progress, job, made, places)
        elif places:
            run = self._place(tx, made, None, job.run, places[0], progress.now)
            progress.job(moved(job, "place", run=run, lined="", blocked_at=0, reason=""))
        return len(places)

    def _wiring(self, tx: Transaction, now: Instant) -> Wiring:
        plane = self._plane
        return Wiring(tx, plane.quotas, plane.calls.part(Interfaces), plane.journal, self._ids, now)

    def _start_children(
        self, tx: Transaction, progress: Progress, job: Job, made: Blueprint, places: Sequence[Place]
    ) -> None:
        array, indices = arrays.took(tx[ARRAYS].require(job.id), len(places))
        for index, place in zip(indices, places, strict=True):
            child = tx[CHILDREN].get((job.id, index))
            before = NOTHING if child is None else child.run
            run = self._place(tx, made, index, before, place, progress.now)
            started = Child(job.id, index, job.ready_at, "STARTING", run=run)
            progress.child(job, started if child is None else moved(child, "place", run=run))
        if not job.started_at or job.blocked_at:
            job = progress.job(
                replace(job, started_at=job.started_at or progress.now, blocked_at=0, reason="")
            )
        progress.array(job, array)

    def _place(
        self, tx: Transaction, made: Blueprint, index: int | None, before: Run, place: Place, now: Instant
    ) -> Run:
        """Insert a unit for the attempt after those of `before`."""
        task_id = self._ids.hex(32)
        attempt = made.unit(task_id, index, len(before.attempts) + 1, now, place.wired.network)
        self._entering.put(tx, attempt if place.machine is None else hosted(attempt, place.machine))
        return Run(
            unit_id=task_id,
            environment=made.environment,
            task_arn=made.task_arn(task_id),
            log_stream=made.log_stream(task_id),
            attempts=before.attempts,
            interface=place.wired.interface,
        )

    def _note_blocked(self, tx: Transaction, progress: Progress, blocked: Blocked) -> Instant | None:
        """Write why the first job of a queue is stuck; end it when its time there is over."""
        job = tx[JOBS].get(blocked.job_id)
        if job is None:
            return None
        if job.reason != blocked.reason or bool(job.blocked_at) != bool(blocked.reason):
            since = progress.now if blocked.reason else 0
            job = progress.job(replace(job, reason=blocked.reason, blocked_at=since))
            if blocked.reason:
                notices.blocked(self._bus, tx, job, progress.now)
        at = time_limits.due(tx[QUEUES].require(blocked.queue).time_limits, job)
        if at is None or at > progress.now:
            return at
        progress.cancel(job, Stop("time-limit", time_limits.CANCELED.format(job.reason)))
        return progress.now


def _forget_blocked(
    tx: Transaction, progress: Progress, before: Sequence[Blocked], now: Sequence[Blocked]
) -> None:
    """A job that blocks its queue no more, since another went before it, has no reason to show."""
    first = {blocked.job_id for blocked in now}
    for blocked in before:
        job = tx[JOBS].get(blocked.job_id) if blocked.job_id not in first else None
        if job is not None and job.lined and job.blocked_at:
            progress.job(replace(job, reason="", blocked_at=0))


def _queues(tx: Transaction) -> dict[Scope, list[str]]:
    """Names of the queues in which something waits for a place, by scope."""
    found: dict[Scope, dict[str, None]] = defaultdict(dict)
    for value in tx[JOBS].values("line"):
        account, region, name, _ = cast(tuple[str, str, str, str], value)
        found[account, region][name] = None
    return {scope: sorted(names) for scope, names in found.items()}


def _blueprint(
    tx: Transaction, plane: Plane, job: Job, environment: ComputeEnvironment, now: Instant
) -> Blueprint | str:
    """What the attempts that start now have in common; or why the job, as it was submitted, cannot run."""
    definition = lookup.definition(tx, job)
    if definition is None:
        return GONE
    made = effective(definition, job)
    if len(made.tags) > limits.TAGS_MAX:
        return TOO_MANY_TAGS
    scope = (job.account, job.region)
    around = surroundings.find(tx, plane.calls, scope, made.containers, made.role_arn, now)
    return unit.blueprint(job, made, environment, around)
