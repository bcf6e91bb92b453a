"""What a service's parameters refer to: looked up, in the caller's transaction; and whether someone does.

Raises InvalidRequestException for what is not there: CreateService has no ResourceNotFoundException (BM).
"""

from __future__ import annotations

from windlass.kernel.faults import Fault
from windlass.kernel.rows import replace
from windlass.services.apprunner import find
from windlass.services.apprunner.faults import invalid
from windlass.services.apprunner.model import OPERATIONS, SERVICES, Reads, Scope, Service, Shape


def scaling_arn(reads: Reads, scope: Scope, reference: str | None) -> str:
    """The whole ARN of the revision that the reference names, or of the default one."""
    if reference is None:
        default = find.default_scaling(reads, scope)
        rows = find.scaling_revisions(reads, scope, default.name)
        return next(row.arn for row in rows if row.revision == default.revision)
    try:
        row = find.scaling(reads, scope, reference)
    except Fault as fault:
        raise invalid(fault.message) from fault
    if row.status != "ACTIVE":
        raise invalid(f"The auto scaling configuration {row.arn} is inactive.")
    return row.arn


def checked(reads: Reads, service: Service) -> Service:
    """The service, with whole ARNs, if all that it refers to can be used. Raises InvalidRequestException."""
    try:
        _check_egress(reads, service)
        _check_connection(reads, service)
        return replace(service, observability=_observability(reads, service.scope, service.observability))
    except Fault as fault:
        raise invalid(fault.message) from fault


def held(reads: Reads, scope: Scope) -> set[str]:
    """ARNs that the scope's services refer to, also those that a rollback would bring back.

    A scope has few services (limits.QUOTA_SERVICES).
    """
    found: set[str] = set()
    for service in reads[SERVICES].by("scope", scope):
        found |= _named(service)
        operation = reads[OPERATIONS].get((service.arn, service.operation))
        if operation is not None and operation.before:
            found |= _named(replace(service, **operation.before))
    return found


def _named(service: Service) -> set[str]:
    return {
        service.scaling_arn,
        service.source.get("AuthenticationConfiguration", {}).get("ConnectionArn", ""),
        service.network["EgressConfiguration"].get("VpcConnectorArn", ""),
        service.observability.get("ObservabilityConfigurationArn", ""),
    }


def _check_egress(reads: Reads, service: Service) -> None:
    egress = service.network["EgressConfiguration"]
    if egress["EgressType"] == "VPC":
        connector = find.connector(reads, service.scope, egress["VpcConnectorArn"])
        if connector.status != "ACTIVE":
            raise invalid(f"The VPC connector {connector.arn} is inactive.")


def _check_connection(reads: Reads, service: Service) -> None:
    reference = service.source.get("AuthenticationConfiguration", {}).get("ConnectionArn")
    if reference is not None:
        connection = find.connection(reads, service.scope, reference)
        if connection.status != "AVAILABLE":
            raise invalid(f"The connection {connection.arn} is not available. It is {connection.status}.")


def _observability(reads: Reads, scope: Scope, given: Shape) -> Shape:
    reference = given.get("ObservabilityConfigurationArn")
    if not given or reference is None:
        return given
    row = find.observability(reads, scope, reference)
    if row.status != "ACTIVE":
        raise invalid(f"The observability configuration {row.arn} is inactive.")
    return {**given, "ObservabilityConfigurationArn": row.arn}
