"""When Fargate Spot takes capacity back: the budget of task-hours."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.build import NOW
from windlass.fleet import spot
from windlass.kernel.clock import HOUR

stays = st.lists(st.tuples(st.integers(0, 1_000), st.integers(0, 3 * HOUR)), max_size=20)


@given(st.floats(0, 1, exclude_max=True), stays)
def test_only_running_tasks_use_the_budget_up(draw: float, counts: list[tuple[int, int]]) -> None:
    """Whatever the number of tasks did meanwhile, what is used is their hours; due is when all is used."""
    budget = spot.drawn(0.1, draw, NOW)
    begun, hours, now = budget.left, 0.0, NOW
    for tasks, lasts in counts:
        budget = spot.used(budget, tasks, now)
        assert spot.due(budget) is None if tasks == 0 else spot.due(budget) >= now  # type: ignore[operator]
        now += lasts
        hours += tasks * lasts / HOUR
    assert spot.used(budget, 0, now).left == pytest.approx(begun - hours, abs=1e-6)
    assert spot.used(budget, 5, budget.at - HOUR).left == budget.left


def test_due_is_when_nothing_is_left() -> None:
    budget = spot.used(spot.Budget(2.0, NOW), 4, NOW)
    assert spot.due(budget) == NOW + HOUR // 2
    assert spot.used(budget, 4, NOW + HOUR // 2).left == 0
    assert spot.due(spot.drawn(0.0, 0.5, NOW, 10)) is None


def test_every_task_is_as_likely_as_any_other() -> None:
    drawn = Counter(spot.victim("abcd", draw / 4_000) for draw in range(4_000))
    assert drawn == dict.fromkeys("abcd", 1_000)
    assert spot.victim((), 0.5) is None
