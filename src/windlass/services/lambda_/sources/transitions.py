"""The life of an event source mapping as a table. Pure.

A call moves it on by "change", "enable", "disable" or "delete"; the controller by "opened" (its pollers take
messages) and "closed" (they do not, and no batch runs any more). A call that the table does not list finds
the mapping in use. Source: Lambda API reference, EventSourceMappingConfiguration, State.
"""

from __future__ import annotations

from windlass.kernel.machine import Moves

MAPPING_MOVES: Moves = {
    ("Creating", "opened"): "Enabled",
    ("Creating", "closed"): "Disabled",
    ("Enabled", "change"): "Updating",
    ("Disabled", "change"): "Updating",
    ("Updating", "opened"): "Enabled",
    ("Updating", "closed"): "Disabled",
    ("Enabled", "disable"): "Disabling",
    ("Disabling", "closed"): "Disabled",
    ("Disabled", "enable"): "Enabling",
    ("Enabling", "opened"): "Enabled",
    ("Enabled", "delete"): "Deleting",
    ("Disabled", "delete"): "Deleting",
}
"""(state, event) → next state. A mapping that is Deleting goes when it is closed."""

SETTLED = ("Enabled", "Disabled")
"""States that last until somebody calls."""


def change(enabled: bool, wanted: bool) -> str:
    """The event of an update: switching on or off says more than "change"."""
    if enabled == wanted:
        return "change"
    return "enable" if wanted else "disable"
