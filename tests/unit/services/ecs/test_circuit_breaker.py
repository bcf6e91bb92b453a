"""The deployment circuit breaker: what counts, in which stage, and when it trips."""

from __future__ import annotations

import pytest

from tests.build import NOW
from tests.ecs_build import a_task
from windlass.kernel.rows import replace
from windlass.services.ecs import circuit_breaker
from windlass.services.ecs.service_model import Deployment

FRESH = Deployment("ecs-svc/1", "1", "r", "s", "7", "d", NOW, NOW)
NEVER_RAN = replace(a_task(), last_status="STOPPED", stop_code="TaskFailedToStart", started_at=0)
CRASHED = replace(NEVER_RAN, stop_code="EssentialContainerExited", started_at=NOW)
UNHEALTHY = replace(
    CRASHED, stop_code="ServiceSchedulerInitiated", stopped_reason=circuit_breaker.CONTAINER_UNHEALTHY
)
SCALED_IN = replace(
    CRASHED, stop_code="ServiceSchedulerInitiated", stopped_reason="Scaling activity initiated by …"
)


@pytest.mark.parametrize(("count", "least"), [(1, 3), (6, 3), (7, 4), (25, 13), (400, 200), (5_000, 200)])
def test_threshold(count: int, least: int) -> None:
    """Half of the desired count, rounded up, between 3 and 200 (ServiceDeploymentCircuitBreaker)."""
    assert circuit_breaker.threshold(count) == least


def test_first_stage_counts_tasks_that_never_run() -> None:
    """Until one runs. What somebody stopped is no failure; nor is a crash, which runs first."""
    after = circuit_breaker.after_end(FRESH, NEVER_RAN)
    assert (after.failures, after.failed_tasks, after.has_run) == (1, 1, False)
    assert circuit_breaker.after_end(FRESH, SCALED_IN) == FRESH
    assert circuit_breaker.after_end(FRESH, replace(NEVER_RAN, stop_code="UserInitiated")) == FRESH
    crashed = circuit_breaker.after_end(FRESH, CRASHED)
    assert (crashed.failures, crashed.has_run) == (0, True)


def test_second_stage_counts_failed_health_checks() -> None:
    """Once one ran, tasks that never start are counted as failed, but do not trip the breaker."""
    ran = replace(FRESH, has_run=True)
    assert circuit_breaker.after_end(ran, UNHEALTHY).failures == 1
    never = circuit_breaker.after_end(ran, NEVER_RAN)
    assert (never.failures, never.failed_tasks) == (0, 1)


def test_trips_at_the_threshold_once() -> None:
    """Not before, not for what is decided already; the reason tells the stage."""
    assert circuit_breaker.broken(replace(FRESH, failures=2), 1) == ""
    assert circuit_breaker.broken(replace(FRESH, failures=3), 1) == circuit_breaker.NOT_STARTED
    assert circuit_breaker.broken(replace(FRESH, failures=3, has_run=True), 1) == circuit_breaker.UNHEALTHY
    assert circuit_breaker.broken(replace(FRESH, failures=3, rollout="COMPLETED"), 1) == ""
