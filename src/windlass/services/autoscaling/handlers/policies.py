"""Scaling policies of groups: put with their alarms, executed, described, deleted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from windlass.aws import arn as arns
from windlass.aws import policy_alarms, step_scaling, target_tracking
from windlass.aws.calls import Call, Params, Principal, Result
from windlass.kernel.faults import Fault
from windlass.services.autoscaling import find, policy_scaler
from windlass.services.autoscaling.find import invalid
from windlass.services.autoscaling.limits import POLICIES_MAX, STEPS_MAX
from windlass.services.autoscaling.model import Reads
from windlass.services.autoscaling.policy_model import POLICIES, Kind, ScalingPolicy
from windlass.services.autoscaling.policy_scaler import PolicyScaler, Wanted

ADJUSTMENTS = ("ChangeInCapacity", "ExactCapacity", "PercentChangeInCapacity")
KINDS: tuple[Kind, ...] = ("SimpleScaling", "StepScaling", "TargetTrackingScaling")
_OWN = {
    "SimpleScaling": {
        "AdjustmentType", "ScalingAdjustment", "Cooldown", "MinAdjustmentMagnitude", "MinAdjustmentStep",
        "Enabled",
    },
    "StepScaling": {
        "AdjustmentType", "StepAdjustments", "MinAdjustmentMagnitude", "MetricAggregationType",
        "EstimatedInstanceWarmup", "Enabled",
    },
    "TargetTrackingScaling": {"TargetTrackingConfiguration", "EstimatedInstanceWarmup", "Enabled"},
}  # fmt: skip
"""Members of each type of policy."""


async def put_scaling_policy(call: Call, params: Params) -> Result:
    """EC2 Auto Scaling PutScalingPolicy: a new one, or another in its place."""
    kind = params.get("PolicyType", "SimpleScaling")
    if kind == "PredictiveScaling":
        raise invalid("Windlass does not have predictive scaling.")
    if kind not in KINDS:
        raise invalid(f"PolicyType {kind} is not one of {', '.join(KINDS)}.")
    others = sorted(set(params) - _OWN[kind] - {"AutoScalingGroupName", "PolicyName", "PolicyType"})
    if others:
        raise invalid(f"{others[0]} is not for policies of type {kind}.")
    with call.store.transact() as tx:
        group = find.group(tx, call.scope, params["AutoScalingGroupName"])
        known = tx[POLICIES].get((*group.key, params["PolicyName"]))
        if known is None and tx[POLICIES].count("group", group.key) >= POLICIES_MAX:
            raise Fault("LimitExceeded", f"A group can have at most {POLICIES_MAX} scaling policies.")
        given = {name: params[name] for name in params if name in _OWN[kind]}
        id = call.ids.uuid() if known is None else known.id
        tracks = kind == "TargetTrackingScaling"
        names = target_tracking.names(group.name, id) if tracks else ()
        policy = ScalingPolicy(*group.key, params["PolicyName"], id, kind, given, names)
        _check(policy)
        tx[POLICIES].put(policy)
    wanted = _alarms(policy) if tracks else []
    try:
        owned = {*policy.alarms, *(known.alarms if known is not None else ())}
        await policy_alarms.put(call.calls, _principal(policy), sorted(owned), wanted)
    except Fault as fault:
        with call.store.transact() as tx:
            tx[POLICIES].put(known) if known is not None else tx[POLICIES].delete((*policy.of, policy.name))
        raise invalid(fault.message) from fault
    return {"PolicyARN": policy.arn, "Alarms": _shown(policy, (one["AlarmName"] for one in wanted))}


async def delete_policy(call: Call, params: Params) -> None:
    """EC2 Auto Scaling DeletePolicy, with its own alarms."""
    policy = _named(call.store, call, params)
    await policy_alarms.delete(call.calls, _principal(policy), policy.alarms)
    with call.store.transact() as tx:
        tx[POLICIES].delete((*policy.of, policy.name))


async def delete_all(call: Call, policies: Iterable[ScalingPolicy]) -> None:
    """Delete the alarms of these: their group goes."""
    for policy in policies:
        await policy_alarms.delete(call.calls, _principal(policy), policy.alarms)


async def describe_policies(call: Call, params: Params) -> Result:
    """EC2 Auto Scaling DescribePolicies, in order of group and name."""
    names, kinds = params.get("PolicyNames"), params.get("PolicyTypes")
    group = params.get("AutoScalingGroupName")
    index = None
    if group is not None:
        index = ("group", find.group(call.store, call.scope, group).key)

    def wanted(row: ScalingPolicy) -> bool:
        return (not names or row.name in names or row.arn in names) and (not kinds or row.kind in kinds)

    rows, more = find.page(call, params, POLICIES, "DescribePolicies", wanted, index=index)
    shown = []
    for row in rows:
        alarms = await policy_alarms.naming(call.calls, _principal(row), row.arn)
        shown.append(
            {
                "AutoScalingGroupName": row.group,
                "PolicyName": row.name,
                "PolicyARN": row.arn,
                "PolicyType": row.kind,
                "Enabled": True,
                "StepAdjustments": [],
                **row.given,
                "Alarms": _shown(row, alarms),
            }
        )
    return {"ScalingPolicies": shown, **more}


def execute_policy(call: Call, params: Params) -> None:
    """EC2 Auto Scaling ExecutePolicy: a simple policy, or a step policy with a metric's value."""
    with call.store.transact() as tx:
        policy = _named(tx, call, params)
        group = find.group(tx, call.scope, policy.group)
        wanted = _executed(policy, params)
        honours = params.get("HonorCooldown", False)
        if honours and policy.kind == "SimpleScaling" and policy_scaler.cools(group, policy, call.now):
            raise Fault("ScalingActivityInProgress", f"Scaling activity for {group.name} is in cooldown.")
        cause = f"a user request executed policy {policy.name}"
        call.part(PolicyScaler).apply(tx, group, policy, wanted, cause, call.now, at_once=True)


