"""How long a service waits that keeps failing to start tasks, and when it is forgiven.

All tasks that were started together are one attempt: a hundred tasks of a missing image are one failure. Each
further attempt that fails doubles the pause up to a cap; it never gives up. A new revision, a forced
deployment or a task that stays up end it at once. What is kept is per deployment, so that neighbours notice
nothing. Knows no profile: what counts as a failure is the policy's (facts/ecs.md 7.5: the ECS Developer Guide
says tasks that never reach RUNNING, seed 003 says crashes after the start and failed health checks too). That
the pause doubles is "exponential" of seed 003 in the simplest form: AWS publishes no curve.
"""

from __future__ import annotations

from dataclasses import dataclass

from windlass.kernel.clock import Duration, Instant

IMPAIRED_FROM = 2
"""Failed attempts in a row from which ECS says that the service cannot start tasks consistently; ours."""
IMPAIRED = "is unable to consistently start tasks successfully."
"""Service event, after "(service X) "; ECS Developer Guide, service-throttle-logic."""
IMPAIRED_EVENT = "SERVICE_TASK_START_IMPAIRED"
"""The same on the event bus (ECS Service Action, WARN); ECS Developer Guide, ecs_service_events."""


@dataclass(frozen=True, slots=True)
class Policy:
    """A profile's figures; `first` 0 for no back-off at all."""

    first: Duration
    cap: Duration
    steady: Duration
    """How long a task must run, where crashes count, until its start has succeeded."""
    counts_crashes: bool


@dataclass(frozen=True, slots=True)
class Backoff:
    """What a deployment remembers: failed attempts in a row, and that nothing starts before `until`."""

    failures: int = 0
    until: Instant = 0


NONE = Backoff()


@dataclass(frozen=True, slots=True)
class Ended:
    """A task that stopped without being told to. `running_at` is None when it never reached RUNNING."""

    started_at: Instant
    """When the service started it: createdAt."""
    stopped_at: Instant
    running_at: Instant | None = None
    unhealthy: bool = False
    """Whether a health check ended it: the container's, or the load balancer's."""


def failed(task: Ended, policy: Policy) -> bool:
    """Whether its end says that the service cannot start tasks."""
    if task.running_at is None:
        return True
    if not policy.counts_crashes:
        return False
    return task.unhealthy or task.stopped_at - task.running_at < policy.steady


def after_failure(backoff: Backoff, task: Ended, policy: Policy, now: Instant) -> Backoff:
    """After the end of a task. Only the newest attempt counts, and only once.

    First 10 s: the first failure pauses for 10 s, the second for 20 s, the third for 40 s.
    """
    if task.started_at < backoff.until or not policy.first or not failed(task, policy):
        return backoff
    failures = backoff.failures + 1
    return Backoff(failures, now + pause(failures, policy))  # sooner, if the clock was set back meanwhile


def pause(failures: int, policy: Policy) -> Duration:
    """How long to wait after so many failed attempts in a row."""
    doublings = min(failures - 1, (policy.cap // policy.first).bit_length())  # beyond, the cap holds anyway
    return min(policy.cap, policy.first << doublings)


def after_success(
    backoff: Backoff, started_at: Instant, running_at: Instant, policy: Policy, now: Instant
) -> Backoff:
    """After a look at a running task: it is over once a task of the newest attempt stays up."""
    if backoff == NONE or started_at < backoff.until:
        return backoff
    return NONE if now >= succeeds_at(running_at, policy) else backoff


def succeeds_at(running_at: Instant, policy: Policy) -> Instant:
    """When a task that has been RUNNING since then counts as started for good: look again then."""
    return running_at + (policy.steady if policy.counts_crashes else 0)


def reset() -> Backoff:
    """For a new revision, and for UpdateService with forceNewDeployment."""
    return NONE


def impaired(before: Backoff, after: Backoff) -> bool:
    """Whether this step is to be told: IMPAIRED as service event, IMPAIRED_EVENT on the bus."""
    return after.failures > before.failures and after.failures >= IMPAIRED_FROM
