"""Step scaling: AWS's worked examples, and what holds for all steps."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.aws.step_scaling import Adjustment, Aggregation, Step, adjusted, aggregate, chosen, wrong

# Application Auto Scaling User Guide, "Step adjustments": threshold 50, steps of percents.
OUT = (Step(0, 10, 0), Step(10, 20, 10), Step(20, None, 30))
IN = (Step(-10, 0, 0), Step(-20, -10, -10), Step(None, -20, -30))


@pytest.mark.parametrize(
    ("capacity", "metric", "after"),
    [(10, 55, 10), (10, 60, 11), (11, 69, 12), (11, 70, 14), (14, 40, 13), (13, 30, 10), (10, 45, 10)],
)
def test_the_worked_example(capacity: int, metric: float, after: int) -> None:
    """10 +10 % = 11; 11 +30 % = 3.3 → 14; 14 -10 % = 1.4 → 13; 13 -30 % = 3.9 → 10."""
    step = chosen((*OUT, *IN), metric - 50)
    assert step is not None
    assert adjusted(capacity, "PercentChangeInCapacity", step.adjustment) == after


@pytest.mark.parametrize(
    ("breach", "adjustment"),
    [(0, 0), (9.9, 0), (10, 10), (20, 30), (1e300, 30), (-0.1, 0), (-9.9, 0), (-10, -10), (-20, -30)],
)
def test_bounds_belong_to_the_side_of_the_threshold(breach: float, adjustment: int) -> None:
    """Above it the lower bound is in a step and the upper is not; below it is the other way."""
    step = chosen((*OUT, *IN), breach)
    assert step is not None and step.adjustment == adjustment


def test_a_metric_on_the_threshold_and_one_beside_all_steps() -> None:
    assert chosen((Step(None, 0, -1),), 0) == Step(None, 0, -1)
    assert chosen((Step(0, None, 1),), -5) is None


@pytest.mark.parametrize(
    ("capacity", "kind", "adjustment", "magnitude", "after"),
    [
        (10, "ChangeInCapacity", 3, 0, 13),
        (2, "ChangeInCapacity", -3, 0, 0),
        (10, "ExactCapacity", 4, 0, 4),
        (4, "PercentChangeInCapacity", 25, 2, 6),  # User Guide, MinAdjustmentMagnitude
        (10, "PercentChangeInCapacity", 5, 0, 11),  # 0.5 → 1
        (10, "PercentChangeInCapacity", -5, 0, 9),  # -0.5 → -1
        (10, "PercentChangeInCapacity", 127, 0, 22),  # 12.7 → 12
        (10, "PercentChangeInCapacity", -67, 0, 4),  # -6.7 → -6
        (0, "PercentChangeInCapacity", 100, 0, 0),
        (0, "PercentChangeInCapacity", 100, 2, 2),
        (5, "PercentChangeInCapacity", 0, 2, 5),
        (3, "PercentChangeInCapacity", -100, 0, 0),
    ],
)
def test_adjustments(capacity: int, kind: Adjustment, adjustment: int, magnitude: int, after: int) -> None:
    assert adjusted(capacity, kind, adjustment, magnitude) == after


@pytest.mark.parametrize(
    ("steps", "says"),
    [
        ((), "at least one"),
        ((Step(None, None, 1),), "both"),
        ((Step(10, 10, 1),), "less than"),
        ((Step(0, 10, 1), Step(5, None, 2)), "overlap"),
        ((Step(0, 10, 1), Step(11, None, 2)), "gap"),
        ((Step(-10, 0, -1),), "without a lower bound"),
        ((Step(0, 10, 1),), "without an upper bound"),
        (OUT, ""),
        (IN, ""),
        ((*OUT, *IN), ""),
    ],
)
def test_what_steps_must_be(steps: tuple[Step, ...], says: str) -> None:
    told = wrong(steps, "ChangeInCapacity")
    assert says in told and bool(says) == bool(told)
    assert wrong((Step(0, None, -1),), "ExactCapacity")


@pytest.mark.parametrize(("how", "value"), [("Average", 15.0), ("Minimum", 10.0), ("Maximum", 20.0)])
def test_points_of_the_last_minute_are_joined(how: Aggregation, value: float) -> None:
    points = ((170, 10.0), (160, 20.0), (110, 900.0))
    assert aggregate(points, how) == value
    assert aggregate((), how) is None


cuts = st.lists(st.integers(-50, 50), min_size=1, max_size=6, unique=True).map(sorted)


@given(cuts, st.floats(-100, 100))
def test_every_breach_has_one_step(edges: list[int], breach: float) -> None:
    """Steps from end to end that pass the check leave nothing out, and hold nothing twice."""
    bounds: list[float | None] = [None, *edges, None]
    steps = [Step(low, high, place) for place, (low, high) in enumerate(pairwise(bounds))]
    assert wrong(steps, "ChangeInCapacity") == ""
    assert chosen(steps, breach) is not None
    assert sum(step.holds(breach, above=breach >= 0) for step in steps) == 1


@given(st.integers(0, 10_000), st.integers(-300, 300), st.integers(0, 50))
def test_percentages_change_by_something_and_never_below_nothing(
    capacity: int, percent: int, magnitude: int
) -> None:
    after = adjusted(capacity, "PercentChangeInCapacity", percent, magnitude)
    assert after >= 0
    if percent and capacity:
        assert (after > capacity) == (percent > 0)
        assert abs(after - capacity) >= min(magnitude, capacity) or percent > 0
