"""What a node should hold, from rows: the whole set, or what changed since it was last told.

Pure. A node's desired set is every unit assigned to it that has a row and is not lost; an ended unit stays
in it, as "have it stopped", until its owner deletes the row, so that the node keeps its report until then.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from windlass.fleet.messages import Want
from windlass.fleet.model import Unit
from windlass.fleet.transitions import ENDED


@dataclass(frozen=True, slots=True)
class Difference:
    """What to tell a node: units to run or stop, and the ids of those to forget."""

    changed: tuple[Want, ...]
    gone: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.changed or self.gone)


def whole(units: Iterable[Unit]) -> tuple[Want, ...]:
    """Everything that the node of these units should hold, oldest first."""
    held = [unit for unit in units if unit.state != "lost"]
    held.sort(key=lambda unit: (unit.generation, unit.created_at, unit.id))
    return tuple(_want(unit) for unit in held)


def difference(held: Mapping[str, bool], now: Mapping[str, Unit | None]) -> Difference:
    """What `now` changes for a node that holds `held` (unit id → whether it was told to run it).

    `now` has the unit as its row says, or None where the node has nothing to do with it any more. That a
    unit ended is no news to the node that reported it.
    """
    changed: list[Want] = []
    gone: list[str] = []
    for unit_id, unit in now.items():
        if unit is None or unit.state == "lost":
            if unit_id in held:
                gone.append(unit_id)
        elif unit_id not in held or (held[unit_id] != _run(unit) and unit.state not in ENDED):
            changed.append(_want(unit))
    return Difference(tuple(changed), tuple(gone))


def _want(unit: Unit) -> Want:
    return Want(unit.spec, _run(unit), unit.stop_within)


def _run(unit: Unit) -> bool:
    return unit.desired == "run" and unit.state not in ENDED
