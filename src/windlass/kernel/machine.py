"""State machines are tables; an unlisted move is a bug and raises with the row's story.

The idea is h11's (h11/_state.py). `diagram()` draws the picture in the docs from the same table.
"""

from __future__ import annotations

from collections.abc import Mapping

from windlass.kernel.faults import Bug

Moves = Mapping[tuple[str, str], str]
"""(state, event) → next state."""


def move(table: Moves, state: str, event: str, *story: object) -> str:
    """The next state. Raises Bug when the table does not list the move.

    >>> move({("off", "press"): "on"}, "off", "press")
    'on'
    """
    try:
        return table[state, event]
    except KeyError:
        raise Bug(f"no move from {state!r} on {event!r}", *story) from None


def allows(table: Moves, state: str, event: str) -> bool:
    """Whether the table lists the move: for input from outside that may be late or doubled."""
    return (state, event) in table


def diagram(table: Moves, title: str) -> str:
    """A Mermaid state diagram of the table, for docs/."""
    lines = ["stateDiagram-v2", f"    %% {title}"]
    lines += [f"    {state} --> {after}: {event}" for (state, event), after in table.items()]
    return "\n".join(lines) + "\n"
