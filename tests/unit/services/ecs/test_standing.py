"""The tasks that are counted so are those that are found so, whatever the clock was set to."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.ecs_build import NOW, a_task
from windlass.kernel.clock import SECOND
from windlass.kernel.durable import DurableLog, MemoryLog
from windlass.kernel.store import Store
from windlass.services.ecs import standing
from windlass.services.ecs.model import TASKS, Standing, Task
from windlass.services.ecs.standing import Patience

DEPLOYMENT = "ecs-svc/1"
COUNTED: tuple[Standing, ...] = ("running", "healthy", "unhealthy", "pending")
CHECKED = ("initial", "healthy", "unhealthy")
"""What a load balancer says of targets; of tasks behind none it says nothing."""


def tasks_of(started: list[tuple[int, str]], behind_one: bool) -> list[Task]:
    """Started so many seconds before now, or after: a clock may be set back."""
    return [
        a_task(
            f"t{number}",
            deployment=DEPLOYMENT,
            last_status="RUNNING",
            started_at=NOW + at * SECOND,
            target_health=health if behind_one else "",
        )
        for number, (at, health) in enumerate(started)
    ]


@given(
    st.lists(st.tuples(st.integers(-100, 100), st.sampled_from(CHECKED)), max_size=8),
    st.booleans(),
    st.sampled_from([0, 40]),
    st.sampled_from([0, 60]),
)
def test_counts_and_tasks_agree(
    started: list[tuple[int, str]], behind_one: bool, healthy_after: int, grace: int
) -> None:
    store = Store((TASKS,), DurableLog(MemoryLog()))
    patience = Patience(healthy_after * SECOND, grace * SECOND)
    made = tasks_of(started, behind_one)
    with store.transact() as tx:
        for task in made:
            tx[TASKS].put(task)
    counts = standing.of(store, DEPLOYMENT, NOW, patience).counts
    found = {name: standing.tasks(store, DEPLOYMENT, name, NOW, patience) for name in COUNTED}
    assert {name: len(rows) for name, rows in found.items()} == {
        "running": counts.waiting,
        "healthy": counts.healthy,
        "unhealthy": counts.unhealthy,
        "pending": counts.pending,
    }
    assert sorted(task.id for rows in found.values() for task in rows) == sorted(task.id for task in made)
    if not grace and behind_one:
        assert counts.unhealthy == sum(health == "unhealthy" for _, health in started)
