"""Where tasks go among container instances: which instances take them, and why the others do not. Pure.

The roomiest instance first, so that tasks spread; among equals the one with the lowest id. Rules: ECS
Developer Guide, task placement: what fits, then constraints. Known gaps: placement strategies, GPUs, and the
attributes that a task definition requires by itself (requiresAttributes).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

from windlass.fleet.model import Port
from windlass.fleet.room import Lack, Need, Room, Target
from windlass.kernel.faults import Fault
from windlass.services.ecs import query
from windlass.services.ecs.model import ContainerInstance, Shape

REASON: Mapping[Lack, str] = {"cpu": "RESOURCE:CPU", "memory": "RESOURCE:MEMORY", "ports": "RESOURCE:PORTS"}
"""As failures name it; ECS Developer Guide, API failure reasons."""
NOT_CONNECTED = "AGENT"
NOT_THERE = "LOCATION"
"""An instance whose zone has none of the task's subnets; ECS Developer Guide, API failure reasons."""
NOT_MATCHED = "MemberOf placement constraint unsatisfied."
NOT_DISTINCT = "DistinctInstance placement constraint unsatisfied."
"""Both texts are not documented."""

Subjects: TypeAlias = Callable[[str], query.Subject]
"""Container instance id → what expressions see of it."""


@dataclass(frozen=True, slots=True)
class Constraints:
    """What a task asks of its instance beside room."""

    expressions: tuple[query.Predicate, ...] = ()
    distinct_group: str = ""
    """The task group of which an instance may have one task only; "" without that rule."""
    zones: frozenset[str] = frozenset()
    """Those of its subnets; an instance that has a zone must be in one of them. Empty: anywhere."""

    def __bool__(self) -> bool:
        return bool(self.expressions or self.distinct_group or self.zones)

    def unmet(self, subject: query.Subject) -> str:
        """Why the instance may not have the task; "" when it may."""
        if self.zones and subject.zone and subject.zone not in self.zones:
            return NOT_THERE
        if self.distinct_group and subject.has_group(self.distinct_group):
            return NOT_DISTINCT
        return "" if all(expression(subject) for expression in self.expressions) else NOT_MATCHED


def constraints(
    given: Iterable[Mapping[str, Any]], group: str, zones: frozenset[str] = frozenset()
) -> Constraints:
    """Those of a call and of its task definition together, and the zones of its subnets.

    Raises InvalidParameterException.
    """
    expressions: list[query.Predicate] = []
    distinct = False
    for constraint in given:
        kind, expression = constraint.get("type"), constraint.get("expression", "")
        if kind == "distinctInstance" and not expression:
            distinct = True
        elif kind == "memberOf" and expression:
            expressions.append(query.compile(expression))
        else:
            raise Fault("InvalidParameterException", f"Invalid placement constraint of type {kind}.")
    return Constraints(tuple(expressions), group if distinct else "", zones)


def choose(room: Room, need: Need, count: int, wanted: Constraints, subjects: Subjects) -> list[str]:
    """Instances for up to `count` equal tasks, one each; fewer when there is no more room.

    The room is left as it was: it follows rows, and these tasks have none yet.
    """
    if count == 1 and not wanted:  # most calls: there is nothing to remember and nothing to ask
        found = room.choose(need)
        return [] if found is None else [found]
    chosen: list[str] = []

    def suits(target: Target) -> bool:
        if wanted.distinct_group and target.id in chosen:
            return False
        return not wanted.unmet(subjects(target.id))

    with taken(room, need, chosen):
        while len(chosen) < count:
            found = room.choose(need, suits) if wanted else room.choose(need)
            if found is None:
                break
            room.take(found, need)
            chosen.append(found)
    return chosen


@contextmanager
def taken(room: Room, need: Need, chosen: Sequence[str]) -> Iterator[None]:
    """With that reserved on each of the chosen; those that are added to it inside are given back, too."""
    for instance_id in chosen:
        room.take(instance_id, need)
    try:
        yield
    finally:
        for instance_id in chosen:
            room.give_back(instance_id, need)


def refusal(
    instance: ContainerInstance, room: Room, need: Need, wanted: Constraints, subjects: Subjects
) -> str:
    """Why an ACTIVE instance does not take one more such task; "" when it does."""
    if not instance.reachable:
        return NOT_CONNECTED
    lack = room.lacks(instance.id, need)
    return REASON[lack] if lack is not None else wanted.unmet(subjects(instance.id))


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
