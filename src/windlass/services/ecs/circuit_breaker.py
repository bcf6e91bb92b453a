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
ELB_UNHEALTHY = "Task failed ELB health checks"
CONTAINER_UNHEALTHY = "Task failed container health checks"
"""stoppedReason of tasks that a service replaces; ECS Developer Guide, stopped task error codes."""
_STOPPED_BY_SOMEBODY = ("ServiceSchedulerInitiated", "UserInitiated", "SpotInterruption")


def threshold(desired_count: int) -> int:
    """Failures at which a deployment has failed: half of the desired count, rounded up, within bounds.

    >>> [threshold(count) for count in (1, 10, 25, 400, 1000)]
    [3, 5, 13, 200, 200]
    """
    return min(THRESHOLD_MAX, max(THRESHOLD_MIN, -(-desired_count // 2)))


def by_health_check(task: Task) -> bool:
    """Whether a health check ended it: its container's, or a load balancer's."""
    return task.stopped_reason.startswith((ELB_UNHEALTHY, CONTAINER_UNHEALTHY))


def told_to(task: Task) -> bool:
    """Whether somebody wanted it to end, so that its end is no failure."""
    return task.stop_code in _STOPPED_BY_SOMEBODY and not by_health_check(task)


def after_end(deployment: Deployment, task: Task) -> Deployment:
    """The deployment once that task of it has ended."""
    if told_to(task):
        return deployment
    ran, unhealthy = bool(task.started_at), by_health_check(task)
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
