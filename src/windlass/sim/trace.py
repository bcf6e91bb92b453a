"""What happened in a world, and when: every journal entry and every change of a unit's state.

The hash says whether two runs are the same run; the lines say where they part.
"""

from __future__ import annotations

import hashlib

from windlass.fleet.model import UNITS, Unit
from windlass.kernel.clock import Clock, Instant
from windlass.kernel.journal import Entry
from windlass.kernel.store import Change
from windlass.services.plane import Plane

LINES_MAX = 100_000
"""Lines kept for people; the hash covers all of them."""

LINES_TOGETHER = 1_000
"""Lines that are hashed as one: what few bytes cost is the call."""


class Trace:
    """Follows a world's planes, each from its start."""

    def __init__(self, clock: Clock, epoch: Instant) -> None:
        self.lines: list[str] = []
        self._epoch = epoch
        self._clock = clock
        self._digest = hashlib.sha256()
        self._unhashed: list[str] = []

    def follow(self, plane: Plane) -> None:
        plane.journal.follow(self._on_entry)
        plane.store.watch((UNITS,), self._on_unit)

    def hash(self) -> str:
        """SHA-256 of all lines so far, in hex."""
        self._hash()
        return self._digest.hexdigest()

    def note(self, what: str) -> None:
        """What the world itself does."""
        self._line(self._clock.now(), what)

    def _on_entry(self, entry: Entry) -> None:
        self._line(entry.at, f"{entry.source} {entry.subject}: {entry.what} {entry.why}")

    def _on_unit(self, change: Change) -> None:
        old: Unit | None = change.old
        unit = change.old if change.new is None else change.new
        if old is None or change.new is None or old.state != unit.state or old.desired != unit.desired:
            state = f"{unit.state} (wanted: {unit.desired})" if change.new is not None else "deleted"
            where = f" on {unit.node_id}" if unit.node_id else ""
            self._line(self._clock.now(), f"unit {unit.id}: {state}{where}")

    def _line(self, at: Instant, what: str) -> None:
        line = f"{at - self._epoch} {what}\n"
        if len(self.lines) < LINES_MAX:
            self.lines.append(line[:-1])
        self._unhashed.append(line)
        if len(self._unhashed) >= LINES_TOGETHER:
            self._hash()

    def _hash(self) -> None:
        self._digest.update("".join(self._unhashed).encode())
        self._unhashed.clear()
