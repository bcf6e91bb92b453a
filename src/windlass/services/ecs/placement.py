"""Where tasks go among container instances: which instances take them, and why the others do not. Pure.

What fits, then constraints, then strategies (ECS Developer Guide, task placement); fleet/room.py searches. A
task without a strategy goes to the roomiest instance, so that tasks spread (AWS does not say what it does
then).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from windlass.fleet.model import Port
from windlass.fleet.room import Draw, Lack, Need, Room, Strategy, Wish
from windlass.fleet.strategies import TARGET
from windlass.kernel.faults import Fault
from windlass.services.ecs import limits, query, registration
from windlass.services.ecs.instance_model import ContainerInstance
from windlass.services.ecs.model import Shape

REASON: Mapping[Lack, str] = {
    "cpu": "RESOURCE:CPU",
    "memory": "RESOURCE:MEMORY",
    "ports": "RESOURCE:PORTS",
    "gpus": "RESOURCE:GPU",
    "enis": "RESOURCE:ENI",
}
"""As failures name it; ECS Developer Guide, API failure reasons."""
NOT_CONNECTED = "AGENT"
NOT_THERE = "LOCATION"
"""An instance whose zone has none of the task's subnets; ECS Developer Guide, API failure reasons."""
NOT_MATCHED = "MemberOf placement constraint unsatisfied."
NOT_DISTINCT = "DistinctInstance placement constraint unsatisfied."
"""Both texts are not documented."""
INTERFACE_ZONE = "zone of interfaces"
"""The trait that says where interfaces of an instance's tasks must be; attributes have no blanks in names."""
PROVIDER = "capacity provider"
"""The trait that says whose instance it is."""
NOT_OF_PROVIDER = "CAPACITY PROVIDER"
"""An instance of another provider; never told, as only the provider's own are named in failures."""
_ATTRIBUTE = re.compile(r"attribute:([A-Za-z0-9_./\\-]{1,128})", re.ASCII)
_TARGETS = ("instanceid", "host")
_AMOUNTS = ("cpu", "memory")

OVER_ZONES: Sequence[Mapping[str, str]] = ({"type": "spread", "field": f"attribute:{registration.ZONE}"},)
"""What a service does that names no strategy; ECS Developer Guide, task-placement."""

Subjects: TypeAlias = Callable[[str], query.Subject]
"""Container instance id → what expressions see of it."""


@dataclass(frozen=True, slots=True)
class Constraints:
    """What a task asks of its instance beside room."""

    expressions: tuple[query.Expression, ...] = ()
    distinct_group: str = ""
    """The task group of which an instance may have one task only; "" without that rule."""
    zones: frozenset[str] = frozenset()
    """Those of its subnets; an instance that has a zone must be in one of them. Empty: anywhere."""
    provider: str = ""
    """The capacity provider whose instances may have it; "" for all instances."""

    def unmet(self, subject: query.Subject) -> str:
        """Why the instance may not have the task; "" when it may."""
        if self.provider and subject.provider != self.provider:
            return NOT_OF_PROVIDER
        if self.zones and subject.zone and subject.zone not in self.zones:
            return NOT_THERE
        if self.distinct_group and subject.has_group(self.distinct_group):
            return NOT_DISTINCT
        return "" if all(expression(subject) for expression in self.expressions) else NOT_MATCHED


@dataclass(frozen=True, slots=True)
class Demand:
    """What one of several equal tasks wants of the cluster."""

    need: Need
    group: str = ""
    constraints: Constraints = Constraints()
    strategies: tuple[Strategy, ...] = ()

    def wish(self, subjects: Subjects) -> Wish:
        """The same for a room: conditions on attributes are asked once of all instances that share them."""
        by_attributes = [rule for rule in self.constraints.expressions if not rule.of_instance]
        by_instance = [rule for rule in self.constraints.expressions if rule.of_instance]
        zones, provider = self.constraints.zones, self.constraints.provider
        shared = Constraints(tuple(by_attributes), zones=zones, provider=provider)

        def admits(traits: Mapping[str, str]) -> bool:
            seen = query.Subject(
                traits, zone=traits.get(INTERFACE_ZONE, ""), provider=traits.get(PROVIDER, "")
            )
            return not shared.unmet(seen)

        def suits(instance_id: str) -> bool:
            subject = subjects(instance_id)
            return all(rule(subject) for rule in by_instance)

        own = (*((INTERFACE_ZONE,) if zones else ()), *((PROVIDER,) if provider else ()))
        return Wish(
            need=self.need,
            group=self.group,
            strategies=self.strategies,
            distinct=bool(self.constraints.distinct_group),
            admits=admits if by_attributes or own else None,
            reads=frozenset().union(own, *(rule.attributes for rule in by_attributes)),
            suits=suits if by_instance else None,
        )


