"""Deployments that shift requests: BLUE_GREEN, LINEAR and CANARY. Which stage is next, who gets what. Pure.

Two sets of tasks stand side by side. The *target* is the new revision's; the *source* the one it replaces,
which keeps all of its tasks until requests have been with the target for the bake time. What share of
requests each gets follows from the stage and the number of shifts made, so that repeating changes nothing.
On the way back the roles are exchanged: the old revision is the target, hooks are not asked, nothing waits.

Promised (tests/unit/services/ecs/test_shifting.py): shares add up to 1,000 tenths of a percent; no set
loses its tasks while it has a share; no share goes to a set with fewer healthy tasks than the service's
minimum, unless the other has still fewer.

Source: ECS Developer Guide, deployment-type-blue-green, deployment-type-linear, canary-deployment; ECS API
reference, ServiceDeployment (lifecycleStage), LinearConfiguration, CanaryConfiguration. Our choices, where
these say nothing: docs/decisions/0045-traffic-shifts.md. Knows neither rows nor load balancers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from windlass.kernel.clock import MINUTE, Duration, Instant
from windlass.services.ecs import stages
from windlass.services.ecs.deployment import Counts, Wanted
from windlass.services.ecs.model import deployment_of
from windlass.services.ecs.service_model import Rolling, Service, ServiceDeployment

ALL = 1_000
"""Every request, in tenths of a percent."""
STAGES = (
    "RECONCILE_SERVICE",
    "PRE_SCALE_UP",
    "SCALE_UP",
    "POST_SCALE_UP",
    "TEST_TRAFFIC_SHIFT",
    "POST_TEST_TRAFFIC_SHIFT",
    "PRE_PRODUCTION_TRAFFIC_SHIFT",
    "PRODUCTION_TRAFFIC_SHIFT",
    "POST_PRODUCTION_TRAFFIC_SHIFT",
    "BAKE_TIME",
    "CLEAN_UP",
)
"""In their order. PRE_PRODUCTION_TRAFFIC_SHIFT is a stage of hooks only, and is not shown."""
GOING_BACK = ("ROLLBACK_REQUESTED", "ROLLBACK_IN_PROGRESS")
"""Statuses of a deployment that is rolled back: through SCALE_UP, PRODUCTION_TRAFFIC_SHIFT and CLEAN_UP."""


@dataclass(frozen=True, slots=True)
class Course:
    """How requests are to be shifted."""

    shares: tuple[int, ...] = (ALL,)
    """The target's share of production requests after each shift; the last one is ALL."""
    pause: Duration = 0
    """Between two shifts."""
    bake: Duration = 0
    """After the last."""


@dataclass(frozen=True, slots=True)
class Standpoint:
    """How far a deployment is."""

    stage: str = ""
    since: Instant = 0
    """When the stage, or the last shift of it, began."""
    step: int = 0
    """Shifts made."""
    hooked: bool = False
    """Whether a hook of the stage does not let it go on yet."""
    back: bool = False


@dataclass(frozen=True, slots=True)
class Sets:
    """The tasks of a service in such a deployment."""

    desired: int
    floor: int
    """Tasks that must be healthy for requests to be shifted to a set."""
    target: Counts
    source: Counts | None = None
    others: int = 0
    """Tasks of deployments that are neither, and are to go first.

    Unless they are all that the service has: then they stay until the target is whole, and go before it is
    tested.
    """

    @property
    def source_bears(self) -> bool:
        """Whether the service can do with the source alone."""
        return self.source is not None and self.source.healthy >= self.enough

    @property
    def enough(self) -> int:
        """Healthy tasks that a set needs to be given requests: the minimum, and at least one."""
        return min(self.desired, max(1, self.floor))


