"""Places of a mapping over time: start, growth, failures, recovery."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from windlass.kernel.clock import MINUTE, SECOND
from windlass.services.lambda_.sources.scaling import (
    Places,
    Scaling,
    failed,
    next_place_at,
    observed,
    opening,
    pause,
    retry_wait,
    succeeded,
)

AWS = Scaling(start=5, per_minute=300, ceiling=1250, pause_first=SECOND, pause_max=MINUTE)


def busy(taken: int, scaling: Scaling = AWS) -> Places:
    """A mapping that was switched on at 0 and has so many places taken since."""
    return observed(opening(scaling, 0), taken, scaling, 0)


def test_grows_while_all_are_taken() -> None:
    """5 at once; after ten seconds of being full 55; after more than four minutes 1,250 and no more."""
    assert opening(AWS, 0).count == 5
    full = busy(1_250)
    assert [observed(full, 1_250, AWS, at * SECOND).count for at in (1, 10, 60, 249, 3_600)] == [
        10,
        55,
        305,
        1_250,
        1_250,
    ]
    assert next_place_at(full, AWS) == SECOND // 5


def test_goes_back_when_quiet() -> None:
    """With a place free it falls at the same rate, to five."""
    large = replace(busy(0), parts=100 * MINUTE)
    assert [observed(large, 0, AWS, at * SECOND).count for at in (0, 10, 60)] == [100, 50, 5]
    assert next_place_at(large, AWS) is None


def test_maximum_concurrency() -> None:
    """It starts with no more than that, and never has more."""
    two = replace(AWS, ceiling=2)
    assert opening(two, 0).count == 2
    assert observed(busy(2, two), 2, two, 3_600 * SECOND).count == 2
    assert next_place_at(busy(2, two), two) is None
    assert observed(replace(busy(0), parts=100 * MINUTE), 0, two, 0).count == 2


def test_failures() -> None:
    """Half the places each time, one in the end; after a success back to five within a second."""
    places = busy(0)
    counts = []
    for _ in range(4):
        places = failed(places)
        counts.append(places.count)
    assert counts == [2, 1, 1, 1] and places.failures == 4
    assert observed(places, 1, AWS, SECOND).count == 1 and next_place_at(places, AWS) is None
    assert succeeded(places).failures == 0
    assert observed(succeeded(places), 0, AWS, SECOND).count == 5


def test_pauses() -> None:
    assert [pause(n, AWS) // SECOND for n in (0, 1, 2, 3, 7, 8, 500)] == [0, 0, 1, 2, 32, 60, 60]
    assert [retry_wait(n, AWS) // SECOND for n in (1, 2, 6, 7, 500)] == [1, 2, 32, 60, 60]


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, MINUTE), st.booleans())), st.integers(1, 30))
def test_stays_in_its_band(steps: list[tuple[int, int, bool]], ceiling: int) -> None:
    """At least one place, never more than the ceiling, whatever happens and however time jumps."""
    scaling = replace(AWS, ceiling=ceiling)
    places = opening(scaling, 0)
    now = 0
    for taken, passed, bad in steps:
        now += passed
        places = observed(places, taken, scaling, now)
        places = failed(places) if bad else succeeded(places)
        assert 1 <= places.count <= ceiling
        following = next_place_at(places, scaling)
        if following is not None:
            later = observed(places, taken, scaling, following)
            assert later.count == places.count + 1
            assert observed(places, taken, scaling, following - 1).count == places.count
