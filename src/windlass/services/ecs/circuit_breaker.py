"""The deployment circuit breaker: when a deployment has failed too often. Pure.

Source: ECS API reference, ServiceDeploymentCircuitBreaker; ECS Developer Guide, deployment-circuit-breaker;
facts/ecs.md section 7.3. Two stages: until one of its tasks runs, a deployment counts those that never got
there; after that it counts those that health checks gave up.
"""

from __future__ import annotations

from windlass.kernel.rows import replace
from windlass.services.ecs.model import Task
from windlass.services.ecs.service_model import Deployment

THRESHOLD_MIN = 3
THRESHOLD_MAX = 200
"""Failures; until 2023 the minimum was 10."""
NOT_STARTED = "ECS deployment circuit breaker: tasks failed to start."
UNHEALTHY = "ECS deployment circuit breaker: task failed health checks."
"""rolloutStateReason; the second wording is ours, AWS's is not documented."""
_HEALTH_REASONS = ("Task failed ELB health checks", "Task failed container health checks")


def threshold(desired_count: int) -> int:
    """Failures at which a deployment has failed: half of the desired count, rounded up, within bounds.

    >>> [threshold(count) for count in (1, 10, 25, 400, 1000)]
    [3, 5, 13, 200, 200]
    """
    return min(THRESHOLD_MAX, max(THRESHOLD_MIN, -(-desired_count // 2)))


def after_end(deployment: Deployment, task: Task) -> Deployment:
    """The deployment once that task of it has ended. Tasks that its service stopped are no failures."""
    ran = bool(task.started_at)
    unhealthy = task.stopped_reason.startswith(_HEALTH_REASONS)
    if task.stop_code in ("ServiceSchedulerInitiated", "UserInitiated", "SpotInterruption") and not unhealthy:
        return deployment
    if ran and not unhealthy:
        return replace(deployment, has_run=True)
    counts = unhealthy if deployment.has_run or ran else not ran
    return replace(
        deployment,
        has_run=deployment.has_run or ran,
        failed_tasks=deployment.failed_tasks + 1,
        failures=deployment.failures + counts,
    )


def broken(deployment: Deployment, desired_count: int) -> str:
    """Why the deployment has failed, as its rolloutStateReason; "" when it has not."""
    if deployment.rollout != "IN_PROGRESS" or deployment.failures < threshold(desired_count):
        return ""
    return UNHEALTHY if deployment.has_run else NOT_STARTED
