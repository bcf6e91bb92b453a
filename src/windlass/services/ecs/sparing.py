"""Gives departures.py what it looks at: tasks of a service and the room of their instances. Reads only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import product
from operator import attrgetter
from typing import Any, TypeAlias

from windlass.aws.calls import Call
from windlass.fleet.model import UNITS
from windlass.fleet.room import Strategy
from windlass.kernel.store import Transaction
from windlass.services.ecs import departures, placement, registration
from windlass.services.ecs.departures import Candidate
from windlass.services.ecs.instance_model import INSTANCES
from windlass.services.ecs.model import TASKS, Standing, Task, drained
from windlass.services.ecs.rooms import Rooms
from windlass.services.ecs.service_model import DEPLOYMENTS, Service

COUNTED = ("pending", "running", "healthy", "unhealthy")
"""The standings of tasks that are not on their way out."""
_Where: TypeAlias = tuple[str, str]
"""(container instance, zone)."""
_where = attrgetter("instance", "zone")


def choose(
    tx: Transaction, call: Call, service: Service, tasks: Sequence[Task], counted: Standing, count: int
) -> list[Task]:
    """Up to `count` of these tasks: those that its strategies can best spare.

    They are of one deployment and counted alike, and none is protected.
    """
    if len(tasks) <= count:
        return list(tasks)
    rules = placement.strategies(service.strategies or placement.OVER_ZONES)
    look = _Look(tx, call, rules)
    spreads = any(rule.kind == "spread" for rule in rules)
    chosen = departures.choose(
        look.candidates(tasks, counted),
        count,
        rules,
        call.part(Rooms).draw,
        look.staying(_elsewhere(tx, service, tasks)) if spreads else (),
    )
    return [tx[TASKS].require(task_id) for task_id in chosen]


def _elsewhere(tx: Transaction, service: Service, but: Sequence[Task]) -> Counter[_Where]:
    """How many other tasks the service has where, of all its deployments."""
    there: Counter[_Where] = Counter()
    for row in tx[DEPLOYMENTS].by("shown", service.id):
        for key in product((row.id, drained(row.id)), COUNTED):
            there.update(map(_where, tx[TASKS].by("standing", key)))
    there.subtract(map(_where, but))
    return +there


class _Look:
    """Tasks as candidates; each instance is read once."""

    def __init__(self, tx: Transaction, call: Call, rules: Sequence[Strategy]) -> None:
        self._tx = tx
        self._rooms = call.part(Rooms)
        self._packs = any(rule.kind == "binpack" for rule in rules)
        self._hosts: dict[str, dict[str, Any]] = {}

    def candidates(self, tasks: Sequence[Task], counted: Standing) -> list[Candidate]:
        """Those on one host are alike, but that some may have been found unhealthy in their grace period."""
        alike: dict[tuple[_Where, bool], list[str]] = {}
        for task in tasks:
            unhealthy = counted == "running" and task.standing == "unhealthy"
            alike.setdefault((_where(task), unhealthy), []).append(task.id)
        found = []
        for (where, unhealthy), ids in alike.items():
            cpu_units, memory_mib = self._size(ids[0])
            found.append(
                Candidate(
                    tuple(ids),
                    phase="pending" if counted == "pending" else "running",
                    healthy=not unhealthy,
                    cpu_units=cpu_units,
                    memory_mib=memory_mib,
                    **self._host(where),
                )
            )
        return found

    def staying(self, there: Mapping[_Where, int]) -> list[Candidate]:
        """Tasks that are only counted, so that they need no name."""
        return [Candidate(("",) * count, **self._host(where)) for where, count in there.items()]

    def _size(self, task_id: str) -> tuple[int, int]:
        """CPU units and MiB, where a rule looks at them."""
        unit = self._tx[UNITS].get(task_id) if self._packs else None
        return (0, 0) if unit is None else (unit.cpu_units, unit.memory_mib)

    def _host(self, where: _Where) -> dict[str, Any]:
        instance_id, zone = where
        if not instance_id:
            return {"traits": {registration.ZONE: zone}}
        known = self._hosts.get(instance_id)
        if known is None:
            known = {"instance": instance_id}
            row = self._tx[INSTANCES].get(instance_id)
            if row is not None:
                taken = self._rooms.taken(row)
                known |= {
                    "traits": row.all_attributes,
                    "cpu_free": row.cpu_units - taken.cpu_units,
                    "memory_free": row.memory_mib - taken.memory_mib,
                }
            self._hosts[instance_id] = known
        return known
