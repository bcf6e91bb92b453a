"""The dependencies that SubmitJob is given: which are sound, and what the job then waits for.

Reads the jobs that they name, and writes nothing. A circle cannot come about: a job's id is made by the call
that submits it, so it can depend on older jobs alone. What becomes of a job when those end is readiness.py's.

A job that has already succeeded is nothing to wait for. One that has already failed is accepted, and fails
its dependent at once, as it does when it fails a moment later (facts/batch.md, 6: AWS's way is not known).
"""

from __future__ import annotations

from windlass.kernel.store import Transaction
from windlass.services.batch import arrays, lookup
from windlass.services.batch.faults import invalid
from windlass.services.batch.model import ARRAYS, Dependency, Job, Wait

DEPENDENCIES_MAX = 20
"""Entries of dependsOn; Batch API, SubmitJob."""


def check(tx: Transaction, job: Job) -> tuple[Wait, ...]:
    """What a new job has to wait for; raises ClientException. The wording is ours: AWS's is not known.

    SEQUENTIAL needs no row: it is between the children of one array.
    """
    if len(job.depends_on) > DEPENDENCIES_MAX:
        raise invalid(f"A job can depend on up to {DEPENDENCIES_MAX} jobs, and has {len(job.depends_on)}")
    waits: dict[Wait, None] = {}
    for dependency in job.depends_on:
        if dependency.type == "SEQUENTIAL":
            _check_sequential(job, dependency)
            continue
        if not dependency.job_id:
            kind = f"of type {dependency.type} " if dependency.type else ""
            raise invalid(f"A dependency {kind}must have a jobId")
        found = lookup.job(tx, (job.account, job.region), dependency.job_id)
        if found is None:
            raise invalid(f"Dependent job {dependency.job_id} does not exist")
        target, index = found
        if dependency.type == "N_TO_N":
            _check_n_to_n(job, target, index)
        if not _has_succeeded(tx, target, index):
            waits[Wait(job.id, dependency.job_id, dependency.type)] = None
    return tuple(waits)


def _check_sequential(job: Job, dependency: Dependency) -> None:
    if dependency.job_id:
        raise invalid("A SEQUENTIAL dependency cannot have a jobId: it is between the children of one array")
    if not job.size:
        raise invalid("A SEQUENTIAL dependency can be specified for an array job only")


def _check_n_to_n(job: Job, target: Job, index: int | None) -> None:
    if not job.size:
        raise invalid("An N_TO_N dependency can be specified for an array job only")
    if index is not None or not target.size:
        raise invalid(f"An N_TO_N dependency needs another array job, and {target.id} is not one")
    if target.size != job.size:
        sizes = f"{target.id} has {target.size} children, this one {job.size}"
        raise invalid(f"An N_TO_N dependency needs an array of the same size: {sizes}")


def _has_succeeded(tx: Transaction, target: Job, index: int | None) -> bool:
    if index is None:
        return target.status == "SUCCEEDED"
    return arrays.has(tx[ARRAYS].require(target.id).succeeded, index)
