"""Gives departures.py what it looks at: tasks of a service and the room of their instances. Reads only."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from itertools import product
from operator import attrgetter
from typing import Any, TypeAlias

from windlass.aws.calls import Call
from windlass.fleet.model import UNITS
from windlass.fleet.room import Strategy
from windlass.kernel.clock import Instant
from windlass.kernel.store import Transaction
from windlass.services.ecs import departures, placement, registration, scale_in, standing
from windlass.services.ecs.departures import Candidate
from windlass.services.ecs.instance_model import INSTANCES
from windlass.services.ecs.model import TASKS, Standing, Task, drained
from windlass.services.ecs.rooms import Rooms
from windlass.services.ecs.service_model import DEPLOYMENTS, Service
from windlass.services.ecs.standing import Patience

COUNTED: tuple[Standing, ...] = ("pending", "running", "healthy", "unhealthy")
"""The standings of tasks that are not on their way out."""
Group: TypeAlias = tuple[str, Standing]
"""(cohort, what its tasks count as)."""
_Where: TypeAlias = tuple[str, str]
"""(container instance, zone)."""
_Alike: TypeAlias = tuple[str, str, Standing, bool]
"""(container instance, zone, standing, whether protected): tasks of one deployment are alike otherwise."""
_where = attrgetter("instance", "zone")


def choose(
    tx: Transaction, call: Call, service: Service, group: Group, count: int, patience: Patience
) -> list[Task]:
    """Up to `count` tasks of this group: those that the service can best spare by its strategies.

    Protected ones never are among them. O(n) in the tasks of the service.
    """
    rules = placement.strategies(service.strategies or placement.OVER_ZONES)
    alike = _alike(standing.tasks(tx, *group, call.now, patience), group[1], call.now)
    staying: Counter[_Where] = Counter()
    if len(alike) > 1 and any(rule.kind == "spread" for rule in rules):  # else there is nothing to balance
        for other in _groups(tx, service):
            if other != group:
                staying.update(map(_where, standing.tasks(tx, *other, call.now, patience)))
    look = _Look(tx, call, rules)
    chosen = departures.choose(
        look.candidates(alike),
        count,
        rules,
        call.part(Rooms).draw,
        look.staying(staying),
    )
    return [tx[TASKS].require(task_id) for task_id in chosen]


def _groups(tx: Transaction, service: Service) -> list[Group]:
    """All that the service's tasks are in, of all its deployments."""
    cohorts = [
        cohort for row in tx[DEPLOYMENTS].by("shown", service.id) for cohort in (row.id, drained(row.id))
    ]
    return list(product(cohorts, COUNTED))


def _alike(tasks: Sequence[Task], counted: Standing, now: Instant) -> Mapping[_Alike, list[str]]:
    """Ids of tasks that nothing tells apart.

    Only among those that count as "running" some may have been found unhealthy, in their grace period.
    """
    found: defaultdict[_Alike, list[str]] = defaultdict(list)
    mixed = counted == "running"
    for task in tasks:
        stands = task.standing if mixed else counted
        found[task.instance, task.zone, stands, scale_in.is_protected(task, now)].append(task.id)
    return found


class _Look:
    """Tasks as candidates; each instance is read once."""

    def __init__(self, tx: Transaction, call: Call, rules: Sequence[Strategy]) -> None:
        self._tx = tx
        self._rooms = call.part(Rooms)
        self._packs = any(rule.kind == "binpack" for rule in rules)
        self._hosts: dict[str, dict[str, Any]] = {}

    def candidates(self, alike: Mapping[_Alike, list[str]]) -> list[Candidate]:
        found = []
        for (instance, zone, stands, protected), ids in alike.items():
            cpu_units, memory_mib = self._size(ids[0])
            found.append(
                Candidate(
                    tuple(ids),
                    phase="pending" if stands == "pending" else "running",
                    healthy=stands != "unhealthy",
                    protected=protected,
                    cpu_units=cpu_units,
                    memory_mib=memory_mib,
                    **self._host((instance, zone)),
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
