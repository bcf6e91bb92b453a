"""What becomes of wanted capacities: AWS's examples of cooldowns, bounds, and flapping metrics."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.aws.capacity_plan import (
    Cooling,
    Hold,
    Scale,
    Situation,
    decide,
    moved_inside,
)
from windlass.kernel.clock import MINUTE, SECOND
from windlass.kernel.rows import replace

COOLDOWNS = (300 * SECOND, 300 * SECOND)
AT = 1_000 * MINUTE
CALM = Situation(current=4, least=2, most=10, cooling=Cooling(), now=AT)
OUT = Cooling(base=4, out_until=AT + MINUTE)
IN = Cooling(in_until=AT + MINUTE)


@pytest.mark.parametrize(
    ("situation", "wanted", "to"),
    [
        (CALM, 6, 6),
        (CALM, 60, 10),
        (CALM, 3, 3),
        (CALM, 0, 2),
        (CALM, 4, "AlreadyAtDesiredCapacity"),
        (replace(CALM, current=10), 12, "AlreadyAtMaxCapacity"),
        (replace(CALM, current=2), 1, "AlreadyAtMinCapacity"),
        # +2 is under way; +3 from before it adds one, +2 again adds nothing (API reference, Cooldown)
        (replace(CALM, current=6, cooling=OUT), 7, 7),
        (replace(CALM, current=6, cooling=OUT), 6, ""),
        (replace(CALM, current=6, cooling=OUT), 3, "AutoScalingAnticipatedFlapping"),
        (replace(CALM, current=6, cooling=OUT, now=AT + MINUTE), 8, 8),
        # a scale-in cooldown blocks scale-in and nothing else
        (replace(CALM, cooling=IN), 3, ""),
        (replace(CALM, cooling=IN), 5, 5),
        (replace(CALM, cooling=IN, now=AT + MINUTE), 3, 3),
        (replace(CALM, deploying=True), 3, "TargetServicePutResourceAsUnscalable"),
        (replace(CALM, deploying=True), 5, 5),
        (replace(CALM, no_in=True), 3, ""),
        (replace(CALM, no_in=True), 5, 5),
        (replace(CALM, no_out=True), 5, ""),
        (replace(CALM, no_out=True), 3, 3),
        # set by hand outside the bounds (ECS Developer Guide, service auto scaling)
        (replace(CALM, current=1), 2, 2),
        (replace(CALM, current=0), 1, 2),
        (replace(CALM, current=1), 0, "AlreadyAtMinCapacity"),
        (replace(CALM, current=15), 14, 10),
        (replace(CALM, current=15), 20, "AlreadyAtMaxCapacity"),
    ],
)
def test_decisions(situation: Situation, wanted: int, to: int | str) -> None:
    decision = decide(situation, wanted, COOLDOWNS)
    assert (decision.to if isinstance(decision, Scale) else decision.code) == to


def test_what_a_change_leaves_behind() -> None:
    """A scale-out ends a scale-in's cooldown; a larger one keeps the capacity that it is counted from."""
    assert decide(replace(CALM, cooling=IN), 6, COOLDOWNS) == Scale(6, Cooling(4, AT + COOLDOWNS[0]))
    larger = decide(replace(CALM, current=6, cooling=OUT), 9, COOLDOWNS)
    assert larger == Scale(9, Cooling(4, AT + COOLDOWNS[0]))
    assert decide(CALM, 2, COOLDOWNS) == Scale(2, Cooling(in_until=AT + COOLDOWNS[1]))
    assert isinstance(decide(replace(CALM, no_in=True), 2, COOLDOWNS), Hold)


@pytest.mark.parametrize(("current", "to"), [(1, 2), (2, None), (10, None), (11, 10)])
def test_new_bounds_move_the_capacity(current: int, to: int | None) -> None:
    assert moved_inside(replace(CALM, current=current, cooling=OUT)) == to


@given(
    st.lists(st.integers(-3, 3), min_size=1, max_size=120),
    st.integers(1, 10),
    st.integers(0, 5),
    st.integers(0, 5),
)
def test_flapping_metrics_are_not_followed(swings: list[int], most: int, out: int, in_: int) -> None:
    """Scale-ins are a cooldown apart from what came before them; it turns round at most twice a cooldown.

    A minute a swing, whatever is asked for.
    """
    situation = Situation(current=1, least=1, most=most, cooling=Cooling(), now=AT)
    cooldowns = (out * MINUTE, in_ * MINUTE)
    changes: list[tuple[int, int]] = []
    for swing in swings:
        decision = decide(situation, max(0, situation.base + swing), cooldowns)
        if isinstance(decision, Scale):
            assert decision.to != situation.current and 1 <= decision.to <= most
            changes.append((situation.now, decision.to - situation.current))
            situation = replace(situation, current=decision.to, cooling=decision.cooling)
        situation = replace(situation, now=situation.now + MINUTE)
    for (before, first), (after, second) in pairwise(changes):
        if second < 0:
            assert after - before >= (out if first > 0 else in_) * MINUTE
    turns = sum(a[1] * b[1] < 0 for a, b in pairwise(changes))
    assert turns <= 2 * len(swings) / max(1, out) + 1
    ins = sum(change < 0 for _, change in changes)
    assert ins <= len(swings) / max(1, min(out, in_)) + 1
