"""Services and the operations on them: they write what is wanted, and begin; operations.py does the rest."""

from __future__ import annotations

from windlass.aws.calls import Call, Params, Result
from windlass.kernel.rows import replace
from windlass.kernel.store import Transaction
from windlass.services.apprunner import beginning, describe, find, limits, parameters, references, tagging
from windlass.services.apprunner.configuration_model import INGRESSES
from windlass.services.apprunner.faults import bad_state, invalid
from windlass.services.apprunner.model import OPERATIONS, SERVICES, Operation, OperationType, Service

URL_ID_DIGITS = 10
"""Of the first label of a ServiceUrl, as those seen in public have."""


def create_service(call: Call, params: Params) -> Result:
    """App Runner CreateService: OPERATION_IN_PROGRESS until its first deployment serves, or has failed."""
    uid, url_id = call.ids.hex(32), call.ids.hex(URL_ID_DIGITS)
    with call.store.transact() as tx:
        name = params["ServiceName"]
        if tx[SERVICES].count("name", (*call.scope, name)):
            raise invalid(f"Service with the provided name already exists: {name}.")
        held = tx[SERVICES].count("scope", call.scope)
        find.check_quota(call, limits.QUOTA_SERVICES, held, "services in a Region")
        service = Service(
            *call.scope,
            name=name,
            id=uid,
            url_id=url_id,
            created_at=call.now,
            updated_at=call.now,
            status="OPERATION_IN_PROGRESS",
            source=parameters.source(params["SourceConfiguration"], call.account),
            instance=parameters.instance(params.get("InstanceConfiguration", {})),
            scaling_arn=references.scaling_arn(tx, call.scope, params.get("AutoScalingConfigurationArn")),
            health_check=parameters.health_check(params.get("HealthCheckConfiguration", {})),
            network=parameters.network(params.get("NetworkConfiguration", {})),
            observability=parameters.observability(params.get("ObservabilityConfiguration", {})),
            encryption=params.get("EncryptionConfiguration", {}),
            tags=tagging.read(params.get("Tags", ())),
        )
        return _begun(call, tx, references.checked(tx, service), "CREATE_SERVICE")


def update_service(call: Call, params: Params) -> Result:
    """App Runner UpdateService: a deployment with what is given; what is not stays as it is."""
    with call.store.transact() as tx:
        service = find.live_service(tx, call.scope, params["ServiceArn"])
        beginning.check(service, "UPDATE_SERVICE")
        given, before = params.get, {name: getattr(service, name) for name in beginning.WANTED}
        changed = replace(
            service,
            source=parameters.source(given("SourceConfiguration", {}), call.account, service.source),
            instance=parameters.instance(given("InstanceConfiguration", {}), service.instance),
            health_check=parameters.health_check(given("HealthCheckConfiguration", {}), service.health_check),
            network=parameters.network(given("NetworkConfiguration", {}), service.network),
        )
        if "AutoScalingConfigurationArn" in params:
            arn = references.scaling_arn(tx, call.scope, params["AutoScalingConfigurationArn"])
            changed = replace(changed, scaling_arn=arn)
        if "ObservabilityConfiguration" in params:
            observability = parameters.observability(params["ObservabilityConfiguration"])
            changed = replace(changed, observability=observability)
        return _begun(call, tx, references.checked(tx, changed), "UPDATE_SERVICE", before)


def start_deployment(call: Call, params: Params) -> Result:
    """App Runner StartDeployment: of the source as it is now."""
    begun = _begin(call, params, "START_DEPLOYMENT")
    return {"OperationId": begun["OperationId"]}


def pause_service(call: Call, params: Params) -> Result:
    """App Runner PauseService: no instance is left of it."""
    return _begin(call, params, "PAUSE_SERVICE")


def resume_service(call: Call, params: Params) -> Result:
    """App Runner ResumeService: with what served last; nothing is built."""
    return _begin(call, params, "RESUME_SERVICE")


def delete_service(call: Call, params: Params) -> Result:
    """App Runner DeleteService: of one that no VPC ingress connection leads to."""
    with call.store.transact() as tx:
        service = find.live_service(tx, call.scope, params["ServiceArn"])
        beginning.check(service, "DELETE_SERVICE")
        if tx[INGRESSES].count("service", service.arn):
            raise bad_state("The service has a VPC ingress connection. Delete that first.")
        return _begun(call, tx, service, "DELETE_SERVICE")


def describe_service(call: Call, params: Params) -> Result:
    """App Runner DescribeService: of deleted ones too, for limits.DELETED_KEPT."""
    row = find.service(call.store, call.scope, params["ServiceArn"])
    return {"Service": describe.service(call.store, row, call.endpoint)}


def list_services(call: Call, params: Params) -> Result:
    """App Runner ListServices: oldest first, deleted ones not."""
    rows, token = find.table_page(call, params, "ListServices", SERVICES, ("scope", call.scope))
    return {"ServiceSummaryList": [describe.service_summary(row, call.endpoint) for row in rows], **token}


def list_operations(call: Call, params: Params) -> Result:
    """App Runner ListOperations: newest first."""
    service = find.service(call.store, call.scope, params["ServiceArn"])
    index = ("service", service.arn)
    rows, token = find.table_page(call, params, "ListOperations", OPERATIONS, index, reverse=True)
    return {"OperationSummaryList": [describe.operation(row) for row in rows], **token}


def _begin(call: Call, params: Params, kind: OperationType) -> Result:
    with call.store.transact() as tx:
        service = find.live_service(tx, call.scope, params["ServiceArn"])
        beginning.check(service, kind)
        return _begun(call, tx, service, kind)


def _begun(
    call: Call, tx: Transaction, service: Service, kind: OperationType, before: Params | None = None
) -> Result:
    row: Service
    operation: Operation
    row, operation = beginning.begin(call, tx, service, kind, before)
    return {"Service": describe.service(tx, row, call.endpoint), "OperationId": operation.id}
