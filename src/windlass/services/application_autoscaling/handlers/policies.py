"""Scaling policies: put with the alarms of target tracking, described, deleted with them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, cast

from windlass.aws import step_scaling, target_tracking
from windlass.aws.calls import Call, Params, Result
from windlass.kernel.faults import Fault
from windlass.kernel.rows import replace
from windlass.services.application_autoscaling import describe, find, tracking_alarms
from windlass.services.application_autoscaling.limits import POLICIES_MAX, STEPS_MAX
from windlass.services.application_autoscaling.model import POLICIES, Policy

COOLDOWNS = ("Cooldown", "ScaleOutCooldown", "ScaleInCooldown")


async def put_scaling_policy(call: Call, params: Params) -> Result:
    """PutScalingPolicy: a new one, or another configuration for one that is there."""
    target = find.target(call.store, call, params)
    name = params["PolicyName"]
    known = call.store[POLICIES].get((*target.key, name))
    kind = _kind(params, known)
    given = params.get(f"{kind}PolicyConfiguration")
    if given is None and known is None:
        raise find.invalid(f"{kind}PolicyConfiguration is required for policies of type {kind}")
    with call.store.transact() as tx:
        if known is None and tx[POLICIES].count("target", target.key) >= POLICIES_MAX:
            raise Fault(
                "LimitExceededException", f"A scalable target can have at most {POLICIES_MAX} policies"
            )
        policy = known or _new(call, target.key, name, kind)
        if given is not None:
            policy = replace(policy, configuration=dict(given))
        _check(policy)
        tx[POLICIES].put(policy)
    if kind == "TargetTrackingScaling":
        try:
            await tracking_alarms.put(call.calls, policy)
        except Fault as fault:
            await _put_back(call, policy, known)
            raise find.invalid(fault.message) from fault
    names = _own_alarms(policy)
    return {"PolicyARN": policy.arn, "Alarms": describe.alarms(policy, names)}


async def delete_scaling_policy(call: Call, params: Params) -> None:
    """DeleteScalingPolicy. Alarms of step scaling are the caller's, and stay."""
    name = params["PolicyName"]
    policy = call.store[POLICIES].get((*find.key(call, params), name))
    if policy is None:
        raise find.missing("scaling policy found", params, name)
    await tracking_alarms.delete(call.calls, policy)
    with call.store.transact() as tx:
        tx[POLICIES].delete(policy.key)


async def describe_scaling_policies(call: Call, params: Params) -> Result:
    """DescribeScalingPolicies of a namespace, with the alarms that act on them."""
    rows, more = find.page(
        call, params, POLICIES, "DescribeScalingPolicies", ("PolicyNames", lambda row: row.name)
    )
    shown = [
        describe.policy(
            row, _own_alarms(row) if row.alarms else await tracking_alarms.naming(call.calls, row)
        )
        for row in rows
    ]
    return {"ScalingPolicies": shown, **more}


def _kind(params: Params, known: Policy | None) -> Literal["StepScaling", "TargetTrackingScaling"]:
    kind = params.get("PolicyType") or (known.kind if known is not None else "StepScaling")
    if kind == "PredictiveScaling":
        raise find.invalid("Windlass does not have predictive scaling")
    if known is not None and known.kind != kind:
        raise find.invalid(f"The policy {known.name} is of type {known.kind}, which cannot be changed")
    if kind == "StepScaling" and "TargetTrackingScalingPolicyConfiguration" in params:
        raise find.invalid("TargetTrackingScalingPolicyConfiguration is for policies of that type")
    return cast('Literal["StepScaling", "TargetTrackingScaling"]', kind)


def _new(call: Call, target: tuple[str, str, str, str, str], name: str, kind: Any) -> Policy:
    id = call.ids.uuid()
    names = target_tracking.names(target[3], call.ids.uuid()) if kind == "TargetTrackingScaling" else ()
    return Policy(*target, name, id, call.now, kind, {}, names)


def _own_alarms(policy: Policy) -> tuple[str, ...]:
    """Those that target tracking has in CloudWatch."""
    return policy.alarms if policy.scales_in else policy.alarms[:1]


def _check(policy: Policy) -> None:
    """Raises ValidationException for a configuration that could not be followed."""
    given: Mapping[str, Any] = policy.configuration
    for name in COOLDOWNS:
        if given.get(name, 0) < 0:
            raise find.invalid(f"{name} must not be negative")
    if policy.kind == "TargetTrackingScaling":
        if not given["TargetValue"] > 0:
            raise find.invalid("TargetValue must be greater than 0")
        tracking_alarms.of(policy)
        return
    if "AdjustmentType" not in given:
        raise find.invalid("AdjustmentType is required for a step scaling policy")
    steps = step_scaling.steps_of(given.get("StepAdjustments", ()))
    if len(steps) > STEPS_MAX:
        raise Fault("LimitExceededException", f"A policy can have at most {STEPS_MAX} step adjustments")
    if wrong := step_scaling.wrong(steps, given["AdjustmentType"]):
        raise find.invalid(wrong)
    if "MinAdjustmentMagnitude" in given and given["AdjustmentType"] != "PercentChangeInCapacity":
        raise find.invalid("MinAdjustmentMagnitude is for PercentChangeInCapacity")


async def _put_back(call: Call, policy: Policy, known: Policy | None) -> None:
    """CloudWatch refused the alarms: all is as it was before the call."""
    if known is None:
        await tracking_alarms.delete(call.calls, policy)
    with call.store.transact() as tx:
        if known is None:
            tx[POLICIES].delete(policy.key)
        else:
            tx[POLICIES].put(known)
