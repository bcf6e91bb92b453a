"""ECS rolling deployments: how many tasks to start and to stop next. Pure.

Decides from counts alone; knows nothing of tasks, nodes, time or storage, so that it costs the same for ten
tasks and ten thousand. Rules: ECS API reference, DeploymentConfiguration; ECS Developer Guide,
deployment-type-ecs; facts/ecs.md section 7.2.

Promised of every plan (tests/unit/services/ecs/test_deployment.py): tasks that run or are on their way are
never more than maximumPercent allows, unless they were before; healthy ones never fewer than
minimumHealthyPercent asks, unless they were before; a plan that does nothing says why.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from windlass.services.ecs.model import Standing


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a service asks for."""

    desired_count: int
    percent_min: int = 100
    percent_max: int = 200
    launches: bool = True
    """Whether new tasks may be started: not when the PRIMARY deployment has FAILED."""
    elsewhere: int = 0
    """Healthy tasks of the service that this plan does not see, and that count for its minimum."""

    @property
    def healthy_min(self) -> int:
        """Tasks that must stay healthy: rounded up. 3 tasks at 50 % → 2."""
        return max(0, -(-self.desired_count * self.percent_min // 100) - self.elsewhere)

    @property
    def held_max(self) -> int:
        """Tasks that may be RUNNING or PENDING: rounded down. 3 tasks at 125 % → 3."""
        return self.desired_count * self.percent_max // 100


@dataclass(frozen=True, slots=True)
class Counts:
    """The tasks of one deployment by what they are to the scheduler (model.Standing)."""

    deployment: str
    pending: int = 0
    waiting: int = 0
    """Running, and nobody knows yet whether they are healthy."""
    healthy: int = 0
    unhealthy: int = 0
    leaving: int = 0
    """Told to stop, and not yet seen to."""

    @property
    def good(self) -> int:
        """Those that may become or are what is wanted."""
        return self.pending + self.waiting + self.healthy

    @property
    def held(self) -> int:
        """Those that are RUNNING or PENDING, as maximumPercent counts."""
        return self.good + self.unhealthy + self.leaving


@dataclass(frozen=True, slots=True)
class Start:
    """Start so many tasks of the PRIMARY deployment."""

    count: int


@dataclass(frozen=True, slots=True)
class Stop:
    """Stop so many tasks of that standing, of that deployment."""

    deployment: str
    standing: Standing
    count: int


@dataclass(frozen=True, slots=True)
class Complete:
    """The PRIMARY deployment is all there is, and healthy."""


@dataclass(frozen=True, slots=True)
class Blocked:
    """Neither starting nor stopping is allowed, and nothing that goes on will change it."""

    why: str


Action: TypeAlias = Start | Stop | Complete | Blocked

CONFIGURATION_BLOCKS = (
    "was unable to stop or start tasks during a deployment because of the service deployment configuration. "
    "Update the minimumHealthyPercent or maximumPercent value and try again"
)
"""ECS Developer Guide, service event messages."""


def plan(wanted: Wanted, primary: Counts, older: Sequence[Counts] = ()) -> list[Action]:
    """The next steps; `older` are the deployments that are being replaced, the oldest first.

    >>> plan(Wanted(4, percent_min=50, percent_max=100), Counts("new"), [Counts("old", healthy=4)])
    [Stop(deployment='old', standing='healthy', count=2)]
    """
    if not older and primary.healthy == wanted.desired_count == primary.held:
        return [Complete()]
    groups = [primary, *older]
    room = wanted.held_max - sum(group.held for group in groups)
    missing = wanted.desired_count - primary.good
    starts = max(0, min(missing, room)) if wanted.launches else 0
    stops = _Stops(wanted, groups)
    goes_on = wanted.launches or not wanted.desired_count  # what has FAILED keeps what runs, but is deleted
    if goes_on:
        for old in older:
            stops.replaced(old)
    stops.scaled_in(primary, wanted.desired_count)
    if goes_on:
        stops.unhealthy(primary, missing - starts, wanted.desired_count)
    else:
        stops.too_many(primary, wanted.desired_count)
    actions: list[Action] = [Start(starts)] if starts else []
    actions += stops.made
    if not actions and missing > 0 and wanted.launches and not _moves(groups):
        return [Blocked(CONFIGURATION_BLOCKS)]
    return actions


def departing(wanted: Wanted, groups: Sequence[Counts]) -> list[Stop]:
    """All of these deployments go, as far as enough healthy tasks stay, with those `elsewhere`.

    >>> departing(Wanted(4, percent_min=50, elsewhere=1), [Counts("old", pending=1, healthy=3)])
    [Stop(deployment='old', standing='pending', count=1), Stop(deployment='old', standing='healthy', count=2)]
    """
    stops = _Stops(wanted, [Counts(""), *groups])
    for group in groups:
        stops.replaced(group)
    return stops.made


def _moves(groups: Sequence[Counts]) -> bool:
    """Whether something goes on by itself that will change the counts."""
    return any(group.pending or group.waiting or group.leaving for group in groups)


class _Stops:
    """Collects stops, and keeps account of the healthy tasks that may still go."""

    def __init__(self, wanted: Wanted, groups: Sequence[Counts]) -> None:
        healthy = sum(group.healthy for group in groups)
        maybe = sum(group.waiting for group in groups[1:])
        self._healthy = max(0, healthy - wanted.healthy_min)
        self._any = max(0, healthy + maybe - wanted.healthy_min)
        self.made: list[Stop] = []

    def replaced(self, old: Counts) -> None:
        """All of a deployment that another one replaces, as far as enough stay.

        Tasks of it that nobody knows to be healthy yet are spared like healthy ones, but make no room for
        others to go.
        """
        self._stop(old.deployment, "pending", old.pending)
        self._stop(old.deployment, "unhealthy", old.unhealthy)
        self._spend(old.deployment, "running", min(old.waiting, self._any))
        self._spend(old.deployment, "healthy", min(old.healthy, self._healthy, self._any))

    def scaled_in(self, primary: Counts, desired_count: int) -> None:
        """What there is too much of: first those that serve nobody."""
        over = max(0, primary.good - desired_count)
        pending = min(over, primary.pending)
        waiting = min(over - pending, primary.waiting)
        healthy = min(over - pending - waiting, primary.healthy, self._healthy)
        self._stop(primary.deployment, "pending", pending)
        self._stop(primary.deployment, "running", waiting)
        self._spend(primary.deployment, "healthy", healthy)

    def too_many(self, primary: Counts, desired_count: int) -> None:
        """Unhealthy ones that nobody replaces stay, but no more than are wanted in all."""
        over = max(0, primary.good + primary.unhealthy - desired_count)
        self._stop(primary.deployment, "unhealthy", min(primary.unhealthy, over))

    def unhealthy(self, primary: Counts, not_started: int, desired_count: int) -> None:
        """Unhealthy ones go when their replacements are healthy, or when there is no room for any."""
        replaced = primary.unhealthy if primary.healthy >= desired_count else 0
        self._stop(
            primary.deployment, "unhealthy", max(replaced, min(primary.unhealthy, max(0, not_started)))
        )

    def _spend(self, deployment: str, standing: Standing, count: int) -> None:
        self._stop(deployment, standing, count)
        self._any -= count
        if standing == "healthy":
            self._healthy -= count

    def _stop(self, deployment: str, standing: Standing, count: int) -> None:
        if count > 0:
            self.made.append(Stop(deployment, standing, count))
