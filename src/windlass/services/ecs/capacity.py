"""Which launch type or capacity provider each task of a call gets. Pure.

Rules: ECS API reference, RunTask and CapacityProviderStrategyItem; the providers are FARGATE and
FARGATE_SPOT, and those on Auto Scaling groups (provider_model.py), never both in one strategy.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from windlass.kernel.faults import Fault
from windlass.services.ecs import limits
from windlass.services.ecs.instance_model import ContainerInstance
from windlass.services.ecs.model import CAPACITY_PROVIDERS, FARGATE

Strategy = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Place:
    """How one task is launched; `provider` is "" for a plain launch type."""

    launch_type: str
    provider: str = ""
    host: ContainerInstance | None = None
    """Where it is placed; None on Fargate, and before it is placed."""
    waits: bool = False
    """It is to be placed when its provider has an instance for it."""
    zone: str = ""
    """On Fargate the Availability Zone that it had best be in; "" for any of its subnets'."""


def place_by(provider: str) -> Place:
    """The place of a task that this provider is chosen for."""
    return Place(FARGATE if provider in CAPACITY_PROVIDERS else "EC2", provider)


def check_providers(names: Sequence[str], known: Collection[str] = CAPACITY_PROVIDERS) -> tuple[str, ...]:
    """The names, if each is a provider that exists. Raises InvalidParameterException."""
    for name in names:
        if name not in known:
            raise _invalid(
                f"The specified capacity provider '{name}' was not found. Specify a valid capacity provider "
                "and try again."
            )
    return tuple(dict.fromkeys(names))


def check_strategy(strategy: Strategy, associated: Collection[str]) -> tuple[Mapping[str, Any], ...]:
    """The strategy, if it could place tasks. Raises InvalidParameterException."""
    if len(strategy) > limits.STRATEGY_ITEMS_MAX:
        raise _invalid(f"A capacity provider strategy can have at most {limits.STRATEGY_ITEMS_MAX} items.")
    names = check_providers(
        [item["capacityProvider"] for item in strategy], {*CAPACITY_PROVIDERS, *associated}
    )
    if len(names) < len(strategy):
        raise _invalid("A capacity provider may appear only once in a capacity provider strategy.")
    if not set(names) <= set(associated):
        raise _invalid(
            "The specified capacity provider strategy cannot contain a capacity provider that is not "
            "associated with the cluster. Associate the capacity provider with the cluster and try again."
        )
    if len({name in CAPACITY_PROVIDERS for name in names}) > 1:
        raise _invalid(
            "A capacity provider strategy cannot contain a mix of capacity providers using Auto Scaling "
            "groups and Fargate providers. Specify one or the other and try again."
        )
    if sum(item.get("base", 0) > 0 for item in strategy) > 1:
        raise _invalid("Only one capacity provider in a capacity provider strategy can have a base defined.")
    if len(strategy) > 1 and not any(item.get("weight", 0) for item in strategy):
        raise _invalid(
            "A capacity provider strategy with several providers needs one with a weight greater than zero."
        )
    return tuple(strategy)


def places(launch_type: str | None, strategy: Strategy, count: int) -> list[Place]:
    """One place per task. Neither launch type nor strategy means EC2 (RunTask)."""
    if launch_type is not None or not strategy:
        return [Place(launch_type or "EC2")] * count
    return [place_by(provider) for provider in spread(strategy, count)]


def spread(strategy: Strategy, count: int, held: Mapping[str, int] | None = None) -> list[str]:
    """A provider for each of `count` more tasks: the base first, then by weight.

    Each task goes to the provider that is furthest below its share; ties go to the earlier item. Where so
    many tasks are `held` already, those that lack most come first; that costs nothing for tasks held.

    >>> spread([{"capacityProvider": "A", "base": 1, "weight": 1}, {"capacityProvider": "B", "weight": 3}], 5)
    ['A', 'B', 'B', 'A', 'B']
    >>> half = [{"capacityProvider": "A", "weight": 1}, {"capacityProvider": "B", "weight": 1}]
    >>> spread(half, 2, {"A": 3, "B": 1})
    ['B', 'B']
    """
    has = [(held or {}).get(item["capacityProvider"], 0) for item in strategy]
    chosen: list[str] = []
    for _ in range(count):
        number = min(range(len(strategy)), key=lambda i: _turn(strategy[i], has[i]))
        has[number] += 1
        chosen.append(strategy[number]["capacityProvider"])
    return chosen


def _turn(item: Mapping[str, Any], has: int) -> tuple[int, float]:
    """When a provider that has so many tasks is to get its next: the least of these is the next one's."""
    base, weight = item.get("base", 0), item.get("weight", 0)
    if has < base:
        return (0, 0)
    return (1, (has - base + 1) / weight) if weight else (2, 0)


def _invalid(message: str) -> Fault:
    return Fault("InvalidParameterException", message)
