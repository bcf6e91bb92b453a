"""How the tasks of a deployment stand, counted from indexes: what deployment.py plans with. Reads only."""

from __future__ import annotations

from dataclasses import dataclass

from windlass.kernel.clock import SECOND, Duration, Instant
from windlass.services.ecs.deployment import Counts
from windlass.services.ecs.lookup import Reads
from windlass.services.ecs.model import TASKS, Standing, Task


@dataclass(frozen=True, slots=True)
class Stand:
    """The counts of one deployment, and when time alone will change them."""

    counts: Counts
    stopping: int
    """On their way out, which nobody counts any more."""
    changes_at: Instant | None = None


def of(reads: Reads, deployment_id: str, now: Instant, healthy_after: Duration, grace_s: int | None) -> Stand:
    """Tasks that nothing checks are healthy once they have run for `healthy_after` (40 s on AWS).

    Unhealthy ones count as waiting for `grace_s` seconds from their start (healthCheckGracePeriodSeconds).
    Source: ECS API reference, DeploymentConfiguration, minimumHealthyPercent.
    """
    tasks = reads[TASKS]

    def count(standing: Standing) -> int:
        return tasks.count("standing", (deployment_id, standing))

    waiting, healthy = count("running"), count("healthy")
    spared, changes_at = 0, None
    first: Task | None = tasks.first("standing", (deployment_id, "running")) if waiting else None
    if first is not None and not first.checked and not first.target_health:
        key = (deployment_id, "running")
        grown = tasks.count_upto("standing", key, now - healthy_after)
        waiting, healthy = waiting - grown, healthy + grown
        changes_at = _next(tasks.after("standing", key, now - healthy_after), healthy_after)
    unhealthy = count("unhealthy")
    if unhealthy and grace_s:
        grace = grace_s * SECOND
        key = (deployment_id, "unhealthy")
        judged = tasks.count_upto("standing", key, now - grace)
        spared, unhealthy = unhealthy - judged, judged
        changes_at = changes_at or _next(tasks.after("standing", key, now - grace), grace)
    counts = Counts(
        deployment_id,
        pending=count("pending"),
        waiting=waiting + spared,
        healthy=healthy,
        unhealthy=unhealthy,
        leaving=count("leaving"),
    )
    return Stand(counts, count("stopping"), changes_at)


def _next(task: Task | None, after: Duration) -> Instant | None:
    return None if task is None else task.started_at + after
