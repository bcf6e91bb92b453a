"""What may limit a scenario: the same scenario with one quota, delay, percentage or size twice as good. Pure.

Buckets that were empty, quotas, supplies, delays of launches and of cold starts, percentages of a deployment,
and the sizes that resources of the scenario were given. Known gaps: sizes that limit together (twice of one
alone gives nothing), CPU and memory of tasks and functions, and what applications do.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from windlass.aws.quotas import Profile
from windlass.kernel.bucket import Rate
from windlass.kernel.clock import SECOND
from windlass.planner.scenario.model import Delay, Scenario
from windlass.planner.scenario.parts import Span

BUCKETS_TRIED = 3
SCARCE = 0.5
"""Of a full bucket: one that never had less limited nothing, with others neither; ours."""
DELAYS: Mapping[str, str] = {
    "ecs.healthy_after": "the time that a task must run to count as healthy",
    "task.provision": "provisioning of a task",
    "instance.register": "the time until an instance has registered",
    "ecs.managed_scaling_minute": "the minute of managed scaling",
}
FUNCTION_DELAYS: Mapping[str, str] = {
    "lambda.sandbox": "making the environment of a function",
    "lambda.interface_attach": "attaching a network interface to an environment",
}
"""Of cold starts; the first without a VPC, too."""
SUPPLIES: Mapping[str, str] = {"fargate.spot.supply_per_s": "the supply of Fargate Spot"}
QUOTAS: Mapping[str, tuple[str, str]] = {
    "lambda.concurrent_executions": ("lambda.CreateFunction", "the account's concurrent executions"),
    "lambda.mapping_pollers_per_minute": (
        "lambda.CreateEventSourceMapping",
        "the growth of an event source mapping",
    ),
}
"""Quota → (the operation that makes what it limits, what it is)."""
SIZES: Sequence[tuple[str, tuple[str, ...], str]] = (
    ("ecs.CreateService", ("desiredCount",), "the desired count"),
    ("application-autoscaling.RegisterScalableTarget", ("MinCapacity",), "the least capacity"),
    ("application-autoscaling.RegisterScalableTarget", ("MaxCapacity",), "the greatest capacity"),
    ("apprunner.CreateAutoScalingConfiguration", ("MinSize",), "the number of provisioned instances"),
    ("apprunner.CreateAutoScalingConfiguration", ("MaxSize",), "the greatest number of instances"),
    ("lambda.PutFunctionConcurrency", ("ReservedConcurrentExecutions",), "the reserved concurrency"),
    (
        "lambda.PutProvisionedConcurrencyConfig",
        ("ProvisionedConcurrentExecutions",),
        "the provisioned concurrency",
    ),
    (
        "lambda.CreateEventSourceMapping",
        ("ScalingConfig", "MaximumConcurrency"),
        "the concurrency of the event source mapping",
    ),
    ("batch.CreateComputeEnvironment", ("computeResources", "maxvCpus"), "the vCPU cap"),
    ("autoscaling.CreateAutoScalingGroup", ("MaxSize",), "the greatest number of machines"),
)
"""(operation, path of a member, what it is)."""
NAMES = (
    "serviceName",
    "ResourceId",
    "AutoScalingConfigurationName",
    "FunctionName",
    "computeEnvironmentName",
    "AutoScalingGroupName",
)
PERCENTAGES: Sequence[tuple[str, int, float]] = (
    ("maximumPercent", 200, 2.0),
    ("minimumHealthyPercent", 100, 0.5),
)
"""(member of deploymentConfiguration, AWS's default, what it is multiplied with)."""
_CREATE, _UPDATE = "ecs.CreateService", "ecs.UpdateService"


@dataclass(frozen=True, slots=True)
class Candidate:
    """One thing, and the scenario with it twice as good."""

    name: str
    what: str
    """For people, as a sentence begins."""
    now: str
    changed: str
    scenario: Scenario
    serves: bool = False
    """Changes what there is, and so what "it is there" means: it counts only for how requests are served."""


def candidates(scenario: Scenario, lowest: Mapping[str, int], profile: Profile) -> Iterator[Candidate]:
    """Of a scenario that was played; `lowest`: what was left in its buckets."""
    made = {name for said in scenario.resources for name in said}
    yield from _buckets(scenario, lowest, profile)
    yield from _supplies(scenario, lowest, profile)
    yield from _quotas(scenario, profile, made)
    delays = {**DELAYS, **(FUNCTION_DELAYS if "lambda.CreateFunction" in made else {})}
    for name, what in delays.items():
        if delay := profile.delays.get(name, 0.0):
            half = Delay(Span(round(delay / 2 * SECOND)), profile.sigmas.get(name, 0.0))
            changed = msgspec.structs.replace(scenario, delays={**scenario.delays, name: half})
            yield Candidate(name, _capital(what), f"{delay:g} s", "half of that", changed)
    yield from _percentages(scenario)
    yield from _sizes(scenario)


def together(scenario: Scenario, lowest: Mapping[str, int], profile: Profile) -> Candidate | None:
    """Quotas and rates at once, where each alone may hide behind the other; None of less than two."""
    made = {name for said in scenario.resources for name in said}
    scarce = [
        name
        for name, least in sorted(lowest.items())
        if name in profile.buckets and least <= profile.buckets[name].burst * SCARCE
    ]
    changed = {name: _twice(profile.buckets[name]) for name in scarce}
    for one in _quotas(scenario, profile, made):
        changed[one.name] = one.scenario.quotas[one.name]
    if len(changed) < 2:
        return None
    now = "none of them alone"
    raised = msgspec.structs.replace(scenario, quotas={**scenario.quotas, **changed})
    return Candidate(", ".join(changed), "A combination of quotas", now, "twice each", raised)


def _buckets(scenario: Scenario, lowest: Mapping[str, int], profile: Profile) -> Iterator[Candidate]:
    empty = [name for name, least in sorted(lowest.items()) if least == 0]
    for name in empty[:BUCKETS_TRIED]:
        rate = profile.buckets[name]
        per_minute = 60 * rate.per_second + rate.per_minute
        shown = f"{per_minute:g} per minute" if per_minute % 60 else f"{per_minute / 60:g} per second"
        changed = msgspec.structs.replace(scenario, quotas={**scenario.quotas, name: _twice(rate)})
        yield Candidate(name, "A rate", shown, "twice that", changed)


def _supplies(scenario: Scenario, lowest: Mapping[str, int], profile: Profile) -> Iterator[Candidate]:
    for name, what in SUPPLIES.items():
        if name in profile.models and any("spot" in bucket for bucket in lowest):
            value = profile.models[name]
            changed = msgspec.structs.replace(scenario, models={**scenario.models, name: 2 * value})
            yield Candidate(name, _capital(what), f"{value:g} per second", "twice that", changed)


def _quotas(scenario: Scenario, profile: Profile, made: set[str]) -> Iterator[Candidate]:
    for name, (needs, what) in QUOTAS.items():
        value = profile.quotas.get(name)
        if value and needs in made:
            changed = msgspec.structs.replace(scenario, quotas={**scenario.quotas, name: 2 * value})
            yield Candidate(name, _capital(what), f"{value:g}", "twice that", changed)


def _percentages(scenario: Scenario) -> Iterator[Candidate]:
    """Of services that are deployed anew by an event: a first deployment is not held back by them."""
    deployed = {str((one.call or {}).get(_UPDATE, {}).get("service")) for one in scenario.events}
    for place, said in enumerate(scenario.resources):
        params = said.get(_CREATE)
        name = params.get("serviceName") if isinstance(params, Mapping) else None
        if params is None or name not in deployed or params.get("schedulingStrategy") == "DAEMON":
            continue
        for member, default, by in PERCENTAGES:
            now = _at(params, ("deploymentConfiguration", member)) or default
            then = round(now * by)
            if isinstance(now, int):
                changed = _with(scenario, place, _CREATE, ("deploymentConfiguration", member), then)
                yield Candidate(f"{member} of {name}", "A percentage", f"{now} %", f"{then} %", changed)


def _sizes(scenario: Scenario) -> Iterator[Candidate]:
    for place, said in enumerate(scenario.resources):
        for operation, path, what in SIZES:
            params = said.get(operation) or {}
            now = _at(params, path)
            if type(now) is not int or now <= 0:
                continue
            subject = next((str(params[name]) for name in NAMES if isinstance(params.get(name), str)), "")
            name = f"{path[-1]} of {subject}" if subject else path[-1]
            changed = _with(scenario, place, operation, path, 2 * now)
            yield Candidate(name, _capital(what), f"{now:,}", "twice that", changed, operation == _CREATE)


def _twice(rate: Rate) -> dict[str, Any]:
    per_minute = 60 * rate.per_second + rate.per_minute
    return {"refill": f"{2 * per_minute}/min", "burst": 2 * rate.burst}


def _at(params: Any, path: Sequence[str]) -> Any:
    for step in path:
        params = params.get(step) if isinstance(params, Mapping) else None
    return params


def _with(scenario: Scenario, place: int, operation: str, path: Sequence[str], value: int) -> Scenario:
    """The scenario with another value there, of one of its resources."""
    resources = list(scenario.resources)
    changed = resources[place] = copy.deepcopy(resources[place])
    inner = changed[operation]
    for step in path[:-1]:
        inner = inner.setdefault(step, {})
    inner[path[-1]] = value
    return msgspec.structs.replace(scenario, resources=resources)


def _capital(said: str) -> str:
    return said[0].upper() + said[1:]
