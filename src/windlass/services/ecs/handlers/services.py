"""ECS services: CreateService, UpdateService, DeleteService, DescribeServices, ListServices."""

from __future__ import annotations

from windlass.aws import paging
from windlass.aws.bus import Bus
from windlass.aws.calls import Call, Params, Result
from windlass.aws.quotas import Quotas
from windlass.kernel.faults import Fault
from windlass.kernel.rows import replace
from windlass.kernel.store import Transaction
from windlass.services.ecs import (
    describe_service,
    launching,
    limits,
    lookup,
    references,
    rollout,
    service_check,
    service_events,
    service_parameters,
    service_revision,
    services_gone,
    task_set_plan,
)
from windlass.services.ecs.express.model import EXPRESS
from windlass.services.ecs.handlers import listing
from windlass.services.ecs.model import CLUSTERS, Cluster, TaskDefinition
from windlass.services.ecs.service_model import REVISIONS, SERVICES, TASK_SETS, Service, ServiceRevision

CHECKED = frozenset({"placementConstraints", "placementStrategy", "enableExecuteCommand"})
"""Settings that tasks must be possible with. A count may change whatever became of a subnet meanwhile."""


def create_service(call: Call, params: Params) -> Result:
    """ECS CreateService. The same call again gives the same service; other arguments are refused."""
    with call.store.transact() as tx:
        cluster = lookup.cluster(tx, call.scope, params.get("cluster"))
        wanted = service_parameters.created(params, cluster, call.ids.hex(32), call.caller.arn, call.now)
        before = tx[SERVICES].get(wanted.key)
        if wanted.controller == "EXTERNAL":
            made, revision, definition = wanted, None, None
        else:
            definition = _definition(tx, call, params)
            revision = service_revision.made(
                params, wanted, cluster, definition, call.ids.digits(19), call.now
            )
            role = service_parameters.role(params, cluster, revision, definition)
            made = replace(wanted, role_arn=role)
        if before is not None and before.status != "INACTIVE":
            return _again(tx, before, made, revision)
        _check_quotas(tx, call, made)
        tx[CLUSTERS].put(cluster)
        if before is not None:
            services_gone.forget(tx, before)
        if revision is None or definition is None:
            put = tx[SERVICES].put(made)
        else:
            service_parameters.check_exec(made, definition, "created")
            service_revision.check_shifts(made.rolling, revision.load_balancers)
            service_check.check(tx, call, made, revision, definition)
            put = rollout.begin(tx, call, made, revision)
        return {"service": describe_service.service(put, tx, ("TAGS",))}


def update_service(call: Call, params: Params) -> Result:
    """ECS UpdateService. A new deployment begins when what tasks are made of is other than before."""
    with call.store.transact() as tx:
        cluster = lookup.cluster(tx, call.scope, params.get("cluster"))
        before = lookup.live_service(tx, cluster, params["service"])
        after = service_parameters.updated(params, before)
        if after.desired_count > before.desired_count:
            _check_task_quota(call, after)
        if before.controller == "EXTERNAL":
            put = tx[SERVICES].put(after)
            _rescale(tx, call, put)
        else:
            put = _update(tx, call, params, cluster, after)
        if after.desired_count != before.desired_count:
            service_events.act(tx, call.part(Bus), put, "INFO", "SERVICE_DESIRED_COUNT_UPDATED", call.now)
        return {"service": describe_service.service(put, tx)}


def delete_service(call: Call, params: Params) -> Result:
    """ECS DeleteService: DRAINING, until the scheduler has stopped its tasks; then INACTIVE."""
    with call.store.transact() as tx:
        cluster = lookup.cluster(tx, call.scope, params.get("cluster"))
        found = lookup.service(tx, cluster, params["service"])
        if found is None or found.status == "INACTIVE":
            raise Fault("ServiceNotFoundException", "Service not found.")
        if found.status == "ACTIVE":
            if found.scheduling == "REPLICA" and found.desired_count and not params.get("force"):
                raise _invalid("The service cannot be stopped while it is scaled above 0.")
            if tx[TASK_SETS].count("service", found.id) and not params.get("force"):
                raise _invalid("The service cannot be stopped while deployments are active.")
            found = tx[SERVICES].put(
                replace(found, status="DRAINING", desired_count=0, deleted_at=call.now, steady_at=0)
            )
        return {"service": describe_service.service(found, tx)}


def describe_services(call: Call, params: Params) -> Result:
    """ECS DescribeServices. What is not there is a failure MISSING, not an error."""
    named = params["services"]
    if not named:
        raise _invalid("Services cannot be empty.")
    if len(named) > limits.DESCRIBE_SERVICES_MAX:
        raise _invalid(f"services can have at most {limits.DESCRIBE_SERVICES_MAX} items.")
    cluster = lookup.cluster(call.store, call.scope, params.get("cluster"))
    found, failures = listing.described(
        named,
        find=lambda reference: lookup.service(call.store, cluster, reference),
        show=lambda row: describe_service.service(row, call.store, params.get("include", ())),
        arn=lambda name: references.service_arn(*call.scope, cluster.name, name),
    )
    return {"services": found, "failures": failures}


