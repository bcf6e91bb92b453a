"""What the indexes of tasks and units declare to depend on is all that they look at."""

from __future__ import annotations

from typing import Any

import pytest

from tests.ecs_build import a_task, a_task_unit
from windlass.fleet.messages import UnitSpec, UnitState
from windlass.fleet.model import UNITS
from windlass.fleet.task_messages import InstanceRoom
from windlass.kernel.rows import replace
from windlass.kernel.store import Index
from windlass.services.ecs.model import TASKS, Registered

TASK = a_task(service="web", deployment="ecs-svc/1", started_by="ecs-svc/1", capacity_provider="pool")
TASK_CHANGES: dict[str, tuple[Any, ...]] = {
    "containers": ((replace(TASK.containers[0], last_status="RUNNING", health="HEALTHY"),),),
    "access_keys": (("AKIA1",),),
    "tags": ({"team": "red"},),
    "instance": ("i1", "i2"),
    "zone": ("eu-west-1a", "eu-west-1b"),
    "protected_until": (7,),
    "target_health": ("initial", "healthy"),
    "draining": (True,),
    "reckoned": (True,),
    "desired_status": ("STOPPED",),
    "last_status": ("PENDING", "RUNNING", "STOPPED"),
    "version": (2,),
    "connected_at": (7,),
    "pull_started_at": (7,),
    "pull_stopped_at": (7,),
    "started_at": (7,),
    "stopping_at": (7,),
    "execution_stopped_at": (7,),
    "stopped_at": (7, 9),
    "stop_code": ("UserInitiated",),
    "stopped_reason": ("enough",),
    "targets": ((Registered("group", "10.0.0.1", 80),),),
}
"""Columns of a task that change while it lives, and values that they may come to."""
UNIT = a_task_unit(TASK, "waiting")
UNIT_CHANGES: dict[str, tuple[Any, ...]] = {
    "spec": (UnitSpec(TASK.id, "task", instance=InstanceRoom("i1", 1, 1)),),
    "bound_to": ("n1",),
    "target_id": ("i1",),
    "ports": ((("tcp", 80),),),
    "desired": ("stop",),
    "stop_within": (7,),
    "state": ("assigned", "running", "stopped"),
    "node_id": ("n1", "n2"),
    "observed": (UnitState(TASK.id, "running"),),
    "why": ("no node is connected",),
    "parked": (True,),
    "generation": (7,),
}


def _variants(row: Any, changes: dict[str, tuple[Any, ...]]) -> list[Any]:
    """The row, with each of these changes, and with each two of them."""
    single = [replace(row, **{column: value}) for column, values in changes.items() for value in values]
    double = [replace(one, **{c: v}) for one in single for c, values in changes.items() for v in values]
    return [row, *single, *double]


def _looked_at(index: Index[Any], row: Any) -> tuple[Any, Any]:
    """The row's value in the index and, if it is in it, its place."""
    value = index.of(row)
    return value, index.order(row) if index.order is not None and value is not None else None


@pytest.mark.parametrize(
    ("indexes", "row", "changes"),
    [(TASKS.indexes, TASK, TASK_CHANGES), (UNITS.indexes, UNIT, UNIT_CHANGES)],
    ids=["tasks", "units"],
)
def test_an_index_looks_only_at_what_it_declares(
    indexes: dict[str, Index[Any]], row: Any, changes: dict[str, tuple[Any, ...]]
) -> None:
    """However a row stands, a change of another column moves it in no index."""
    for name, index in indexes.items():
        if index.on is None:
            continue
        assert set(index.on) <= set(changes), f"{name} depends on a column that never changes"
        for one in _variants(row, {column: changes[column] for column in index.on}):
            for column in changes.keys() - index.on:
                for value in changes[column]:
                    other = replace(one, **{column: value})
                    assert _looked_at(index, other) == _looked_at(index, one), (name, column)
