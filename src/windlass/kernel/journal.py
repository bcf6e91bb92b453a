"""What was decided, and why: a bounded ring in memory.

Plans give reasons as data; whoever applies them writes them here. `windlass events`, the console and the
simulator's story read it. Not durable: what must survive is a row.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from itertools import islice

from windlass.kernel.clock import Instant
from windlass.kernel.rows import Row

JOURNAL_ENTRIES_MAX = 10_000
"""Entries kept; the oldest fall off."""


class Entry(Row, frozen=True):
    """One decision. `subject` is an ARN or a unit id, `what` a few fixed words, `why` a sentence."""

    number: int
    at: Instant
    source: str
    subject: str
    what: str
    why: str


class Journal:
    """Keeps the newest entries and tells followers."""

    def __init__(self, now: Callable[[], Instant], limit: int = JOURNAL_ENTRIES_MAX) -> None:
        self._now = now
        self._entries: deque[Entry] = deque(maxlen=limit)
        self._followers: list[Callable[[Entry], None]] = []
        self._count = 0

    def note(self, source: str, subject: str, what: str, why: str = "") -> None:
        """Write one entry. `source` is the part that decided: "fleet", "ecs", "lambda"."""
        self._count += 1
        entry = Entry(self._count, self._now(), source, subject, what, why)
        self._entries.append(entry)
        for follower in self._followers:
            follower(entry)

    def since(self, number: int, limit: int = 1_000) -> list[Entry]:
        """Up to `limit` entries with a higher number, oldest first."""
        newer = self._count - number
        start = max(0, len(self._entries) - max(0, newer))
        return list(islice(self._entries, start, start + limit))

    def newest(self, limit: int) -> list[Entry]:
        """The last `limit` entries, oldest first."""
        return self.since(max(0, self._count - limit), limit)

    def follow(self, follower: Callable[[Entry], None]) -> Callable[[], None]:
        """Call `follower` with each new entry until the returned function is called."""
        self._followers.append(follower)
        return lambda: self._followers.remove(follower)
