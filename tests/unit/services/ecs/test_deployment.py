"""The rolling deployment planner: AWS's own examples, and what must hold for every count."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.services.ecs.deployment import (
    Action,
    Blocked,
    Complete,
    Counts,
    Start,
    Stop,
    Wanted,
    departing,
    plan,
)

NEW, OLD = "new", "old"
Story = tuple[Wanted, Counts, list[Counts], list[Action]]

TABLE: dict[str, Story] = {
    "a new service starts all": (Wanted(3), Counts(NEW), [], [Start(3)]),
    "what is on its way is waited for": (Wanted(3), Counts(NEW, pending=2, waiting=1), [], []),
    "all healthy: complete": (Wanted(3), Counts(NEW, healthy=3), [], [Complete()]),
    "none wanted, none there: complete": (Wanted(0), Counts(NEW), [], [Complete()]),
    "200 %: the new ones first": (Wanted(4), Counts(NEW), [Counts(OLD, healthy=4)], [Start(4)]),
    "200 %: one healthy lets one go": (
        Wanted(4),
        Counts(NEW, healthy=1, waiting=3),
        [Counts(OLD, healthy=4)],
        [Stop(OLD, "healthy", 1)],
    ),
    "50/100 %: two make room (ECS Developer Guide)": (
        Wanted(4, 50, 100),
        Counts(NEW),
        [Counts(OLD, healthy=4)],
        [Stop(OLD, "healthy", 2)],
    ),
    "75/100 % of two: none may stop, none may start": (
        Wanted(2, 75, 100),
        Counts(NEW),
        [Counts(OLD, healthy=2)],
        [Blocked("was unable to stop or start tasks during a deployment")],
    ),
    "100/125 % of three: rounded down there is no room": (
        Wanted(3, 100, 125),
        Counts(NEW),
        [Counts(OLD, healthy=3)],
        [Blocked("was unable to stop or start tasks during a deployment")],
    ),
    "0/100 %: all at once": (
        Wanted(3, 0, 100),
        Counts(NEW),
        [Counts(OLD, healthy=3)],
        [Stop(OLD, "healthy", 3)],
    ),
    "0/100 %: nobody knows of the old ones, they go all the same": (
        Wanted(3, 0, 100),
        Counts(NEW),
        [Counts(OLD, waiting=3)],
        [Stop(OLD, "running", 3)],
    ),
    "deleted after it FAILED: all of it goes": (
        Wanted(0, launches=False),
        Counts(NEW, unhealthy=2),
        [Counts(OLD, healthy=1)],
        [Stop(OLD, "healthy", 1), Stop(NEW, "unhealthy", 2)],
    ),
    "what leaves still takes room": (Wanted(3, 0, 100), Counts(NEW), [Counts(OLD, leaving=3)], []),
    "old ones that never came up go at once": (
        Wanted(2),
        Counts(NEW),
        [Counts(OLD, pending=1, unhealthy=1)],
        [Start(2), Stop(OLD, "pending", 1), Stop(OLD, "unhealthy", 1)],
    ),
    "scaled in: those first that serve nobody": (
        Wanted(1),
        Counts(NEW, pending=1, waiting=1, healthy=2),
        [],
        [Stop(NEW, "pending", 1), Stop(NEW, "running", 1), Stop(NEW, "healthy", 1)],
    ),
    "an unhealthy one is replaced first": (Wanted(2), Counts(NEW, healthy=1, unhealthy=1), [], [Start(1)]),
    "and stopped when its replacement is healthy": (
        Wanted(2),
        Counts(NEW, healthy=2, unhealthy=1),
        [],
        [Stop(NEW, "unhealthy", 1)],
    ),
    "without room it is stopped first": (
        Wanted(2, 50, 100),
        Counts(NEW, healthy=1, unhealthy=1),
        [],
        [Stop(NEW, "unhealthy", 1)],
    ),
    "a failed deployment starts nothing and lets the old ones be": (
        Wanted(2, launches=False),
        Counts(NEW, unhealthy=1),
        [Counts(OLD, healthy=2)],
        [],
    ),
}


@pytest.mark.parametrize("story", TABLE.values(), ids=TABLE)
def test_plan(story: Story) -> None:
    wanted, primary, older, expected = story
    planned = plan(wanted, primary, older)
    assert [replace(a, why=a.why[:53]) if isinstance(a, Blocked) else a for a in planned] == expected


DEPARTING: dict[str, tuple[Wanted, list[Counts], list[Stop]]] = {
    "others bear it all": (
        Wanted(4, elsewhere=4),
        [Counts(OLD, healthy=4)],
        [Stop(OLD, "healthy", 4)],
    ),
    "not more than they bear": (Wanted(4, elsewhere=3), [Counts(OLD, healthy=4)], [Stop(OLD, "healthy", 3)]),
    "those are spared first that may yet be healthy": (
        Wanted(4, 50),
        [Counts(OLD, waiting=2), Counts(NEW, healthy=1, pending=1, unhealthy=1)],
        [Stop(OLD, "running", 1), Stop(NEW, "pending", 1), Stop(NEW, "unhealthy", 1)],
    ),
    "none is needed": (Wanted(4, 0), [Counts(OLD, healthy=4)], [Stop(OLD, "healthy", 4)]),
}


@pytest.mark.parametrize(("wanted", "groups", "expected"), DEPARTING.values(), ids=DEPARTING)
def test_departing(wanted: Wanted, groups: list[Counts], expected: list[Stop]) -> None:
    assert departing(wanted, groups) == expected


def test_bounds_are_rounded_as_aws_does() -> None:
    assert [Wanted(3, 50, 125).healthy_min, Wanted(3, 50, 125).held_max] == [2, 3]


few = st.integers(0, 6)


def counts(name: str) -> st.SearchStrategy[Counts]:
    return st.builds(Counts, st.just(name), few, few, few, few, few)


wishes = st.builds(
    Wanted, st.integers(0, 8), st.sampled_from([0, 33, 50, 100]), st.sampled_from([100, 125, 150, 200])
)


@given(wishes, counts(NEW), st.lists(counts(OLD), max_size=1))
def test_bounds_hold(wanted: Wanted, primary: Counts, older: list[Counts]) -> None:
    """No plan goes over the maximum or under the minimum, or further over and under than it was."""
    groups = [primary, *older]
    held, healthy = sum(g.held for g in groups), sum(g.healthy for g in groups)
    stopped: Counter[tuple[str, str]] = Counter()
    for action in plan(wanted, primary, older):
        match action:
            case Start(count):
                assert count > 0 and held + count <= wanted.held_max
                assert count <= wanted.desired_count
            case Stop(deployment, standing, count):
                assert count > 0
                stopped[deployment, standing] += count
            case Complete():
                assert healthy == held == wanted.desired_count
            case Blocked(why):
                assert why
    there = {
        (g.deployment, kind): count
        for g in groups
        for kind, count in (
            ("pending", g.pending),
            ("running", g.waiting),
            ("healthy", g.healthy),
            ("unhealthy", g.unhealthy),
        )
    }
    assert all(count <= there[key] for key, count in stopped.items())
    gone = sum(count for (_, kind), count in stopped.items() if kind == "healthy")
    assert gone == 0 or healthy - gone >= wanted.healthy_min


@given(
    wishes.filter(lambda wanted: wanted.percent_max > 100 or wanted.percent_min < 100),
    counts(NEW),
    counts(OLD),
)
def test_every_deployment_ends(wanted: Wanted, primary: Counts, old: Counts) -> None:
    """Told tasks leave, started ones get healthy: after a while the new deployment is all there is.

    Unless rounding leaves room for nothing, which is said.
    """
    older = [old]
    for _ in range(100):
        actions = plan(wanted, primary, [group for group in older if group.held])
        if actions == [Complete()]:
            return
        if any(isinstance(action, Blocked) for action in actions):
            assert wanted.held_max == wanted.desired_count and wanted.healthy_min == wanted.desired_count
            return
        primary, older = _lived(primary, actions), [_lived(group, actions) for group in older]
    raise AssertionError((wanted, primary, older))


@given(wishes, few, st.lists(counts(OLD), max_size=1), counts(NEW))
def test_what_departs_leaves_enough(wanted: Wanted, others: int, older: list[Counts], newer: Counts) -> None:
    """A healthy task goes only if the minimum stays; all go once the others are enough by themselves."""
    groups = [*older, newer]
    stops = departing(replace(wanted, elsewhere=others), groups)
    gone = sum(stop.count for stop in stops if stop.standing == "healthy")
    left = others + sum(group.healthy for group in groups) - gone
    assert not gone or left >= wanted.healthy_min
    if others >= wanted.healthy_min:
        there = sum(group.good + group.unhealthy for group in groups)
        assert sum(stop.count for stop in stops) == there


def _lived(group: Counts, actions: list[Action]) -> Counts:
    """The group after the actions and some time."""
    left = {"pending": group.pending, "running": group.waiting, "healthy": group.healthy}
    unhealthy = group.unhealthy
    for action in actions:
        if isinstance(action, Start) and group.deployment == NEW:
            left["pending"] += action.count
        if isinstance(action, Stop) and action.deployment == group.deployment:
            if action.standing == "unhealthy":
                unhealthy -= action.count
            else:
                left[action.standing] -= action.count
    return Counts(group.deployment, healthy=sum(left.values()), unhealthy=unhealthy)


@pytest.mark.parametrize(("desired", "stops"), [(5, 0), (3, 2), (1, 4), (0, 5)])
def test_a_failed_deployment_keeps_no_more_ill_tasks_than_are_wanted(desired: int, stops: int) -> None:
    """Found by `windlass fuzz`: scaled in after its failure, it kept all that nobody replaced."""
    made = plan(Wanted(desired, launches=False), Counts("new", unhealthy=5))
    assert sum(one.count for one in made if isinstance(one, Stop)) == stops
