"""TagResource, UntagResource, ListTagsForResource: of environments, queues, policies, definitions, jobs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from windlass.aws import arn as arns
from windlass.aws.calls import Call, Params, Result
from windlass.kernel.rows import replace
from windlass.kernel.store import Table
from windlass.services.batch import find, tagging
from windlass.services.batch.faults import invalid, missing
from windlass.services.batch.model import JOBS
from windlass.services.batch.resource_model import DEFINITIONS, ENVIRONMENTS, POLICIES, QUEUES, Reads, Scope


@dataclass(frozen=True, slots=True)
class Tagged:
    """A kind of resource that has tags: its table, and how a row of it is found by its ARN."""

    table: Table[Any]
    find: Callable[[Reads, Scope, str], Any]


def tag_resource(call: Call, params: Params) -> Result:
    """Batch TagResource: adds, and replaces values of keys that are there."""
    kind = _kind(params["resourceArn"])
    with call.store.transact() as tx:
        row = kind.find(tx, call.scope, params["resourceArn"])
        tx[kind.table].put(replace(row, tags=tagging.read(params["tags"], row.tags)))
    return {}


def untag_resource(call: Call, params: Params) -> Result:
    """Batch UntagResource: keys that are not there are no error."""
    kind, gone = _kind(params["resourceArn"]), set(params["tagKeys"])
    with call.store.transact() as tx:
        row = kind.find(tx, call.scope, params["resourceArn"])
        kept = {key: value for key, value in row.tags.items() if key not in gone}
        tx[kind.table].put(replace(row, tags=kept))
    return {}


def list_tags_for_resource(call: Call, params: Params) -> Result:
    """Batch ListTagsForResource."""
    row = _kind(params["resourceArn"]).find(call.store, call.scope, params["resourceArn"])
    return {"tags": dict(row.tags)}


def _kind(arn: str) -> Tagged:
    """What the ARN names. Raises ClientException for what has no tags."""
    read = arns.parse(arn)
    found = _KINDS.get(read.resource.partition("/")[0]) if read is not None else None
    if found is None:
        raise invalid(f"Invalid resource ARN: {arn}")
    return found


def _job(reads: Reads, scope: Scope, arn: str) -> Any:
    found = reads[JOBS].get(arn.rpartition("/")[2])
    if found is None or found.arn != arn or (found.account, found.region) != scope:
        raise missing(arn)
    return found


def _definition(reads: Reads, scope: Scope, arn: str) -> Any:
    """Tags are of a revision."""
    if find.definition_name(arn, scope)[1] is None:
        raise invalid(f"Invalid resource ARN: {arn}")
    return find.definition(reads, scope, arn)


_KINDS = {
    "compute-environment": Tagged(ENVIRONMENTS, find.environment),
    "job-queue": Tagged(QUEUES, find.queue),
    "scheduling-policy": Tagged(POLICIES, find.policy),
    "job-definition": Tagged(DEFINITIONS, _definition),
    "job": Tagged(JOBS, _job),
}
