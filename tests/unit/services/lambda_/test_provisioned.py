"""Which environments are started, stopped and given events for provisioned concurrency."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.services.lambda_.provisioned import Held, Plan, Standing, Wish, plan, shares

NOW, LIFE = 1_000, 100
READY_3 = Standing("READY", "", 3, 3)
REASON = "FUNCTION_ERROR_INIT_FAILURE"


def held(names: str, version: str = "1", *, age: int = 1) -> list[Held]:
    """One for each letter: s starts, r is ready, t takes events. Ids are letter, version, place and age."""
    return [
        Held(f"{letter}{version}.{i}/{age}", version, NOW - age, letter != "s", letter == "t")
        for i, letter in enumerate(names)
    ]


def ids(*groups: list[Held]) -> tuple[str, ...]:
    return tuple(one.unit_id for group in groups for one in group)


def looked(wishes: list[Wish], there: list[Held], room: int = 100) -> Plan:
    return plan(wishes, there, room=room, now=NOW, life=LIFE)


NEW = Wish("1", {"1": 3})
AGED = held("ttt", age=LIFE)


@pytest.mark.parametrize(
    ("wish", "there", "room", "expected"),
    [
        (NEW, [], 100, Plan({"1": 3})),
        (NEW, [], 2, Plan({"1": 2})),
        (NEW, [], 0, Plan()),
        (replace(NEW, begins_at=NOW + 5), [], 100, Plan(again=NOW + 5)),
        (NEW, held("ss"), 100, Plan({"1": 1})),
        (NEW, held("rrs"), 100, Plan(standings={"1": Standing(allocated=2)})),
        (NEW, held("rrr"), 100, Plan(serve=ids(held("rrr")), standings={"1": READY_3})),
        (replace(NEW, standing=READY_3), held("ttt"), 100, Plan()),
        # one died: the others go on
        (
            replace(NEW, standing=READY_3),
            held("tt"),
            100,
            Plan({"1": 1}, standings={"1": Standing(allocated=2, available=2)}),
        ),
        # grown from three to five: the three go on, the others wait for each other
        (
            Wish("1", {"1": 5}, READY_3),
            held("tttr"),
            100,
            Plan({"1": 1}, standings={"1": Standing(allocated=4, available=3)}),
        ),
        # shrunk from three to one
        (
            Wish("1", {"1": 1}, READY_3),
            held("ttt"),
            100,
            Plan(stop=("t1.1/1", "t1.2/1"), standings={"1": Standing("READY", "", 1, 1)}),
        ),
        (
            Wish("1", {"1": 1}),
            held("srt"),
            100,
            Plan(stop=("r1.1/1", "s1.0/1"), standings={"1": Standing("READY", "", 1, 1)}),
        ),
        # a plane that starts anew finds two of three
        (
            replace(NEW, standing=READY_3),
            held("rr"),
            100,
            Plan({"1": 1}, serve=ids(held("rr")), standings={"1": Standing(allocated=2, available=2)}),
        ),
        # old ones serve until their successors are ready
        (replace(NEW, standing=READY_3), AGED, 100, Plan({"1": 3})),
        (replace(NEW, standing=READY_3), [*AGED, *held("sss")], 100, Plan()),
        (
            replace(NEW, standing=READY_3),
            [*AGED, *held("rss")],
            100,
            Plan(serve=("r1.0/1",), stop=(AGED[0].unit_id,)),
        ),
        (replace(NEW, standing=READY_3), [*AGED, *held("ttt")], 100, Plan(stop=ids(AGED))),
        # an initialisation failed
        (
            replace(NEW, failure=REASON),
            held("rs"),
            100,
            Plan(serve=("r1.0/1",), standings={"1": Standing("FAILED", REASON, 1, 1)}),
        ),
        (replace(NEW, standing=Standing("FAILED", REASON)), [], 100, Plan()),
    ],
)
def test_one_version(wish: Wish, there: list[Held], room: int, expected: Plan) -> None:
    assert looked([wish], there, room) == expected


def test_an_alias_that_moved() -> None:
    """From version 1 to 2: the environments of 1 have nothing to wait for."""
    moved = Wish("live", {"2": 2})
    assert looked([moved], held("tt")) == Plan({"2": 2}, stop=ids(held("tt")))
    assert looked([], held("tt")) == Plan(stop=ids(held("tt")))


def test_an_alias_with_weights_is_ready_when_both_versions_are() -> None:
    """Two of version 1 and one of 2: none takes events before all three are there."""
    live = Wish("live", {"1": 2, "2": 1})
    first, second = held("rr"), held("r", "2")
    assert looked([live], first) == Plan({"2": 1}, standings={"live": Standing(allocated=2)})
    whole = looked([live], [*first, *second])
    assert whole == Plan(serve=ids(first, second), standings={"live": READY_3})


@pytest.mark.parametrize(
    ("requested", "weights", "expected"),
    [
        (10, (), {"1": 10}),
        (10, (("2", 0.25),), {"1": 8, "2": 2}),
        (1, (("2", 0.1),), {"1": 1, "2": 0}),
        (4, (("2", 1.0),), {"1": 0, "2": 4}),
    ],
)
def test_shares(requested: int, weights: tuple[tuple[str, float], ...], expected: dict[str, int]) -> None:
    """By weight, and never more or fewer than were asked for."""
    assert shares(requested, "1", weights) == expected


situations = st.lists(
    st.builds(
        lambda n, version, age, state: Held(f"u{n}", version, NOW - age, state > 0, state > 1),
        st.integers(0, 10_000),
        st.sampled_from("123"),
        st.sampled_from([1, 50, LIFE, 2 * LIFE]),
        st.integers(0, 2),
    ),
    max_size=12,
    unique_by=lambda one: one.unit_id,
)
wished = st.builds(
    lambda first, second, failed: [
        Wish("1", {"1": first}, failure=REASON if failed else ""),
        Wish("live", {"2": second}),
    ],
    st.integers(1, 6),
    st.integers(1, 6),
    st.booleans(),
)


@given(wished, situations, st.integers(0, 12))
def test_stops_leave_what_is_wanted_and_starts_keep_within_bounds(
    wishes: list[Wish], there: list[Held], room: int
) -> None:
    """From any situation: at most `room` started, at most twice what is wanted there, nothing ready lost."""
    found = looked(wishes, there, room)
    assert sum(found.start.values()) <= room and set(found.start) <= {"1", "2"}
    assert not wishes[0].failed or "1" not in found.start
    assert not set(found.serve) & set(found.stop)
    for version, wanted in (("1", wishes[0].shares["1"]), ("2", wishes[1].shares["2"])):
        mine = [one for one in there if one.version == version]
        left = [one for one in mine if one.unit_id not in found.stop]
        ready = sum(one.ready for one in mine)
        assert sum(one.ready for one in left) >= min(wanted, ready)
        assert len(left) + found.start.get(version, 0) <= 2 * wanted
    assert {one.unit_id for one in there if one.version == "3"} <= set(found.stop)


@given(wished, situations)
def test_it_settles(wishes: list[Wish], there: list[Held]) -> None:
    """Starts succeed: after a few looks all is READY, enough serve, and nothing is left to do."""
    number = 0
    for _ in range(8):
        found = looked(wishes, there)
        there = [replace(one, serves=one.serves or one.unit_id in found.serve) for one in there]
        there = [replace(one, ready=True) for one in there if one.unit_id not in found.stop]
        for version, count in found.start.items():
            there += [Held(f"n{number + i}", version, NOW) for i in range(count)]
            number += count
        wishes = [
            replace(wish, standing=found.standings.get(wish.qualifier, wish.standing)) for wish in wishes
        ]
    assert looked(wishes, there) == Plan()
    assert wishes[1].standing == Standing("READY", "", wishes[1].shares["2"], wishes[1].shares["2"])
    assert sum(one.version == "2" and one.serves for one in there) == wishes[1].shares["2"]
