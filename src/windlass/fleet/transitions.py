"""The life of a unit: one table of moves, and what a node's report does to a unit.

Pure. Knows states and reports; not nodes, sessions or services. Reports may be late, doubled or out of
order (a node repeats what was not acknowledged), so what the table does not list is not an error here: the
report is behind what is known, and changes nothing.
"""

from __future__ import annotations

from typing import cast

from msgspec.structs import replace

from windlass.fleet.messages import UnitState
from windlass.fleet.model import Unit, UnitPhase
from windlass.kernel.machine import Moves, allows, move

UNIT_MOVES: Moves = {
    ("waiting", "assign"): "assigned",
    ("waiting", "withdraw"): "stopped",
    ("assigned", "pending"): "starting",
    ("assigned", "running"): "running",
    ("assigned", "stopping"): "stopping",
    ("assigned", "stopped"): "stopped",
    ("assigned", "lose"): "lost",
    ("starting", "pending"): "starting",
    ("starting", "running"): "running",
    ("starting", "stopping"): "stopping",
    ("starting", "stopped"): "stopped",
    ("starting", "lose"): "lost",
    ("running", "running"): "running",
    ("running", "stopping"): "stopping",
    ("running", "stopped"): "stopped",
    ("running", "lose"): "lost",
    ("stopping", "stopping"): "stopping",
    ("stopping", "stopped"): "stopped",
    ("stopping", "lose"): "lost",
}
"""Events "pending" to "stopped" are a node's `UnitStatus`; the others are the controller's."""

ENDED: frozenset[UnitPhase] = frozenset({"stopped", "lost"})
"""The unit will not run again; it waits for its owner to take that in and delete the row."""

_OCCUPYING: frozenset[UnitPhase] = frozenset({"assigned", "starting", "running", "stopping"})
_CONTAINER_RANK = {"pending": 0, "running": 1, "stopped": 2}


def occupies(unit: Unit) -> bool:
    """Whether it takes up its reservation on its node."""
    return unit.state in _OCCUPYING


def assign(unit: Unit, node_id: str, generation: int) -> Unit:
    """The unit on that node, first held by that generation of the node's desired set."""
    state = _move(unit, "assign")
    return replace(unit, state=state, node_id=node_id, generation=generation, why="")


def withdraw(unit: Unit) -> Unit:
    """The owner wants it stopped before it was placed."""
    return replace(unit, state=_move(unit, "withdraw"), why="stopped before it was placed on a node")


def lose(unit: Unit, why: str) -> Unit:
    """Nobody can say any more what became of it."""
    return replace(unit, state=_move(unit, "lose"), why=why)


def apply_observed(unit: Unit, report: UnitState) -> Unit:
    """The unit after a node's report; the same object when the report says nothing new.

    A running unit and a report "stopped" → stopped; a stopped unit and a late "running" → unchanged.
    """
    known = unit.observed
    if not allows(UNIT_MOVES, unit.state, report.status):
        return unit
    if known is not None and (report == known or _behind(report, known)):
        return unit
    return replace(unit, state=_move(unit, report.status), observed=report)


def _behind(report: UnitState, known: UnitState) -> bool:
    """Whether some container is less far in the report than it is known to be."""
    ranks = {container.name: _CONTAINER_RANK[container.status] for container in known.containers}
    for container in report.containers:
        if _CONTAINER_RANK[container.status] < ranks.get(container.name, 0):
            return True
    return False


def _move(unit: Unit, event: str) -> UnitPhase:
    return cast(UnitPhase, move(UNIT_MOVES, unit.state, event, unit))
