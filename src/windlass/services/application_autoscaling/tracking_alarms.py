"""Which alarms a target tracking policy has, as aws/policy_alarms.py keeps them in CloudWatch."""

from __future__ import annotations

from typing import Any

from windlass.aws import policy_alarms, target_tracking
from windlass.aws.calls import Calls, Principal
from windlass.services.application_autoscaling import kinds
from windlass.services.application_autoscaling.model import Policy


def of(policy: Policy) -> list[dict[str, Any]]:
    """The parameters of PutMetricAlarm of each of its alarms. Raises ValidationException."""
    kind, parts = kinds.check(policy.namespace, policy.resource, policy.dimension)
    metric = kinds.metric(kind, parts, policy.configuration)
    high, low = policy.alarms
    target: float = policy.configuration["TargetValue"]
    return target_tracking.alarms((high, low), policy.arn, target, metric, scales_in=policy.scales_in)


async def put(calls: Calls, policy: Policy) -> None:
    """Have the policy's alarms as they should be. Raises Fault when CloudWatch refuses one."""
    await policy_alarms.put(calls, _principal(policy), policy.alarms, of(policy))


async def delete(calls: Calls, policy: Policy) -> None:
    """Delete its own alarms."""
    await policy_alarms.delete(calls, _principal(policy), policy.alarms)


async def naming(calls: Calls, policy: Policy) -> list[str]:
    """The names of all alarms that act on it."""
    return await policy_alarms.naming(calls, _principal(policy), policy.arn)


def _principal(policy: Policy) -> Principal:
    return Principal(policy.account, policy.region, "application-autoscaling.amazonaws.com")
