"""`/_windlass/batch` and `batch/job`: Batch's queues, environments and jobs as people look at them.

For `windlass batch …`, `ps`, `why`, and the console. Reads only; of every account and Region. Why a job waits
services/batch/why_job.py decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from heapq import nlargest
from typing import Any

from windlass.fleet.messages import LogTarget
from windlass.fleet.model import Unit
from windlass.front.shapes import at, reason
from windlass.kernel.clock import SECOND, Instant, in_seconds
from windlass.kernel.faults import Fault
from windlass.services.batch import arrays, describe, seeing
from windlass.services.batch.model import ARRAYS, CHILDREN, ENDED, JOBS, OWNER, Child, Job, Run
from windlass.services.batch.reasons import CPU_UNITS
from windlass.services.batch.resource_model import ENVIRONMENTS, QUEUES, ComputeEnvironment, JobQueue
from windlass.services.batch.seeing import Seeing
from windlass.services.batch.usage import Usage
from windlass.services.logs.model import STREAMS
from windlass.services.plane import Plane

JOBS_PER_ANSWER = 12
"""Jobs that are not over, the newest."""


def overview(plane: Plane, query: Mapping[str, str]) -> Any:
    """Queues with their jobs counted, environments with what they use, and the newest jobs not over.

    With `queue`, of the queues of that name only. Raises Fault when there is none.
    """
    store, look = plane.store, Seeing(plane)
    wanted = query.get("queue", "")
    queues = [row for row in store[QUEUES].all() if wanted in ("", row.name, row.arn)]
    if wanted and not queues:
        raise Fault("NotFound", f"no job queue is called {wanted!r}; see windlass batch ps", status=404)
    queues.sort(key=lambda row: (row.account, row.region, -row.priority, row.name))
    used = {(row.account, row.region, name) for row in queues for name in row.environments}
    environments = [row for row in store[ENVIRONMENTS].all() if not wanted or row.key in used]
    live = [_live(plane, row) for row in queues]
    newest = nlargest(JOBS_PER_ANSWER, (job for jobs in live for job in jobs), key=lambda job: job.created_at)
    return {
        "at": in_seconds(look.now),
        "queues": [_queue(plane, look, row) for row in queues],
        "environments": [
            _environment(plane, row, look.now) for row in sorted(environments, key=lambda row: row.key)
        ],
        "jobs": [_job(plane, job) for job in newest],
        "jobs_total": sum(
            store[JOBS].count("status", (*row.key, status))
            for row in queues
            for status in arrays.STATUSES
            if status not in ENDED
        ),
    }


def job(plane: Plane, query: Mapping[str, str]) -> Any:
    """The jobs and children that `job` means: why they are where they are, and where their output is.

    With `children`, also the children of an array that ran. Raises Fault when it means none.
    """
    wanted = query["job"]
    found = seeing.find(plane.store, wanted)
    if not found:
        raise Fault("NotFound", f"no job is called {wanted!r}; see windlass batch ps", status=404)
    look = Seeing(plane)
    return {"found": [_seen(plane, look, *one, children="children" in query) for one in found]}


def why(plane: Plane, subject: str) -> list[dict[str, Any]]:
    """What the jobs wait for that the subject means, if any."""
    look = Seeing(plane)
    return [
        {"kind": "job", **_named(row, index), "why": [reason(look.why(row, index))]}
        for row, index in seeing.find(plane.store, subject)
    ]


def job_of(look: Seeing, plane: Plane, unit: Unit) -> dict[str, Any] | None:
    """What Batch knows of a unit; None for units of others."""
    if unit.owner != OWNER:
        return None
    child = plane.store[CHILDREN].first("unit", unit.id)
    row = plane.store[JOBS].get(child.job) if child is not None else plane.store[JOBS].first("unit", unit.id)
    if row is None:
        return None
    index = child.index if child is not None else None
    status, run = (child.status, child.run) if child is not None else (row.status, row.run)
    return {
        **_named(row, index),
        "status": status,
        "environment": run.environment,
        "attempt": len(run.attempts) + 1,
        "since": in_seconds(run.started_at or unit.created_at),
        "why": reason(look.why(row, index)),
    }


def _live(plane: Plane, queue: JobQueue) -> list[Job]:
    """The newest jobs of a queue that are not over."""
    return [
        job
        for status in arrays.STATUSES
        if status not in ENDED
        for job in plane.store[JOBS].page("status", (*queue.key, status), limit=JOBS_PER_ANSWER, reverse=True)
    ]


def _queue(plane: Plane, look: Seeing, row: JobQueue) -> dict[str, Any]:
    return {
        "account": row.account,
        "region": row.region,
        "name": row.name,
        "priority": row.priority,
        "state": row.state,
        "status": row.status,
        "policy": row.policy,
        "environments": list(row.environments),
        "states": seeing.states(plane.store, row),
        "blocked": [
            {"job": one.job_id, "reason": one.reason, "sentence": one.sentence}
            for one in look.blocked(row.key)
        ],
    }


def _environment(plane: Plane, row: ComputeEnvironment, now: Instant) -> dict[str, Any]:
    usage = plane.calls.part(Usage)
    return {
        "account": row.account,
        "region": row.region,
        "name": row.name,
        "kind": row.kind,
        "state": row.state,
        "status": row.status,
        "vcpus_used": usage.cpu_units(row.key) / CPU_UNITS,
        "vcpus_max": row.max_vcpus,
        "vcpus_desired": row.desired_vcpus,
        "vcpu_seconds": usage.work(row.key, now) / (CPU_UNITS * SECOND),
        "attempts": usage.attempts(row.key),
    }


def _job(plane: Plane, row: Job) -> dict[str, Any]:
    return {
        **_named(row, None),
        "status": row.status,
        "children": describe.summary(plane.store, row) if row.size else {},
        "created_at": in_seconds(row.created_at),
        "started_at": at(row.started_at or row.run.started_at),
        "attempts": len(row.run.attempts) + bool(row.run.unit_id),
    }


def _named(row: Job, index: int | None) -> dict[str, Any]:
    child = "" if index is None else f":{index}"
    return {
        "arn": f"{row.arn}{child}",
        "id": f"{row.id}{child}",
        "account": row.account,
        "region": row.region,
        "queue": row.queue,
        "name": row.name,
        "size": row.size if index is None else 0,
    }


def _seen(plane: Plane, look: Seeing, row: Job, index: int | None, *, children: bool) -> dict[str, Any]:
    store = plane.store
    child: Child | None = None if index is None else store[CHILDREN].get((row.id, index))
    array = store[ARRAYS].get(row.id)
    if index is None or array is None:
        status, run = row.status, row.run
    else:
        status, run = arrays.status_of(array, index, child), child.run if child is not None else Run()
    shown = {
        **_named(row, index),
        "status": status,
        "why": [reason(look.why(row, index))],
        **_attempts(plane, row, [run])[0],
    }
    if children and index is None and row.size:
        runs = seeing.child_runs(store, row)
        outputs = _attempts(plane, row, list(runs.values()))
        shown["children"] = [{"index": i, **one} for i, one in zip(runs, outputs, strict=True)]
    return shown


def _attempts(plane: Plane, row: Job, runs: list[Run]) -> list[dict[str, Any]]:
    """Of each run its attempts' streams, as far as anything was written to them."""
    return [
        {"streams": [[_stream(log) for log in logs if _written(plane, log)] for logs in attempts]}
        for attempts in seeing.streams(plane.store, row, runs)
    ]


def _written(plane: Plane, log: LogTarget) -> bool:
    return plane.store[STREAMS].get((log.account, log.region, log.group, log.stream)) is not None


def _stream(log: LogTarget) -> dict[str, str]:
    return {"account": log.account, "region": log.region, "group": log.group, "stream": log.stream}
