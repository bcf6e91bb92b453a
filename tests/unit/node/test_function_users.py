"""User ids of environments: one each, in turn, of a range that exists."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.node.function_users import NoUser, Range, Users, choose

HOST = "         0          0 4294967295\n"
CONTAINER = "         0     100000      65536\n"


def test_each_is_given_once_and_again_only_after_all_others() -> None:
    users = Users(Range(10, 12), start=1)
    assert [users.take() for _ in range(3)] == [11, 12, 10]
    with pytest.raises(NoUser, match="from 10 to 12"):
        users.take()
    users.give_back(12)
    assert users.take() == 12


@given(st.lists(st.booleans(), max_size=60), st.integers(min_value=0))
def test_nobody_ever_shares_one(steps: list[bool], start: int) -> None:
    """Taken and given back in any order, from anywhere in the range."""
    users, taken = Users(Range(5, 12), start), set[int]()
    for take in steps:
        if take and len(taken) < 8:
            user = users.take()
            assert user not in taken and 5 <= user <= 12
            taken.add(user)
        elif taken:
            users.give_back(taken.pop())


@pytest.mark.parametrize(
    ("uid_map", "found"),
    [
        (HOST, Range(1_900_000_000, 1_900_000_009)),
        (CONTAINER, Range(58_000, 58_009)),
        ("0 1000 1\n", None),
        ("0 0 10\n58000 200000 10\n", Range(58_000, 58_009)),
    ],
)
def test_the_first_range_that_exists_here(uid_map: str, found: Range | None) -> None:
    """On the host itself, in a container with the usual range, alone in a namespace, in pieces."""
    assert choose(uid_map, [Range(1_900_000_000, 1_900_000_009), Range(58_000, 58_009)]) == found
