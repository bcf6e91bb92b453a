"""Task sets of services with the EXTERNAL controller: how many tasks each wants, what to do next. Pure.

Each set keeps its own number of tasks, whatever the others do: which of them gets requests is the external
controller's business. Replacing unhealthy tasks, and those on instances that drain, is deployment.py's,
within the default percentages. Source: ECS API reference, TaskSet; ECS Developer Guide,
deployment-type-external.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from windlass.services.ecs import deployment
from windlass.services.ecs.deployment import Action, Blocked, Complete, Counts, Wanted

PERCENT_MAX = 100.0
_DIGITS = 9
"""Decimals of a percentage that count, so that 30 % of 10 is 3 and not a little more."""


@dataclass(frozen=True, slots=True)
class Held:
    """One task set as it stands."""

    wanted: int
    """computedDesiredCount; 0 for a set that is DRAINING."""
    counts: Counts
    drained: Counts
    """Its tasks on container instances that drain."""
    stopping: int = 0
    """Tasks on their way out, which nobody counts any more."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do for one task set."""

    actions: Sequence[Action]
    stable: bool
    """STEADY_STATE: as many tasks as are wanted run, all of them healthy, none where an instance drains."""
    empty: bool
    """It has no task any more, and wants none."""


def computed_count(desired_count: int, scale_percent: float) -> int:
    """computedDesiredCount: that share of the service's desired count, rounded up.

    >>> [computed_count(count, scale) for count, scale in ((4, 50.0), (3, 40.0), (10, 30.0), (5, 0.0))]
    [2, 2, 3, 0]
    """
    return math.ceil(round(desired_count * scale_percent / 100, _DIGITS))


def plan(held: Held) -> Plan:
    """The next steps of one task set.

    >>> plan(Held(2, Counts("ecs-svc/1", healthy=3), Counts("ecs-svc/1/draining"))).actions
    [Stop(deployment='ecs-svc/1', standing='healthy', count=1)]
    """
    older = [held.drained] if held.drained.held else []
    actions = deployment.plan(Wanted(held.wanted), held.counts, older)
    stable = any(isinstance(action, Complete) for action in actions)
    empty = not held.wanted and not held.counts.held and not older and not held.stopping
    done = (Complete, Blocked)
    return Plan([action for action in actions if not isinstance(action, done)], stable, empty)
