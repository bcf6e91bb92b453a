"""Health checks and restarts as pure rules: tables, and what holds for any series of results."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.fleet.messages import Health, HealthCheck, RestartPolicy
from windlass.kernel.clock import SECOND
from windlass.node.health import Checks, is_to_restart, judge, next_check

NOW = 1_800_000_000 * SECOND
CHECK = HealthCheck(("true",), interval_s=10.0, retries=3)


def after(check: HealthCheck, *results: int, every_s: int = 10) -> tuple[list[Health], Checks]:
    """The health after each result; the n-th check begins n intervals after the start."""
    health: Health = "UNKNOWN"
    checks, seen = Checks(NOW), []
    for number, exit_code in enumerate(results, 1):
        at = NOW + number * every_s * SECOND
        checks = Checks(
            checks.started_at, at, checks.ended_at, checks.failures, checks.exit_code, checks.since
        )
        health, checks = judge(check, checks, health, exit_code, at + SECOND)
        seen.append(health)
    return seen, checks


@pytest.mark.parametrize(
    ("start_period_s", "results", "expected"),
    [
        (0, [0], ["HEALTHY"]),
        (0, [1, 1, 1], ["UNKNOWN", "UNKNOWN", "UNHEALTHY"]),
        (0, [1, 1, 0], ["UNKNOWN", "UNKNOWN", "HEALTHY"]),
        (0, [0, 1, 1, 0, 1, 1, 1], ["HEALTHY"] * 6 + ["UNHEALTHY"]),
        (0, [-1, 127, 1, 0], ["UNKNOWN", "UNKNOWN", "UNHEALTHY", "HEALTHY"]),
        (25, [1, 1, 1, 1, 1], ["UNKNOWN"] * 4 + ["UNHEALTHY"]),
        (100, [0, 1, 1, 1], ["HEALTHY"] * 3 + ["UNHEALTHY"]),
        (300, [1] * 9, ["UNKNOWN"] * 9),
    ],
)
def test_health_after_results(start_period_s: float, results: list[int], expected: list[str]) -> None:
    """Successes count at once, failures in a row, but not in the start period of what was never healthy."""
    check = HealthCheck(("true",), interval_s=10.0, retries=3, start_period_s=start_period_s)
    assert after(check, *results)[0] == expected


def test_when_the_next_check_is_due() -> None:
    """An interval after the start, then after the end of the last; never while one runs."""
    assert next_check(CHECK, Checks(NOW)) == NOW + 10 * SECOND
    assert next_check(CHECK, Checks(NOW, began_at=NOW + SECOND)) is None
    assert next_check(CHECK, Checks(NOW, ended_at=NOW + 15 * SECOND)) == NOW + 25 * SECOND


def test_since_when() -> None:
    """The instant of the last change, not of the last check."""
    _, checks = after(CHECK, 0, 0, 1)
    assert (checks.since, checks.exit_code, checks.failures) == (NOW + 11 * SECOND, 1, 1)


@given(st.lists(st.sampled_from([0, 1]), max_size=30), st.integers(1, 10))
def test_what_always_holds(results: list[int], retries: int) -> None:
    """The last success is followed by fewer failures than `retries`, or the container is UNHEALTHY."""
    seen, checks = after(HealthCheck(("true",), retries=retries), *results)
    tail = results[::-1].index(0) if 0 in results else len(results)
    if seen:
        expected = "UNHEALTHY" if tail >= retries else "HEALTHY" if 0 in results else "UNKNOWN"
        assert seen[-1] == expected
    assert checks.failures == tail


@pytest.mark.parametrize(
    ("policy", "exit_code", "ran_s", "expected"),
    [
        (None, 1, 1000, False),
        (RestartPolicy(), 1, 299, False),
        (RestartPolicy(), 1, 300, True),
        (RestartPolicy(), 0, 300, True),
        (RestartPolicy((0, 3)), 0, 300, False),
        (RestartPolicy((0, 3)), 3, 300, False),
        (RestartPolicy((0, 3)), 4, 300, True),
        (RestartPolicy(attempt_period_s=60.0), 137, 60, True),
        (RestartPolicy(), None, 300, False),
    ],
)
def test_restarts(policy: RestartPolicy | None, exit_code: int | None, ran_s: int, expected: bool) -> None:
    """Any exit code, also 0, unless it is ignored, or came too soon, or nobody knows it."""
    assert is_to_restart(policy, exit_code, NOW, NOW + ran_s * SECOND) is expected
