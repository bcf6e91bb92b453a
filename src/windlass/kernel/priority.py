"""The keepers go first: a plane and its agent must not wait in line behind the tasks that they started.

Linux shares the CPU between sessions (sched_autogroup), and every task is a session of its own: with 100
busy tasks the agent would get a hundredth. Given the right, a keeper takes a heavier group for its own
session; its children make new sessions with the ordinary weight. Without the right nothing happens.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

AUTOGROUP_NICE = -10
"""About nine times the weight of an ordinary session."""


def go_first(autogroup: Path = Path("/proc/self/autogroup")) -> None:
    """Call once, at the start of a keeper's process."""
    with suppress(OSError):
        autogroup.write_text(f"{AUTOGROUP_NICE}\n")
