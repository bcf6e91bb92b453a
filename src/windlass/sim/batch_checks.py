"""What must be true of Batch's jobs: of their rows at any instant, and of each transaction that changes them.

Written from what AWS promises, and from the rows one by one, where the scheduler asks indexes and counts.
Like checks.py it says what is wrong, as sentences; none is right.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TypeAlias

from windlass.fleet.model import UNITS
from windlass.kernel.store import Change, Store
from windlass.services.batch import arrays, describe
from windlass.services.batch.model import (
    ACTIVE,
    ARRAYS,
    CHILDREN,
    ENDED,
    JOBS,
    OWNER,
    WAITS,
    Array,
    Child,
    Job,
    JobStatus,
)
from windlass.services.batch.reasons import CPU_UNITS
from windlass.services.batch.resource_model import ENVIRONMENTS, Key
from windlass.services.batch.usage import Usage

Attempts: TypeAlias = list[tuple[Job, Job | Child]]
"""Jobs and children that have a unit, each with the job that it is of."""
SETS: dict[JobStatus, tuple[str, ...]] = {
    "RUNNABLE": ("retrying", "runnable"),
    "STARTING": ("active",),
    "RUNNING": ("active",),
    "SUCCEEDED": ("succeeded",),
    "FAILED": ("failed",),
}
"""Status of a child's row → the sets of its array in which it may be."""


def all_of(store: Store, usage: Usage) -> list[str]:
    """Every check of rows."""
    jobs = {job.id: job for job in store[JOBS].all()}
    children = list(store[CHILDREN].all())
    rows = {array.id: array for array in store[ARRAYS].all()}
    return [
        *misused(_attempts(jobs, children), usage),
        *unowned(_attempts(jobs, children), {unit.id for unit in store[UNITS].by("owner", OWNER)}),
        *overlapping(rows.values()),
        *misplaced(children, rows),
        *misled(jobs.values(), rows),
        *unawaited(store),
        *uncounted(store),
    ]


def misused(attempts: Attempts, usage: Usage) -> list[str]:
    """What is in use of each environment, by the rows, is what is counted."""
    used: Counter[Key] = Counter()
    held: Counter[Key] = Counter()
    for job, row in attempts:
        key = (job.account, job.region, row.run.environment)
        used[key] += job.cpu_units
        held[key] += 1
    return [
        f"{used[key]} CPU units of {key[2]} are in use by {held[key]} attempts; counted are "
        f"{usage.cpu_units(key)} and {usage.attempts(key)}"
        for key in sorted(used)
        if (used[key], held[key]) != (usage.cpu_units(key), usage.attempts(key))
    ]


def unowned(attempts: Attempts, units: set[str]) -> list[str]:
    """Each attempt that is on has a unit of its own; no unit is left over."""
    held = Counter(row.run.unit_id for _, row in attempts)
    return [
        *(f"{count} attempts have unit {unit_id!r}" for unit_id, count in held.items() if count > 1),
        *(f"the attempt of {row.id} has no unit" for _, row in attempts if row.run.unit_id not in units),
        *(f"unit {unit_id} belongs to no attempt" for unit_id in sorted(units - set(held))),
    ]


def overlapping(rows: Iterable[Array]) -> list[str]:
    """No child is in two sets of its array, and none is outside of it."""
    wrong: list[str] = []
    for array in rows:
        sets = [array.runnable, array.retrying, array.active, array.succeeded, array.failed]
        bits = [int.from_bytes(one, "little") for one in sets]
        union = 0
        for one in bits:
            union |= one
        if sum(one.bit_count() for one in bits) != union.bit_count():
            wrong.append(f"children of {array.id} are in two sets: {array}")
        if union.bit_length() > array.size:
            wrong.append(f"array {array.id} of {array.size} has a child {union.bit_length() - 1}")
    return wrong


def misplaced(children: Iterable[Child], rows: Mapping[str, Array]) -> list[str]:
    """A child's row and the sets of its array say the same; one that is active has a row."""
    wrong: list[str] = []
    active: Counter[str] = Counter()
    for child in children:
        array = rows[child.job]
        active[child.job] += child.status in ACTIVE
        if not any(arrays.has(getattr(array, name), child.index) for name in SETS.get(child.status, ())):
            wrong.append(f"child {child.id} is {child.status}, its array says {_found(array, child.index)}")
    for job_id, array in rows.items():
        if arrays.active_count(array) != active[job_id]:
            wrong.append(f"{arrays.active_count(array)} of {job_id} are active, {active[job_id]} have rows")
    return wrong


