"""Scalable targets: registered, changed, described, deregistered."""

from __future__ import annotations

from typing import TypeVar

from windlass.aws.calls import Call, Params, Result
from windlass.kernel.faults import Fault
from windlass.kernel.rows import replace
from windlass.kernel.store import Table, Transaction
from windlass.services.application_autoscaling import describe, find, kinds, tracking_alarms
from windlass.services.application_autoscaling.handlers.tags import check_tags
from windlass.services.application_autoscaling.limits import CAPACITY_MAX, TARGETS_MAX
from windlass.services.application_autoscaling.model import (
    ACTIVITIES,
    POLICIES,
    SCHEDULED,
    TARGETS,
    Suspended,
    Target,
)
from windlass.services.application_autoscaling.scaler import Scaler

R = TypeVar("R")
_SUSPENDED = {
    "scale_in": "DynamicScalingInSuspended",
    "scale_out": "DynamicScalingOutSuspended",
    "scheduled": "ScheduledScalingSuspended",
}


async def register_scalable_target(call: Call, params: Params) -> Result:
    """RegisterScalableTarget: a new one, or what the call names of one that is there.

    The capacity is not touched: it comes within the bounds with the next scaling activity.
    """
    key = find.key(call, params)
    kind = kinds.kind_of(params["ServiceNamespace"])
    check_tags(params.get("Tags", {}))
    known = call.store[TARGETS].get(key)
    if known is not None and params.get("Tags"):
        raise find.invalid("Tags are set when a scalable target is registered: use TagResource")
    for name in ("MinCapacity", "MaxCapacity"):
        if known is None and name not in params:
            raise find.invalid(f"{name} is required to register a new scalable target")
    fresh = Target(
        *key,
        id=call.ids.uuid().replace("-", ""),
        created_at=call.now,
        least=0,
        most=CAPACITY_MAX,
        role_arn=kind.role_arn(call.account),
        tags=dict(params.get("Tags", {})),
    )
    await _must_be_there(call, fresh)
    with call.store.transact() as tx:
        target = tx[TARGETS].get(key)
        if target is None:
            if tx[TARGETS].count("namespace", key[:3]) >= TARGETS_MAX:
                raise Fault("LimitExceededException", f"At most {TARGETS_MAX} scalable targets are allowed")
            target = fresh
        tx[TARGETS].put(_changed(target, params))
    return {"ScalableTargetARN": target.arn}


async def deregister_scalable_target(call: Call, params: Params) -> None:
    """DeregisterScalableTarget: its policies, their alarms and its scheduled actions go with it."""
    target = find.target(call.store, call, params)
    for policy in call.store[POLICIES].by("target", target.key):
        await tracking_alarms.delete(call.calls, policy)
    with call.store.transact() as tx:
        tx[TARGETS].delete(target.key)
        _forget(tx, POLICIES, target)
        _forget(tx, SCHEDULED, target)
        _forget(tx, ACTIVITIES, target)


def describe_scalable_targets(call: Call, params: Params) -> Result:
    """DescribeScalableTargets of a namespace, in order of resource."""
    rows, more = find.page(
        call, params, TARGETS, "DescribeScalableTargets", ("ResourceIds", lambda row: row.resource)
    )
    return {"ScalableTargets": [describe.target(row) for row in rows], **more}


def _forget(tx: Transaction, table: Table[R], target: Target) -> None:
    for row in tx[table].by("target", target.key):
        tx[table].delete(table.key(row))


def _changed(target: Target, params: Params) -> Target:
    least, most = params.get("MinCapacity", target.least), params.get("MaxCapacity", target.most)
    if least < 0 or most < 0:
        raise find.invalid("Capacities must not be negative")
    if least > most:
        raise find.invalid("Maximum capacity cannot be less than minimum capacity")
    given = params.get("SuspendedState", {})
    now = target.suspended
    suspended = Suspended(
        **{name: given.get(member, getattr(now, name)) for name, member in _SUSPENDED.items()}
    )
    role = params.get("RoleARN", target.role_arn)
    return replace(target, least=least, most=most, suspended=suspended, role_arn=role)


async def _must_be_there(call: Call, target: Target) -> None:
    """Raises ValidationException when there is no such resource."""
    try:
        await call.part(Scaler).capacities.read(target)
    except Fault as fault:
        if target.namespace == "ecs":
            raise find.invalid(f"ECS service doesn't exist: {target.resource}") from fault
        raise find.invalid(fault.message) from fault
