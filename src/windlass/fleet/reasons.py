"""Why something waits, as services tell it: a code, a sentence, and what a unit on its way waits for. Pure.

Decides from a unit's row; must not know whose it is. The sentences are ours.
"""

from __future__ import annotations

from dataclasses import dataclass

from windlass.fleet.model import Unit
from windlass.kernel.clock import SECOND, Duration, Instant


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that is waited for. `code` is fixed, for programs; `sentence` is for people."""

    code: str
    sentence: str
    until: Instant = 0
    """When it ends by itself; 0 when time alone does not end it."""


NOTHING = "NOTHING"
"""Code of what is as it is wanted."""


def on_the_way(unit: Unit | None, node_connected: bool) -> Reason | None:
    """What a unit waits for before its node begins to start it; None once it has. No unit: not made yet."""
    if unit is None or (unit.state == "waiting" and not unit.why):
        return Reason("PLACING", "It has just been accepted; a node is being chosen.")
    if unit.state == "waiting":
        code = "NODE" if "connected" in unit.why else "ROOM"
        return Reason(code, f"It waits for a place: {unit.why}.")
    if not node_connected:
        return Reason("NODE", f"Its node {unit.node_id} is not connected: it starts when the node is back.")
    if unit.state == "assigned":
        return Reason("NODE", f"Node {unit.node_id} has been told to start it, and has not answered yet.")
    return None


def span(length: Duration) -> str:
    """A duration in its largest two units.

    >>> [span(int(s * SECOND)) for s in (0.25, 4.5, 75, 3_720)]
    ['0.2 s', '4.5 s', '1 min 15 s', '1 h 2 min']
    """
    tenths = max(0, length) * 10 // SECOND
    whole = tenths // 10
    if whole < 10:
        return f"{tenths / 10:g} s"
    for size, unit, smaller, small in (
        (86_400, "d", 3_600, "h"),
        (3_600, "h", 60, "min"),
        (60, "min", 1, "s"),
    ):
        if whole >= size:
            rest = whole % size // smaller
            return f"{whole // size} {unit}" + (f" {rest} {small}" if rest else "")
    return f"{whole} s"
