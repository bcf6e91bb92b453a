from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.kernel.clock import in_seconds
from windlass.sim.arrivals import Phase, arrivals, percentile, silence, steady


@pytest.mark.parametrize(
    ("phases", "expected"),
    [
        ([steady(2, for_s=1), silence(5), steady(1, for_s=2)], [0.5, 1.0, 7.0, 8.0]),
        ([Phase(2, 0, 4)], [1.0, 2**0.5, 3**0.5, 2.0]),
        ([Phase(2, 4, 0)], [2 - 3**0.5, 2 - 2**0.5, 1.0, 2.0]),
        ([steady(0.5, for_s=1), steady(0.5, for_s=1)], [2.0]),
        ([silence(10)], []),
    ],
)
def test_requests_arrive_where_the_sum_passes_a_number(phases: list[Phase], expected: list[float]) -> None:
    assert [in_seconds(at) for at in arrivals(phases)] == pytest.approx(expected)


@given(st.integers(0, 2**32), st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), max_size=4))
def test_by_chance_they_are_about_as_many_and_in_order(seed: int, rates: list[tuple[int, int]]) -> None:
    """A Poisson process: its count's deviation is the root of what is expected."""
    phases = [Phase(10, begin, end) for begin, end in rates]
    expected = sum(phase.expected for phase in phases)
    found = list(arrivals(phases, random.Random(seed).random))
    assert found == sorted(found)
    assert abs(len(found) - expected) <= 8 * expected**0.5 + 8
    assert all(0 <= in_seconds(at) <= 10 * len(phases) for at in found)


def test_percentiles_are_values_that_there_were() -> None:
    values = [float(value) for value in range(1, 101)]
    assert [percentile(values, percent) for percent in (1, 50, 99, 99.9, 100)] == [1, 50, 99, 100, 100]
    assert str(percentile([], 50)) == "nan"
