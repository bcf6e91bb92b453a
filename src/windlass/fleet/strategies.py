"""Which of the targets that fit takes a unit: placement strategies, applied one after the other. Pure.

Each strategy of a chain keeps the best of the candidates that the ones before it left (ECS Developer Guide,
task placement strategies): `spread` those with the fewest units of the same group, on the target or on all
that share a trait; `binpack` those with the least CPU or memory left; `random` any one of them. What is left
after the chain: the roomiest kind, the one seen first, the lowest id; without a chain that alone spreads
units. Nobody says what AWS does there.

Walks the orders of kinds.py and stops at the first that fits, so the cost follows shelves, not targets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from heapq import merge
from itertools import groupby
from typing import Literal, NamedTuple, TypeAlias, cast

from windlass.fleet.kinds import Amount, Kind, Level, Need, Shelf, Traits

TARGET = "instanceId"
"""The field of a spread over the targets themselves."""
RANDOM_TRIES = 16
"""Draws among all before those that fit are counted."""

Draw: TypeAlias = Callable[[int], int]
"""A number below that one, from a stream of chance."""


class Strategy(NamedTuple):
    """One rule of a chain."""

    kind: Literal["random", "spread", "binpack"]
    field: str = ""
    """TARGET or the name of a trait for spread, cpu or memory for binpack."""


@dataclass(frozen=True, slots=True)
class Wish:
    """One unit that wants a target, and how to choose among those that fit."""

    need: Need
    group: str = ""
    """Units of the same group spread, and keep apart."""
    strategies: Sequence[Strategy] = ()
    distinct: bool = False
    """Only targets without a unit of the group."""
    admits: Callable[[Traits], bool] | None = None
    """Whether targets of those traits are candidates; asked once for all that share them."""
    reads: frozenset[str] = frozenset()
    """The traits that `admits` reads."""
    suits: Callable[[str], bool] | None = None
    """A further condition on one target, by id; asked of each that is looked at."""

    @property
    def traits(self) -> frozenset[str]:
        """The traits by which targets must be told apart for it."""
        spread = {rule.field for rule in self.strategies if rule.kind == "spread" and rule.field != TARGET}
        return self.reads | spread

    @property
    def counts_units(self) -> bool:
        """Whether it matters how many units of the group a target holds."""
        return self.distinct or Strategy("spread", TARGET) in self.strategies


class Search:
    """One choice. `held` counts units of the group by target, `spread` by the value of a trait."""

    def __init__(
        self,
        wish: Wish,
        draw: Draw,
        spread: Callable[[str], Mapping[str | None, int]],
        held: Mapping[str, int],
    ) -> None:
        self._wish = wish
        self._draw = draw
        self._spread = spread
        self._held = held

    def best(self, shelves: Sequence[Shelf]) -> str | None:
        """The target that the unit goes to; None when none fits."""
        return self._best(shelves, tuple(self._wish.strategies), 0 if self._wish.distinct else None)

    def _best(self, shelves: Sequence[Shelf], chain: tuple[Strategy, ...], level: Level) -> str | None:
        """By the rest of the chain, among the targets of these shelves at that level."""
        if not chain:
            return self._roomiest(shelves, level)
        match chain[0]:
            case Strategy("spread", "instanceId"):
                return self._spread_over_targets(shelves, chain[1:], level)
            case Strategy("spread", trait):
                return self._spread_over_values(trait, shelves, chain[1:], level)
            case Strategy("binpack", amount):
                return self._binpack(cast(Amount, amount), shelves, chain[1:], level)
            case _:
                return self._any(shelves, level)

    def _roomiest(self, shelves: Sequence[Shelf], level: Level) -> str | None:
        found: tuple[tuple[int, int], str] | None = None
        for shelf in shelves:
            for place, kind in shelf.by_share.items():
                if found is not None and place > found[0]:
                    break
                target_id = self._taker(kind, level)
                if target_id is not None:
                    found = (place, target_id)
                    break
        return found[1] if found is not None else None

    def _spread_over_targets(
        self, shelves: Sequence[Shelf], rest: tuple[Strategy, ...], level: Level
    ) -> str | None:
        """The lowest level first; after one such rule, or under `distinct`, all are at one level."""
        if level is not None:
            return self._best(shelves, rest, level)
        at: dict[int, list[Shelf]] = {}
        for shelf in shelves:
            for found in shelf.levels(self._wish.group):
                at.setdefault(found, []).append(shelf)
        return _first(self._best(at[lowest], rest, lowest) for lowest in sorted(at))

    def _spread_over_values(
        self, trait: str, shelves: Sequence[Shelf], rest: tuple[Strategy, ...], level: Level
    ) -> str | None:
        """The values with the fewest units first; targets without the trait have one value in common."""
        units = self._spread(trait)
        having: dict[int, list[Shelf]] = {}
        for shelf in shelves:
            having.setdefault(units.get(shelf.traits.get(trait), 0), []).append(shelf)
        return _first(self._best(having[fewest], rest, level) for fewest in sorted(having))

    def _binpack(
        self, amount: Amount, shelves: Sequence[Shelf], rest: tuple[Strategy, ...], level: Level
    ) -> str | None:
        fullest = merge(*(shelf.fullest(amount, self._wish.need) for shelf in shelves))
        for _, equal in groupby(fullest, key=lambda found: found[0]):
            kinds = [kind for _, _, kind in equal if self._taker(kind, level) is not None]
            if kinds:
                return self._among(kinds, rest, level)
        return None

    def _any(self, shelves: Sequence[Shelf], level: Level) -> str | None:
        """Draw from all, which is cheap, and again if that one does not fit; at last count those that do."""
        total = sum(map(len, shelves))
        for _ in range(RANDOM_TRIES if total else 0):
            place = self._draw(total)
            for shelf in shelves:
                if place < len(shelf):
                    target_id = str(shelf.members[place])
                    if self._takes(shelf.kind_of[target_id], target_id, level):
                        return target_id
                    break
                place -= len(shelf)
        return self._any_of([kind for shelf in shelves for kind in shelf.by_share.values()], level)

    # among few kinds, which are all looked at

    def _among(self, kinds: list[Kind], chain: tuple[Strategy, ...], level: Level) -> str | None:
        """The same as `_best`, among kinds that have takers at that level."""
        for kind_of_rule, field in chain:
            if kind_of_rule == "random":
                return self._any_of(kinds, level)
            if kind_of_rule == "binpack":
                kinds = _least(kinds, [kind.free.amount(cast(Amount, field)) for kind in kinds])
            elif field != TARGET:
                units = self._spread(field)
                kinds = _least(kinds, [units.get(kind.shelf.traits.get(field), 0) for kind in kinds])
            elif level is None:
                levels = [self._lowest(kind) for kind in kinds]
                kinds, level = _least(kinds, levels), min(levels)
        roomiest = min(kinds, key=lambda kind: (-kind.free.share(), kind.number))
        return self._taker(roomiest, level)

    def _lowest(self, kind: Kind) -> int:
        """The lowest level at which the kind, which has a taker, has one."""
        levels = kind.levels(self._wish.group)
        return next((level for level in levels if self._taker(kind, level) is not None), levels[-1])

    def _any_of(self, kinds: Sequence[Kind], level: Level) -> str | None:
        group, suits = self._wish.group, self._wish.suits
        fitting = [kind for kind in kinds if kind.free.lacks(self._wish.need) is None]
        if suits is not None:
            found = [target for kind in fitting for target in kind.ids(group, level) if suits(target)]
            return found[self._draw(len(found))] if found else None
        counts = [kind.count(group, level) for kind in fitting]
        place = self._draw(sum(counts)) if any(counts) else 0
        for kind, count in zip(fitting, counts, strict=True):
            if place < count:
                return kind.at(group, level, place)
            place -= count
        return None

    # one kind, one target

    def _taker(self, kind: Kind, level: Level) -> str | None:
        """The lowest id of that kind and level, if it takes the unit."""
        if kind.free.lacks(self._wish.need) is not None:
            return None
        if self._wish.suits is not None:
            return next(filter(self._wish.suits, kind.ids(self._wish.group, level)), None)
        return kind.at(self._wish.group, level, 0) if kind.count(self._wish.group, level) else None

    def _takes(self, kind: Kind, target_id: str, level: Level) -> bool:
        if level is not None and self._held.get(target_id, 0) != level:
            return False
        fits = kind.free.lacks(self._wish.need) is None
        return fits and (self._wish.suits is None or self._wish.suits(target_id))


def _first(found: Iterable[str | None]) -> str | None:
    """The first that is there; those after it are not even looked for."""
    return next((target_id for target_id in found if target_id is not None), None)


def _least(kinds: list[Kind], values: list[int]) -> list[Kind]:
    """The kinds whose value is the smallest."""
    least = min(values)
    return [kind for kind, value in zip(kinds, values, strict=True) if value == least]
