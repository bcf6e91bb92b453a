"""`deploymentConfiguration` of a service: read, checked, with its defaults. Pure.

Source: ECS API reference, DeploymentConfiguration and what it refers to. Wordings that AWS is known to use
are marked REP in docs/aws/ecs.md; the others are ours. Known gap: the strategies that shift requests from
one revision to another need load balancers, and are refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from windlass.aws.arn import parse
from windlass.kernel.faults import Fault
from windlass.kernel.rows import replace
from windlass.services.ecs import limits
from windlass.services.ecs.model import Shape
from windlass.services.ecs.service_model import Controller, Rolling, Scheduling

PERCENT_MIN_DEFAULT: Mapping[Scheduling, int] = {"REPLICA": 100, "DAEMON": 0}
PERCENT_MAX_DEFAULT: Mapping[Scheduling, int] = {"REPLICA": 200, "DAEMON": 100}
ROLLING_ONLY = ("deploymentCircuitBreaker", "alarms", "lifecycleHooks")
"""Members that only mean something where ECS itself deploys."""
STORED = ("alarms", "lifecycleHooks", "bakeTimeInMinutes")
"""Members that are described as they were given."""
NO_ALARMS: Shape = {"alarmNames": [], "rollback": False, "enable": False}


def default(scheduling: Scheduling) -> Rolling:
    """What a service has that says nothing."""
    return Rolling(percent_min=PERCENT_MIN_DEFAULT[scheduling], percent_max=PERCENT_MAX_DEFAULT[scheduling])


def read(given: Shape, scheduling: Scheduling, controller: Controller, before: Rolling) -> Rolling:
    """What was given over what was there before, member by member.

    Raises InvalidParameterException, and UnsupportedFeatureException for what Windlass does not have.
    """
    _check_strategy(given)
    if controller != "ECS":
        for member in ROLLING_ONLY:
            if given.get(member):
                raise _invalid(f"{member} can only be used with the ECS deployment controller.")
    after = replace(
        before,
        percent_min=given.get("minimumHealthyPercent", before.percent_min),
        percent_max=given.get("maximumPercent", before.percent_max),
        shape={**before.shape, **{member: given[member] for member in STORED if member in given}},
    )
    _check_percents(after, scheduling)
    if (breaker := given.get("deploymentCircuitBreaker")) is not None:
        after = replace(after, breaker=breaker["enable"], breaker_rollback=breaker["rollback"])
    if (alarms := given.get("alarms")) is not None:
        after = replace(after, alarms=_alarms(alarms), alarms_rollback=alarms["rollback"])
    for hook in given.get("lifecycleHooks", ()):
        _check_hook(hook)
    return after


def show(rolling: Rolling, controller: Controller) -> dict[str, Any]:
    """As DescribeServices shows it."""
    shown = {"maximumPercent": rolling.percent_max, "minimumHealthyPercent": rolling.percent_min}
    if controller != "ECS":
        return shown
    return {
        "deploymentCircuitBreaker": {"enable": rolling.breaker, "rollback": rolling.breaker_rollback},
        **shown,
        "strategy": "ROLLING",
        "bakeTimeInMinutes": 0,
        "alarms": NO_ALARMS,
        **rolling.shape,
    }


def _check_strategy(given: Shape) -> None:
    strategy = given.get("strategy", "ROLLING")
    if strategy != "ROLLING":
        raise Fault(
            "UnsupportedFeatureException",
            f"Windlass does not have the deployment strategy {strategy}: it needs a load balancer, and there "
            "are none yet.",
        )
    for member, needed in (("linearConfiguration", "LINEAR"), ("canaryConfiguration", "CANARY")):
        if given.get(member):
            raise _invalid(f"{member} is only valid when the deployment strategy is {needed}.")
    if not 0 <= given.get("bakeTimeInMinutes", 0) <= limits.BAKE_MINUTES_MAX:
        raise _invalid(f"bakeTimeInMinutes must be between 0 and {limits.BAKE_MINUTES_MAX}.")


def _check_percents(rolling: Rolling, scheduling: Scheduling) -> None:
    low, high = rolling.percent_min, rolling.percent_max
    if not 0 <= low <= 100:
        raise _invalid("minimumHealthyPercent must be between 0 and 100.")
    if scheduling == "DAEMON" and high > 100:
        raise _invalid(
            "The daemon scheduling strategy does not support values above 100 for maximumPercent on a "
            "deployment configuration. Change the maximumPercent value to 100, and try again"
        )
    if not 100 <= high <= limits.PERCENT_MAX:
        raise _invalid(f"maximumPercent must be between 100 and {limits.PERCENT_MAX}.")
    if low == high == 100:
        raise _invalid(
            "Both maximumPercent and minimumHealthyPercent cannot be 100 as this will block deployments."
        )


def _alarms(given: Shape) -> tuple[str, ...]:
    """The names, "" of them when that is off."""
    names = [name.strip() for name in given["alarmNames"]]
    if not all(names):
        raise _invalid("Alarm names cannot be blank.")
    if given["enable"] and not names:
        raise _invalid("alarmNames cannot be empty when deployment alarms are enabled.")
    return tuple(dict.fromkeys(names)) if given["enable"] else ()


def _check_hook(hook: Shape) -> None:
    """A lifecycle hook: when, and a Lambda function with the role to call it, unless it is a pause."""
    pauses = hook.get("targetType") == "PAUSE"
    for member in ("lifecycleStages",) if pauses else ("hookTargetArn", "roleArn", "lifecycleStages"):
        if not hook.get(member):
            raise _invalid(f"{member} is required for a deployment lifecycle hook.")
    if pauses:
        if hook.get("hookTargetArn"):
            raise _invalid("A deployment lifecycle hook of the type PAUSE has no hookTargetArn.")
        return
    for member, service, kind in (("hookTargetArn", "lambda", "function:"), ("roleArn", "iam", "role/")):
        named = parse(hook[member])
        if named is None or named.service != service or not named.resource.startswith(kind):
            raise _invalid(f"Invalid {member} of a deployment lifecycle hook: {hook[member]}")


def _invalid(message: str) -> Fault:
    return Fault("InvalidParameterException", message)
