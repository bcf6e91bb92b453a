"""What an Auto Scaling group does next, from situations in tables and from any situation."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.build import ACCOUNT, NOW, REGION
from windlass.fleet.blueprints import Site, TemplateName
from windlass.kernel.clock import SECOND
from windlass.kernel.rows import replace
from windlass.services.autoscaling.model import LAUNCHING, TERMINATING, Group, Launch, Member, Wait
from windlass.services.autoscaling.plan import (
    Begin,
    End,
    Forget,
    Move,
    Plan,
    Seen,
    Shut,
    choose_sites,
    choose_victims,
    outcome,
    plan,
)
from windlass.services.autoscaling.transitions import ACTIVE

A, B, C = (Site(f"{REGION}{letter}") for letter in "abc")


def a_group(desired: int = 0, **members: Any) -> Group:
    made = Group(
        account=ACCOUNT,
        region=REGION,
        name="web",
        id="g1",
        created_at=NOW,
        min_size=0,
        max_size=100,
        desired=desired,
        launch=Launch(configuration="lc"),
        sites=(A, B),
    )
    return replace(made, **members)


def a_member(member_id: str = "i-1", state: Any = "InService", **members: Any) -> Member:
    made = Member(
        id=member_id,
        account=ACCOUNT,
        region=REGION,
        group="web",
        zone=A.zone,
        instance_type="t3.small",
        launched_at=NOW,
        state=state,
        configuration="lc",
    )
    return replace(made, **members)


def a_wait(result: Any = "", default: Any = "ABANDON", after_s: int = 30) -> Wait:
    return Wait("hook", "token", NOW + after_s * SECOND, NOW + 100 * SECOND, 30, default, result)


def test_nothing_to_do() -> None:
    assert plan(a_group(1), [Seen(a_member(), "running")], (), NOW) == Plan()


def test_launches_go_to_the_emptiest_zone() -> None:
    """One runs in zone a; three more: b, then a and b by turns."""
    made = plan(a_group(4), [Seen(a_member(), "running")], (), NOW)
    assert made.actions == (Begin(B), Begin(A), Begin(B))


def test_subnets_of_a_zone_take_turns() -> None:
    one, other = Site(A.zone, "subnet-1"), Site(A.zone, "subnet-2")
    assert choose_sites([one, other], [], 3) == [one, other, one]


@pytest.mark.parametrize(
    ("member", "phase", "hooked", "expected"),
    [
        (a_member(state="Pending"), "pending", (), ()),
        (a_member(state="Pending"), "running", (), (Move("i-1", "launched"),)),
        (a_member(state="Pending"), "running", (LAUNCHING,), (Move("i-1", "hooked"),)),
        (a_member(state="Pending"), "running", (TERMINATING,), (Move("i-1", "launched"),)),
        (a_member(state="Pending:Wait", waits=(a_wait(),)), "running", (LAUNCHING,), ()),
        (
            a_member(state="Pending:Wait", waits=(a_wait("CONTINUE"),)),
            "running",
            (),
            (Move("i-1", "launched"),),
        ),
        (a_member(state="Terminating"), "running", (), (Shut("i-1"), Begin(A))),
        (a_member(state="Terminating"), "running", (TERMINATING,), (Move("i-1", "hooked"), Begin(A))),
        (a_member(state="Terminating:Wait", waits=(a_wait(),)), "running", (TERMINATING,), (Begin(A),)),
        (
            a_member(state="Terminating:Wait", waits=(a_wait("ABANDON"),)),
            "running",
            (TERMINATING,),
            (Move("i-1", "proceed"), Shut("i-1"), Begin(A)),
        ),
        (a_member(state="Terminating:Proceed"), "shutting-down", (TERMINATING,), (Begin(A),)),
        (a_member(state="Terminating:Proceed"), "terminated", (TERMINATING,), (Forget("i-1"), Begin(A))),
        (a_member(state="Terminating"), None, (), (Forget("i-1"), Begin(A))),
    ],
)
def test_each_instance_takes_its_next_step(
    member: Member, phase: Any, hooked: Any, expected: tuple[Any, ...]
) -> None:
    """In a group that wants one instance."""
    assert plan(a_group(1), [Seen(member, phase)], hooked, NOW).actions == expected


@pytest.mark.parametrize(
    ("member", "phase"),
    [
        (a_member(), "terminated"),
        (a_member(), None),
        (a_member(healthy=False), "running"),
        (a_member(state="Pending:Wait", waits=(a_wait("ABANDON"),)), "running"),
        (a_member(state="Pending:Wait", waits=(a_wait(after_s=0),)), "running"),
    ],
)
def test_what_is_lost_is_ended_and_replaced(member: Member, phase: Any) -> None:
    end, begin = plan(a_group(1), [Seen(member, phase)], (), NOW).actions
    assert isinstance(end, End)
    assert begin == Begin(A)


def test_waits_end_by_result_or_by_time() -> None:
    assert outcome([a_wait()], NOW) is None
    assert outcome([a_wait("CONTINUE"), a_wait()], NOW) is None
    assert outcome([a_wait("ABANDON"), a_wait()], NOW) == "ABANDON"
    assert outcome([a_wait(default="CONTINUE")], NOW + 30 * SECOND) == "CONTINUE"
    waiting = a_member(state="Pending:Wait", waits=(a_wait(),))
    assert plan(a_group(1), [Seen(waiting, "running")], (), NOW).look_again == NOW + 30 * SECOND


def test_victims_come_from_the_fullest_zone_and_are_never_protected() -> None:
    members = [
        a_member("i-1", launched_at=NOW - 3),
        a_member("i-2", launched_at=NOW - 2),
        a_member("i-3", zone=B.zone, launched_at=NOW - 9),
        a_member("i-4", protected=True, launched_at=NOW - 10),
    ]
    assert [one.id for one in choose_victims(a_group(), members, 2)] == ["i-1", "i-2"]
    assert [one.id for one in choose_victims(a_group(), members, 9)] == ["i-1", "i-2", "i-3"]


@pytest.mark.parametrize(
    ("policies", "expected"),
    [
        (("Default",), "i-2"),
        (("OldestInstance",), "i-1"),
        (("NewestInstance",), "i-3"),
        (("OldestLaunchTemplate", "NewestInstance"), "i-2"),
    ],
)
def test_termination_policies(policies: tuple[str, ...], expected: str) -> None:
    """i-2 was made with an older version than the group's."""
    now = TemplateName("lt-1", "web", "2")
    launch = Launch(template=now)
    members = [
        a_member("i-1", configuration="", template=now, launched_at=NOW - 3),
        a_member("i-2", configuration="", template=TemplateName("lt-1", "web", "1"), launched_at=NOW - 2),
        a_member("i-3", configuration="", template=now, launched_at=NOW - 1),
    ]
    [victim] = choose_victims(a_group(policies=policies, launch=launch), members, 1)
    assert victim.id == expected


