"""Gathers what people want to see of jobs: facts for why_job.py, places in line, streams of output.

Reads only. For everything that shows: the command line and the console, through front/batch.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from windlass.aws.fargate_use import FargateUse
from windlass.fleet.messages import LogTarget
from windlass.fleet.model import NODES, UNITS, Unit
from windlass.fleet.reasons import Reason
from windlass.kernel.store import Store
from windlass.services.batch import arrays, describe, effective, log_configuration, lookup, unit, why_job
from windlass.services.batch.launches import CAPACITY
from windlass.services.batch.line import Lines
from windlass.services.batch.model import (
    ARRAYS,
    CHILDREN,
    JOBS,
    WAITS,
    DependencyType,
    Job,
    JobStatus,
    Run,
)
from windlass.services.batch.order import Blocked
from windlass.services.batch.readiness import DEPENDENCY_FAILED
from windlass.services.batch.reasons import Held
from windlass.services.batch.resource_model import ENVIRONMENTS, QUEUES, JobQueue, Key
from windlass.services.batch.scheduler import Scheduler
from windlass.services.batch.why_job import Awaited, JobFacts, Line
from windlass.services.plane import Plane

SHORT_ID_MIN = 8
FAILED_TOLD = 5
"""Of an array's failed children, so many are named."""
_ID = re.compile(r"[0-9a-f][0-9a-f-]{7,35}", re.ASCII)
Found = tuple[Job, int | None]
"""A job, or an array and the index of one of its children."""


class Seeing:
    """What there is to see at one instant."""

    def __init__(self, plane: Plane) -> None:
        self._store: Store = plane.store
        self._scheduler = plane.calls.part(Scheduler)
        self._quotas = plane.quotas
        self._fargate = plane.calls.part(FargateUse)
        self.now = plane.clock.now()

    def why(self, job: Job, index: int | None) -> Reason:
        return why_job.why(self.facts(job, index), self.now)

    def facts(self, job: Job, index: int | None) -> JobFacts:
        """All that why_job.py asks of a job, or a child."""
        if index is not None:
            return self._of_child(job, index)
        store, running = self._store, _unit(self._store, job.run)
        array = store[ARRAYS].get(job.id) if job.size else None
        return JobFacts(
            job,
            job.status,
            job.reason,
            job.run,
            stop=job.stop,
            deadline=job.deadline,
            awaited=self._awaited(job),
            line=self._line(job) if job.lined else None,
            unit=running,
            node_connected=self._connected(running),
            summary=describe.summary(store, job) if job.size else {},
            failed=arrays.indices(arrays.members(array, "FAILED"), FAILED_TOLD) if array is not None else (),
        )

    def blocked(self, queue: Key) -> list[Blocked]:
        """Why the first jobs of that queue did not start when last looked at."""
        account, region, _ = queue
        return [one for one in self._scheduler.blocked((account, region)) if one.queue == queue]

    def _of_child(self, parent: Job, index: int) -> JobFacts:
        store = self._store
        child = store[CHILDREN].get((parent.id, index))
        status, reason = describe.child_status(store, parent, index, child)
        run = child.run if child is not None else Run()
        running = _unit(store, run)
        return JobFacts(
            parent,
            status,
            reason,
            run,
            index,
            stop=(child.stop if child is not None else None) or parent.stop,
            deadline=child.deadline if child is not None else 0,
            awaited=self._child_awaited(parent, index) if status == "PENDING" else (),
            line=self._line(parent, index) if status == "RUNNABLE" and parent.lined else None,
            unit=running,
            node_connected=self._connected(running),
        )

    def _connected(self, running: Unit | None) -> bool:
        node = self._store[NODES].get(running.node_id) if running is not None and running.node_id else None
        return node is None or node.connected

    # what it depends on

    def _awaited(self, job: Job) -> list[Awaited]:
        """What it waits for; of a job that failed with a dependency, all of these."""
        if job.reason == DEPENDENCY_FAILED:
            return [self._stands(one.job_id, one.type) for one in job.depends_on if one.job_id]
        return [self._stands(wait.on, wait.type) for wait in self._store[WAITS].by("job", job.id)]

    def _child_awaited(self, parent: Job, index: int) -> list[Awaited]:
        found: list[Awaited] = []
        for wait in self._store[WAITS].by("job", parent.id):
            found.append(self._stands(f"{wait.on}:{index}" if wait.type == "N_TO_N" else wait.on))
        sequential = any(one.type == "SEQUENTIAL" for one in parent.depends_on)
        if sequential and index:
            found.append(self._stands(f"{parent.id}:{index - 1}"))
        return [one for one in found if one.status != "SUCCEEDED"]

    def _stands(self, job_id: str, kind: DependencyType = "") -> Awaited:
        parent_id, _, index = job_id.partition(":")
        job, array = self._store[JOBS].get(parent_id), self._store[ARRAYS].get(parent_id)
        if job is None:
            return Awaited(job_id, "", None)
        if index:
            status, _ = describe.child_status(
                self._store, job, int(index), self._store[CHILDREN].get((parent_id, int(index)))
            )
            return Awaited(job_id, job.name, status)
        ends: tuple[JobStatus, ...] = ("SUCCEEDED", "FAILED")
        ended = sum(arrays.members(array, status).bit_count() for status in ends) if array is not None else 0
        return Awaited(job_id, job.name, job.status, job.size, job.size - ended, kind)

    # the line

    def _line(self, job: Job, index: int | None = None) -> Line | None:
        """Where the job stands among those of its queue and share."""
        store = self._store
        first = Lines(store[JOBS], store[ARRAYS]).next(job.queue_key, job.share, 0)
        if first is None:
            return None
        order, _ = store[JOBS].place("line", job)
        mine = self.blocked(job.queue_key)
        own = [one for one in mine if one.job_id == first.job_id]
        turn = self._turn(job, mine) if job.share and not own else ""
        known = mine[-1:] if turn else own
        held = Held(known[0].reason, known[0].sentence) if known else self._slowed(job)
        return Line(
            job.queue,
            store[JOBS].count_upto("line", (*job.queue_key, job.share), order),
            first.job_id,
            held,
            job.share,
            turn=turn,
            before=0 if index is None else self._before(job, index),
        )

    def _slowed(self, job: Job) -> Held | None:
        """Why Fargate starts nothing for its queue, though there is room; None when it does."""
        store, scope = self._store, (job.account, job.region)
        queue = store[QUEUES].get(job.queue_key)
        for environment in queue.environments if queue is not None else ():
            row = store[ENVIRONMENTS].get((*scope, environment))
            capacity = CAPACITY.get(row.kind) if row is not None else None
            if capacity is None:
                continue
            if self._fargate.left(self._quotas, store, scope, capacity) == 0:
                return Held("", f"the account runs as many Fargate tasks ({capacity}) as its quota allows")
            name = f"fargate.{capacity}"
            rate, level = self._quotas.rate(name, scope), self._quotas.level(name, scope, self.now)
            if rate is not None and level is not None and level < rate.burst:
                return Held("", f"Fargate's launch rate lets only some start each second ({name})")
        return None

    def _turn(self, job: Job, blocked: list[Blocked]) -> str:
        """The share whose first job holds back the others of the queue now: the last that was looked at."""
        holding = self._store[JOBS].get(blocked[-1].job_id) if blocked else None
        return holding.share if holding is not None and holding.share != job.share else ""

    def _before(self, parent: Job, index: int) -> int:
        """Children of its own array that start before that one: retries, then the lower ones."""
        array = self._store[ARRAYS].require(parent.id)
        retrying = int.from_bytes(array.retrying, "little")
        lower = (1 << index) - 1
        if arrays.has(array.retrying, index):
            return (retrying & lower).bit_count()
        return retrying.bit_count() + (int.from_bytes(array.runnable, "little") & lower).bit_count()


