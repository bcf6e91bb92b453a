"""Requests of scenarios: what comes out is what queueing theory and AWS's rules say."""

from __future__ import annotations

from statistics import fmean

import pytest

from tests.workload_build import FUNCTION, balanced, load, played
from windlass.planner.playing.load import Load


def of_one_server(arrivals: str, lasts: str, work: str) -> Load:
    """What becomes of requests to a load balancer with one target, which works at one at a time."""
    return load(
        balanced(1),
        f"""
images: {{web: {{at_once: 1}}}}
workloads:
  - name: users
    to: {{load_balancer: web}}
    arrivals: {{{arrivals}}}
    lasts: {lasts}
    service_time: {{constant: {work}}}
until: {{workload: users}}
""",
    )


def test_one_server_is_as_busy_as_pollaczek_and_khinchine_say() -> None:
    """M/D/1, 80 % busy, 100 ms of work: more than a wait t has to be waited by 0.868 exp(-4.305 t)."""
    users = of_one_server("poisson: 8/s", "40m", "100ms")
    assert users.statuses == {"200": users.offered}
    assert users.offered == pytest.approx(8 * 2_400, rel=0.05)
    assert users.p50_s is not None and users.waited_p99_s is not None
    assert users.p50_s == pytest.approx(0.1 + 0.128, rel=0.12)
    assert users.waited_p99_s == pytest.approx(1.037, rel=0.25)


def test_more_than_a_server_can_do_ends_in_timeouts() -> None:
    """Twice what it can take: after a minute the load balancer gives up on most (504, idle timeout 60 s)."""
    users = of_one_server("constant: 4/s", "5m", "500ms")
    assert users.offered == 1_200
    assert set(users.statuses) == {"200", "504"}
    # Of the first two minutes' requests each waits half a second longer for every two; then all are late.
    assert users.statuses["200"] == pytest.approx(240, abs=5)
    assert users.max_s == pytest.approx(60, abs=1)


def test_environments_follow_littles_law() -> None:
    """20/s that take half a second: ten are busy, and each cold start was a request that found all busy."""
    run = played(
        FUNCTION,
        """
functions: {resize: {init: 1s}}
workloads:
  - name: users
    to: {function: resize}
    arrivals: {poisson: 20/s}
    lasts: 4m
    service_time: {constant: 500ms}
until: {workload: users}
""",
    )
    [users] = run.loads
    busy = [sample.gauges["concurrency", "resize"] for sample in run.samples[5:-5]]
    environments = run.samples[-1].gauges["environments", "resize"]
    assert fmean(busy) == pytest.approx(10, rel=0.08)
    assert users.statuses == {"200": users.offered}
    assert users.cold_starts is not None
    assert 10 < environments <= users.cold_starts < 60  # some were idle for too long, and ended
    assert (users.p50_s, users.max_s) == (0.5, pytest.approx(1.5, abs=0.3))


def test_a_function_that_takes_too_long_is_an_error() -> None:
    users = load(
        FUNCTION,
        """
functions: {resize: {takes: {constant: 61s}}}
workloads:
  - {name: users, to: {function: resize}, arrivals: {burst: 3}}
until: {workload: users}
""",
    )
    assert users.statuses == {"502": 3}


def test_reserved_concurrency_refuses_the_rest() -> None:
    users = load(
        FUNCTION
        + "  - lambda.PutFunctionConcurrency: {FunctionName: resize, ReservedConcurrentExecutions: 5}",
        """
workloads:
  - name: users
    to: {function: resize}
    arrivals: {burst: 20}
    service_time: {constant: 1s}
until: {workload: users}
""",
    )
    assert users.statuses == {"200": 5, "429": 15}
    assert users.cold_starts == 5


def test_a_workload_that_begins_much_later_is_waited_for() -> None:
    """Nothing moves for longer than the patience of a plan, which ends what can come no more."""
    users = load(
        FUNCTION,
        """
workloads:
  - {name: users, to: {function: resize}, arrivals: {burst: 2}, at: 50m}
until: {workload: users}
""",
    )
    assert users.statuses == {"200": 2}
