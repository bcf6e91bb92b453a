"""Room on targets: what fits is found, what is given back is as if never taken, and cost follows kinds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from windlass.fleet.room import Need, Room, Target, Wish
from windlass.kernel.faults import Bug


def first(below: int) -> int:
    """Chance for tests in which it decides nothing."""
    return 0


def choose(room: Room, need: Need, suits: Callable[[str], bool] | None = None) -> str | None:
    return room.choose(Wish(need, suits=suits), first)


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
    assert choose(room, need) == chosen
    assert room.lacks("b", need) == (lack or (None if chosen == "b" else "ports"))


def test_units_spread_over_equal_targets() -> None:
    """The roomiest first, equal ones by id."""
    room = a_room(*(a_target(name) for name in "cab"))
    chosen = []
    for _ in range(6):
        found = choose(room, Need(100, 100))
        assert found is not None
        room.take(found, Need(100, 100))
        chosen.append(found)
    assert chosen == ["a", "b", "c", "a", "b", "c"]


def test_closed_and_removed_targets_are_not_chosen() -> None:
    """They come back with what was reserved on them meanwhile."""
    room = a_room(a_target("a"))
    room.take("a", Need(1000, 0))
    room.put(a_target("a", open=False))
    assert (len(room), choose(room, Need()), room.lacks("a", Need(100, 0))) == (0, None, "cpu")
    room.remove("a")
    room.put(a_target("a"))
    assert choose(room, Need(100, 0)) is None
    room.give_back("a", Need(1000, 0))
    assert choose(room, Need(100, 0)) == "a"
    with pytest.raises(Bug):
        room.give_back("a", Need(1000, 0))


def test_unbounded_targets_take_everything_but_ports() -> None:
    room = a_room(a_target("a", 1, 1, unbounded=True))
    need = Need(10**6, 10**6, frozenset({("tcp", 80)}))
    room.take("a", need)
    assert choose(room, Need(10**6, 10**6)) == "a"
    assert choose(room, need) is None


def test_a_further_condition_is_asked_of_each_target() -> None:
    room = a_room(a_target("a"), a_target("b"), a_target("c", 2048))
    assert choose(room, Need(1, 1), lambda target_id: target_id == "b") == "b"
    assert choose(room, Need(1, 1), lambda target_id: False) is None


def test_ten_thousand_targets_are_a_handful_of_kinds() -> None:
    """Equal tasks on equal machines: a choice looks at kinds, as many as one machine has tasks."""
    room = a_room(*(a_target(f"t{number:05}") for number in range(10_000)))
    for _ in range(10_500):
        found = choose(room, Need(256, 256))
        assert found is not None
        room.take(found, Need(256, 256))
    assert room.kinds() == 2
