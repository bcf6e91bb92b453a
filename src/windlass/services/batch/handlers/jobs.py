"""Jobs: submit, describe, list, cancel, terminate."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

import msgspec

from windlass.aws.bus import Bus
from windlass.aws.calls import Call, Params, Result
from windlass.aws.quotas import Quotas
from windlass.kernel.rows import replace
from windlass.kernel.store import Transaction
from windlass.services.batch import (
    arrays,
    dependencies,
    describe,
    effective,
    find,
    limits,
    listing,
    lookup,
    retries,
    tagging,
)
from windlass.services.batch.faults import invalid, refuse
from windlass.services.batch.model import (
    ACTIVE,
    ARRAYS,
    CHILDREN,
    ENDED,
    JOBS,
    WAITS,
    Child,
    Dependency,
    Job,
    Retry,
    Stop,
)
from windlass.services.batch.progress import Progress
from windlass.services.batch.resource_model import (
    ENVIRONMENTS,
    FARGATE_KINDS,
    ComputeEnvironment,
    JobDefinition,
    JobQueue,
)
from windlass.services.batch.usage import Usage

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}", re.ASCII)
_SHARE = re.compile(rf"[A-Za-z0-9]{{1,{limits.SHARE_LENGTH_MAX}}}\*?", re.ASCII)
"""BC, SubmitJob, shareIdentifier."""


def submit_job(call: Call, params: Params) -> Result:
    """Batch SubmitJob. One row, and one more for an array, however many children it has."""
    name = params["jobName"]
    if not _NAME.fullmatch(name):
        raise refuse(
            "Job name should match valid pattern: the first character must be alphanumeric, and there can be "
            f"up to {limits.NAME_LENGTH_MAX} letters, numbers, hyphens and underscores"
        )
    _refuse_missing(params)
    if len(msgspec.json.encode(params)) > limits.SUBMITTED_BYTES_MAX:
        raise refuse(f"A request to submit a job can have at most {limits.SUBMITTED_BYTES_MAX} bytes")
    with call.store.transact() as tx:
        queue = find.queue(tx, call.scope, params["jobQueue"])
        if queue.state != "ENABLED":
            raise refuse(f"Job queue {queue.name} is disabled: it accepts no jobs")
        definition = find.active_definition(tx, call.scope, params["jobDefinition"])
        _check_platform(
            definition, queue, [tx[ENVIRONMENTS].get((*call.scope, name)) for name in queue.environments]
        )
        job = _job(call, params, queue, definition)
        waits = dependencies.check(tx, job)
        tx[JOBS].put(job)
        if job.size:
            tx[ARRAYS].put(arrays.begun(job.id, job.size))
        for wait in waits:
            tx[WAITS].put(wait)
    return {"jobArn": job.arn, "jobName": job.name, "jobId": job.id}


def _check_platform(
    definition: JobDefinition, queue: JobQueue, environments: Sequence[ComputeEnvironment | None]
) -> None:
    """Raises ClientException for a job for EC2 in a queue on Fargate, and the other way round.

    Rule: UG, fargate-job-definitions ("must be specified as FARGATE"); the wording is ours.
    """
    if definition.type == "multinode":
        return  # refused for what it is (effective.py)
    platforms = definition.given.get("platformCapabilities", ("EC2",))
    for row in environments:
        offers = "FARGATE" if row is not None and row.kind in FARGATE_KINDS else "EC2"
        if row is not None and offers not in platforms:
            raise invalid(
                f"Job definition {definition.name} with the platform capabilities [{', '.join(platforms)}] "
                f"cannot be used in job queue {queue.name}, whose compute environments are {offers}."
            )


def describe_jobs(call: Call, params: Params) -> Result:
    """Batch DescribeJobs. What is not there is left out."""
    if len(params["jobs"]) > limits.DESCRIBED_JOBS_MAX:
        raise refuse(f"Up to {limits.DESCRIBED_JOBS_MAX} jobs can be described in one call")
    shown = []
    for job_id in dict.fromkeys(params["jobs"]):
        found = lookup.job(call.store, call.scope, job_id)
        if found is not None:
            shown.append(describe.detail(call.store, *found))
    return {"jobs": shown}


def list_jobs(call: Call, params: Params) -> Result:
    """Batch ListJobs: of a queue, or of an array's children; RUNNING ones unless a status is asked for."""
    named = [member for member in ("jobQueue", "arrayJobId", "multiNodeJobId") if params.get(member)]
    if len(named) != 1:
        raise refuse("Exactly one of jobQueue, arrayJobId and multiNodeJobId must be specified")
    if named == ["multiNodeJobId"]:
        return {"jobSummaryList": []}
    if named == ["arrayJobId"]:
        return listing.children(call, params)
    return listing.of_queue(call, params)


def cancel_job(call: Call, params: Params) -> Result:
    """Batch CancelJob. Jobs that start or run are left alone, and the call succeeds all the same."""
    return _stop(call, params, "cancel")


