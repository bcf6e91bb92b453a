"""CloudWatch Logs as rows: groups, streams, and chunks of events.

Who writes what: handlers write groups and streams; events.append writes chunks together with the counters
of their stream and group; retention deletes chunks. A chunk holds the events of one put, so that ten
thousand lines cost three rows. Times of events are milliseconds since the epoch, as in the API.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from windlass.kernel.store import Index, Table

GroupKey = tuple[str, str, str]
StreamKey = tuple[str, str, str, str]


@dataclass(frozen=True, slots=True)
class LogGroup:
    """One log group. `next_chunk` numbers its chunks; `span_ms` is the longest time one chunk covers."""

    account: str
    region: str
    name: str
    created_ms: int
    log_class: str = "STANDARD"
    retention_days: int | None = None
    deletion_protected: bool = False
    tags: dict[str, str] = field(default_factory=dict)
    stored_bytes: int = 0
    next_chunk: int = 0
    span_ms: int = 0

    @property
    def key(self) -> GroupKey:
        return (self.account, self.region, self.name)

    def without(self, size: int) -> LogGroup:
        """The group after chunks of that many stored bytes are gone."""
        return replace(self, stored_bytes=self.stored_bytes - size)


@dataclass(frozen=True, slots=True)
class LogStream:
    """One log stream. Event times are None before the first event."""

    account: str
    region: str
    group: str
    name: str
    created_ms: int
    first_event_ms: int | None = None
    last_event_ms: int | None = None
    last_ingestion_ms: int | None = None
    span_ms: int = 0

    @property
    def key(self) -> StreamKey:
        return (self.account, self.region, self.group, self.name)

    @property
    def group_key(self) -> GroupKey:
        return (self.account, self.region, self.group)


@dataclass(frozen=True, slots=True)
class Chunk:
    """The events of one put, in order of their time: (milliseconds, message)."""

    account: str
    region: str
    group: str
    stream: str
    number: int
    ingested_ms: int
    events: tuple[tuple[int, str], ...]
    stored_bytes: int

    @property
    def first_ms(self) -> int:
        return self.events[0][0]

    @property
    def last_ms(self) -> int:
        return self.events[-1][0]

    @property
    def group_key(self) -> GroupKey:
        return (self.account, self.region, self.group)

    @property
    def stream_key(self) -> StreamKey:
        return (self.account, self.region, self.group, self.stream)


GROUPS: Table[LogGroup] = Table(
    name="logs.group",
    row=LogGroup,
    key=lambda group: group.key,
    indexes={
        "scope": Index(of=lambda group: (group.account, group.region), order=lambda group: group.name),
        "retained": Index(of=lambda group: True if group.retention_days is not None else None),
    },
)
STREAMS: Table[LogStream] = Table(
    name="logs.stream",
    row=LogStream,
    key=lambda stream: stream.key,
    indexes={
        "group": Index(of=lambda stream: stream.group_key, order=lambda stream: stream.name),
        "recent": Index(of=lambda stream: stream.group_key, order=lambda stream: stream.last_event_ms or 0),
    },
)
CHUNKS: Table[Chunk] = Table(
    name="logs.chunk",
    row=Chunk,
    key=lambda chunk: (*chunk.group_key, chunk.number),
    indexes={
        "group": Index(of=lambda chunk: chunk.group_key, order=lambda chunk: chunk.first_ms),
        "stream": Index(of=lambda chunk: chunk.stream_key, order=lambda chunk: chunk.first_ms),
        "age": Index(of=lambda chunk: True, order=lambda chunk: chunk.ingested_ms),
    },
)
TABLES = (GROUPS, STREAMS, CHUNKS)