def constraints(
    given: Iterable[Mapping[str, Any]], group: str, zones: frozenset[str] = frozenset(), provider: str = ""
) -> Constraints:
    """Those of a call and of its task definition together, the zones of its subnets, and its provider.

    Raises InvalidParameterException.
    """
    expressions: list[query.Expression] = []
    distinct = False
    for constraint in given:
        kind, expression = constraint.get("type"), constraint.get("expression", "")
        if kind == "distinctInstance" and not expression:
            distinct = True
        elif kind == "memberOf" and expression:
            expressions.append(query.compile(expression))
        else:
            raise _invalid(f"Invalid placement constraint of type {kind}.")
    return Constraints(tuple(expressions), group if distinct else "", zones, provider)


def strategies(given: Sequence[Mapping[str, Any]]) -> tuple[Strategy, ...]:
    """The rules of a call (ECS API reference, PlacementStrategy). Raises InvalidParameterException.

    `host` means `instanceId`; both, and `cpu` and `memory`, in any case. A field of random is not looked at.

    >>> strategies([{"type": "spread", "field": "host"}, {"type": "binpack", "field": "MEMORY"}])[1]
    Strategy(kind='binpack', field='memory')
    """
    if len(given) > limits.STRATEGIES_MAX:
        raise _invalid(f"placementStrategy can have at most {limits.STRATEGIES_MAX} items.")
    return tuple(_strategy(rule.get("type", ""), rule.get("field", "")) for rule in given)


def _strategy(kind: str, field: str) -> Strategy:
    if kind == "random":
        return Strategy("random")
    if kind not in ("spread", "binpack"):
        raise _invalid(f"Invalid placement strategy type: {kind}. It is one of random, spread and binpack.")
    if not field:
        raise _invalid(f"The placement strategy {kind} must have a field.")
    if kind == "binpack" and field.lower() in _AMOUNTS:
        return Strategy("binpack", field.lower())
    attribute = _ATTRIBUTE.fullmatch(field)
    if kind == "spread" and (attribute or field.lower() in _TARGETS):
        return Strategy("spread", attribute[1] if attribute else TARGET)
    known = "instanceId, host and attribute:NAME" if kind == "spread" else "cpu and memory"
    raise _invalid(f"Invalid field {field} of the placement strategy {kind}. It is one of {known}.")


def traits(instance: ContainerInstance) -> dict[str, str]:
    """By what instances are told apart: their attributes, and where interfaces of their tasks must be."""
    own = {INTERFACE_ZONE: registration.zone(instance), PROVIDER: instance.capacity_provider}
    return {**instance.all_attributes, **{name: value for name, value in own.items() if value}}


def choose(room: Room, demand: Demand, count: int, subjects: Subjects, draw: Draw) -> list[str]:
    """Instances for up to `count` equal tasks, one each; fewer when there is no more room.

    They are reserved there: the room follows rows, and these tasks have none yet. Whoever asks gives back
    what does not become a row (rooms.Rooms.expect).
    """
    wish = demand.wish(subjects)
    chosen: list[str] = []
    while len(chosen) < count:
        found = room.choose(wish, draw)
        if found is None:
            break
        room.take(found, demand.need, demand.group)
        chosen.append(found)
    return chosen


def refusal(instance: ContainerInstance, room: Room, demand: Demand, subjects: Subjects) -> str:
    """Why an ACTIVE instance does not take one more such task; "" when it does."""
    if not instance.reachable:
        return NOT_CONNECTED
    lack = room.lacks(instance.id, demand.need)
    return REASON[lack] if lack is not None else demand.constraints.unmet(subjects(instance.id))


def ports(network_mode: str, containers: Sequence[Shape]) -> frozenset[Port]:
    """Ports of the machine that a task needs: those it names, where it has no network of its own.

    >>> sorted(ports("bridge", [{"portMappings": [{"containerPort": 80, "hostPort": 8080}]}]))
    [('tcp', 8080)]
    """
    if network_mode not in ("bridge", "host"):
        return frozenset()
    found: set[Port] = set()
    for container in containers:
        for mapping in container.get("portMappings", ()):
            same = mapping.get("containerPort", 0) if network_mode == "host" else 0
            port = mapping.get("hostPort") or same
            if port:
                found.add((mapping.get("protocol", "tcp"), port))
    return frozenset(found)


def _invalid(message: str) -> Fault:
    return Fault("InvalidParameterException", message)
