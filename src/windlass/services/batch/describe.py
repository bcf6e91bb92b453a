"""Jobs as the API shows them: rows → JobDetail and JobSummary. Reads only.

All times are milliseconds since the epoch (facts/batch.md, 1).
"""

from __future__ import annotations

from typing import Any

from windlass.aws.calls import Result
from windlass.kernel.clock import MILLISECOND, Instant
from windlass.kernel.store import Store, Transaction
from windlass.services.batch import arrays, describe_container, lookup, readiness
from windlass.services.batch.model import (
    ARRAYS,
    CHILDREN,
    Attempt,
    Child,
    Job,
    JobStatus,
    Run,
    Stop,
)
from windlass.services.batch.resource_model import JobDefinition, JobQueue

Reads = Store | Transaction


def detail(reads: Reads, job: Job, index: int | None = None) -> Result:
    """A job as DescribeJobs and events show it; with `index`, that child of the array."""
    if index is not None:
        return _child_detail(reads, job, index)
    definition = lookup.definition(reads, job)
    shown = _common(definition, job)
    shown |= {"jobArn": job.arn, "jobId": job.id, "status": job.status, "createdAt": ms(job.created_at)}
    if job.reason:
        shown["statusReason"] = job.reason
    if job.size:
        shown["arrayProperties"] = {"size": job.size, "statusSummary": summary(reads, job)}
        shown |= _times(job.started_at, job.stopped_at)
        shown |= describe_container.shown(definition, job, None)
    else:
        shown |= _run(definition, job, job.run, job.stopped_at)
    return shown | _stops(job.stop)


def _child_detail(reads: Reads, parent: Job, index: int) -> Result:
    child = reads[CHILDREN].get((parent.id, index))
    status, reason = child_status(reads, parent, index, child)
    definition = lookup.definition(reads, parent)
    shown = _common(definition, parent)
    shown |= {
        "jobArn": f"{parent.arn}:{index}",
        "jobId": f"{parent.id}:{index}",
        "status": status,
        "createdAt": ms(parent.created_at if child is None else child.created_at),
        "arrayProperties": {"index": index, "statusSummary": {}},
    }
    if reason:
        shown["statusReason"] = reason
    run = Run() if child is None else child.run
    ended_at = run.stopped_at if status in ("SUCCEEDED", "FAILED") else 0
    shown |= _run(definition, parent, run, ended_at)
    stop = (child.stop if child is not None else None) or parent.stop
    return shown | _stops(stop)


def child_status(reads: Reads, parent: Job, index: int, child: Child | None) -> tuple[JobStatus, str]:
    """A child's status and its reason; one that failed before it ran has no row to say why."""
    if child is not None:
        return child.status, child.reason
    status = arrays.status_of(reads[ARRAYS].require(parent.id), index, None)
    if status != "FAILED":
        return status, ""
    return status, parent.stop.reason if parent.stop is not None else readiness.DEPENDENCY_FAILED


def summary(reads: Reads, parent: Job) -> dict[str, int]:
    """How many children have which status (ArrayPropertiesDetail, statusSummary)."""
    children = reads[CHILDREN]
    starting = children.count("status", (parent.id, "STARTING"))
    running = children.count("status", (parent.id, "RUNNING"))
    return dict(arrays.summary(reads[ARRAYS].require(parent.id), starting, running))


def job_summary(reads: Reads, job: Job) -> Result:
    """A job as ListJobs shows it."""
    shown: Result = {
        "jobArn": job.arn,
        "jobId": job.id,
        "jobName": job.name,
        "createdAt": ms(job.created_at),
        "status": job.status,
        "jobDefinition": job.definition,
    }
    if job.reason:
        shown["statusReason"] = job.reason
    if job.share:
        shown["shareIdentifier"] = job.share
    if job.size:
        shown["arrayProperties"] = {"size": job.size, "statusSummary": summary(reads, job)}
        return shown | _times(job.started_at, job.stopped_at)
    return shown | _times(job.run.started_at, job.stopped_at) | _exit(job.run)


def child_summary(reads: Reads, parent: Job, index: int) -> Result:
    """A child of an array as ListJobs shows it."""
    child = reads[CHILDREN].get((parent.id, index))
    status, reason = child_status(reads, parent, index, child)
    shown: Result = {
        "jobArn": f"{parent.arn}:{index}",
        "jobId": f"{parent.id}:{index}",
        "jobName": parent.name,
        "createdAt": ms(parent.created_at if child is None else child.created_at),
        "status": status,
        "jobDefinition": parent.definition,
        "arrayProperties": {"index": index},
    }
    if reason:
        shown["statusReason"] = reason
    if child is None:
        return shown
    ended_at = child.run.stopped_at if status in ("SUCCEEDED", "FAILED") else 0
    return shown | _times(child.run.started_at, ended_at) | _exit(child.run)


def ms(at: Instant) -> int:
    return at // MILLISECOND


def _common(definition: JobDefinition | None, job: Job) -> Result:
    """What a job and its children have in common."""
    shown: Result = {
        "jobName": job.name,
        "jobQueue": JobQueue(job.account, job.region, job.queue, 0, 0, ()).arn,
        "jobDefinition": job.definition,
        "dependsOn": [_dependency(one.job_id, one.type) for one in job.depends_on],
        "parameters": dict(job.parameters),
        "tags": dict(job.tags),
        "propagateTags": job.propagate_tags,
        "platformCapabilities": _platforms(definition),
        "retryStrategy": {"attempts": job.retry.attempts, "evaluateOnExit": list(job.retry.rules)},
    }
    if job.timeout_s:
        shown["timeout"] = {"attemptDurationSeconds": job.timeout_s}
    if job.share:
        shown |= {"shareIdentifier": job.share, "schedulingPriority": job.scheduling_priority}
    return shown


def _platforms(definition: JobDefinition | None) -> list[str]:
    return [] if definition is None else list(definition.given.get("platformCapabilities", ("EC2",)))


def _dependency(job_id: str, kind: str) -> dict[str, str]:
    return {name: value for name, value in (("jobId", job_id), ("type", kind)) if value}


def _run(definition: JobDefinition | None, job: Job, run: Run, ended_at: Instant) -> Result:
    """What a job that runs by itself, or a child, has of its own: its attempts and its containers."""
    attempts = [_attempt(definition, one) for one in run.attempts]
    return {
        "attempts": attempts,
        **_times(run.started_at, ended_at),
        **describe_container.shown(definition, job, run),
    }


def _times(started_at: Instant, stopped_at: Instant) -> Result:
    times = {"startedAt": started_at, "stoppedAt": stopped_at}
    return {name: ms(at) for name, at in times.items() if at}


def _attempt(definition: JobDefinition | None, attempt: Attempt) -> dict[str, Any]:
    return {
        **describe_container.attempt(definition, attempt),
        **_times(attempt.started_at, attempt.stopped_at),
        "statusReason": attempt.status_reason,
    }


def _exit(run: Run) -> Result:
    """The container member of a summary: of the last attempt."""
    if not run.attempts:
        return {}
    last = run.attempts[-1]
    shown: dict[str, Any] = {} if last.exit_code is None else {"exitCode": last.exit_code}
    if last.reason:
        shown["reason"] = last.reason
    return {"container": shown} if shown else {}


def _stops(stop: Stop | None) -> Result:
    return {
        "isCancelled": stop is not None and stop.kind == "cancel",
        "isTerminated": stop is not None and stop.kind == "terminate",
    }
