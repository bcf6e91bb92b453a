"""Target tracking: capacities for metrics, alarms for policies, and what holds for all metrics."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.aws.target_tracking import LOW_SHARE, alarms, customized, wanted


@pytest.mark.parametrize(
    ("capacity", "metric", "target", "after"),
    [
        (4, 75, 50, 6),
        (10, 50, 50, 10),
        (10, 51, 50, 11),
        (3, 0.7, 0.7, 3),
        (10, 40, 50, 8),
        (2, 40, 50, 2),  # 1.6: rounds to what serves
        (10, 0, 50, 0),
        (0, 30, 10, 3),  # none counts as one
        (1, -5, 10, 0),
        (2, 2.0**360, 1, 2**361),
        (2, 1e308, 1e-9, 2**31 - 1),
    ],
)
def test_capacities(capacity: int, metric: float, target: float, after: int) -> None:
    assert wanted(capacity, metric, target) == pytest.approx(after, rel=1e-8)


@given(st.integers(1, 5_000), st.floats(0, 1e6), st.floats(1e-3, 1e6))
def test_what_holds_for_all_metrics(capacity: int, metric: float, target: float) -> None:
    """A shared metric is at its target or below afterwards, and no smaller capacity would do."""
    after = wanted(capacity, metric, target)
    total = capacity * metric
    if after:
        assert total / after <= target * 1.000001
    if after > 1:
        assert total / (after - 1) >= target * 0.999999
    assert wanted(capacity, metric, target) <= wanted(capacity, metric * 2 + 1, target)


def test_alarms() -> None:
    """AWS's numbers: three minutes above the target, fifteen at less than nine tenths."""
    metric = {"Namespace": "App", "MetricName": "m", "Statistic": "Average", "Period": 60}
    high, low = alarms(("h", "l"), "arn", 50, metric, scales_in=True)
    assert (high["EvaluationPeriods"], low["EvaluationPeriods"]) == (3, 15)
    assert (high["Threshold"], low["Threshold"]) == (50, 50 * LOW_SHARE)
    assert alarms(("h", "l"), "arn", 50, metric, scales_in=False) == [high]


@pytest.mark.parametrize(
    "given_",
    [
        {"MetricName": "m", "Namespace": "n"},
        {"Metrics": [{"Id": "a", "Expression": "1"}], "Namespace": "n"},
        {"Metrics": [{"Id": "a", "Expression": "1"}, {"Id": "b", "Expression": "1"}]},
        {"Metrics": [{"Id": "a", "Expression": "1", "ReturnData": False}]},
    ],
)
def test_half_a_metric_is_refused(given_: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        customized(given_)
