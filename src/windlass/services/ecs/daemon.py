"""DAEMON services: one task on each container instance that is meant. Pure.

An instance is never given a second task while it has one of any deployment, since maximumPercent must be 100:
an older task goes first, as far as minimumHealthyPercent lets it. Source: ECS Developer Guide, service
scheduler concepts, "Daemon"; facts/ecs.md section 7.1.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Held:
    """A task of the service that has not stopped."""

    task_id: str
    instance: str
    current: bool
    """Whether it is of the PRIMARY deployment."""
    healthy: bool
    leaving: bool = False
    """Whether it was told to stop."""
    unhealthy: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do next: `starts` are instances, `stops` tasks. `complete`: each instance has its task."""

    starts: tuple[str, ...] = ()
    stops: tuple[str, ...] = ()
    complete: bool = False
    blocked: bool = False
    """Older tasks may not go, and nothing that goes on will let them."""


def plan(instances: Sequence[str], held: Sequence[Held], percent_min: int) -> Plan:
    """`instances` are those that are to have a task, in the order in which they get it.

    >>> plan(["i1", "i2"], [Held("t1", "i1", current=False, healthy=True)], 0)
    Plan(starts=('i2',), stops=('t1',), complete=False, blocked=False)
    """
    meant = set(instances)
    taken = {task.instance for task in held}
    staying = sorted(
        (task for task in held if not task.leaving),
        key=lambda task: (not task.current, not task.healthy, task.task_id),
    )
    served: Counter[str] = Counter()
    stops: list[str] = []
    kept: list[Held] = []
    for task in staying:
        served[task.instance] += 1
        if task.instance not in meant or served[task.instance] > 1 or task.unhealthy:
            stops.append(task.task_id)
        else:
            kept.append(task)
    spare = sum(task.healthy for task in kept) - -(-len(instances) * percent_min // 100)
    for task in kept:
        if not task.current and (not task.healthy or spare > 0):
            spare -= task.healthy
            stops.append(task.task_id)
    starts = tuple(instance for instance in instances if instance not in taken)
    whole = not stops and not starts and len(held) == len(instances)
    complete = whole and all(task.current and task.healthy for task in held)
    moves = starts or stops or any(task.leaving or not task.healthy for task in held)
    return Plan(starts, tuple(stops), complete, blocked=not complete and not moves)
