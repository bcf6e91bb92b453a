"""Keeps the alarms of target tracking policies in CloudWatch: put with the policy, deleted before it.

A policy's row is written first, so that a plane which dies in between puts the alarms when it is back, and a
policy never loses its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from windlass.aws import target_tracking
from windlass.aws.calls import Calls, Principal, Result
from windlass.kernel.faults import Fault
from windlass.services.application_autoscaling import kinds
from windlass.services.application_autoscaling.model import Policy


def names(namespace_resource: str, id: str) -> tuple[str, str]:
    """The high and the low alarm of a policy.

    >>> names("service/c/s", "u")
    ('TargetTracking-service/c/s-AlarmHigh-u', 'TargetTracking-service/c/s-AlarmLow-u')
    """
    return tuple(f"TargetTracking-{namespace_resource}-Alarm{which}-{id}" for which in ("High", "Low"))  # type: ignore[return-value]


def of(policy: Policy) -> list[dict[str, Any]]:
    """The parameters of PutMetricAlarm of each of its alarms. Raises ValidationException."""
    kind, parts = kinds.check(policy.namespace, policy.resource, policy.dimension)
    metric = kinds.metric(kind, parts, policy.configuration)
    high, low = policy.alarms
    target: float = policy.configuration["TargetValue"]
    return target_tracking.alarms((high, low), policy.arn, target, metric, scales_in=policy.scales_in)


async def put(calls: Calls, policy: Policy) -> None:
    """Have the policy's alarms as they should be. Raises Fault when CloudWatch refuses one."""
    wanted = of(policy)
    for params in wanted:
        await _call(calls, policy, "PutMetricAlarm", params)
    kept = {params["AlarmName"] for params in wanted}
    await delete(calls, policy, [name for name in policy.alarms if name not in kept])


async def delete(calls: Calls, policy: Policy, gone: Sequence[str]) -> None:
    """Delete these of its alarms, as far as they are there."""
    for name in gone:
        try:
            await _call(calls, policy, "DeleteAlarms", {"AlarmNames": [name]})
        except Fault as fault:
            if fault.code != "ResourceNotFound":
                raise


async def naming(calls: Calls, policy: Policy) -> list[str]:
    """The names of all alarms that have the policy as an action: those of step scaling are the caller's."""
    answer = await _call(calls, policy, "DescribeAlarms", {"ActionPrefix": policy.arn})
    return [alarm["AlarmName"] for alarm in answer["MetricAlarms"]]


async def _call(calls: Calls, policy: Policy, operation: str, params: dict[str, Any]) -> Result:
    principal = Principal(policy.account, policy.region, "application-autoscaling.amazonaws.com")
    return await calls.call("cloudwatch", operation, params, principal)
