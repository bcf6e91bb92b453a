from __future__ import annotations

import random
from pathlib import Path
from statistics import fmean, median, stdev

import pytest

from windlass.kernel.clock import HOUR, SECOND, in_seconds
from windlass.planner.playing import traces
from windlass.planner.playing.draws import durations, mean_s, moments
from windlass.planner.scenario.parts import PerSecond, Span
from windlass.planner.scenario.workload import Arrivals, Diurnal, Lognormal, Ramp, Times

TEN_S = 10 * SECOND


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (Arrivals(constant=PerSecond(2)), [place / 2 for place in range(1, 21)]),
        (Arrivals(burst=3), [0, 0, 0]),
    ],
)
def test_moments_that_are_no_chance(given: Arrivals, expected: list[float]) -> None:
    assert [in_seconds(at) for at in moments(given, TEN_S, lambda: 0.5)] == pytest.approx(expected)


def test_a_trace_says_when_and_how_many() -> None:
    found = moments(Arrivals(trace="t.csv"), TEN_S, lambda: 0.5, [(0.5, 2), (3, 0), (4, 1)])
    assert [in_seconds(at) for at in found] == [0.5, 0.5, 4]


@pytest.mark.parametrize(
    ("given", "first_half", "second_half"),
    [
        (Arrivals(poisson=PerSecond(10)), 18_000, 18_000),
        (Arrivals(ramp=Ramp(PerSecond(0), PerSecond(20))), 9_000, 27_000),
        (Arrivals(diurnal=Diurnal(PerSecond(10), PerSecond(20), Span(2 * HOUR))), 6_540, 29_460),
    ],
)
def test_moments_by_chance_come_as_often_as_they_should(
    given: Arrivals, first_half: int, second_half: int
) -> None:
    """Of an hour; of the diurnal one that is the half in which it rises: ∫ 10 - 10 cos(πt)."""
    found = [in_seconds(at) for at in moments(given, HOUR, random.Random(1).random)]
    early = sum(at < 1_800 for at in found)
    assert (early, len(found) - early) == (
        pytest.approx(first_half, abs=5 * first_half**0.5),
        pytest.approx(second_half, abs=5 * second_half**0.5),
    )


def test_times_are_as_they_are_said() -> None:
    times = Times(lognormal=Lognormal(Span(SECOND), 0.5))
    draw = durations(times, random.Random(1).random)
    values = [in_seconds(draw()) for _ in range(20_000)]
    assert median(values) == pytest.approx(1, rel=0.02)
    assert fmean(values) == pytest.approx(mean_s(times), rel=0.02)
    assert stdev(values) == pytest.approx(1.133 * (1.284 - 1) ** 0.5, rel=0.05)
    memoryless = Times(exponential=Span(SECOND))
    draw = durations(memoryless, random.Random(1).random)
    values = [in_seconds(draw()) for _ in range(20_000)]
    assert (fmean(values), stdev(values)) == (pytest.approx(mean_s(memoryless), rel=0.02),) * 2
    of_trace = durations(Times(trace="t.csv"), lambda: 0.5, [1, 2])
    assert [of_trace() // SECOND for _ in range(3)] == [1, 2, 1]
    assert mean_s(Times(trace="t.csv"), [1, 2]) == 1.5


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("at_s,count\n0,5\n1.5, 2\n", [(0, 5), (1.5, 2)]),
        ("at_s\n0\n0\n3", [(0, 1), (0, 1), (3, 1)]),
        ("count\n1\n", ":1: there is no column at_s"),
        ("at_s\n1\n0.5\n", ":3: 0.5 s comes before the line above it"),
        ("at_s\n-1\n", ":2: '-1' is no at_s"),
        ("at_s,count\n1,many\n", ":2: 'many' is no count"),
        ("at_s,count\n1,nan\n", ":2: 'nan' is no count"),
        ("at_s,count\n1,1.5\n", ":2: '1.5' is no count"),
        ("at_s\n", ": there are no lines below the heading"),
    ],
)
def test_traces_are_read_or_refused_with_their_line(
    tmp_path: Path, text: str, said: list[tuple[float, int]] | str
) -> None:
    path = tmp_path / "t.csv"
    path.write_text(text)
    if isinstance(said, list):
        assert traces.arrivals(path) == said
        return
    with pytest.raises(traces.BadTrace) as error:
        traces.arrivals(path)
    assert str(error.value) == f"{path}{said}"


def test_a_trace_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(traces.BadTrace, match="No such file"):
        traces.times(tmp_path / "none.csv")
