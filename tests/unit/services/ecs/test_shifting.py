"""Deployments that shift requests: their stages, who gets what share, and what must hold at every point."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from windlass.kernel.clock import MINUTE, SECOND, Instant
from windlass.services.ecs import shifting
from windlass.services.ecs.deployment import Counts, Start, Stop, Wanted, departing, plan
from windlass.services.ecs.service_model import Rolling
from windlass.services.ecs.shifting import ALL, Course, Done, Enter, Next, Sets, Shares, Standpoint, Wait

NEW, OLD = "new", "old"
BLUE_GREEN = Course(bake=5 * MINUTE)
CANARY = Course((50, ALL), pause=10 * MINUTE, bake=5 * MINUTE)
READY = Sets(2, 2, Counts(NEW, healthy=2), Counts(OLD, healthy=2))
ONE_ILL = replace(READY, target=Counts(NEW, healthy=1, unhealthy=1))
FIRST = replace(READY, source=None)
GONE = replace(READY, source=Counts(OLD))
START = Standpoint()

COURSES = {
    "blue/green: all at once": (Rolling(strategy="BLUE_GREEN", bake_m=5), BLUE_GREEN),
    "canary: some, then all": (Rolling(strategy="CANARY", step=50, pause_m=10, bake_m=5), CANARY),
    "a canary that gets everything": (Rolling(strategy="CANARY", step=ALL, pause_m=10), Course()),
    "linear: equal steps, the last one what is left": (
        Rolling(strategy="LINEAR", step=300, pause_m=6),
        Course((300, 600, 900, ALL), pause=6 * MINUTE),
    ),
    "linear by halves": (Rolling(strategy="LINEAR", step=500), Course((500, ALL))),
}


@pytest.mark.parametrize(("rolling", "expected"), COURSES.values(), ids=COURSES)
def test_courses(rolling: Rolling, expected: Course) -> None:
    assert shifting.course(rolling) == expected


TABLE: dict[str, tuple[Course, Standpoint, Sets, Instant, Next]] = {
    "it begins": (BLUE_GREEN, Standpoint(), READY, 0, Enter("PRE_SCALE_UP")),
    "others have to go first": (
        BLUE_GREEN,
        Standpoint(),
        replace(READY, others=1),
        0,
        Enter("RECONCILE_SERVICE"),
    ),
    "until they are gone": (
        BLUE_GREEN,
        Standpoint("RECONCILE_SERVICE"),
        replace(READY, others=1),
        0,
        Wait("1 tasks of other revisions have still to go"),
    ),
    "they are all that bears requests: the new ones come first": (
        BLUE_GREEN,
        Standpoint("RECONCILE_SERVICE"),
        replace(READY, source=Counts(OLD, unhealthy=2), floor=1, others=1),
        0,
        Enter("PRE_SCALE_UP"),
    ),
    "but no requests, not even for tests, while they are there": (
        BLUE_GREEN,
        Standpoint("SCALE_UP"),
        replace(READY, source=Counts(OLD, unhealthy=2), others=1),
        0,
        Wait("1 tasks of other revisions have still to go"),
    ),
    "a hook holds it": (
        BLUE_GREEN,
        Standpoint("POST_SCALE_UP", hooked=True),
        READY,
        0,
        Wait("hooks of POST_SCALE_UP"),
    ),
    "all of the target must be healthy": (
        BLUE_GREEN,
        Standpoint("SCALE_UP"),
        ONE_ILL,
        0,
        Wait("1 of 2 tasks of the new revision are healthy"),
    ),
    "the first shift": (
        CANARY,
        Standpoint("PRE_PRODUCTION_TRAFFIC_SHIFT"),
        READY,
        0,
        Enter("PRODUCTION_TRAFFIC_SHIFT"),
    ),
    "none to a target that does not bear it": (
        CANARY,
        Standpoint("PRE_PRODUCTION_TRAFFIC_SHIFT"),
        ONE_ILL,
        0,
        Wait("1 of 2 tasks of the new revision are healthy"),
    ),
    "the minimum bears it": (
        CANARY,
        Standpoint("PRE_PRODUCTION_TRAFFIC_SHIFT"),
        replace(ONE_ILL, floor=1),
        0,
        Enter("PRODUCTION_TRAFFIC_SHIFT"),
    ),
    "time between shifts": (
        CANARY,
        Standpoint("PRODUCTION_TRAFFIC_SHIFT", since=MINUTE, step=1),
        READY,
        2 * MINUTE,
        Wait("the time between two shifts", 11 * MINUTE),
    ),
    "the next shift": (
        CANARY,
        Standpoint("PRODUCTION_TRAFFIC_SHIFT", since=MINUTE, step=1),
        READY,
        11 * MINUTE,
        Enter("PRODUCTION_TRAFFIC_SHIFT"),
    ),
    "nothing waits after the last": (
        CANARY,
        Standpoint("PRODUCTION_TRAFFIC_SHIFT", since=MINUTE, step=2),
        READY,
        MINUTE,
        Enter("POST_PRODUCTION_TRAFFIC_SHIFT"),
    ),
    "both stand while it bakes": (
        CANARY,
        Standpoint("BAKE_TIME", since=MINUTE, step=2),
        READY,
        2 * MINUTE,
        Wait("the bake time", 6 * MINUTE),
    ),
    "then the old one goes": (
        CANARY,
        Standpoint("BAKE_TIME", since=MINUTE, step=2),
        READY,
        6 * MINUTE,
        Enter("CLEAN_UP"),
    ),
    "it is there still": (
        CANARY,
        Standpoint("CLEAN_UP", step=2),
        READY,
        0,
        Wait("2 tasks of the old revision have still to go"),
    ),
    "it is gone": (CANARY, Standpoint("CLEAN_UP", step=2), GONE, 0, Done()),
    "the first deployment of a service shifts once": (
        CANARY,
        Standpoint("PRODUCTION_TRAFFIC_SHIFT", step=1),
        FIRST,
        0,
        Enter("POST_PRODUCTION_TRAFFIC_SHIFT"),
    ),
    "and bakes nothing": (CANARY, Standpoint("BAKE_TIME", step=1), FIRST, 0, Enter("CLEAN_UP")),
    "back at once": (
        CANARY,
        Standpoint("SCALE_UP", hooked=True, back=True),
        READY,
        0,
        Enter("PRODUCTION_TRAFFIC_SHIFT"),
    ),
    "back when the old one stands again": (
        CANARY,
        Standpoint("SCALE_UP", back=True),
        Sets(2, 2, Counts(OLD, pending=2), Counts(NEW, healthy=1)),
        0,
        Wait("0 of 2 tasks of the new revision are healthy"),
    ),
    "or is the better of the two": (
        CANARY,
        Standpoint("SCALE_UP", back=True),
        Sets(2, 2, Counts(OLD, healthy=1, pending=1), Counts(NEW, unhealthy=2)),
        0,
        Enter("PRODUCTION_TRAFFIC_SHIFT"),
    ),
}


@pytest.mark.parametrize(("course", "at", "sets", "now", "expected"), TABLE.values(), ids=TABLE)
def test_following(course: Course, at: Standpoint, sets: Sets, now: Instant, expected: Next) -> None:
    assert shifting.following(course, at, sets, now) == expected


GIVEN_UP = "given up"
BEARERS: dict[str, tuple[int, Counts | None, list[Counts], str]] = {
    "there is none": (2, None, [], ""),
    "its source": (2, Counts(OLD, healthy=2), [Counts(GIVEN_UP, healthy=4)], OLD),
    "the minimum is enough": (1, Counts(OLD, healthy=1), [Counts(GIVEN_UP, healthy=4)], OLD),
    "none is not, whatever the minimum": (0, Counts(OLD), [Counts(GIVEN_UP, healthy=1)], GIVEN_UP),
    "the one given up bears more": (2, Counts(OLD, healthy=1), [Counts(GIVEN_UP, healthy=2)], GIVEN_UP),
    "it is no better": (2, Counts(OLD, healthy=1), [Counts(GIVEN_UP, healthy=1, pending=3)], OLD),
}


@pytest.mark.parametrize(("floor", "source", "given_up", "expected"), BEARERS.values(), ids=BEARERS)
def test_bearer(floor: int, source: Counts | None, given_up: list[Counts], expected: str) -> None:
    assert shifting.bearer(Sets(4, floor, Counts(NEW), source), given_up) == expected


SHARES = {
    "before the test": (Standpoint("POST_SCALE_UP"), Shares(0, 0)),
    "test requests go first, and all of them": (Standpoint("TEST_TRAFFIC_SHIFT"), Shares(0, ALL)),
    "then some of production": (Standpoint("PRODUCTION_TRAFFIC_SHIFT", step=1), Shares(50, ALL)),
    "then all": (Standpoint("PRODUCTION_TRAFFIC_SHIFT", step=2), Shares(ALL, ALL)),
    "for good": (Standpoint("CLEAN_UP", step=2), Shares(ALL, ALL)),
    "on the way back, not yet": (Standpoint("SCALE_UP", step=1, back=True), None),
    "all at once": (Standpoint("PRODUCTION_TRAFFIC_SHIFT", step=1, back=True), Shares(ALL, ALL)),
}


@pytest.mark.parametrize(("at", "expected"), SHARES.values(), ids=SHARES)
def test_shares(at: Standpoint, expected: Shares | None) -> None:
    assert shifting.shares(CANARY, at, alone=False) == expected
    assert shifting.shares(CANARY, at, alone=True) == Shares(ALL, ALL)


@dataclass
class Deployed:
    """A deployment as it is played: the planners decide, tasks obey after a while, or fall ill."""

    course: Course
    desired: int
    target: Counts
    source: Counts | None
    at: Standpoint = START
    now: Instant = 0
    production: int = 0
    """Of the target."""

    def sets(self) -> Sets:
        return Sets(self.desired, self.desired, self.target, self.source)

    def turn(self) -> bool:
        """One turn, and a second. Returns whether it is done."""
        while isinstance(step := shifting.following(self.course, self.at, self.sets(), self.now), Enter):
            shifted = step.stage == "PRODUCTION_TRAFFIC_SHIFT"
            self.at = replace(self.at, stage=step.stage, since=self.now, step=self.at.step + shifted)
            self.share(shifted)
        target, source = shifting.counts_wanted(self.at, self.desired)
        self.target = _obeyed(self.target, target)
        if self.source is not None:
            self.source = _obeyed(self.source, source)
            kept = self.source.good + self.source.unhealthy
            assert kept or not self.desired or self.production == ALL, "a set lost its tasks with its share"
        self.now += SECOND if not isinstance(step, Wait) or not step.until else step.until - self.now
        return isinstance(step, Done)

    def share(self, shifted: bool) -> None:
        wanted = shifting.shares(self.course, self.at, self.source is None)
        if wanted is None:
            return
        assert 0 <= wanted.production <= ALL and 0 <= wanted.test <= ALL
        more = wanted.production > self.production
        assert not more or shifted or self.source is None, "requests shift in their stage only"
        if more and self.source is not None and self.desired:
            better = self.at.back and self.target.healthy > self.source.healthy
            assert self.target.healthy >= self.desired or better
        self.production = wanted.production

    def turn_back(self) -> None:
        """The roles are exchanged."""
        assert self.source is not None
        self.target, self.source = self.source, self.target
        self.at = Standpoint("SCALE_UP", since=self.now, back=True)
        self.production = ALL - self.production


def _obeyed(group: Counts, wanted: int) -> Counts:
    """The set after the rolling planner had its way with it, and every task its time."""
    healthy, unhealthy = group.healthy + group.pending, group.unhealthy
    started = 0
    for action in plan(Wanted(wanted), group):
        match action:
            case Start(count):
                started = count
            case Stop(_, "healthy" | "pending", count):
                healthy -= count
            case Stop(_, "unhealthy", count):
                unhealthy -= count
            case _:
                continue
    return Counts(group.deployment, pending=started, healthy=healthy, unhealthy=unhealthy)


courses = st.builds(
    Course,
    st.sampled_from([(ALL,), (50, ALL), (300, 600, 900, ALL)]),
    st.sampled_from([0, MINUTE]),
    st.sampled_from([0, MINUTE]),
)


@settings(deadline=None)
@given(
    courses,
    st.integers(0, 4),
    st.booleans(),
    st.integers(0, 40),
    st.lists(st.tuples(st.integers(0, 40), st.booleans()), max_size=4),
)
def test_every_deployment_ends_and_nobody_is_sent_nowhere(
    course: Course, desired: int, first: bool, back_after: int, ills: list[tuple[int, bool]]
) -> None:
    """Tasks fall ill at any time, somebody turns back at any time: it ends with one set that has it all."""
    played = Deployed(course, desired, Counts(NEW), None if first else Counts(OLD, healthy=desired))
    for turn in range(200):
        if turn == back_after and played.source is not None:
            played.turn_back()
        for when, of_target in ills:
            if when == turn and of_target and played.target.healthy:
                played.target = _ill(played.target)
            if when == turn and not of_target and played.source is not None and played.source.healthy:
                played.source = _ill(played.source)
        if played.turn():
            assert played.production == ALL and played.target.healthy == desired
            return
    raise AssertionError(played)


@given(
    st.integers(1, 5),
    st.sampled_from([(0, 100), (50, 100), (100, 100), (34, 134), (100, 200)]),
    st.integers(0, 5),
    st.integers(0, 5),
)
def test_what_was_given_up_goes_without_harm(
    desired: int, percents: tuple[int, int], bears: int, given_up: int
) -> None:
    """Though the source may never be whole: it ends, and never were fewer healthy than the minimum."""
    wanted = Wanted(desired, *percents)
    target, other, at = Counts(NEW), Counts(GIVEN_UP, healthy=min(given_up, desired)), START
    source = Counts(OLD, healthy=min(bears, desired))
    source = replace(source, unhealthy=desired - source.healthy)
    for _ in range(50):
        before = target.healthy + source.healthy + other.healthy
        step: Next = Wait("")
        while not isinstance(step, Done):
            now = Sets(desired, wanted.healthy_min, target, source, other.held)
            step = shifting.following(Course(), at, now, 0)
            if not isinstance(step, Enter):
                break
            shifted = step.stage == "PRODUCTION_TRAFFIC_SHIFT"
            assert not other.held or step.stage in STAGES_BEFORE_TESTS
            at = replace(at, stage=step.stage, step=at.step + shifted)
        if isinstance(step, Done):
            return
        wishes = shifting.counts_wanted(at, desired)
        least = replace(wanted, elsewhere=target.healthy)
        if wishes[1]:
            stops = [one for one in plan(least, source, [other]) if isinstance(one, Stop)]
        else:
            stops = departing(least, [other, source])
        other, source = _left(other, stops), _left(source, stops)
        after = target.healthy + source.healthy + other.healthy
        assert after == before or after >= wanted.healthy_min
        target = _obeyed(target, wishes[0])
    raise AssertionError((at, target, source, other))


STAGES_BEFORE_TESTS = ("RECONCILE_SERVICE", "PRE_SCALE_UP", "SCALE_UP")


def _left(group: Counts, stops: list[Stop]) -> Counts:
    """The set after its stops; nothing that is ill gets well."""
    gone = {stop.standing: stop.count for stop in stops if stop.deployment == group.deployment}
    healthy, unhealthy = group.healthy - gone.get("healthy", 0), group.unhealthy - gone.get("unhealthy", 0)
    return replace(group, healthy=healthy, unhealthy=unhealthy)


def _ill(group: Counts) -> Counts:
    return replace(group, healthy=group.healthy - 1, unhealthy=group.unhealthy + 1)