def misled(jobs: Iterable[Job], rows: Mapping[str, Array]) -> list[str]:
    """A job stands in line while something of it may run; an array has ended when all its children have."""
    wrong: list[str] = []
    for job in jobs:
        if not job.size:
            if bool(job.lined) != (job.status == "RUNNABLE"):
                wrong.append(f"job {job.id} is {job.status}, in line: {job.lined!r}")
            continue
        array = rows[job.id]
        if job.lined != arrays.line(array)[0]:
            wrong.append(f"array {job.id} is in line {job.lined!r}, not {arrays.line(array)[0]!r}")
        if arrays.is_over(array) != (job.status in ENDED):
            wrong.append(f"array {job.id} is {job.status}: {array}")
        if job.status in ENDED and (job.status == "FAILED") != bool(array.failed):
            wrong.append(f"array {job.id} has {job.status}, failed: {array.failed!r}")
    return wrong


def unawaited(store: Store) -> list[str]:
    """Only jobs wait that have not ended and do not run."""
    wrong: list[str] = []
    for wait in store[WAITS].all():
        job = store[JOBS].get(wait.job)
        if job is None or job.status not in ("SUBMITTED", "PENDING"):
            wrong.append(f"{wait} is of a job that is {None if job is None else job.status}")
    return wrong


def uncounted(store: Store) -> list[str]:
    """The counts of an array that DescribeJobs shows add up to its size."""
    sums = {job.id: describe.summary(store, job) for job in store[JOBS].all() if job.size}
    return [
        f"children of {job_id}: {counts}"
        for job_id, counts in sums.items()
        if sum(counts.values()) != store[JOBS].require(job_id).size
    ]


def after(changes: Iterable[Change], store: Store) -> list[str]:
    """What is wrong with a transaction that has just been written to that store."""
    wrong: list[str] = []
    started: dict[Key, None] = {}
    for change in changes:
        if change.new is None or change.table not in (JOBS.name, CHILDREN.name):
            continue
        old: Job | Child | None = change.old
        new: Job | Child = change.new
        wrong += _turned_back(old, new)
        if new.status in ACTIVE and (old is None or old.run.unit_id != new.run.unit_id):
            job = new if isinstance(new, Job) else store[JOBS].require(new.job)
            started[job.account, job.region, new.run.environment] = None
    return wrong + [line for key in started for line in _crowded(key, store)]


def _crowded(key: Key, store: Store) -> list[str]:
    """What a transaction starts has room below the cap; what was there before may be above a lowered one."""
    environment = store[ENVIRONMENTS].get(key)
    if (
        environment is None
        or environment.state != "ENABLED"
        or environment.status not in ("VALID", "UPDATING")
    ):
        return [f"attempts were started in {key[2]}, which takes none: {environment}"]
    jobs = {job.id: job for job in store[JOBS].all()}
    attempts = _attempts(jobs, store[CHILDREN].all())
    used = sum(
        job.cpu_units for job, row in attempts if (job.account, job.region, row.run.environment) == key
    )
    cap = environment.max_vcpus
    if cap is None or used <= cap * CPU_UNITS:
        return []
    return [f"attempts were started in {key[2]}: now {used} CPU units are in use, its cap is {cap} vCPUs"]


def _turned_back(old: Job | Child | None, new: Job | Child) -> list[str]:
    """What has ended stays as it is, attempts that ended too; only the last may have succeeded."""
    wrong: list[str] = []
    if old is not None and old.status in ENDED and new.status != old.status:
        wrong.append(f"{new.id} is {new.status} after it was {old.status}")
    attempts = new.run.attempts
    if old is not None and attempts[: len(old.run.attempts)] != old.run.attempts:
        wrong.append(f"attempts of {new.id} that ended have changed")
    zeros = [number for number, attempt in enumerate(attempts, 1) if attempt.exit_code == 0]
    ended = new.status in ENDED
    if zeros and (zeros != [len(attempts)] or not ended or new.run.unit_id):
        wrong.append(f"{new.id} is {new.status}, attempts {zeros} of {len(attempts)} have succeeded")
    if ended and new.run.unit_id:
        wrong.append(f"{new.id} is {new.status} and runs")
    return wrong


def _attempts(jobs: Mapping[str, Job], children: Iterable[Child]) -> Attempts:
    single: Attempts = [(job, job) for job in jobs.values() if job.status in ACTIVE]
    return single + [(jobs[child.job], child) for child in children if child.status in ACTIVE]


def _found(array: Array, index: int) -> list[str]:
    names = ("runnable", "retrying", "active", "succeeded", "failed")
    return [name for name in names if arrays.has(getattr(array, name), index)]
