"""Begins the deployment of a service revision: CreateService, UpdateService and a roll-back all come here.

Writes rows, decides nothing: what goes on in a deployment is deployment.py's business.
"""

from __future__ import annotations

from windlass.aws.bus import Bus
from windlass.aws.calls import Call
from windlass.kernel.rows import replace
from windlass.kernel.store import Transaction
from windlass.services.ecs import circuit_breaker, service_events, traffic
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
    shown = tx[DEPLOYMENTS].by("shown", service.id)
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
        source_revisions=tuple(dict.fromkeys(row.revision_id for row in shown)),
        rolling=rolling,
        breaker="MONITORING" if rolling.breaker else "DISABLED",
        breaker_threshold=circuit_breaker.threshold(service.desired_count) if rolling.breaker else 0,
        alarms="MONITORING" if rolling.alarms else "DISABLED",
        source=traffic.source(shown, overtaken) if rolling.shifts else "",
    )
    tx[SERVICE_DEPLOYMENTS].put(record)
    return _primary(tx, call, replace(service, service_deployment_id=record.id), revision, "")


def back(tx: Transaction, call: Call, service: Service, completed: Deployment, by: str) -> Service:
    """Go back to a deployment that completed, within the same service deployment.

    `by` is who wants it, as its rolloutStateReason says: "ECS deployment circuit breaker".

    While it still has tasks it becomes PRIMARY again and keeps them; else its revision is deployed anew. AWS
    says "redeploys"; that healthy tasks are kept is our choice.
    """
    if completed.status == "INACTIVE":
        revision = tx[REVISIONS].require(completed.revision_id)
        return _primary(tx, call, service, revision, f"{by}: {_ROLLING_BACK}")
    _supersede(tx, call, service)
    again = replace(
        completed,
        status="PRIMARY",
        rollout="IN_PROGRESS",
        rollout_reason=f"{by}: {_ROLLING_BACK}".format(completed.id),
        service_deployment_id=service.service_deployment_id,
        failures=0,
        updated_at=call.now,
    )
    return _begun(tx, call, service, again)


_ROLLING_BACK = "rolling back to deploymentId {}."
"""rolloutStateReason; ECS Developer Guide, ecs_cwe_events."""


def _primary(
    tx: Transaction, call: Call, service: Service, revision: ServiceRevision, reason: str
) -> Service:
    """A new PRIMARY deployment of that revision."""
    _supersede(tx, call, service)
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
        alternate=traffic.alternate(tx, service),
    )
    return _begun(tx, call, service, made)


def _supersede(tx: Transaction, call: Call, service: Service) -> None:
    """What was PRIMARY is ACTIVE from now on."""
    before = tx[DEPLOYMENTS].get(service.deployment_id)
    if before is not None and before.status == "PRIMARY":
        tx[DEPLOYMENTS].put(replace(before, status="ACTIVE", updated_at=call.now))


def _begun(tx: Transaction, call: Call, service: Service, primary: Deployment) -> Service:
    tx[DEPLOYMENTS].put(primary)
    after = tx[SERVICES].put(
        replace(
            service,
            deployment_id=primary.id,
            revision_id=primary.revision_id,
            kind=tx[REVISIONS].require(primary.revision_id).kind,
            steady_at=0,
        )
    )
    bus = call.part(Bus)
    service_events.tell_deployment(tx, bus, after, primary, "SERVICE_DEPLOYMENT_IN_PROGRESS", call.now)
    return after
