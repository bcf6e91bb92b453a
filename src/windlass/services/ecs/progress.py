"""How deployments move on: begun, completed, broken, rolled back; and when a service is steady or gone.

Writes rows, in the scheduler's transaction; when a deployment is broken circuit_breaker.py says, when it is
complete deployment.py. Source: ECS API reference, Deployment and ServiceDeployment; facts/ecs.md section 7.3.
"""

from __future__ import annotations

from windlass.aws.alarms import Alarms
from windlass.aws.bus import Bus
from windlass.aws.calls import Call
from windlass.kernel.clock import MINUTE, SECOND, Duration, Instant
from windlass.kernel.rows import replace
from windlass.kernel.store import Transaction
from windlass.services.ecs import circuit_breaker, rollout, service_events, stages
from windlass.services.ecs.launch_rates import LaunchRates
from windlass.services.ecs.service_model import (
    DEPLOYMENTS,
    SERVICE_DEPLOYMENTS,
    SERVICES,
    Deployment,
    Service,
    ServiceDeployment,
)
from windlass.services.ecs.shifting import GOING_BACK

ALARMS_EVERY: Duration = 10 * SECOND
"""How often a deployment looks at its alarms: our choice."""


def advance(tx: Transaction, call: Call, service: Service) -> Service:
    """Begin what was written down, give up what is broken or was told to stop. Returns the service after."""
    record = tx[SERVICE_DEPLOYMENTS].get(service.service_deployment_id)
    if record is None or record.ended:
        return service
    primary = tx[DEPLOYMENTS].require(service.deployment_id)
    if record.status == "PENDING":
        record = _record(tx, call, record, status="IN_PROGRESS", started_at=call.now)
    lately = stages.expired(record, call.now)
    if lately != record:
        record = tx[SERVICE_DEPLOYMENTS].put(lately)
    if not record.rolling.shifts:
        record = _before(tx, call, service, record)
    if record.status == "STOP_REQUESTED":
        return _failed(tx, call, service, record, primary, "Service deployment stopped by user.")
    if record.status == "ROLLBACK_REQUESTED":
        return _rolled_back(tx, call, service, record, primary, "Service deployment rollback requested.")
    if record.status not in GOING_BACK and (why := stages.failure(record)):
        return _rolled_back(tx, call, service, record, primary, why)
    if record.alarms == "MONITORING" and (raised := _raised(call, record)):
        why = f"ECS deployment failed: alarm detected: {', '.join(raised)}."
        record = _record(tx, call, record, alarms="TRIGGERED", alarms_triggered=raised)
        return _broken(tx, call, service, record, primary, why, rolls_back=record.rolling.alarms_rollback)
    if record.breaker == "DISABLED":
        return service
    if record.breaker_failures != primary.failures:
        record = _record(tx, call, record, breaker_failures=primary.failures)
    if why := circuit_breaker.broken(primary, service.desired_count):
        record = _record(tx, call, record, breaker="TRIGGERED")
        return _broken(tx, call, service, record, primary, why, rolls_back=record.rolling.breaker_rollback)
    return service


def look_again(tx: Transaction, service: Service, now: Instant) -> list[Instant]:
    """When alarms are asked for again, a hook is given up, a bake time is over: nobody wakes it for that."""
    record = tx[SERVICE_DEPLOYMENTS].get(service.service_deployment_id)
    if record is None or record.ended:
        return []
    again = [now + ALARMS_EVERY] if record.alarms == "MONITORING" else []
    if record.bake_until > now:
        again.append(record.bake_until)
    expires_at = stages.expires_at(record)
    return again if expires_at is None else [*again, expires_at]


def may_scale(tx: Transaction, service: Service) -> bool:
    """Whether the deployment's hooks let tasks be started and stopped."""
    record = tx[SERVICE_DEPLOYMENTS].get(service.service_deployment_id)
    if record is None or record.ended or record.rolling.shifts:
        return True
    return record.stage not in stages.BEFORE[:-1]