def describe_adjustment_types(call: Call, params: Params) -> Result:
    """EC2 Auto Scaling DescribeAdjustmentTypes."""
    return {"AdjustmentTypes": [{"AdjustmentType": name} for name in ADJUSTMENTS]}


def _executed(policy: ScalingPolicy, params: Params) -> Wanted:
    """What the policy asks for. Raises ValidationError for what cannot be executed."""
    if policy.kind == "TargetTrackingScaling":
        raise invalid("Policies of type TargetTrackingScaling cannot be executed.")
    if policy.kind == "SimpleScaling":
        return lambda base: policy_scaler.simple(policy, base)
    if "MetricValue" not in params or "BreachThreshold" not in params:
        raise invalid("MetricValue and BreachThreshold are required for policies of type StepScaling.")
    breach = params["MetricValue"] - params["BreachThreshold"]
    return lambda base: step_scaling.wanted(policy.given, base, breach)


def _check(policy: ScalingPolicy) -> None:
    """Raises ValidationError for a policy that could not be followed."""
    given = policy.given
    if policy.kind == "TargetTrackingScaling":
        if "TargetTrackingConfiguration" not in given:
            raise invalid("TargetTrackingConfiguration is required for target tracking.")
        if not given["TargetTrackingConfiguration"]["TargetValue"] > 0:
            raise invalid("TargetValue must be greater than 0.")
        _alarms(policy)
        return
    if given.get("AdjustmentType") not in ADJUSTMENTS:
        raise invalid(f"AdjustmentType must be one of {', '.join(ADJUSTMENTS)}.")
    if policy.kind == "SimpleScaling":
        if "ScalingAdjustment" not in given:
            raise invalid("ScalingAdjustment is required for policies of type SimpleScaling.")
        return
    steps = step_scaling.steps_of(given.get("StepAdjustments", ()))
    if len(steps) > STEPS_MAX:
        raise Fault("LimitExceeded", f"A policy can have at most {STEPS_MAX} step adjustments.")
    if wrong := step_scaling.wrong(steps, given["AdjustmentType"]):
        raise invalid(f"{wrong}.")


def _alarms(policy: ScalingPolicy) -> list[dict[str, Any]]:
    """PutMetricAlarm's parameters of a target tracking policy. Raises ValidationError."""
    tracking = policy.tracking
    predefined = tracking.get("PredefinedMetricSpecification")
    custom = tracking.get("CustomizedMetricSpecification")
    if (predefined is None) == (custom is None):
        raise invalid("Give one of PredefinedMetricSpecification and CustomizedMetricSpecification.")
    if predefined is not None:
        name = predefined["PredefinedMetricType"]
        if name != "ALBRequestCountPerTarget":
            raise invalid(f"Windlass has no metrics of EC2 instances, so that {name} cannot be followed.")
        custom = target_tracking.requests_per_target(predefined.get("ResourceLabel", ""))
        if custom is None:
            raise invalid("ResourceLabel must be app/<load balancer>/<id>/targetgroup/<target group>/<id>.")
    assert custom is not None
    try:
        metric = target_tracking.customized(custom)
    except ValueError as error:
        raise invalid(f"CustomizedMetricSpecification: {error}.") from error
    names = cast("tuple[str, str]", policy.alarms)
    target: float = tracking["TargetValue"]
    return target_tracking.alarms(names, policy.arn, target, metric, scales_in=policy.scales_in)


def _named(reads: Reads, call: Call, params: Params) -> ScalingPolicy:
    """The policy, by ARN, or by name with its group. Raises ValidationError."""
    name, found = params["PolicyName"], None
    if arns.parse(name) is not None:
        found = reads[POLICIES].first("arn", name)
    elif "AutoScalingGroupName" in params:
        found = reads[POLICIES].get((*call.scope, find.plain(params["AutoScalingGroupName"]), name))
    if found is None or found.of[:2] != call.scope:
        raise invalid(f"PolicyName not found: {name}")
    return found


def _shown(policy: ScalingPolicy, names: Iterable[str]) -> list[Result]:
    head = f"arn:aws:cloudwatch:{policy.region}:{policy.account}:alarm:"
    return [{"AlarmName": name, "AlarmARN": head + name} for name in names]


def _principal(policy: ScalingPolicy) -> Principal:
    return Principal(policy.account, policy.region, "autoscaling.amazonaws.com")
