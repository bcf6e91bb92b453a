"""Which shared interfaces there are."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.fleet.networks import Interface
from windlass.services.lambda_.vpc_model import Combination, SharedInterface, VpcConfig, combinations
from windlass.services.lambda_.vpc_plan import Action, Free, Keep, Leave, Make, next_look, plan, ready_at

A = Combination("1", "r", "subnet-a", ("sg-1",))
B = Combination("1", "r", "subnet-b", ("sg-1",))
C = Combination("1", "r", "subnet-a", ("sg-1", "sg-2"))


def a_row(combination: Combination, *, ready_at: int = 0, free_at: int = 0) -> SharedInterface:
    name = f"eni-{combination.subnet_id}-{'-'.join(combination.groups)}"
    interface = Interface(
        name, "0a:", "10.0.0.4", combination.subnet_id, "10.0.0.0/24", "vpc-1", "10.0.0.0/16"
    )
    return SharedInterface(*combination, interface, ready_at, free_at)


ID = a_row(A).interface.id


@pytest.mark.parametrize(
    ("wanted", "rows", "occupied", "linger", "actions"),
    [
        ({A, C}, [], (), 0, [Make(A), Make(C)]),
        ({A}, [a_row(A)], (), 0, []),
        ((), [a_row(A)], (), 60, [Leave(a_row(A), 160)]),
        ((), [a_row(A)], (), 0, [Free(a_row(A))]),
        ((), [a_row(A)], (ID,), 0, []),
        ((), [a_row(A, free_at=150)], (), 60, []),
        ((), [a_row(A, free_at=100)], (), 60, [Free(a_row(A, free_at=100))]),
        ((), [a_row(A, free_at=100)], (ID,), 60, [Keep(a_row(A, free_at=100))]),
        ({A}, [a_row(A, free_at=100)], (), 60, [Keep(a_row(A, free_at=100))]),
    ],
)
def test_plan(
    wanted: set[Combination],
    rows: list[SharedInterface],
    occupied: tuple[str, ...],
    linger: int,
    actions: list[Action],
) -> None:
    """At 100: made when wanted, kept while used or occupied, freed when nobody came back in time."""
    assert plan(wanted, rows, occupied, 100, linger) == actions


def test_one_for_each_subnet_whatever_the_order_of_groups() -> None:
    one = combinations("1", "r", VpcConfig("vpc-1", ("subnet-b", "subnet-a"), ("sg-2", "sg-1")))
    other = combinations("1", "r", VpcConfig("vpc-1", ("subnet-a",), ("sg-1", "sg-2")))
    assert set(other) <= set(one) and len(one) == 2
    assert combinations("1", "r", None) == combinations("1", "r", VpcConfig()) == []


def test_ready_when_the_last_one_is() -> None:
    assert ready_at([a_row(A, ready_at=5), a_row(B, ready_at=9)]) == 9
    assert ready_at([a_row(A), None]) is None
    assert ready_at([]) == 0
    assert next_look([a_row(A, ready_at=5, free_at=20), a_row(B, ready_at=30)], 10) == 20
    assert next_look([a_row(A, ready_at=5)], 10) is None


SETS = st.sets(st.sampled_from([A, B, C]))


@given(st.lists(st.tuples(SETS, SETS, st.integers(0, 40)), max_size=20), st.sampled_from([0, 30]))
def test_wanted_ones_are_there_and_others_go_in_time(
    steps: list[tuple[set[Combination], set[Combination], int]], linger: int
) -> None:
    """Any story of users: one row for each combination in use, none freed under somebody or kept for ever."""
    rows: dict[Combination, SharedInterface] = {}
    unused_since: dict[Combination, int] = {}
    now = 0
    for wanted, speaking, passed in steps:
        now += passed
        occupied = {rows[one].interface.id for one in speaking if one in rows}
        before = dict(rows)
        for action in plan(wanted, rows.values(), occupied, now, linger):
            match action:
                case Make(combination):
                    assert combination not in rows
                    rows[combination] = a_row(combination)
                case Keep(row):
                    rows[row.combination] = replace(row, free_at=0)
                case Leave(row, free_at):
                    rows[row.combination] = replace(row, free_at=free_at)
                case Free(row):
                    del rows[row.combination]
        assert wanted <= rows.keys()
        used = wanted | (speaking & before.keys())
        assert used & before.keys() <= rows.keys()
        unused_since = {one: unused_since.get(one, now) for one in rows.keys() - used}
        assert all(now - since < linger for since in unused_since.values())
        again = plan(
            wanted, rows.values(), {rows[one].interface.id for one in speaking if one in rows}, now, linger
        )
        assert not [action for action in again if not isinstance(action, Free)]