def list_services(call: Call, params: Params) -> Result:
    """ECS ListServices: the ACTIVE ones of a cluster, by launch type and scheduling strategy."""
    cluster = lookup.cluster(call.store, call.scope, params.get("cluster"))
    kind, scheduling = params.get("launchType"), params.get("schedulingStrategy")
    managed_by = params.get("resourceManagementType")

    def listed(row: Service) -> bool:
        if scheduling not in (None, row.scheduling):
            return False
        if managed_by and (managed_by == "ECS") != (call.store[EXPRESS].get(row.key) is not None):
            return False
        return kind in (None, row.kind)

    rows, token = paging.page(
        call.store[SERVICES],
        "status",
        (*call.scope, cluster.name, "ACTIVE"),
        operation="ListServices",
        filters=(*call.scope, cluster.name, kind, scheduling, managed_by),
        token=params.get("nextToken"),
        limit=listing.limit(params, default=limits.SERVICES_PAGE_DEFAULT),
        fault=listing.bad_token,
        where=listed,
    )
    return listing.answer("serviceArns", [row.arn for row in rows], token)


def list_services_by_namespace(call: Call, params: Params) -> Result:
    """ECS ListServicesByNamespace: there are no namespaces without AWS Cloud Map."""
    raise Fault("NamespaceNotFoundException", f"The namespace {params['namespace']} was not found.")


def _update(tx: Transaction, call: Call, params: Params, cluster: Cluster, after: Service) -> Service:
    """An update under the ECS controller; `after` has the settings already."""
    deployed = tx[REVISIONS].require(after.revision_id)
    definition = _updated_definition(tx, call, params, deployed)
    revision = service_revision.changed(
        params, after, deployed, cluster, definition, call.ids.digits(19), call.now
    )
    service_revision.check_shifts(after.rolling, (revision or deployed).load_balancers)
    if revision is not None or not CHECKED.isdisjoint(params):
        service_parameters.check_exec(after, definition, "updated")
        service_check.check(tx, call, after, revision or deployed, definition)
    if revision is None:
        return tx[SERVICES].put(after)
    begun = rollout.begin(tx, call, after, revision)
    services_gone.trim(tx, begun)
    return begun


def _rescale(tx: Transaction, call: Call, service: Service) -> None:
    """Task sets want shares of the desired count."""
    for row in tx[TASK_SETS].by("service", service.id):
        count = task_set_plan.computed_count(service.desired_count, row.scale_percent)
        if count != row.desired_count:
            tx[TASK_SETS].put(replace(row, desired_count=count, updated_at=call.now))


def _definition(tx: Transaction, call: Call, params: Params) -> TaskDefinition:
    if not params.get("taskDefinition"):
        raise _invalid("TaskDefinition can not be blank.")
    return launching.runnable(tx, call, params["taskDefinition"])


def _updated_definition(
    tx: Transaction, call: Call, params: Params, deployed: ServiceRevision
) -> TaskDefinition:
    """The one that is asked for; that which the service has may be INACTIVE by now."""
    asked = params.get("taskDefinition")
    kept = lookup.definition(tx, call.scope, deployed.definition_arn)
    named = lookup.definition(tx, call.scope, asked) if asked else kept
    if kept is not None and named == kept:
        return kept
    return launching.runnable(tx, call, asked or deployed.definition_arn)


def _again(tx: Transaction, before: Service, asked: Service, revision: ServiceRevision | None) -> Result:
    """The answer to CreateService for a name that is taken: the service there is, if it is just that."""
    if before.status == "DRAINING":
        raise _invalid("Unable to Start a service that is still Draining.")
    deployed = tx[REVISIONS].get(before.revision_id)
    if deployed is not None and revision is not None:
        revision = replace(
            revision,
            id=deployed.id,
            created_at=deployed.created_at,
            service_id=deployed.service_id,
            digests=deployed.digests,
        )
    if not service_parameters.same(before, asked) or (revision is not None and revision != deployed):
        raise _invalid("Creation of service was not idempotent.")
    return {"service": describe_service.service(before, tx, ("TAGS",))}


def _check_quotas(tx: Transaction, call: Call, service: Service) -> None:
    most = call.part(Quotas).value("ecs.services_per_cluster", call.scope)
    if most is not None and tx[SERVICES].count("cluster", service.cluster_key) >= most:
        raise _invalid(f"The maximum number of services in a cluster ({most:.0f}) has been reached.")
    _check_task_quota(call, service)


def _check_task_quota(call: Call, service: Service) -> None:
    most = call.part(Quotas).value("ecs.tasks_per_service", call.scope)
    if most is not None and service.desired_count > most:
        raise _invalid(f"The maximum number of tasks in a service is {most:.0f}.")


def _invalid(message: str) -> Fault:
    return Fault("InvalidParameterException", message)