def _unit(store: Store, run: Run) -> Unit | None:
    """The unit of the attempt that is on."""
    return store[UNITS].get(run.unit_id) if run.unit_id else None


def streams(store: Store, job: Job, runs: Iterable[Run]) -> Iterator[list[list[LogTarget]]]:
    """Of each run: for each of its attempts, also the one that is on, where its containers' output went."""
    definition = lookup.definition(store, job)
    if definition is None:
        logs = [LogTarget(job.account, job.region, log_configuration.GROUP, "")]
    else:
        logs = unit.log_targets(effective.effective(definition, job), job.account, job.region)
    for run in runs:
        arns = [attempt.task_arn for attempt in run.attempts] + ([run.task_arn] if run.unit_id else [])
        ids = (arn.rpartition("/")[2] for arn in arns)
        yield [
            [LogTarget(log.account, log.region, log.group, log.stream + task_id) for log in logs]
            for task_id in ids
        ]


def child_runs(store: Store, job: Job) -> dict[int, Run]:
    """What ran of an array, by index."""
    rows = (store[CHILDREN].get((job.id, index)) for index in range(job.size))
    return {row.index: row.run for row in rows if row is not None and row.run.task_arn}


def states(store: Store, queue: JobQueue) -> dict[str, int]:
    """How many jobs of the queue have which status: of an array its children instead of itself."""
    jobs = store[JOBS]
    counts: dict[str, int] = {
        status: jobs.count("status", (*queue.key, status)) - jobs.count("array", (*queue.key, status))
        for status in arrays.STATUSES
    }
    for status in arrays.STATUSES:
        for parent in jobs.by("array", (*queue.key, status)):
            for name, count in describe.summary(store, parent).items():
                counts[name] += count
    return counts


def find(store: Store, subject: str) -> list[Found]:
    """Jobs and children that somebody may mean by that: an id (eight digits are enough), an ARN, or a name.

    Of every account and Region; ":INDEX" behind it means a child. By name the newest of each account and
    Region is meant.
    """
    named = subject.rpartition("/")[2] if subject.startswith("arn:") else subject
    parent, colon, index = named.partition(":")
    jobs = _by_id(store, parent) or _by_name(store, parent)
    if not colon:
        return [(job, None) for job in jobs]
    found = (lookup.job(store, (job.account, job.region), f"{job.id}:{index}") for job in jobs)
    return [one for one in found if one is not None]


def _by_id(store: Store, job_id: str) -> list[Job]:
    found = store[JOBS].get(job_id)
    if found is not None:
        return [found]
    if len(job_id) < SHORT_ID_MIN or not _ID.fullmatch(job_id):
        return []
    return [job for job in store[JOBS].all() if job.id.startswith(job_id)]


def _by_name(store: Store, name: str) -> list[Job]:
    newest: dict[tuple[str, str], Job] = {}
    for job in store[JOBS].all():
        if job.name == name:
            scope = (job.account, job.region)
            newest[scope] = max(newest.get(scope, job), job, key=lambda one: (one.created_at, one.id))
    return [newest[scope] for scope in sorted(newest)]
