"""Rebalancing ends, balanced, and no step makes it worse."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.services.ecs import rebalancing
from windlass.services.ecs.rebalancing import Move, is_balanced, moves

ZONED = st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 40), max_size=6)


@pytest.mark.parametrize(
    ("tasks", "made"),
    [
        ({}, []),
        ({"a": 7}, []),
        ({"a": 2, "b": 1}, []),
        ({"a": 2, "b": 0}, [Move("b", "a")]),
        ({"a": 4, "b": 1, "c": 0}, [Move("c", "a"), Move("b", "a")]),
        ({"a": 3, "b": 3, "c": 0}, [Move("c", "a"), Move("c", "b")]),
    ],
)
def test_moves(tasks: dict[str, int], made: list[Move]) -> None:
    assert moves(tasks, tasks, most=10) == made
    assert moves(tasks, tasks, most=1) == made[:1]


def test_zones_that_are_not_usable_only_lose() -> None:
    """A full zone is never started in, however few tasks it has; without a usable one nothing moves."""
    tasks = {"a": 5, "b": 2, "c": 0}
    assert moves(tasks, ["a", "b"], most=9) == [Move("b", "a")]
    assert moves(tasks, ["a"], most=9) == []
    assert moves(tasks, [], most=9) == []


def spread(tasks: dict[str, int]) -> int:
    return sum(count * count for count in tasks.values())


@given(ZONED, st.integers(1, 5))
def test_it_always_ends_balanced(tasks: dict[str, int], most: int) -> None:
    """So many moves at a time, each better than what was; as many tasks as before."""
    now, total = Counter(tasks), sum(tasks.values())
    while made := moves(now, sorted(now), most):
        assert len(made) <= most
        for move in made:
            before = spread(now)
            now[move.start] += 1
            now[move.stop] -= 1
            assert spread(now) < before
            assert now[move.stop] >= 0
    assert is_balanced(now)
    assert now.total() == total
    assert sorted(now) == sorted(tasks)


@given(st.booleans(), st.integers(0, 500), st.integers(0, 300))
def test_it_keeps_to_the_maximum(enabled: bool, desired_count: int, percent_max: int) -> None:
    most = rebalancing.allowed(enabled, desired_count, percent_max)
    assert desired_count + most <= max(desired_count, desired_count * percent_max // 100)
    assert most == 0 or (enabled and percent_max > 100)


def test_texts() -> None:
    """ECS Developer Guide, track service rebalancing."""
    tasks = {"us-east-1b": 1, "us-east-1a": 3}
    assert rebalancing.begun(tasks) == (
        "is not AZ balanced with 3 tasks in us-east-1a, 1 tasks in us-east-1b. AZ Rebalancing in progress"
    )
    assert rebalancing.done({"us-east-1a": 2}) == "is AZ balanced with 2 tasks in us-east-1a"
