"""DAEMON services: a task on each instance, replaced where it stands."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from windlass.services.ecs.daemon import Held, Plan, plan

TASK = Held("t1", "i1", current=True, healthy=True)
OLD = replace(TASK, current=False)


def test_each_instance_gets_one() -> None:
    assert plan(["i1", "i2"], [], 0) == Plan(starts=("i1", "i2"))
    assert plan(["i1", "i2"], [TASK], 0) == Plan(starts=("i2",))
    assert plan(["i1"], [TASK], 0) == Plan(complete=True)
    assert plan([], [], 0) == Plan(complete=True)


def test_an_older_task_goes_before_its_successor_comes() -> None:
    """1. It is stopped. 2. While it leaves nothing starts there. 3. Then the new one does."""
    assert plan(["i1"], [OLD], 0) == Plan(stops=("t1",))
    assert plan(["i1"], [replace(OLD, leaving=True)], 0) == Plan()
    assert plan(["i1"], [], 0) == Plan(starts=("i1",))


def test_no_more_go_at_once_than_may() -> None:
    """Of four with 75 % one may be replaced at a time."""
    four = [Held(f"t{n}", f"i{n}", current=False, healthy=True) for n in range(4)]
    assert plan([task.instance for task in four], four, 75).stops == ("t0",)
    assert plan([task.instance for task in four], four, 100) == Plan(blocked=True)


def test_tasks_leave_instances_that_are_no_more_meant() -> None:
    """Drained, or no longer matching: also the new deployment's tasks, whatever the percentages say."""
    assert plan([], [TASK], 100) == Plan(stops=("t1",))


def test_those_that_leave_do_not_count_for_those_that_may_go() -> None:
    """A daemon on an instance that is not meant goes anyway: the older one elsewhere must then stay."""
    drained = replace(TASK, task_id="t0", instance="i9")
    assert plan(["i1", "i2"], [drained, OLD], 50).stops == ("t0",)


def test_an_unhealthy_task_is_replaced() -> None:
    assert plan(["i1"], [replace(TASK, healthy=False, unhealthy=True)], 0) == Plan(stops=("t1",))


instances = st.sampled_from(["i1", "i2", "i3", "i4"])
tasks = st.lists(
    st.builds(
        Held, st.uuids().map(str), instances, st.booleans(), st.booleans(), st.booleans(), st.just(False)
    ),
    max_size=8,
    unique_by=lambda task: task.task_id,
)


@given(st.lists(instances, unique=True), tasks, st.sampled_from([0, 50, 100]))
def test_always_ends_with_one_each(meant: list[str], held: list[Held], percent_min: int) -> None:
    """Told tasks leave and new ones get healthy: in the end each has one, unless 100 % must stay."""
    for _ in range(30):
        planned = plan(meant, held, percent_min)
        assert len(set(planned.starts) & {task.instance for task in held}) == 0
        if planned.complete:
            break
        if planned.blocked:
            assert percent_min, held
            return
        held = [
            replace(task, leaving=task.task_id in planned.stops, healthy=True)
            for task in held
            if not task.leaving
        ]
        held += [Held(f"new {name} {len(held)}", name, True, True) for name in planned.starts]
    assert sorted(task.instance for task in held) == sorted(meant)