def _before(tx: Transaction, call: Call, service: Service, record: ServiceDeployment) -> ServiceDeployment:
    """Through the stages up to SCALE_UP, as far as hooks let it."""
    several = tx[DEPLOYMENTS].count("shown", service.id) > 1
    while not record.stage or (record.stage in stages.BEFORE[:-1] and not stages.waits(record)):
        record = enter(tx, call, record, stages.reached(record.stage, record, several))
    return record


def enter(tx: Transaction, call: Call, record: ServiceDeployment, stage: str) -> ServiceDeployment:
    """Begin that stage, or the next part of it: its hooks are called."""
    count = len(record.rolling.shape.get("lifecycleHooks", ()))
    entered = stages.enter(record, stage, call.now, [call.ids.uuid() for _ in range(count)])
    return tx[SERVICE_DEPLOYMENTS].put(replace(entered, updated_at=call.now))


def _raised(call: Call, record: ServiceDeployment) -> tuple[str, ...]:
    return call.part(Alarms).raised(*call.scope, record.rolling.alarms)


def _broken(
    tx: Transaction,
    call: Call,
    service: Service,
    record: ServiceDeployment,
    primary: Deployment,
    why: str,
    *,
    rolls_back: bool,
) -> Service:
    """By the circuit breaker or an alarm: back once, if that is wanted."""
    if rolls_back and record.status not in GOING_BACK:
        return _rolled_back(tx, call, service, record, primary, why)
    return _failed(tx, call, service, record, primary, why)


def steady(tx: Transaction, call: Call, service: Service, primary: Deployment) -> Service:
    """The PRIMARY deployment is all there is, and healthy: it is complete, the service in a steady state.

    Unless hooks that are called after the scaling still have to say so.
    """
    if primary.rollout == "IN_PROGRESS":
        if not _after(tx, call, service):
            return service
        done = replace(
            primary,
            rollout="COMPLETED",
            has_completed=True,
            rollout_reason=f"ECS deployment {primary.id} completed.",
            updated_at=call.now,
        )
        tx[DEPLOYMENTS].put(done)
        service = service_events.say(tx, call, service, f"(deployment {primary.id}) deployment completed")
        service_events.tell_deployment(
            tx, call.part(Bus), service, done, "SERVICE_DEPLOYMENT_COMPLETED", call.now
        )
        _finish(tx, call, service)
    return settled(tx, call, service)


def settled(tx: Transaction, call: Call, service: Service) -> Service:
    """All its tasks are as they are wanted: it is in a steady state, and says so once."""
    if service.steady_at:
        return service
    service = service_events.say(tx, call, service, "has reached a steady state")
    service_events.act(tx, call.part(Bus), service, "INFO", "SERVICE_STEADY_STATE", call.now)
    return tx[SERVICES].put(replace(service, steady_at=call.now))


def inactive(tx: Transaction, call: Call, service: Service) -> Service:
    """A deleted service whose last task is gone."""
    for row in tx[DEPLOYMENTS].by("shown", service.id):
        tx[DEPLOYMENTS].put(replace(row, status="INACTIVE", updated_at=call.now))
    record = tx[SERVICE_DEPLOYMENTS].get(service.service_deployment_id)
    if record is not None and not record.ended:
        _record(tx, call, record, status="STOPPED", stopped_at=call.now, finished_at=call.now)
    call.part(LaunchRates).forget(call.scope, service.id)
    return tx[SERVICES].put(replace(service, status="INACTIVE", inactive_at=call.now, steady_at=0))


def _after(tx: Transaction, call: Call, service: Service) -> bool:
    """Through the stages after SCALE_UP. Returns whether they are over."""
    record = tx[SERVICE_DEPLOYMENTS].get(service.service_deployment_id)
    if record is None or record.ended or record.rolling.shifts or record.status in GOING_BACK:
        return True
    if record.stage == "SCALE_UP":
        record = enter(tx, call, record, "POST_SCALE_UP")
    if stages.waits(record):
        return False
    replaced = any(id != record.target_revision for id in record.source_revisions)
    if record.stage == "POST_SCALE_UP" and record.rolling.bake_m and replaced:
        record = bake(tx, call, enter(tx, call, record, "BAKE_TIME"))
    return record.bake_until <= call.now


