"""How an operation on a service begins: in the handler's transaction, before its answer.

The service is OPERATION_IN_PROGRESS from then on; `operations.py` does the rest. A deployment takes what it
needs from the service and the configurations that this names, so that later changes of those leave it
alone.
"""

from __future__ import annotations

from windlass.aws.bus import Bus
from windlass.aws.calls import Call
from windlass.kernel.machine import allows, move
from windlass.kernel.rows import replace
from windlass.kernel.store import Transaction
from windlass.services.apprunner import find, notices
from windlass.services.apprunner.faults import bad_state, invalid, wrong_status
from windlass.services.apprunner.model import (
    DEPLOYMENTS,
    OPERATIONS,
    SERVICES,
    Deployment,
    Operation,
    OperationType,
    Service,
    Shape,
)
from windlass.services.apprunner.transitions import DONE_TO, SERVICE_MOVES, allowed

WANTED = ("source", "instance", "scaling_arn", "health_check", "network", "observability")
"""Columns of a service that UpdateService changes, and a rollback puts back."""
_DEPLOYING = ("CREATE_SERVICE", "UPDATE_SERVICE", "START_DEPLOYMENT")
"""Those that make a deployment; ResumeService brings the last one back."""


def check(service: Service, operation: OperationType) -> None:
    """Raises InvalidStateException when the service's status does not allow it.

    InvalidRequestException for StartDeployment, for which the model has no InvalidStateException.
    """
    if not allows(SERVICE_MOVES, service.status, operation):
        why = wrong_status(DONE_TO[operation], service.status, allowed(operation))
        raise invalid(why) if operation == "START_DEPLOYMENT" else bad_state(why)


def begin(
    call: Call, tx: Transaction, service: Service, kind: OperationType, before: Shape | None = None
) -> tuple[Service, Operation]:
    """Write the operation, the deployment that it makes, and the service as it is now.

    `before`: the columns that a rollback of UpdateService puts back.
    """
    last = tx[OPERATIONS].last("service", service.arn)
    operation = Operation(
        service=service.arn,
        id=call.ids.uuid(),
        number=1 if last is None else last.number + 1,
        type=kind,
        started_at=call.now,
        updated_at=call.now,
        since=call.now,
        previous=service.serving,
        before=before or {},
    )
    if kind in _DEPLOYING:
        operation = replace(operation, deployment=_deploy(tx, service, operation).id)
    elif kind == "RESUME_SERVICE":
        operation = replace(operation, deployment=service.last_deployed)
    was = service.status
    status = was if kind == "CREATE_SERVICE" else move(SERVICE_MOVES, was, kind, service)
    service = replace(service, status=status, operation=operation.id, updated_at=call.now)
    tx[SERVICES].put(service)
    tx[OPERATIONS].put(operation)
    notices.began(call.part(Bus), tx, service, operation, was)
    return service, operation


def _deploy(tx: Transaction, service: Service, operation: Operation) -> Deployment:
    last = tx[DEPLOYMENTS].last("service", service.arn)
    egress = service.network["EgressConfiguration"]
    connector = None
    if egress["EgressType"] == "VPC":
        connector = find.connector(tx, service.scope, egress["VpcConnectorArn"])
    return tx[DEPLOYMENTS].put(
        Deployment(
            service=service.arn,
            id=operation.id,
            number=1 if last is None else last.number + 1,
            created_at=operation.started_at,
            source=service.source,
            instance=service.instance,
            scaling=find.scaling(tx, service.scope, service.scaling_arn).scaling,
            health_check=service.health_check,
            network=service.network,
            subnets=() if connector is None else connector.subnets,
            security_groups=() if connector is None else connector.security_groups,
        )
    )
