"""The life of an instance in its group (EC2 Auto Scaling User Guide, instance lifecycle). Pure.

Standby, warm pools and detaching by way of a state of its own are not here; Pending:Proceed takes no time.
"""

from __future__ import annotations

from typing import cast

from windlass.kernel.machine import Moves, move
from windlass.kernel.rows import replace
from windlass.services.autoscaling.model import Member, State

MEMBER_MOVES: Moves = {
    ("Pending", "hooked"): "Pending:Wait",
    ("Pending", "launched"): "InService",
    ("Pending", "end"): "Terminating",
    ("Pending:Wait", "launched"): "InService",
    ("Pending:Wait", "end"): "Terminating",
    ("InService", "end"): "Terminating",
    ("Terminating", "hooked"): "Terminating:Wait",
    ("Terminating:Wait", "proceed"): "Terminating:Proceed",
}
ACTIVE: frozenset[State] = frozenset({"Pending", "Pending:Wait", "InService"})
"""Those that make up a group's capacity."""


def moved(member: Member, event: str) -> Member:
    """The instance after that event; its waits, if any, are over."""
    state = cast(State, move(MEMBER_MOVES, member.state, event, member))
    return replace(member, state=state, waits=())
