"""Begins the deployment of a service revision: CreateService, UpdateService and a roll-back all come here.

Writes rows, decides nothing: what goes on in a deployment is deployment.py's business.
"""

from __future__ import annotations

from windlass.aws.bus import Bus
from windlass.aws.calls import Call
from windlass.kernel.rows import replace
from windlass.kernel.store import Transaction
from windlass.services.ecs import circuit_breaker, service_events
from windlass.services.ecs.service_model import (
    DEPLOYMENTS,
    REVISIONS,
    SERVICE_DEPLOYMENTS,
    SERVICES,
    Deployment,
    Service,
    ServiceDeployment,
    ServiceRevision,
)

SUPERSEDED = "A newer service deployment has begun."
"""Why a service deployment is STOPPED that an update overtook: our wording, AWS's is not documented."""


def begin(tx: Transaction, call: Call, service: Service, revision: ServiceRevision) -> Service:
    """Deploy that new revision: a service deployment of its own. Returns the service as it is then."""
    tx[REVISIONS].put(revision)
    sources = [row.revision_id for row in tx[DEPLOYMENTS].by("shown", service.id)]
    overtaken = tx[SERVICE_DEPLOYMENTS].get(service.service_deployment_id)
    if overtaken is not None and not overtaken.ended:
        tx[SERVICE_DEPLOYMENTS].put(
            replace(
                overtaken,
                status="STOPPED",
                status_reason=SUPERSEDED,
                stopped_at=call.now,
                finished_at=call.now,
                updated_at=call.now,
            )
        )
    rolling = service.rolling
    record = ServiceDeployment(
        id=call.ids.hex(21),
        account=service.account,
        region=service.region,
        cluster=service.cluster,
        service=service.name,
        service_id=service.id,
        created_at=call.now,
        updated_at=call.now,
        target_revision=revision.id,
        source_revisions=tuple(dict.fromkeys(sources)),
        rolling=rolling,
        breaker="MONITORING" if rolling.breaker else "DISABLED",
        breaker_threshold=circuit_breaker.threshold(service.desired_count) if rolling.breaker else 0,
        alarms="MONITORING" if rolling.alarms else "DISABLED",
    )
    tx[SERVICE_DEPLOYMENTS].put(record)
    return _primary(tx, call, replace(service, service_deployment_id=record.id), revision, "")


def back(tx: Transaction, call: Call, service: Service, revision: ServiceRevision) -> Service:
    """Go back to that revision within the same service deployment."""
    return _primary(
        tx, call, service, revision, "ECS deployment circuit breaker: rolling back to deploymentId {}."
    )


def _primary(
    tx: Transaction, call: Call, service: Service, revision: ServiceRevision, reason: str
) -> Service:
    """A new PRIMARY deployment of that revision; what was PRIMARY is ACTIVE from now on."""
    before = tx[DEPLOYMENTS].get(service.deployment_id)
    if before is not None and before.status == "PRIMARY":
        tx[DEPLOYMENTS].put(replace(before, status="ACTIVE", updated_at=call.now))
    deployment_id = f"ecs-svc/{call.ids.digits(19)}"
    made = Deployment(
        id=deployment_id,
        account=service.account,
        region=service.region,
        service_id=service.id,
        revision_id=revision.id,
        service_deployment_id=service.service_deployment_id,
        created_at=call.now,
        updated_at=call.now,
        rollout_reason=reason.format(deployment_id) or f"ECS deployment {deployment_id} in progress.",
    )
    tx[DEPLOYMENTS].put(made)
    after = tx[SERVICES].put(
        replace(
            service,
            deployment_id=deployment_id,
            revision_id=revision.id,
            kind=revision.kind,
            steady_at=0,
        )
    )
    bus = call.part(Bus)
    service_events.tell_deployment(tx, bus, after, made, "SERVICE_DEPLOYMENT_IN_PROGRESS", call.now)
    return after
