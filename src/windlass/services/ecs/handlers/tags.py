"""ECS tags: of clusters, task definitions, tasks, container instances, services and task sets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from windlass.aws.calls import Call, Params, Result
from windlass.kernel.faults import Fault
from windlass.kernel.rows import replace
from windlass.kernel.store import Table
from windlass.services.ecs import describe, lookup, providers, references, tagging
from windlass.services.ecs.instance_model import INSTANCES, ContainerInstance
from windlass.services.ecs.lookup import Reads
from windlass.services.ecs.model import CLUSTERS, DEFINITIONS, TASKS, Cluster, Task, TaskDefinition
from windlass.services.ecs.provider_model import PROVIDERS, CapacityProvider
from windlass.services.ecs.service_model import SERVICES, TASK_SETS, Service, TaskSet


@dataclass(frozen=True, slots=True)
class Tagged:
    """A row that has tags, and the table that it is in."""

    table: Table[Any]
    row: Cluster | TaskDefinition | Task | ContainerInstance | Service | TaskSet | CapacityProvider


def tag_resource(call: Call, params: Params) -> Result:
    """ECS TagResource: adds, and replaces values of keys that are there."""
    added = tagging.read(params["tags"])
    with call.store.transact() as tx:
        found = _resource(tx, call, params["resourceArn"])
        tx[found.table].put(replace(found.row, tags=tagging.limited({**found.row.tags, **added})))
    return {}


def untag_resource(call: Call, params: Params) -> Result:
    """ECS UntagResource: keys that are not there are no error."""
    gone = set(params["tagKeys"])
    with call.store.transact() as tx:
        found = _resource(tx, call, params["resourceArn"])
        kept = {key: value for key, value in found.row.tags.items() if key not in gone}
        tx[found.table].put(replace(found.row, tags=kept))
    return {}


def list_tags_for_resource(call: Call, params: Params) -> Result:
    """ECS ListTagsForResource."""
    return {"tags": describe.tags(_resource(call.store, call, params["resourceArn"]).row.tags)}


def _resource(reads: Reads, call: Call, arn: str) -> Tagged:
    """The tagged row of an ARN. Raises InvalidParameterException when there is none."""
    read = references.read_arn(arn)
    if read is None:
        raise Fault("InvalidParameterException", f"Invalid ARN: {arn}")
    find = _FIND.get(read[2])
    if find is None:
        raise Fault("InvalidParameterException", f"Windlass has no ECS resource of the kind {read[2]}.")
    return find(reads, call, arn)


def _cluster(reads: Reads, call: Call, arn: str) -> Tagged:
    return Tagged(CLUSTERS, lookup.cluster(reads, call.scope, arn))


def _definition(reads: Reads, call: Call, arn: str) -> Tagged:
    named = references.family_and_revision(arn, call.scope)
    row = lookup.definition(reads, call.scope, arn) if named is not None and named[1] is not None else None
    if row is None:
        raise Fault(
            "InvalidParameterException", "The specified task definition is inactive or does not exist."
        )
    return Tagged(DEFINITIONS, row)


def _task(reads: Reads, call: Call, arn: str) -> Tagged:
    name = references.in_scope(arn, "task", call.scope) or ""
    within, _, _ = name.rpartition("/")
    row = lookup.task(reads, lookup.cluster(reads, call.scope, within or None), arn)
    if row is None:
        raise Fault("InvalidParameterException", "The specified task is stopped or does not exist.")
    return Tagged(TASKS, row)


def _service(reads: Reads, call: Call, arn: str) -> Tagged:
    name = references.in_scope(arn, "service", call.scope) or ""
    within, _, _ = name.rpartition("/")
    cluster = lookup.cluster(reads, call.scope, within or None)
    row = lookup.service(reads, cluster, arn)
    if row is None or row.status != "ACTIVE":
        raise Fault("InvalidParameterException", "The specified service is inactive or does not exist.")
    return Tagged(SERVICES, row)


def _task_set(reads: Reads, call: Call, arn: str) -> Tagged:
    name = references.in_scope(arn, "task-set", call.scope) or ""
    row = reads[TASK_SETS].get(f"ecs-svc/{name.rpartition('/')[2]}")
    if row is None or row.arn != arn:
        raise Fault("InvalidParameterException", "The specified task set does not exist.")
    return Tagged(TASK_SETS, row)


def _instance(reads: Reads, call: Call, arn: str) -> Tagged:
    name = references.in_scope(arn, "container-instance", call.scope) or ""
    within, _, _ = name.rpartition("/")
    row = lookup.instance(reads, lookup.cluster(reads, call.scope, within or None), arn)
    if row is None or row.status == "INACTIVE":
        raise Fault(
            "InvalidParameterException", "The specified container instance is inactive or does not exist."
        )
    return Tagged(INSTANCES, row)


def _provider(reads: Reads, call: Call, arn: str) -> Tagged:
    row = providers.named(reads, call.scope, arn)
    if row is None or row.status != "ACTIVE":
        raise Fault("InvalidParameterException", "The specified capacity provider does not exist.")
    return Tagged(PROVIDERS, row)


_FIND: dict[str, Callable[[Reads, Call, str], Tagged]] = {
    "capacity-provider": _provider,
    "cluster": _cluster,
    "container-instance": _instance,
    "service": _service,
    "task-definition": _definition,
    "task": _task,
    "task-set": _task_set,
}
