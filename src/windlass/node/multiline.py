"""Lines of output as log events: one a line, or several lines as one (awslogs-multiline-pattern). Pure.

An event begins with a line that the pattern is found in, and takes all lines behind it that it is not found
in. Decides nothing about when an open event has waited long enough (log_buffer.py), knows no pipe. Rules
and the grammar of patterns are those of Docker's awslogs driver (moby:
daemon/logger/awslogs/cloudwatchlogs.go, collectBatch).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from windlass.kernel.linear_regex import searcher

EVENT_BYTES_MAX = 256 * 1024 - 26
"""An event that would grow beyond is ended: a CloudWatch Logs event with its 26 bytes of overhead."""

Event: TypeAlias = tuple[int, str]
"""(instant of its first line, text)."""


class Events:
    """Puts lines together. `start` is found in the first line of each event; raises BadRegex."""

    def __init__(self, start: str) -> None:
        self._is_start = searcher(start)
        self._lines: list[str] = []
        self._size = 0
        self.began_at = 0
        """Instant of the open event's first line; 0 when none is open."""

    def feed(self, lines: Sequence[str], at: int) -> list[Event]:
        """The events that these lines complete.

        With "^E": ["E1", "  at f"] → []; then ["E2"] → ["E1\\n  at f\\n"].
        """
        done: list[Event] = []
        for line in lines:
            size = len(line.encode()) + 1
            if self._is_start(line) or self._size + size > EVENT_BYTES_MAX:
                done += self.rest()
            if not self._lines:
                self.began_at = at
            self._lines.append(line)
            self._size += size
        return done

    def rest(self) -> list[Event]:
        """The open event as it is: its time is over, or the output is. Each line keeps its newline."""
        if not self._lines:
            return []
        event = (self.began_at, "\n".join([*self._lines, ""]))
        self._lines, self._size, self.began_at = [], 0, 0
        return [event]
