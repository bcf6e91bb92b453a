"""Container health checks and restarts: when to check, what a result means, whether to start again. Pure.

The rules of checks are Docker's, which ECS relies on (moby: daemon/health.go): the first check an interval
after the start, each next one an interval after the end of the last; a success is HEALTHY at once; failures
count in a row, and not at all while the container is not yet HEALTHY within its start period. The rules of
restarts are the ECS agent's (amazon-ecs-agent: ecs-agent/api/container/restart/restart_tracker.go). What
ECS makes of an unhealthy task is the business of its service scheduler, not of the node.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from windlass.fleet.messages import Health, HealthCheck, RestartPolicy
from windlass.kernel.clock import Instant, seconds


@dataclass(frozen=True, slots=True)
class Checks:
    """The checks of one container since its last start, at `started_at`.

    `began_at` is when the check began that is under way, 0 when none is. `failures` counts those in a row
    that matter, `exit_code` is the last result (None before the first), `since` when the health last changed.
    """

    started_at: Instant
    began_at: Instant = 0
    ended_at: Instant = 0
    failures: int = 0
    exit_code: int | None = None
    since: Instant = 0


def next_check(check: HealthCheck, checks: Checks) -> Instant | None:
    """When the next check is due; None while one is under way."""
    if checks.began_at:
        return None
    return max(checks.started_at, checks.ended_at) + seconds(check.interval_s)


def judge(
    check: HealthCheck, checks: Checks, health: Health, exit_code: int, at: Instant
) -> tuple[Health, Checks]:
    """The container's health after a check that ended at `at`, and its checks so far.

    Three failures in a row with `retries` 3: UNKNOWN, UNKNOWN, UNHEALTHY; then one success: HEALTHY.
    """
    failures = checks.failures
    after: Health = health
    if exit_code == 0:
        failures, after = 0, "HEALTHY"
    elif health != "UNKNOWN" or checks.began_at >= checks.started_at + seconds(check.start_period_s):
        failures += 1
        if failures >= check.retries:
            after = "UNHEALTHY"
    since = checks.since if after == health else at
    return after, replace(
        checks, began_at=0, ended_at=at, failures=failures, exit_code=exit_code, since=since
    )


def is_to_restart(
    policy: RestartPolicy | None, exit_code: int | None, started_at: Instant, now: Instant
) -> bool:
    """Whether a container of a task that goes on starts again; `started_at` is its last start."""
    if policy is None or exit_code is None or exit_code in policy.ignored_exit_codes:
        return False
    return now - started_at >= seconds(policy.attempt_period_s)
