"""Room on targets: what fits is found, what is given back is as if never taken, and cost follows kinds."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.fleet.room import Need, Room, Target
from windlass.kernel.faults import Bug


def a_room(*targets: Target) -> Room:
    room = Room()
    for target in targets:
        room.put(target)
    return room


def a_target(target_id: str, cpu: int = 1024, memory: int = 1024, **members: object) -> Target:
    return replace(Target(target_id, cpu, memory), **members)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("need", "chosen", "lack"),
    [
        (Need(), "b", None),
        (Need(2048, 1), "b", None),
        (Need(2049, 1), None, "cpu"),
        (Need(1, 4097), None, "memory"),
        (Need(1, 1, frozenset({("tcp", 22)})), None, "ports"),
        (Need(1, 1, frozenset({("udp", 22)})), "b", None),
        (Need(1, 1, frozenset({("tcp", 80)})), "a", None),
    ],
)
def test_what_fits(need: Need, chosen: str | None, lack: str | None) -> None:
    """Two targets: b has more room and port 80 taken; what b lacks is what the failure says."""
    room = a_room(
        a_target("a", 1024, 2048, ports=frozenset({("tcp", 22)})),
        a_target("b", 2048, 4096, ports=frozenset({("tcp", 22)})),
    )
    room.take("a", Need(512, 0))
    room.take("b", Need(0, 0, frozenset({("tcp", 80)})))
    assert room.choose(need) == chosen
    assert room.lacks("b", need) == (lack or (None if chosen == "b" else "ports"))


def test_units_spread_over_equal_targets() -> None:
    """The roomiest first, equal ones by id."""
    room = a_room(*(a_target(name) for name in "cab"))
    chosen = []
    for _ in range(6):
        found = room.choose(Need(100, 100))
        assert found is not None
        room.take(found, Need(100, 100))
        chosen.append(found)
    assert chosen == ["a", "b", "c", "a", "b", "c"]


def test_closed_and_removed_targets_are_not_chosen() -> None:
    """They come back with what was reserved on them meanwhile."""
    room = a_room(a_target("a"))
    room.take("a", Need(1000, 0))
    room.put(a_target("a", open=False))
    assert (len(room), room.choose(Need()), room.lacks("a", Need(100, 0))) == (0, None, "cpu")
    room.remove("a")
    room.put(a_target("a"))
    assert room.choose(Need(100, 0)) is None
    room.give_back("a", Need(1000, 0))
    assert room.choose(Need(100, 0)) == "a"
    with pytest.raises(Bug):
        room.give_back("a", Need(1000, 0))


def test_unbounded_targets_take_everything_but_ports() -> None:
    room = a_room(a_target("a", 1, 1, unbounded=True))
    need = Need(10**6, 10**6, frozenset({("tcp", 80)}))
    room.take("a", need)
    assert room.choose(Need(10**6, 10**6)) == "a"
    assert room.choose(need) is None


def test_a_further_condition_is_asked_of_each_target() -> None:
    room = a_room(a_target("a"), a_target("b"), a_target("c", 2048))
    assert room.choose(Need(1, 1), lambda target: target.id == "b") == "b"
    assert room.choose(Need(1, 1), lambda target: False) is None


def test_ten_thousand_targets_are_a_handful_of_kinds() -> None:
    """Equal tasks on equal machines: a choice looks at kinds, as many as one machine has tasks."""
    room = a_room(*(a_target(f"t{number:05}") for number in range(10_000)))
    for _ in range(10_500):
        found = room.choose(Need(256, 256))
        assert found is not None
        room.take(found, Need(256, 256))
    assert room.kinds() == 2


TARGETS = st.builds(
    Target,
    id=st.sampled_from("abcde"),
    cpu_units=st.integers(0, 8),
    memory_mib=st.integers(0, 8),
    unbounded=st.booleans(),
    ports=st.frozensets(st.sampled_from([("tcp", 1), ("udp", 1)])),
    open=st.booleans(),
)
NEEDS = st.builds(
    Need, st.integers(0, 4), st.integers(0, 4), st.frozensets(st.sampled_from([("tcp", 1), ("tcp", 2)]))
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), TARGETS),
        st.tuples(st.just("take"), st.tuples(st.sampled_from("abcde"), NEEDS)),
        st.tuples(st.just("give"), st.integers(0, 30)),
        st.tuples(st.just("remove"), st.sampled_from("abcde")),
    ),
    max_size=25,
)


@given(STEPS, NEEDS)
def test_the_choice_is_what_a_look_at_every_target_gives(steps: list[tuple[str, object]], need: Need) -> None:
    """Whatever happened before: the room agrees with a plain count over all targets."""
    room, targets, taken = Room(), dict[str, Target](), list[tuple[str, Need]]()
    for what, value in steps:
        if what == "put":
            assert isinstance(value, Target)
            room.put(value)
            targets[value.id] = value
        elif what == "take":
            assert isinstance(value, tuple)
            room.take(*value)
            taken.append(value)
        elif what == "give" and taken:
            assert isinstance(value, int)
            room.give_back(*taken.pop(value % len(taken)))
        elif what == "remove":
            room.remove(str(value))
            targets.pop(str(value), None)

    def fits(target: Target) -> bool:
        on_it = [n for target_id, n in taken if target_id == target.id]
        cpu, memory = sum(n.cpu_units for n in on_it), sum(n.memory_mib for n in on_it)
        ports = target.ports.union(*(n.ports for n in on_it))
        enough = need.cpu_units + cpu <= target.cpu_units and need.memory_mib + memory <= target.memory_mib
        return target.open and (enough or target.unbounded) and ports.isdisjoint(need.ports)

    candidates = {target.id for target in targets.values() if fits(target)}
    chosen = room.choose(need)
    assert (chosen in candidates) if candidates else chosen is None
    assert len(room) == sum(target.open for target in targets.values())
    for target in targets.values():
        assert not target.open or (room.lacks(target.id, need) is None) == fits(target)
