"""Output of tasks and functions into log streams: the sink of the node links.

Streams are made when they are missing, groups when the target says so (AWS's awslogs driver does so with
awslogs-create-group, Lambda always). Empty lines are dropped, as an event's message has at least one
character; a line longer than an event may be is cut.
"""

from __future__ import annotations

from collections.abc import Sequence

from windlass.fleet.messages import LogTarget
from windlass.kernel.clock import MILLISECOND, Clock, Instant
from windlass.kernel.faults import Fault
from windlass.kernel.store import Store, Transaction
from windlass.services.logs.append import append
from windlass.services.logs.batch import Event
from windlass.services.logs.limits import BATCH_BYTES_MAX, BATCH_EVENTS_MAX, EVENT_OVERHEAD_BYTES
from windlass.services.logs.model import GROUPS, STREAMS, LogGroup, LogStream

LINE_CHARS_MAX = (BATCH_BYTES_MAX - EVENT_OVERHEAD_BYTES) // 4
"""Characters of a line that surely fit into an event, whatever their UTF-8 length."""


class LogIngest:
    """A part: `await ingest.take(target, lines)` keeps lines; find it with `calls.part(LogIngest)`."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def take(self, target: LogTarget, lines: Sequence[tuple[Instant, str]]) -> None:
        """Append (instant, line) pairs; returns when they are durable. Raises Retry when they cannot be."""
        events = as_events(lines, target.prefix)
        now_ms = self._clock.now() // MILLISECOND
        for start in range(0, len(events), BATCH_EVENTS_MAX):
            with self._store.transact() as tx:
                append(tx, _stream(tx, target, now_ms), events[start : start + BATCH_EVENTS_MAX], now_ms)
        await self._store.durable()


def as_events(lines: Sequence[tuple[Instant, str]], prefix: str = "") -> tuple[Event, ...]:
    """Lines as events, in order of their time; lines of one millisecond keep their order."""
    events = [(at // MILLISECOND, f"{prefix}{line}"[:LINE_CHARS_MAX]) for at, line in lines if line]
    return tuple(sorted(events, key=lambda event: event[0]))


def _stream(tx: Transaction, target: LogTarget, now_ms: int) -> LogStream:
    """The target's stream, made if need be, and its group if the target says so; else raises Fault."""
    if tx[GROUPS].get((target.account, target.region, target.group)) is None:
        if not target.create_group:
            raise Fault("ResourceNotFoundException", "The specified log group does not exist.")
        tx[GROUPS].put(LogGroup(target.account, target.region, target.group, created_ms=now_ms))
    found = tx[STREAMS].get((target.account, target.region, target.group, target.stream))
    if found is not None:
        return found
    return tx[STREAMS].put(
        LogStream(target.account, target.region, target.group, target.stream, created_ms=now_ms)
    )
