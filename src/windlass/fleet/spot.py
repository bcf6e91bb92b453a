"""Fargate Spot: when AWS takes capacity back, and from which task. Pure; a draw is from [0, 1).

Every task runs under the same hazard, so many interruptions per task-hour, whatever its age. All tasks
together are one process: a budget of task-hours until the next interruption is drawn (exponential), tasks
use it up while they run, and when it is gone one of them, any, is interrupted. That is exact while tasks
come and go, and costs nothing per task. Known gap: on AWS capacity is taken back in bunches, zone by zone
and size by size.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from windlass.kernel.clock import HOUR, Instant

STOP_CODE = "SpotInterruption"
REASON = "Your Spot Task was interrupted."
"""ECS Developer Guide, Fargate capacity providers; the code is that of newer handlers (facts/ecs.md, 4.1)."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Budget:
    """How many task-hours are left until the next interruption, as of `at`, with so many `tasks` since."""

    left: float
    at: Instant
    tasks: int = 0


def drawn(per_task_hour: float, draw: float, now: Instant, tasks: int = 0) -> Budget:
    """The budget until the next interruption; one without end at a rate of 0."""
    return Budget(-math.log1p(-draw) / per_task_hour if per_task_hour else math.inf, now, tasks)


def used(budget: Budget, tasks: int, now: Instant) -> Budget:
    """What is left now; from now on there are so many tasks. A clock that went back uses nothing."""
    elapsed = max(0, now - budget.at)
    return replace(budget, left=budget.left - budget.tasks * elapsed / HOUR, at=now, tasks=tasks)


def due(budget: Budget) -> Instant | None:
    """When the budget will be gone if nothing changes, rounded up: never before; None: never."""
    if not budget.tasks or math.isinf(budget.left):
        return None
    return budget.at + max(0, math.ceil(budget.left * HOUR / budget.tasks))


def victim(tasks: Sequence[T], draw: float) -> T | None:
    """The task that is interrupted, each as likely as any other; None when there is none."""
    return tasks[int(draw * len(tasks))] if tasks else None