def terminate_job(call: Call, params: Params) -> Result:
    """Batch TerminateJob. SIGTERM, then SIGKILL after 30 s (facts/batch.md, 5.2)."""
    return _stop(call, params, "terminate")


def _stop(call: Call, params: Params, kind: Literal["cancel", "terminate"]) -> Result:
    stop = Stop(kind, params["reason"])
    with call.store.transact() as tx:
        found = lookup.job(tx, call.scope, params["jobId"])
        if found is None:
            raise refuse(f"Job {params['jobId']} not found")
        progress = Progress(tx, call.part(Bus), call.now)
        job, index = found
        if index is not None:
            _stop_child(tx, progress, job, index, stop)
        elif kind == "cancel":
            progress.cancel(job, stop)
        else:
            progress.terminate(job, stop)
    return {}


def _stop_child(tx: Transaction, progress: Progress, parent: Job, index: int, stop: Stop) -> None:
    child = tx[CHILDREN].get((parent.id, index))
    status = arrays.status_of(tx[ARRAYS].require(parent.id), index, child)
    if status in ENDED:
        return
    if status not in ACTIVE:
        row = child or Child(parent.id, index, parent.created_at, status)
        progress.fail_child(parent, replace(row, stop=stop), stop.reason)
    elif stop.kind == "terminate" and child is not None:
        progress.child(parent, progress.stopped(child, stop))


def _job(call: Call, params: Params, queue: JobQueue, definition: JobDefinition) -> Job:
    given = definition.given
    overrides = {name: params[name] for name in _OVERRIDES if params.get(name)}
    cpu_units, memory_mib, gpus = effective.sizes(definition, overrides)
    strategy = params.get("retryStrategy") or given.get("retryStrategy")
    timeout = params.get("timeout") or given.get("timeout") or {}
    timeout_s = int(timeout.get("attemptDurationSeconds", 0))
    timeout_s_min = call.part(Quotas).value(limits.QUOTA_TIMEOUT, call.scope) or 0
    if timeout_s < 0 or 0 < timeout_s < timeout_s_min:
        raise refuse(f"Timeout should be at least {timeout_s_min:g} seconds")
    return Job(
        id=call.ids.uuid(),
        account=call.account,
        region=call.region,
        name=params["jobName"],
        queue=queue.name,
        definition=definition.arn,
        created_at=call.now,
        cpu_units=cpu_units,
        memory_mib=memory_mib,
        gpus=gpus,
        parameters={**given.get("parameters", {}), **params.get("parameters", {})},
        overrides=overrides,
        retry=retries.check(strategy) if strategy else Retry(),
        timeout_s=timeout_s,
        depends_on=tuple(
            Dependency(one.get("jobId", ""), one.get("type", "")) for one in params.get("dependsOn", ())
        ),
        share=_share(call, params, queue),
        scheduling_priority=_priority(params, definition),
        tags=tagging.read(params.get("tags", {})),
        propagate_tags=bool(params.get("propagateTags", given.get("propagateTags", False))),
        size=_size(params),
    )


_OVERRIDES = ("containerOverrides", "ecsPropertiesOverride", "nodeOverrides")
_MISSING = ("eksPropertiesOverride", "consumableResourcePropertiesOverride")


def _refuse_missing(params: Params) -> None:
    for member in _MISSING:
        if params.get(member):
            raise refuse(f"Windlass does not have {member}; see windlass coverage")


def _size(params: Params) -> int:
    """Children of the array; 0 for a single job."""
    given = params.get("arrayProperties", {}).get("size")
    if given is None:
        return 0
    if not limits.ARRAY_SIZE[0] <= given <= limits.ARRAY_SIZE[1]:
        raise refuse(f"Array size must be between {limits.ARRAY_SIZE[0]} and {limits.ARRAY_SIZE[1]}")
    return int(given)


def _share(call: Call, params: Params, queue: JobQueue) -> str:
    share = str(params.get("shareIdentifier", ""))
    if not queue.policy:
        if share:
            raise refuse(
                f"Job queue {queue.name} has no scheduling policy: shareIdentifier must not be specified"
            )
        return ""
    if not share:
        raise refuse(
            f"Job queue {queue.name} has a fair share scheduling policy: shareIdentifier must be specified"
        )
    if not _SHARE.fullmatch(share):
        raise refuse(f"shareIdentifier must be 1 to {limits.SHARE_LENGTH_MAX} letters and digits")
    most = limits.ACTIVE_SHARES_MAX
    if not call.part(Usage).has_place(queue, share, most, call.now):
        raise refuse(f"Job queue {queue.name} has {most} active share identifiers, and can have no more")
    return share


def _priority(params: Params, definition: JobDefinition) -> int:
    priority = params.get("schedulingPriorityOverride", definition.given.get("schedulingPriority", 0))
    if not 0 <= priority <= limits.PRIORITY_MAX:
        raise refuse(f"schedulingPriorityOverride must be between 0 and {limits.PRIORITY_MAX}")
    return int(priority)
