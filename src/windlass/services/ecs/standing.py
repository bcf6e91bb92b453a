"""How the tasks of a deployment stand, counted from indexes: what deployment.py plans with. Reads only."""

from __future__ import annotations

from dataclasses import dataclass

from windlass.kernel.clock import Duration, Instant
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


@dataclass(frozen=True, slots=True)
class Patience:
    """How long tasks are given. Source: ECS API reference, DeploymentConfiguration and CreateService."""

    healthy_after: Duration
    """A task that nothing checks is healthy once it has run for so long (40 s on AWS)."""
    grace: Duration
    """An unhealthy one counts as one nobody knows of for so long (healthCheckGracePeriodSeconds)."""


def of(reads: Reads, deployment_id: str, now: Instant, patience: Patience) -> Stand:
    """How the tasks of that deployment stand now. O(log n)."""
    tasks = reads[TASKS]

    def count(standing: Standing) -> int:
        return tasks.count("standing", (deployment_id, standing))

    waiting, healthy, unhealthy = count("running"), count("healthy"), count("unhealthy")
    changes_at: Instant | None = None
    if waiting and _ripens(reads, deployment_id):
        key, bound = (deployment_id, "running"), now - patience.healthy_after
        ripe = tasks.count_upto("standing", key, bound)
        waiting, healthy = waiting - ripe, healthy + ripe
        changes_at = _next(tasks.after("standing", key, bound), patience.healthy_after)
    if unhealthy and patience.grace:
        key, bound = (deployment_id, "unhealthy"), now - patience.grace
        judged = tasks.count_upto("standing", key, bound)
        waiting, unhealthy = waiting + unhealthy - judged, judged
        changes_at = changes_at or _next(tasks.after("standing", key, bound), patience.grace)
    counts = Counts(
        deployment_id,
        pending=count("pending"),
        waiting=waiting,
        healthy=healthy,
        unhealthy=unhealthy,
        leaving=count("leaving") + count("withdrawn"),
    )
    return Stand(counts, count("stopping"), changes_at)


def tasks(
    reads: Reads, deployment_id: str, counted: Standing, now: Instant, patience: Patience
) -> list[Task]:
    """Those that `of` counts so, the oldest first; "running" are those it counts as waiting. O(n)."""
    table = reads[TASKS]

    def upto(kind: Standing, bound: Instant) -> list[Task]:
        return table.upto("standing", (deployment_id, kind), bound)

    def after(kind: Standing, bound: Instant) -> list[Task]:
        return table.past("standing", (deployment_id, kind), bound)

    ripe = now - patience.healthy_after if _ripens(reads, deployment_id) else -1
    match counted:
        case "healthy":
            return table.by("standing", (deployment_id, "healthy")) + upto("running", ripe)
        case "running":
            unjudged = after("unhealthy", now - patience.grace) if patience.grace else []
            return after("running", ripe) + unjudged
        case "unhealthy" if patience.grace:
            return upto("unhealthy", now - patience.grace)
        case _:
            return table.by("standing", (deployment_id, counted))


def _ripens(reads: Reads, deployment_id: str) -> bool:
    """Whether time alone makes its tasks healthy: nothing checks them. Tasks of one deployment are alike."""
    first: Task | None = reads[TASKS].first("standing", (deployment_id, "running"))
    return first is not None and not first.checked and not first.target_health


def _next(task: Task | None, after: Duration) -> Instant | None:
    return None if task is None else task.started_at + after