def bake(tx: Transaction, call: Call, record: ServiceDeployment) -> ServiceDeployment:
    """Let it stand as it is for the bake time, while its alarms are looked at."""
    return _record(tx, call, record, bake_until=call.now + record.rolling.bake_m * MINUTE)


def _finish(tx: Transaction, call: Call, service: Service) -> None:
    """The service deployment has ended well: as it was meant, or back where it came from."""
    record = tx[SERVICE_DEPLOYMENTS].get(service.service_deployment_id)
    if record is None or record.ended:
        return
    back = record.status in GOING_BACK
    _record(
        tx,
        call,
        record,
        status="ROLLBACK_SUCCESSFUL" if back else "SUCCESSFUL",
        stage="CLEAN_UP",
        finished_at=call.now,
        breaker="MONITORING_COMPLETE" if record.breaker == "MONITORING" else record.breaker,
        alarms="MONITORING_COMPLETE" if record.alarms == "MONITORING" else record.alarms,
    )


def _failed(
    tx: Transaction, call: Call, service: Service, record: ServiceDeployment, primary: Deployment, why: str
) -> Service:
    """It launches nothing more; what runs goes on."""
    back = record.status in GOING_BACK
    _record(
        tx,
        call,
        record,
        status="ROLLBACK_FAILED" if back else "STOPPED",
        status_reason=why,
        stopped_at=call.now,
        finished_at=call.now,
    )
    return _gave_up(tx, call, service, primary, why)


def _gave_up(tx: Transaction, call: Call, service: Service, primary: Deployment, why: str) -> Service:
    failed = tx[DEPLOYMENTS].put(replace(primary, rollout="FAILED", rollout_reason=why, updated_at=call.now))
    service = service_events.say(
        tx, call, service, f"(deployment {primary.id}) deployment failed: {why.rstrip('.')}"
    )
    service_events.tell_deployment(tx, call.part(Bus), service, failed, "SERVICE_DEPLOYMENT_FAILED", call.now)
    return service


def _rolled_back(
    tx: Transaction, call: Call, service: Service, record: ServiceDeployment, primary: Deployment, why: str
) -> Service:
    """Where it came from; without such a deployment it has just failed."""
    origin = _origin(tx, service, record)
    if origin is None:
        return _failed(tx, call, service, record, primary, why)
    service = _gave_up(tx, call, service, primary, why)
    record = _record(
        tx,
        call,
        record,
        status="ROLLBACK_IN_PROGRESS",
        status_reason=why,
        stage="SCALE_UP",
        bake_until=0,
        source=primary.id if record.rolling.shifts else "",
        rollback_revision=origin.revision_id,
        rollback_at=call.now,
        rollback_reason=why,
    )
    by = "ECS deployment circuit breaker" if record.breaker == "TRIGGERED" else "ECS deployment"
    service = rollout.back(tx, call, service, origin, by)
    return service_events.say(
        tx, call, service, f"(deployment {primary.id}) rolling back to (deployment {service.deployment_id})"
    )


def _origin(tx: Transaction, service: Service, record: ServiceDeployment) -> Deployment | None:
    """The deployment that a roll-back leads to: the last that completed.

    Where requests are shifted it is the source, which has those that the new one does not have, and which
    need not have completed: it may have been overtaken in CLEAN_UP. It must have been whole once.
    """
    if record.rolling.shifts:
        source = tx[DEPLOYMENTS].get(record.source)
        return source if source is not None and _was_whole(tx, source) else None
    done = [row for row in tx[DEPLOYMENTS].by("service", service.id) if row.has_completed]
    return done[-1] if done else None


def _was_whole(tx: Transaction, row: Deployment) -> bool:
    """Whether all of its tasks were healthy at one time."""
    record = tx[SERVICE_DEPLOYMENTS].get(row.service_deployment_id)
    whole = record is not None and record.stage not in ("", *stages.BEFORE)
    return row.has_completed or whole


def _record(tx: Transaction, call: Call, record: ServiceDeployment, **changes: object) -> ServiceDeployment:
    return tx[SERVICE_DEPLOYMENTS].put(replace(record, updated_at=call.now, **changes))
