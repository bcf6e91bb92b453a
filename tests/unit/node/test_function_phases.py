"""The stopwatch of a start."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.fleet.function_messages import StartPhases
from windlass.node.function_phases import Stopwatch

STEPS = st.lists(st.sampled_from(("code", "network", "sandbox", "runtime", "init")), min_size=1)


@pytest.mark.parametrize(
    ("entered", "end", "told"),
    [
        ([("code", 10), ("sandbox", 13), ("runtime", 20)], 21, StartPhases(code=3, sandbox=7, runtime=1)),
        ([("runtime", 10), ("init", 15)], 40, StartPhases(runtime=5, init=25)),
        ([("runtime", 10), ("init", 8)], 40, StartPhases(init=30)),  # dialled before anybody looked
        ([], 40, StartPhases()),
    ],
)
def test_each_phase_ends_with_the_next(entered: list[tuple[str, int]], end: int, told: StartPhases) -> None:
    watch = Stopwatch()
    for phase, now in entered:
        watch.enter(phase, now)  # type: ignore[arg-type]
    watch.finish(end)
    assert watch.told() == told


@given(STEPS, st.lists(st.integers(0, 10**9), min_size=1))
def test_nothing_is_lost_and_nothing_counts_after_the_end(steps: list[str], gaps: list[int]) -> None:
    """The parts add up to the whole, in whatever order and however often phases come."""
    watch, now = Stopwatch(), 5
    for place, step in enumerate(steps):
        watch.enter(step, now)  # type: ignore[arg-type]
        now += gaps[place % len(gaps)]
    watch.finish(now)
    told = watch.told()
    assert told.total == now - 5
    watch.enter("init", now + 100)
    watch.finish(now + 200)
    assert watch.told() == told
