"""Writing events: a chunk and the counters of its stream and group, in the caller's transaction."""

from __future__ import annotations

from dataclasses import replace

from windlass.kernel.store import Transaction
from windlass.services.logs.batch import Event, event_bytes
from windlass.services.logs.model import CHUNKS, GROUPS, STREAMS, Chunk, LogStream


def append(tx: Transaction, stream: LogStream, events: tuple[Event, ...], now_ms: int) -> None:
    """Keep these events, which are in order of time; none is no write at all."""
    if not events:
        return
    group = tx[GROUPS].require(stream.group_key)
    first, last = events[0][0], events[-1][0]
    size = sum(map(event_bytes, events))
    tx[CHUNKS].put(
        Chunk(
            account=stream.account,
            region=stream.region,
            group=stream.group,
            stream=stream.name,
            number=group.next_chunk,
            ingested_ms=now_ms,
            events=events,
            stored_bytes=size,
        )
    )
    tx[GROUPS].put(
        replace(
            group,
            next_chunk=group.next_chunk + 1,
            stored_bytes=group.stored_bytes + size,
            span_ms=max(group.span_ms, last - first),
        )
    )
    known_first, known_last = stream.first_event_ms, stream.last_event_ms
    tx[STREAMS].put(
        replace(
            stream,
            first_event_ms=first if known_first is None else min(known_first, first),
            last_event_ms=last if known_last is None else max(known_last, last),
            last_ingestion_ms=now_ms,
            span_ms=max(stream.span_ms, last - first),
        )
    )
