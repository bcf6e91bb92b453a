"""Gives departures.py what it looks at: tasks of a service and the room of their instances. Reads only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any

from windlass.aws.calls import Call
from windlass.fleet.model import UNITS
from windlass.fleet.room import Strategy
from windlass.kernel.store import Transaction
from windlass.services.ecs import departures, placement, registration
from windlass.services.ecs.departures import Candidate
from windlass.services.ecs.instance_model import INSTANCES
from windlass.services.ecs.model import TASKS, Task, drained
from windlass.services.ecs.rooms import Rooms
from windlass.services.ecs.service_model import DEPLOYMENTS, Service

COUNTED = ("pending", "running", "healthy", "unhealthy")
"""The standings of tasks that are not on their way out."""


def choose(tx: Transaction, call: Call, service: Service, tasks: Sequence[Task], count: int) -> list[Task]:
    """Up to `count` of these tasks, none of which is protected: those that its strategies can best spare."""
    if len(tasks) <= count:
        return list(tasks)
    rules = placement.strategies(service.strategies or placement.OVER_ZONES)
    look = _Look(tx, call, rules)
    by_id = {task.id: task for task in tasks}
    others = _others(tx, service, by_id) if any(rule.kind == "spread" for rule in rules) else ()
    candidates, staying = list(map(look.at, tasks)), map(look.at, others)
    return [
        by_id[task_id]
        for task_id in departures.choose(candidates, count, rules, call.part(Rooms).draw, staying)
    ]


def _others(tx: Transaction, service: Service, but: Mapping[str, Task]) -> Iterator[Task]:
    """The service's other tasks, of all its deployments."""
    cohorts = [
        cohort for row in tx[DEPLOYMENTS].by("shown", service.id) for cohort in (row.id, drained(row.id))
    ]
    for key in product(cohorts, COUNTED):
        for task in tx[TASKS].by("standing", key):
            if task.id not in but:
                yield task


class _Look:
    """Tasks as candidates; each instance is read once."""

    def __init__(self, tx: Transaction, call: Call, rules: Sequence[Strategy]) -> None:
        self._tx = tx
        self._rooms = call.part(Rooms)
        self._packs = any(rule.kind == "binpack" for rule in rules)
        self._hosts: dict[str, dict[str, Any]] = {}

    def at(self, task: Task) -> Candidate:
        known = self._host(task.instance) if task.instance else {"traits": {registration.ZONE: task.zone}}
        unit = self._tx[UNITS].get(task.id) if self._packs and task.instance else None
        return Candidate(
            id=task.id,
            phase="pending" if task.standing == "pending" else "running",
            healthy=task.standing != "unhealthy",
            instance=task.instance,
            cpu_units=unit.cpu_units if unit is not None else 0,
            memory_mib=unit.memory_mib if unit is not None else 0,
            **known,
        )

    def _host(self, instance_id: str) -> dict[str, Any]:
        known = self._hosts.get(instance_id)
        if known is None:
            row = self._tx[INSTANCES].get(instance_id)
            known = {}
            if row is not None:
                taken = self._rooms.taken(row)
                known = {
                    "traits": row.all_attributes,
                    "cpu_free": row.cpu_units - taken.cpu_units,
                    "memory_free": row.memory_mib - taken.memory_mib,
                }
            self._hosts[instance_id] = known
        return known
