"""How much happened in a world: what its speed is measured in.

An event is a timer that rang, a step in the life of a simulated unit, a message that came over a node's link,
or a row that a transaction wrote. Commits are told apart: one may write many rows.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Counted:
    """From a world's begin until some time."""

    timers: int = 0
    """Timers of the loop that rang, without those that were cancelled."""
    steps: int = 0
    """Units that went on to the next part of their lives (SimulatedNode); many may do so with one timer."""
    messages: int = 0
    """Messages of links with nodes, both ways."""
    rows: int = 0
    """Rows that transactions wrote or deleted."""
    commits: int = 0
    """Transactions that changed something."""

    @property
    def events(self) -> int:
        """All but commits, which are the rows' together."""
        return self.timers + self.steps + self.messages + self.rows


NONE_YET = Counted()