@dataclass(frozen=True, slots=True)
class Enter:
    """Go on to that stage. In PRODUCTION_TRAFFIC_SHIFT also the next shift of it."""

    stage: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing is next now; look again at `until`, unless it is 0: then only a change can help."""

    why: str
    until: Instant = 0


@dataclass(frozen=True, slots=True)
class Done:
    """The target is all there is."""


Next: TypeAlias = Enter | Wait | Done


@dataclass(frozen=True, slots=True)
class Shares:
    """What the target gets, in tenths of a percent; the source gets the rest."""

    production: int
    test: int


def standpoint(record: ServiceDeployment) -> Standpoint:
    """How far that deployment is."""
    return Standpoint(
        record.stage,
        record.stage_at,
        record.step,
        hooked=stages.waits(record),
        back=record.status in GOING_BACK,
    )


def sets(service: Service, counts: Mapping[str, Counts], record: ServiceDeployment) -> Sets:
    """What its tasks are to the deployment; `counts` are by cohort."""
    sides = (service.deployment_id, record.source)
    others = [one for cohort, one in counts.items() if deployment_of(cohort) not in sides]
    return Sets(
        service.desired_count,
        Wanted(service.desired_count, service.rolling.percent_min).healthy_min,
        counts[service.deployment_id],
        counts.get(record.source),
        sum(one.good + one.unhealthy for one in others),
    )


def bearer(sets: Sets, given_up: Sequence[Counts]) -> str:
    """The deployment that one which just begins is to replace: its source, unless another bears more.

    >>> ill = Sets(2, 2, Counts("new"), Counts("old", unhealthy=2))
    >>> bearer(ill, [Counts("given up", healthy=1)])
    'given up'
    """
    if sets.source is None or sets.source_bears:
        return "" if sets.source is None else sets.source.deployment
    return max((sets.source, *given_up), key=lambda one: one.healthy).deployment


def course(rolling: Rolling) -> Course:
    """What the strategy asks for.

    >>> course(Rolling(strategy="LINEAR", step=400, pause_m=1)).shares
    (400, 800, 1000)
    """
    pause, bake = rolling.pause_m * MINUTE, rolling.bake_m * MINUTE
    match rolling.strategy:
        case "LINEAR":
            return Course((*range(rolling.step, ALL, rolling.step), ALL), pause, bake)
        case "CANARY" if rolling.step < ALL:
            return Course((rolling.step, ALL), pause, bake)
        case _:
            return Course((ALL,), 0, bake)


def shares(course: Course, at: Standpoint, alone: bool) -> Shares | None:
    """Who gets what at that point; None leaves it as it is. Without a source the target gets everything."""
    if alone:
        return Shares(ALL, ALL)
    if at.back:
        return None if at.stage == "SCALE_UP" else Shares(ALL, ALL)
    reached = _index(at.stage)
    production = course.shares[at.step - 1] if at.step else 0
    return Shares(production, ALL if reached >= _index("TEST_TRAFFIC_SHIFT") else 0)


def counts_wanted(at: Standpoint, desired: int) -> tuple[int, int]:
    """How many tasks the target and the source are to have."""
    target = desired if at.back or _index(at.stage) >= _index("SCALE_UP") else 0
    return target, 0 if at.stage == "CLEAN_UP" else desired


def following(course: Course, at: Standpoint, sets: Sets, now: Instant) -> Next:
    """What comes next.

    >>> following(Course(), Standpoint("SCALE_UP"), Sets(2, 2, Counts("new", healthy=1)), 0)
    Wait(why='1 of 2 tasks of the new revision are healthy', until=0)
    """
    if not at.stage:
        return Enter("RECONCILE_SERVICE" if sets.others else "PRE_SCALE_UP")
    if at.hooked and not at.back:
        return Wait(f"hooks of {at.stage}")
    if at.back:
        return _following_back(at, sets)
    alone = sets.source is None
    match at.stage:
        case "RECONCILE_SERVICE" if sets.others and sets.source_bears:
            return _others(sets)
        case "SCALE_UP" if sets.target.healthy < sets.desired:
            return _unhealthy(sets)
        case "SCALE_UP" if sets.others:
            return _others(sets)
        case "PRE_PRODUCTION_TRAFFIC_SHIFT" if not _bears(sets):
            return _unhealthy(sets)
        case "PRODUCTION_TRAFFIC_SHIFT" if at.step < len(course.shares) and not alone:
            if now < at.since + course.pause:
                return Wait("the time between two shifts", at.since + course.pause)
            return Enter("PRODUCTION_TRAFFIC_SHIFT") if _bears(sets) else _unhealthy(sets)
        case "BAKE_TIME" if now < at.since + course.bake and not alone:
            return Wait("the bake time", at.since + course.bake)
        case "CLEAN_UP":
            return _cleaned(sets)
    return Enter(STAGES[STAGES.index(at.stage) + 1])


def _following_back(at: Standpoint, sets: Sets) -> Next:
    """Back at once, as soon as the old revision bears it, or bears it better than the new one."""
    match at.stage:
        case "SCALE_UP":
            source = sets.source.healthy if sets.source is not None else 0
            if not _bears(sets) and sets.target.healthy <= source:
                return _unhealthy(sets)
            return Enter("PRODUCTION_TRAFFIC_SHIFT")
        case "PRODUCTION_TRAFFIC_SHIFT":
            return Enter("CLEAN_UP")
        case _:
            return _cleaned(sets)


def _others(sets: Sets) -> Wait:
    return Wait(f"{sets.others} tasks of other revisions have still to go")


def _cleaned(sets: Sets) -> Next:
    left = sets.others + (sets.source.held if sets.source is not None else 0)
    if left:
        return Wait(f"{left} tasks of the old revision have still to go")
    return Done() if sets.target.healthy == sets.desired == sets.target.held else _unhealthy(sets)


def _bears(sets: Sets) -> bool:
    """Whether requests may be shifted to the target."""
    return sets.target.healthy >= sets.enough


def _unhealthy(sets: Sets) -> Wait:
    return Wait(f"{sets.target.healthy} of {sets.desired} tasks of the new revision are healthy")


def _index(stage: str) -> int:
    return STAGES.index(stage) if stage else -1
