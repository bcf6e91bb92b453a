"""Strategies: whatever happened before, a choice is what a look at every target would give."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from windlass.fleet import room as rooms
from windlass.fleet.kinds import UNLIMITED
from windlass.fleet.room import Need, Room, Strategy, Target, Wish

ZONE = Strategy("spread", "zone")
RACK = Strategy("spread", "rack")
EACH = Strategy("spread", "instanceId")
CPU = Strategy("binpack", "cpu")
MEMORY = Strategy("binpack", "memory")
RANDOM = Strategy("random")
GROUPS = ("a", "b")
IDS = tuple("nopqrs")


@dataclass
class Plain:
    """The same as Room, by looking at everything."""

    targets: dict[str, Target] = field(default_factory=dict)
    taken: list[tuple[str, Need, str]] = field(default_factory=list)

    def free(self, target: Target) -> tuple[int, int, int, int]:
        on_it = [need for target_id, need, _ in self.taken if target_id == target.id]
        cpu = target.cpu_units - sum(need.cpu_units for need in on_it)
        memory = target.memory_mib - sum(need.memory_mib for need in on_it)
        if target.unbounded:
            cpu = memory = UNLIMITED
        gpus = target.gpus - sum(need.gpus for need in on_it)
        return cpu, memory, gpus, target.enis - sum(need.enis for need in on_it)

    def fits(self, target: Target, need: Need) -> bool:
        cpu, memory, gpus, enis = self.free(target)
        ports = target.ports.union(*(n.ports for target_id, n, _ in self.taken if target_id == target.id))
        enough = need.cpu_units <= cpu and need.memory_mib <= memory
        slots = (not need.gpus or need.gpus <= gpus) and (not need.enis or need.enis <= enis)
        return enough and slots and ports.isdisjoint(need.ports)

    def share(self, target: Target) -> int:
        if target.unbounded:
            return 10**6
        cpu, memory, _, _ = self.free(target)
        sizes = max(1, target.cpu_units), max(1, target.memory_mib)
        return min(cpu * 10**6 // sizes[0], memory * 10**6 // sizes[1])

    def held(self, target_id: str, group: str) -> int:
        return sum(1 for at, _, of in self.taken if (at, of) == (target_id, group))

    def best(self, wish: Wish) -> set[str]:
        """Every target that the choice may fall on."""
        kept = [t for t in self.targets.values() if t.open and self.fits(t, wish.need)]
        kept = [t for t in kept if wish.admits is None or wish.admits(t.traits)]
        kept = [t for t in kept if wish.suits is None or wish.suits(t.id)]
        if wish.distinct:
            kept = [t for t in kept if not self.held(t.id, wish.group)]
        for rule in wish.strategies:
            if rule.kind == "random":
                return {target.id for target in kept}
            kept = least(kept, [self.value(rule, target, wish.group) for target in kept])
        return {target.id for target in least(kept, [-self.share(target) for target in kept])}

    def value(self, rule: Strategy, target: Target, group: str) -> int:
        if rule.kind == "binpack":
            return self.free(target)[0 if rule.field == "cpu" else 1]
        if rule.field == "instanceId":
            return self.held(target.id, group)
        alike = [
            t for t in self.targets.values() if t.traits.get(rule.field) == target.traits.get(rule.field)
        ]
        return sum(self.held(t.id, group) for t in alike)


def least(kept: list[Target], values: Sequence[int]) -> list[Target]:
    return [target for target, value in zip(kept, values, strict=True) if value == min(values)]


NEEDS = st.builds(
    Need,
    st.integers(0, 4),
    st.integers(0, 4),
    st.frozensets(st.sampled_from([("tcp", 1), ("tcp", 2)]), max_size=1),
    st.sampled_from([0, 0, 0, 1]),
    st.sampled_from([0, 0, 1]),
)
TARGETS = st.builds(
    Target,
    id=st.sampled_from(IDS),
    cpu_units=st.integers(0, 12),
    memory_mib=st.integers(0, 12),
    unbounded=st.sampled_from([False, False, False, True]),
    ports=st.frozensets(st.just(("tcp", 1)), max_size=1),
    gpus=st.integers(0, 2),
    enis=st.sampled_from([1, 2, UNLIMITED]),
    traits=st.dictionaries(st.sampled_from(["zone", "rack", "other"]), st.sampled_from("xy")),
    open=st.sampled_from([True, True, True, False]),
)
CHAINS = st.lists(st.sampled_from([ZONE, RACK, EACH, CPU, MEMORY, RANDOM]), max_size=4).map(tuple)


def admits(traits: Any) -> bool:
    return traits.get("other") != "x"


WISHES = st.builds(
    Wish,
    NEEDS,
    st.sampled_from(GROUPS),
    CHAINS,
    st.booleans(),
    st.sampled_from([None, admits]),
    st.just(frozenset({"other"})),
    st.sampled_from([None, lambda target_id: target_id in "noq"]),
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), TARGETS),
        st.tuples(st.just("take"), st.tuples(st.sampled_from(IDS), NEEDS, st.sampled_from((*GROUPS, "")))),
        st.tuples(st.just("give"), st.integers(0, 30)),
        st.tuples(st.just("remove"), st.sampled_from(IDS)),
        st.tuples(st.just("ask"), WISHES),
        st.tuples(st.just("place"), WISHES),
    ),
    max_size=40,
)


@given(st.lists(TARGETS, max_size=6), STEPS, WISHES, st.integers(0, 1000))
@settings(max_examples=400)
def test_a_choice_is_what_a_look_at_every_target_gives(
    targets: list[Target], steps: list[tuple[str, Any]], last: Wish, seed: int
) -> None:
    """Targets come, change and go, units too; between and after that every question has the right answer."""
    room, plain, draw = Room(), Plain(), random.Random(seed).randrange
    for what, value in [*(("put", target) for target in targets), *steps, ("ask", last)]:
        if what == "put":
            room.put(value)
            plain.targets[value.id] = value
        elif what == "take":
            room.take(*value)
            plain.taken.append(value)
        elif what == "give" and plain.taken:
            room.give_back(*plain.taken.pop(value % len(plain.taken)))
        elif what == "remove":
            room.remove(value)
            plain.targets.pop(value, None)
        elif what in ("ask", "place"):
            chosen, best = room.choose(value, draw), plain.best(value)
            assert (chosen in best) if best else chosen is None
            if what == "place" and chosen is not None:
                room.take(chosen, value.need, value.group)
                plain.taken.append((chosen, value.need, value.group))
    assert len(room) == sum(target.open for target in plain.targets.values())
    for target in plain.targets.values():
        assert (room.lacks(target.id, last.need) is None) == plain.fits(target, last.need)
        assert room.holds(target.id, last.group) == plain.held(target.id, last.group)


def a_room(count: int, zones: int = 3, **members: Any) -> Room:
    room = Room()
    for number in range(count):
        traits = {"zone": f"z{number % zones}", "name": f"n{number}"}
        room.put(Target(f"t{number:04}", 4096, 8192, traits=traits, **members))
    return room


def place(room: Room, count: int, seed: int = 0, **wish: Any) -> list[str]:
    """So many units, one by one, each reserved before the next."""
    draw, chosen = random.Random(seed).randrange, []
    for _ in range(count):
        wanted = Wish(**{"need": Need(256, 256), "group": "g", **wish})
        found = room.choose(wanted, draw)
        if found is None:
            break
        room.take(found, wanted.need, wanted.group)
        chosen.append(found)
    return chosen


def zones(chosen: list[str], count: int = 3) -> list[int]:
    return sorted(Counter(int(target_id[1:]) % count for target_id in chosen).values())


@pytest.mark.parametrize(
    ("chain", "hosts", "zoned"),
    [
        ((ZONE, EACH), 12, [4, 4, 4]),
        ((ZONE,), 12, [4, 4, 4]),
        ((EACH,), 12, [4, 4, 4]),
        ((MEMORY,), 1, [12]),
        ((ZONE, MEMORY), 3, [4, 4, 4]),
        ((ZONE, CPU, MEMORY), 3, [4, 4, 4]),
        ((), 12, [4, 4, 4]),
    ],
)
def test_twelve_units_on_thirty_targets_in_three_zones(
    chain: tuple[Strategy, ...], hosts: int, zoned: list[int]
) -> None:
    chosen = place(a_room(30), 12, strategies=chain)
    assert (len(set(chosen)), zones(chosen)) == (hosts, zoned)


def test_spread_counts_units_of_the_same_group_only() -> None:
    """One zone is full of others' units: the group's own go to every zone all the same."""
    room = a_room(6)
    for number in (0, 3):
        room.take(f"t{number:04}", Need(3000, 3000), "others")
    assert zones(place(room, 6, strategies=(ZONE,))) == [2, 2, 2]
    assert zones(place(room, 9, strategies=(ZONE,), group="h")) == [3, 3, 3]


def test_a_zone_without_room_does_not_stop_the_others() -> None:
    room = a_room(6)
    for number in (0, 3):
        room.take(f"t{number:04}", Need(4096, 8192), "others")
    assert zones(place(room, 6, strategies=(ZONE, EACH))) == [3, 3]


def test_distinct_targets_run_out() -> None:
    """One unit of the group each, whatever else is on them; then none fits."""
    room = a_room(20)
    for number in range(0, 20, 2):
        room.take(f"t{number:04}", Need(100, 100), "others")
    chosen = place(room, 25, distinct=True)
    assert (len(chosen), len(set(chosen))) == (20, 20)


def test_random_finds_every_target_and_is_fair() -> None:
    """Among forty targets, ten of which fit: each is drawn, none much more often than the others."""
    room = a_room(40)
    for number in range(30):
        room.take(f"t{number:04}", Need(4096, 0), "others")
    drawn = Counter(
        found
        for seed in range(400)
        if (found := room.choose(Wish(Need(1, 1), strategies=(RANDOM,)), random.Random(seed).randrange))
    )
    assert len(drawn) == 10
    assert max(drawn.values()) < 3 * min(drawn.values())


def test_the_same_stream_places_the_same() -> None:
    chain = (ZONE, RANDOM)
    one, other = (place(a_room(30), 30, seed=7, strategies=chain) for _ in range(2))
    assert one == other


def test_spread_over_a_trait_that_nobody_has_changes_nothing() -> None:
    """Best effort: it is as if the rule were not there."""
    with_it = place(a_room(9), 9, strategies=(RACK, MEMORY))
    assert with_it == place(a_room(9), 9, strategies=(MEMORY,))


def test_traits_that_nobody_asks_for_make_no_kinds() -> None:
    """Every target has a name of its own; until somebody asks for names they are one kind a zone."""
    room = a_room(300)
    place(room, 1, strategies=(ZONE,))
    assert room.kinds() == 4
    place(room, 1, strategies=(Strategy("spread", "name"),))
    assert room.kinds() == 300


def test_many_traits_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """With more traits than are told apart at a time the choice is still right."""
    monkeypatch.setattr(rooms, "TRAITS_MAX", 2)
    room = Room()
    for number in range(12):
        room.put(
            Target(f"t{number:04}", 4096, 8192, traits={f"k{k}": str(number % (k + 2)) for k in range(5)})
        )
    for k in (*range(5), *range(5)):
        chosen = place(room, 12, strategies=(Strategy("spread", f"k{k}"),), group=f"g{k}")
        per_value = Counter(int(target_id[1:]) % (k + 2) for target_id in chosen)
        assert max(per_value.values()) - min(per_value.values()) <= 1


class Counting:
    """Counts the kinds that a choice looks at, through what it asks of each."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, target_id: str) -> bool:
        self.asked += 1
        return True


@pytest.mark.parametrize("chain", [(ZONE, EACH), (EACH,), (MEMORY,), (ZONE, MEMORY), (RANDOM,), ()])
@pytest.mark.parametrize("distinct", [False, True])
def test_the_number_of_targets_looked_at_does_not_grow(chain: tuple[Strategy, ...], distinct: bool) -> None:
    """As many units as targets, on 100 and on 800: a choice looks at a handful of targets each time."""

    def looked_at(count: int) -> float:
        suits = Counting()
        assert len(place(a_room(count), count, strategies=chain, distinct=distinct, suits=suits)) == count
        return suits.asked / count

    few, many = looked_at(96), looked_at(768)
    assert many < 2 * few + 10


def test_levels_of_one_kind_are_found_by_halving() -> None:
    """Units that need nothing leave their target of the same kind; those without any are still found."""
    room = a_room(50, zones=1)
    chosen = place(room, 100, strategies=(EACH,), need=Need())
    assert set(Counter(chosen).values()) == {2}
    assert all(one < other for one, other in pairwise(chosen[:50]))
