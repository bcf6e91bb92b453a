"""Live Tail: running sessions that are told of each new chunk.

A session is an async iterator of the members of StartLiveTailResponseStream: sessionStart, then each second
a sessionUpdate with at most 500 events; more are sampled by keeping the newest. It ends with the Fault
SessionTimeoutException after three hours, or when its reader closes it. Sessions are not rows: they end with
the connection.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

from windlass.kernel.clock import Clock
from windlass.kernel.faults import Fault
from windlass.kernel.store import Change, Store
from windlass.services.logs.limits import (
    TAIL_SESSION_MAX,
    TAIL_SESSIONS_MAX,
    TAIL_UPDATE_EVENTS_MAX,
    TAIL_UPDATE_PERIOD,
)
from windlass.services.logs.model import CHUNKS, Chunk, GroupKey


@dataclass(eq=False)
class Tail:
    """One session: which groups (and what the caller called them), which streams, which messages."""

    groups: dict[GroupKey, str]
    stream: Callable[[str], bool]
    message: Callable[[str], bool]
    start: dict[str, Any]
    waiting: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=TAIL_UPDATE_EVENTS_MAX))
    sampled: bool = False

    def offer(self, chunk: Chunk) -> None:
        """Note the events of a chunk that this session wants."""
        identifier = self.groups.get(chunk.group_key)
        if identifier is None or not self.stream(chunk.stream):
            return
        for at, message in chunk.events:
            if self.message(message):
                self.sampled |= len(self.waiting) == TAIL_UPDATE_EVENTS_MAX
                self.waiting.append(
                    {
                        "logStreamName": chunk.stream,
                        "logGroupIdentifier": identifier,
                        "message": message,
                        "timestamp": at,
                        "ingestionTime": chunk.ingested_ms,
                    }
                )

    def update(self) -> dict[str, Any]:
        """What came since the last update."""
        events, sampled = list(self.waiting), self.sampled
        self.waiting.clear()
        self.sampled = False
        return {
            "sessionUpdate": {"sessionMetadata": {"sampled": sampled}, "sessionResults": events},
        }


class Tails:
    """A part: all sessions of the plane."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._clock = clock
        self._open: WeakKeyDictionary[Tail, tuple[str, str]] = WeakKeyDictionary()
        """Weak, because a session whose first event nobody asked for has no end that it could see."""
        store.watch((CHUNKS,), self._offer)

    def open(self, scope: tuple[str, str], tail: Tail) -> AsyncIterator[dict[str, Any]]:
        """Begin a session; events from now on are noted at once. Raises LimitExceededException."""
        if sum(one == scope for one in self._open.values()) >= TAIL_SESSIONS_MAX:
            raise Fault(
                "LimitExceededException", f"At most {TAIL_SESSIONS_MAX} Live Tail sessions are possible."
            )
        self._open[tail] = scope
        return self._run(tail)

    async def _run(self, tail: Tail) -> AsyncIterator[dict[str, Any]]:
        ends = self._clock.now() + TAIL_SESSION_MAX
        try:
            yield {"sessionStart": tail.start}
            while (now := self._clock.now()) < ends:
                await self._clock.sleep_until(min(ends, now + TAIL_UPDATE_PERIOD))
                yield tail.update()
            raise Fault("SessionTimeoutException", "The session has timed out after three hours.")
        finally:
            self._open.pop(tail, None)

    def _offer(self, change: Change) -> None:
        if change.old is None and change.new is not None:
            for tail in list(self._open):
                tail.offer(change.new)
