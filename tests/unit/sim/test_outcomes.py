from __future__ import annotations

import pytest

from windlass.kernel.clock import MILLISECOND, SECOND
from windlass.planner.playing.load import gauges_of, load_of
from windlass.sim.outcomes import Report


def some() -> Report:
    """Ten good answers of 100 to 1,000 ms, one each second from 1 on, then a 503 at once and an open one."""
    report = Report()
    report.arrive(0)
    report.arrive(3 * SECOND, 11)
    for place in range(1, 11):
        report.add(place * SECOND, place * 100 * MILLISECOND, 200, place * MILLISECOND)
    report.add(10 * SECOND, 0, 503)
    return report


def test_a_report_keeps_what_became_of_each() -> None:
    report = some()
    assert report.statuses == {200: 10, 503: 1}
    assert (report.lost, report.open) == (1, 1)
    assert (report.latency(50), report.latency(99)) == (0.5, 1.0)
    assert str(Report().latency(50)) == "nan"
    assert report.outcomes[1].arrived == 1_800 * MILLISECOND and report.outcomes[1].good


def test_a_load_is_percentiles_of_good_answers() -> None:
    load = load_of("users", "load balancer web", some())
    assert (load.offered, load.statuses) == (12, {"200": 10, "503": 1})
    assert (load.p50_s, load.p90_s, load.p99_s, load.max_s) == (0.5, 0.9, 1.0, 1.0)
    assert (load.cold_starts, load.waited_p99_s) == (None, 0.01)
    nothing = load_of("users", "load balancer web", Report())
    assert (nothing.offered, nothing.statuses, nothing.p50_s, nothing.max_s) == (0, {}, None, None)


def test_gauges_are_of_the_time_since_the_sample_before() -> None:
    first, second, third = gauges_of("u", some(), [0, 4 * SECOND, 12 * SECOND])
    assert first == {}
    assert second == {
        ("offered_per_s", "u"): 11 / 4,
        ("requests_per_s", "u"): 1, ("errors_per_s", "u"): 0, ("p50_s", "u"): 0.2, ("p99_s", "u"): 0.4,
    }  # fmt: skip
    assert third["requests_per_s", "u"] == pytest.approx(7 / 8)
    assert third["errors_per_s", "u"] == pytest.approx(1 / 8)
    assert third["p50_s", "u"] == 0.7
