"""How large a group should be: the metric, packing, steps; and groups that settle from any situation."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.fleet.blueprints import Size
from windlass.fleet.room import Need
from windlass.kernel.rows import replace
from windlass.services.ecs.managed_scaling import (
    LOW_POINTS,
    Rules,
    Situation,
    Waits,
    decide,
    lacking,
    reservation,
)

SMALL, LARGE = Size(2_048, 4_096), Size(4_096, 16_384)


@pytest.mark.parametrize(
    ("waits", "sizes", "expected"),
    [
        ([], [SMALL], 0),
        ([Waits(Need(512, 512), 1)], [SMALL], 1),
        ([Waits(Need(512, 512), 4)], [SMALL], 1),
        ([Waits(Need(512, 512), 5)], [SMALL], 2),
        ([Waits(Need(512, 2_048), 4)], [SMALL], 2),
        ([Waits(Need(512, 512), 8)], [SMALL, LARGE], 1),
        ([Waits(Need(4_096, 512), 8)], [SMALL, LARGE], 0),
        ([Waits(Need(4_096, 512), 8)], [LARGE], 8),
        ([Waits(Need(0, 0), 50)], [SMALL], 1),
        ([Waits(Need(512, 512), 3, apart=True)], [SMALL], 3),
        ([Waits(Need(512, 512, frozenset({("tcp", 80)})), 3)], [SMALL], 3),
        ([Waits(Need(1_024, 1_024), 3), Waits(Need(512, 512), 2)], [SMALL], 2),
        ([Waits(Need(512, 512), 1)], [], 0),
    ],
)
def test_lacking(waits: list[Waits], sizes: list[Size], expected: int) -> None:
    """Packed onto the largest type, if they fit on the smallest."""
    assert lacking(waits, sizes) == expected


def test_the_metric() -> None:
    assert [reservation(there, needed) for there, needed in ((0, 0), (0, 1), (4, 4), (4, 6), (4, 1))] == [
        100,
        200,
        100,
        150,
        25,
    ]


@pytest.mark.parametrize(
    ("now", "rules", "desired"),
    [
        (Situation(0, 0, 0, 0), Rules(), 0),
        (Situation(0, 0, 0, 1), Rules(), 2),
        (Situation(0, 0, 0, 40), Rules(), 2),
        (Situation(0, 0, 0, 40), Rules(step_min=5), 5),
        (Situation(0, 0, 0, 40), Rules(step_max=1), 1),
        (Situation(2, 2, 2, 38), Rules(), 40),
        (Situation(2, 2, 2, 38), Rules(target=50), 80),
        (Situation(2, 2, 2, 38), Rules(step_max=10), 12),
        (Situation(2, 2, 2, 1), Rules(step_min=4), 6),
        (Situation(2, 2, 2, 38, warming=True), Rules(), 2),
        (Situation(4, 2, 2, 2), Rules(), 4),
        (Situation(9, 9, 9, 0), Rules(target=90), 10),
        (Situation(10, 10, 9, 0), Rules(target=90), 10),
        (Situation(10, 10, 3, 0), Rules(), 10),
        (Situation(10, 10, 3, 0, low_points=LOW_POINTS - 1), Rules(), 5),
        (Situation(10, 10, 8, 0, low_points=LOW_POINTS - 1), Rules(), 8),
        (Situation(3, 3, 0, 0, low_points=LOW_POINTS), Rules(), 2),
        (Situation(1, 1, 0, 0, low_points=LOW_POINTS), Rules(), 0),
        (Situation(6, 6, 5, 0, low_points=LOW_POINTS), Rules(target=90), 6),
    ],
)
def test_steps(now: Situation, rules: Rules, desired: int) -> None:
    assert decide(now, rules).desired == desired


def test_low_minutes_are_counted_in_a_row() -> None:
    """One that is not low begins anew."""
    low, enough = Situation(4, 4, 1, 0, low_points=7), Situation(4, 4, 4, 0, low_points=7)
    assert decide(low, Rules()).low_points == 8
    assert decide(enough, Rules()).low_points == 0


SITUATIONS = st.builds(
    lambda there, joined, busy, missing, low: Situation(
        there, min(joined, there), min(busy, joined, there), missing, low_points=low
    ),
    *[st.integers(0, 60)] * 4,
    st.integers(0, 20),
)
RULES = st.builds(
    lambda target, low, more: Rules(target, low, low + more),
    st.integers(1, 100),
    st.integers(1, 5),
    st.integers(0, 50),
)


@given(SITUATIONS, RULES)
def test_steps_stay_in_their_band(now: Situation, rules: Rules) -> None:
    """Out by no less than the smallest step and no more than the largest; in by half."""
    made = decide(now, rules)
    step = made.desired - now.there
    assert -max(1, now.there // 2) <= step <= rules.step_max
    assert step <= 0 or step >= min(rules.step_min, rules.step_max)
    if step < 0:
        assert made.desired >= (now.joined + now.lacking if now.lacking else now.busy)
    assert decide(now, rules) == made


@given(
    st.integers(0, 40),
    st.integers(0, 200),
    st.builds(Rules, st.integers(10, 100), st.integers(1, 50), st.integers(50, 100)),
)
def test_a_group_settles(there: int, tasks: int, rules: Rules) -> None:
    """With one task to an instance: it ends where the target says, from any size."""
    low = 0
    for _ in range(200):
        busy = min(there, tasks)
        made = decide(Situation(there, there, busy, tasks - busy, low_points=low), rules)
        there, low = made.desired, made.low_points
    assert there == -(-tasks * 100 // rules.target)


@given(
    st.lists(st.tuples(st.integers(1, 2_048), st.integers(1, 4_096), st.integers(1, 30)), max_size=6),
)
def test_packing_wants_enough(shapes: list[tuple[int, int, int]]) -> None:
    """Never fewer instances than the sums need, never more than one for each task."""
    waits = [Waits(Need(cpu, memory), count) for cpu, memory, count in shapes]
    found = lacking(waits, [SMALL])
    cpu = sum(one.need.cpu_units * one.count for one in waits)
    memory = sum(one.need.memory_mib * one.count for one in waits)
    assert found >= max(-(-cpu // SMALL.cpu_units), -(-memory // SMALL.memory_mib))
    assert found <= sum(one.count for one in waits)
    more = [replace(one, count=one.count + 1) for one in waits]
    assert lacking(more, [SMALL]) >= found - len(waits)
