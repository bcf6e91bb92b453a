"""`deploymentConfiguration` of a service: read, checked, with its defaults. Pure.

Source: ECS API reference, DeploymentConfiguration and what it refers to. Wordings that AWS is known to use
are marked REP in docs/aws/ecs.md; the others are ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from windlass.aws.arn import parse
from windlass.kernel.faults import Fault
from windlass.kernel.rows import replace
from windlass.services.ecs import limits
from windlass.services.ecs.model import Shape
from windlass.services.ecs.service_model import Controller, Rolling, Scheduling, Strategy

PERCENT_MIN_DEFAULT: Mapping[Scheduling, int] = {"REPLICA": 100, "DAEMON": 0}
PERCENT_MAX_DEFAULT: Mapping[Scheduling, int] = {"REPLICA": 200, "DAEMON": 100}
ECS_ONLY = ("deploymentCircuitBreaker", "alarms", "lifecycleHooks", "strategy")
"""Members that only mean something where ECS itself deploys."""
STORED = ("alarms", "lifecycleHooks", "bakeTimeInMinutes")
"""Members that are described as they were given."""


@dataclass(frozen=True, slots=True)
class Steps:
    """The member of a strategy that shifts requests in steps, with its defaults and bounds.

    Source: ECS API reference, LinearConfiguration and CanaryConfiguration.
    """

    member: str
    percent: str
    percent_min: float
    percent_default: float
    pause: str
    pause_default_m: int


STEPS: Mapping[Strategy, Steps] = {
    "LINEAR": Steps("linearConfiguration", "stepPercent", 3.0, 10.0, "stepBakeTimeInMinutes", 6),
    "CANARY": Steps("canaryConfiguration", "canaryPercent", 0.1, 5.0, "canaryBakeTimeInMinutes", 10),
}
ROUNDING = 1e-6
"""How far a tenth of a percent may be from one, as doubles go."""
NO_ALARMS: Shape = {"alarmNames": [], "rollback": False, "enable": False}


def default(scheduling: Scheduling) -> Rolling:
    """What a service has that says nothing."""
    return Rolling(percent_min=PERCENT_MIN_DEFAULT[scheduling], percent_max=PERCENT_MAX_DEFAULT[scheduling])


def read(given: Shape, scheduling: Scheduling, controller: Controller, before: Rolling) -> Rolling:
    """What was given over what was there before, member by member.

    Raises InvalidParameterException, and UnsupportedFeatureException for what Windlass does not have.
    """
    if controller != "ECS":
        for member in ECS_ONLY:
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
    return _with_strategy(given, scheduling, after)


def show(rolling: Rolling, controller: Controller) -> dict[str, Any]:
    """As DescribeServices shows it."""
    shown = {"maximumPercent": rolling.percent_max, "minimumHealthyPercent": rolling.percent_min}
    if controller != "ECS":
        return shown
    return {
        "deploymentCircuitBreaker": {"enable": rolling.breaker, "rollback": rolling.breaker_rollback},
        **shown,
        "strategy": rolling.strategy,
        "bakeTimeInMinutes": 0,
        "alarms": NO_ALARMS,
        **rolling.shape,
        **_steps(rolling),
    }


def _steps(rolling: Rolling) -> dict[str, Any]:
    steps = STEPS.get(rolling.strategy)
    if steps is None:
        return {}
    return {steps.member: {steps.percent: rolling.step / 10, steps.pause: rolling.pause_m}}


def _with_strategy(given: Shape, scheduling: Scheduling, before: Rolling) -> Rolling:
    """With the strategy that was given, or that was there; steps and pauses of another one are forgotten."""
    strategy: Strategy = given.get("strategy", before.strategy)
    if strategy != "ROLLING" and scheduling == "DAEMON":
        raise _invalid(f"The daemon scheduling strategy does not support the deployment strategy {strategy}.")
    for name, steps in STEPS.items():
        if given.get(steps.member) and strategy != name:
            raise _invalid(f"{steps.member} is only valid when the deployment strategy is {name}.")
    bake_m = given.get("bakeTimeInMinutes", before.bake_m)
    _check_minutes("bakeTimeInMinutes", bake_m)
    if strategy == "BLUE_GREEN" and "bakeTimeInMinutes" not in before.shape:
        raise _invalid("bakeTimeInMinutes is required when the deployment strategy is BLUE_GREEN.")
    after = replace(before, strategy=strategy, bake_m=bake_m)
    if strategy not in STEPS:
        return replace(after, step=0, pause_m=0)
    steps = STEPS[strategy]
    kept = (before.step / 10, before.pause_m) if strategy == before.strategy else None
    percent_default, pause_default_m = kept or (steps.percent_default, steps.pause_default_m)
    member = given.get(steps.member, {})
    pause_m = member.get(steps.pause, pause_default_m)
    _check_minutes(steps.pause, pause_m)
    step = _tenths(steps, member.get(steps.percent, percent_default))
    return replace(after, step=step, pause_m=pause_m)


def _tenths(steps: Steps, percent: float) -> int:
    tenths = round(percent * 10)
    if not steps.percent_min <= percent <= 100 or abs(tenths - percent * 10) > ROUNDING:
        raise _invalid(f"{steps.percent} must be a multiple of 0.1 between {steps.percent_min} and 100.0.")
    return tenths


def _check_minutes(member: str, minutes: int) -> None:
    if not 0 <= minutes <= limits.BAKE_MINUTES_MAX:
        raise _invalid(f"{member} must be between 0 and {limits.BAKE_MINUTES_MAX}.")


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
