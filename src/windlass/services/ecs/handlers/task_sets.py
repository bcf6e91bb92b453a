"""ECS task sets, of services with the EXTERNAL deployment controller."""

from __future__ import annotations

from windlass.aws.calls import Call, Params, Result
from windlass.kernel.faults import Fault
from windlass.kernel.rows import replace
from windlass.kernel.store import Transaction
from windlass.services.ecs import (
    describe_service,
    launching,
    limits,
    lookup,
    references,
    service_check,
    service_parameters,
    service_revision,
    tagging,
    task_set_plan,
)
from windlass.services.ecs.handlers import listing
from windlass.services.ecs.lookup import Reads
from windlass.services.ecs.model import Cluster
from windlass.services.ecs.service_model import REVISIONS, SERVICES, TASK_SETS, Service, TaskSet


def create_task_set(call: Call, params: Params) -> Result:
    """ECS CreateTaskSet. It has no tasks unless it is given a scale."""
    token = service_parameters.token(params)
    with call.store.transact() as tx:
        cluster, service = _service(tx, call, params)
        definition = launching.runnable(tx, call, params["taskDefinition"])
        revision = service_revision.made(params, service, cluster, definition, call.ids.digits(19), call.now)
        scale = _scale(params)
        there = tx[TASK_SETS].by("service", service.id)
        for row in there:
            if token and row.client_token == token:
                return {"taskSet": _again(tx, row, revision.definition_arn, scale)}
        if len(there) >= limits.TASK_SETS_MAX:
            raise _invalid(
                f"{len(there)} deployments exist on the service. Unable to create new TaskSet since this "
                "exceeds the maximum limit."
            )
        service_parameters.check_exec(service, definition, "updated")
        service_check.check(tx, call, service, revision, definition)
        tx[REVISIONS].put(revision)
        made = TaskSet(
            id=f"ecs-svc/{call.ids.digits(19)}",
            account=service.account,
            region=service.region,
            cluster=service.cluster,
            service=service.name,
            service_id=service.id,
            created_at=call.now,
            updated_at=call.now,
            revision_id=revision.id,
            external_id=params.get("externalId", ""),
            scale_percent=scale,
            desired_count=task_set_plan.computed_count(service.desired_count, scale),
            unstable_at=call.now,
            tags=tagging.read(params.get("tags", ())),
            client_token=token,
        )
        return {"taskSet": _show(tx, tx[TASK_SETS].put(made), ("TAGS",))}


def update_task_set(call: Call, params: Params) -> Result:
    """ECS UpdateTaskSet: another scale."""
    with call.store.transact() as tx:
        _, service = _service(tx, call, params)
        found = _task_set(tx, service, params["taskSet"])
        scale = _scale(params)
        count = task_set_plan.computed_count(service.desired_count, scale)
        after = replace(found, scale_percent=scale, desired_count=count, updated_at=call.now)
        return {"taskSet": _show(tx, tx[TASK_SETS].put(after))}


def delete_task_set(call: Call, params: Params) -> Result:
    """ECS DeleteTaskSet: DRAINING, until its tasks have stopped; then it is gone."""
    with call.store.transact() as tx:
        _, service = _service(tx, call, params)
        found = _task_set(tx, service, params["taskSet"], draining=True)
        if found.status == "DRAINING":
            return {"taskSet": _show(tx, found)}
        if not params.get("force"):
            if found.status == "PRIMARY":
                raise _invalid("The primary task set can only be deleted with force.")
            if found.desired_count:
                raise _invalid("The task set cannot be deleted while it is scaled above 0.")
        if found.status == "PRIMARY":
            tx[SERVICES].put(replace(service, revision_id="", kind=""))
        after = replace(found, status="DRAINING", scale_percent=0.0, desired_count=0, updated_at=call.now)
        return {"taskSet": _show(tx, tx[TASK_SETS].put(after))}


def describe_task_sets(call: Call, params: Params) -> Result:
    """ECS DescribeTaskSets: those that are named, or all of the service; failures MISSING."""
    _, service = _service(call.store, call, params)
    include = params.get("include", ())
    there = {row.id: row for row in call.store[TASK_SETS].by("service", service.id)}
    shown, failures = listing.described(
        params.get("taskSets") or there,
        find=lambda reference: there.get(_id(reference, service)),
        show=lambda row: _show(call.store, row, include),
        arn=lambda id: references.task_set_arn(*service.key, id),
    )
    return {"taskSets": shown, "failures": failures}


def update_service_primary_task_set(call: Call, params: Params) -> Result:
    """ECS UpdateServicePrimaryTaskSet. What its tasks are made of is what the service shows from then on."""
    with call.store.transact() as tx:
        _, service = _service(tx, call, params)
        found = _task_set(tx, service, params["primaryTaskSet"])
        for row in tx[TASK_SETS].by("service", service.id):
            if row.status == "PRIMARY" and row.id != found.id:
                tx[TASK_SETS].put(replace(row, status="ACTIVE", updated_at=call.now))
        if found.status != "PRIMARY":
            found = tx[TASK_SETS].put(replace(found, status="PRIMARY", updated_at=call.now))
        revision = tx[REVISIONS].require(found.revision_id)
        tx[SERVICES].put(replace(service, revision_id=revision.id, kind=revision.kind))
        return {"taskSet": _show(tx, found)}


def _service(reads: Reads, call: Call, params: Params) -> tuple[Cluster, Service]:
    """The ACTIVE service whose task sets these are."""
    cluster = lookup.cluster(reads, call.scope, params["cluster"])
    service = lookup.live_service(reads, cluster, params["service"])
    if service.controller != "EXTERNAL":
        raise _invalid(
            "Amazon ECS only supports task set management on services configured to use external deployment "
            "controllers."
        )
    return cluster, service


def _task_set(reads: Reads, service: Service, reference: str, *, draining: bool = False) -> TaskSet:
    """The set of that id or ARN; one that is DRAINING only where that will do."""
    found = reads[TASK_SETS].get(_id(reference, service))
    if found is None or found.service_id != service.id:
        raise Fault("TaskSetNotFoundException", "The specified task set was not found.")
    if found.status == "DRAINING" and not draining:
        raise _invalid("The specified task set is DRAINING.")
    return found


def _id(reference: str, service: Service) -> str:
    """The id in a task set's id or ARN, "" when the ARN is of another service."""
    if not reference.startswith("arn:"):
        return reference
    read = references.read_arn(reference)
    id = "/".join(read[3].split("/")[-2:]) if read is not None else ""
    return id if reference == references.task_set_arn(*service.key, id) else ""


def _scale(params: Params) -> float:
    scale = float(params.get("scale", {}).get("value", 0.0))
    if not 0 <= scale <= task_set_plan.PERCENT_MAX:
        raise _invalid(f"The scale must be between 0 and {task_set_plan.PERCENT_MAX:.0f} percent.")
    return scale


def _again(tx: Transaction, there: TaskSet, definition_arn: str, scale: float) -> Result:
    """The answer to a clientToken that was used before."""
    revision = tx[REVISIONS].require(there.revision_id)
    if (revision.definition_arn, there.scale_percent) != (definition_arn, scale):
        raise _invalid("Creation of task set was not idempotent.")
    return _show(tx, there, ("TAGS",))


def _show(reads: Reads, row: TaskSet, include: tuple[str, ...] = ()) -> Result:
    revision = reads[REVISIONS].require(row.revision_id)
    return describe_service.task_set(row, revision, describe_service.counts(reads, row.id), include)


def _invalid(message: str) -> Fault:
    return Fault("InvalidParameterException", message)
