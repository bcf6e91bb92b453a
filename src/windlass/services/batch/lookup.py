"""Jobs by id, and the definition that a job was made of."""

from __future__ import annotations

import re

from windlass.kernel.store import Store, Transaction
from windlass.services.batch.model import CHILDREN, JOBS, Child, Job
from windlass.services.batch.resource_model import DEFINITIONS, JobDefinition

Reads = Store | Transaction
_INDEX = re.compile(r"0|[1-9][0-9]{0,4}", re.ASCII)


def job(reads: Reads, scope: tuple[str, str], job_id: str) -> tuple[Job, int | None] | None:
    """The job of that id, or the array and the index of a child; None when there is none in that scope."""
    parent_id, colon, index = job_id.partition(":")
    found = reads[JOBS].get(parent_id)
    if found is None or (found.account, found.region) != scope:
        return None
    if not colon:
        return found, None
    return (found, int(index)) if _INDEX.fullmatch(index) and int(index) < found.size else None


def attempt(reads: Reads, unit_id: str) -> Job | Child | None:
    """The single job, or the child of an array, whose attempt that unit is, while it is on."""
    return reads[CHILDREN].first("unit", unit_id) or reads[JOBS].first("unit", unit_id)


def definition(reads: Reads, job: Job) -> JobDefinition | None:
    """The revision that the job was submitted with; None when it was deregistered long ago."""
    name, _, revision = job.definition.rpartition("/")[2].partition(":")
    return reads[DEFINITIONS].get((job.account, job.region, name, int(revision)))
