"""Bands: percentiles of many runs, extremes of few, and nothing where most runs have no number."""

from __future__ import annotations

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.planner.spread import Spread, band_name, quantile, spread


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ([3.0], Spread(3, 3, 3, 1)),
        ([3.0, 1.0, 2.0], Spread(1, 2, 3, 3)),
        ([1.0, None, 2.0], Spread(1, 1.5, 2, 2)),
        ([1.0, None], None),
        ([None], None),
        ([], None),
        ([float(number) for number in range(11)], Spread(1, 5, 9, 11)),
    ],
)
def test_the_band_of_runs(values: list[float | None], found: Spread | None) -> None:
    assert spread(values) == found


@given(st.lists(st.floats(0, 1e9), min_size=1, max_size=40), st.floats(0, 1))
def test_quantiles_lie_within_and_the_middle_is_the_median(values: list[float], share: float) -> None:
    ordered = sorted(values)
    assert ordered[0] <= quantile(ordered, share) <= ordered[-1] or quantile(ordered, share) == pytest.approx(
        ordered[-1]
    )
    assert quantile(ordered, 0.5) == pytest.approx(statistics.median(values))


def test_bands_say_what_they_are() -> None:
    assert [band_name(runs) for runs in (1, 5, 20)] == [
        "",
        "lowest to highest of 5 runs",
        "p10 to p90 of 20 runs",
    ]
