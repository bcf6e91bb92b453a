"""Lognormal delays from seconds: known parameters come back within their standard errors, strays or not."""

from __future__ import annotations

import math
import random

import pytest

from windlass.planner.calibration.fitting import PER_MB_LEAST, Lognormal, added, lognormal, transfer

SURE = 3.0
"""Standard errors: seeds are fixed, so what lies within once always does."""


def drawn(median: float, sigma: float, count: int, seed: int = 1) -> list[float]:
    chance = random.Random(seed)
    return [median * math.exp(sigma * chance.gauss(0, 1)) for _ in range(count)]


@pytest.mark.parametrize(("median", "sigma", "count"), [(15, 0.2, 400), (1, 0.67, 100), (6, 0.42, 5_000)])
def test_parameters_come_back(median: float, sigma: float, count: int) -> None:
    found = lognormal(drawn(median, sigma, count))
    assert abs(found.median - median) < SURE * found.errors[0] < median
    assert abs(found.sigma - sigma) < SURE * found.errors[1] < sigma
    assert found.fits and found.count == count


def test_strays_hardly_matter_and_another_shape_is_told() -> None:
    """5 % of tasks waited for ten minutes; and a delay that is one of two is no lognormal."""
    found = lognormal(drawn(15, 0.2, 380) + [600.0] * 20)
    assert found.median == pytest.approx(15, rel=0.05) and found.sigma == pytest.approx(0.2, rel=0.2)
    assert not lognormal([2.0] * 100 + [40.0] * 60 + drawn(9, 0.3, 10)).fits


def test_delays_that_are_all_the_same_or_nothing() -> None:
    """Timestamps may be rounded: no spread is sigma 0, and no time at all a millisecond."""
    assert lognormal([3.0] * 30) == Lognormal(pytest.approx(3.0), 0.0, (0.0, 0.0), 30, pytest.approx(1.0))
    assert lognormal([0.0] * 30).median == pytest.approx(0.001)


def test_what_comes_on_top_of_another_delay() -> None:
    both = [a + b for a, b in zip(drawn(15, 0.2, 800, 2), drawn(2, 0.9, 800, 3), strict=True)]
    found = added(both, drawn(15, 0.2, 800))
    assert abs(found.median - 2) < SURE * found.errors[0] < 2
    assert abs(found.sigma - 0.9) < SURE * found.errors[1] < 0.9
    assert found.fits


@pytest.mark.parametrize("strays", [0, 30])
def test_a_pull_by_its_size(strays: int) -> None:
    """1 s and 30 MB/s; a tenth of them ten times slower changes little."""
    sizes = [50.0, 100.0, 400.0, 1_000.0] * 75
    noise = drawn(1, 0.3, len(sizes))
    seconds = [(1 + size / 30) * one for size, one in zip(sizes, noise, strict=True)]
    seconds = [took * 10 if place < strays else took for place, took in enumerate(seconds)]
    found = transfer(sizes, seconds)
    assert abs(found.begin - 1) < SURE * found.errors[0]
    assert abs(found.per_mb - 1 / 30) < SURE * found.errors[1] < 1 / 60
    assert found.spread.sigma == pytest.approx(0.3, rel=0.25)


def test_pulls_that_do_not_grow_with_the_size() -> None:
    """Of images that are loaded lazily: a bandwidth that does not matter, and no division by nothing."""
    found = transfer([50.0, 1_000.0] * 30, [5.0] * 60)
    assert found.begin == pytest.approx(5) and found.per_mb == PER_MB_LEAST
    assert transfer([50.0, 1_000.0] * 30, [0.0] * 60).per_mb == PER_MB_LEAST


def test_a_pull_that_is_transfer_alone_begins_at_once() -> None:
    """What is fitted is never negative."""
    sizes = [50.0, 1_000.0] * 30
    found = transfer(sizes, [size / 40 for size in sizes])
    assert 0 <= found.begin < 0.01 and found.per_mb == pytest.approx(1 / 40, rel=0.01)