def test_suspended_processes_and_protection_are_told() -> None:
    seen = [Seen(a_member(protected=True), "running")]
    assert plan(a_group(0), seen, (), NOW).why == "the other instances are protected from scale in"
    assert plan(a_group(2, suspended=("Launch",)), seen, (), NOW) == Plan(
        why="the process Launch is suspended"
    )
    assert plan(a_group(0, suspended=("Terminate",)), seen, (), NOW).actions == ()


def test_a_group_that_is_deleted_ends_all_at_once() -> None:
    """Protection, hooks and suspended processes hold nothing up then."""
    group = a_group(0, deleting=True, forced=True, suspended=("Terminate",))
    members = [a_member("i-1", protected=True), a_member("i-2", state="Terminating:Wait", waits=(a_wait(),))]
    made = plan(group, [Seen(one, "running") for one in members], (TERMINATING,), NOW)
    kinds = [type(action) for action in made.actions]
    assert kinds == [Move, Shut, End]


STATES = ("Pending", "Pending:Wait", "InService", "Terminating", "Terminating:Wait", "Terminating:Proceed")
MEMBERS = st.builds(
    lambda number, state, zone, protected, healthy: a_member(
        f"i-{number:04d}",
        state,
        zone=zone.zone,
        protected=protected,
        healthy=healthy,
        waits=(a_wait(),) if state.endswith("Wait") else (),
    ),
    st.integers(0, 9_999),
    st.sampled_from(STATES),
    st.sampled_from([A, B, C]),
    st.booleans(),
    st.booleans(),
)
SITUATIONS = st.lists(
    st.tuples(MEMBERS, st.sampled_from(["pending", "running", "shutting-down", "terminated", None])),
    max_size=20,
    unique_by=lambda one: one[0].id,
)


@given(SITUATIONS, st.integers(0, 20), st.sets(st.sampled_from([LAUNCHING, TERMINATING])))
def test_capacity_is_met_and_protection_kept(situation: Any, desired: int, hooked: Any) -> None:
    """From any situation: what stays and what is launched is the desired capacity, or protected; and zones

    to which instances are launched end up within one of each other, if launches are enough for that.
    """
    group = a_group(desired, sites=(A, B, C))
    seen = [Seen(member, phase) for member, phase in situation]
    made = plan(group, seen, hooked, NOW)
    ended = {action.member_id for action in made.actions if isinstance(action, End)}
    begun = [action.site.zone for action in made.actions if isinstance(action, Begin)]
    kept = [one.member for one in seen if one.member.state in ACTIVE and one.member.id not in ended]
    assert len(kept) + len(begun) == desired or all(member.protected for member in kept)
    for one in seen:
        if one.member.id in ended and one.member.healthy and one.phase in ("pending", "running"):
            assert not one.member.protected or one.member.state == "Pending:Wait"
    counts = Counter(member.zone for member in kept) + Counter(begun)
    for zone in set(begun):
        assert counts[zone] - min(counts[site.zone] for site in group.sites) <= 1
