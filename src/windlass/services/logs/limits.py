"""Limits of CloudWatch Logs, with their sources. Ours are marked so."""

from __future__ import annotations

from windlass.kernel.clock import HOUR, SECOND, Duration

BATCH_BYTES_MAX = 1_048_576  # bytes; Logs API reference, PutLogEvents
BATCH_EVENTS_MAX = 10_000  # events; Logs API reference, PutLogEvents
EVENT_OVERHEAD_BYTES = 26  # bytes an event; Logs API reference, PutLogEvents
BATCH_SPAN_MS_MAX = 24 * 3_600_000  # milliseconds; Logs API reference, PutLogEvents
EVENT_AGE_MS_MAX = 14 * 24 * 3_600_000  # milliseconds; Logs API reference, PutLogEvents
EVENT_AHEAD_MS_MAX = 2 * 3_600_000  # milliseconds; Logs API reference, PutLogEvents
DAY_MS = 24 * 3_600_000

PAGE_EVENTS_MAX = 10_000  # events; Logs API reference, GetLogEvents and FilterLogEvents
PAGE_BYTES_MAX = 1_048_576  # bytes; Logs API reference, GetLogEvents and FilterLogEvents
SCAN_EVENTS_MAX = 20_000  # events looked at in one FilterLogEvents call; ours, so that no call is slow
SCAN_ROWS_MAX = 5_000  # rows looked at for one page of a filtered listing; ours
PAGE_ROWS_MAX = 50  # rows; Logs API reference, DescribeLogGroups and DescribeLogStreams

RETENTION_DAYS = frozenset(
    {1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653}
)  # days; Logs API reference, PutRetentionPolicy
RETENTION_PERIOD: Duration = HOUR  # how often expired events are looked for; ours (AWS: up to 72 hours late)
GROUP_TAGS_MAX = 50  # tags; Logs API reference, TagResource

TAIL_UPDATE_PERIOD: Duration = SECOND  # Logs API reference, StartLiveTail
TAIL_UPDATE_EVENTS_MAX = 500  # events an update; Logs API reference, StartLiveTail
TAIL_SESSION_MAX: Duration = 3 * HOUR  # Logs API reference, StartLiveTail
TAIL_SESSIONS_MAX = 15  # sessions of an account and Region; Logs quotas, "Live Tail sessions"

KEPT_BYTES_MAX = 256 * 1024 * 1024  # bytes of memory for all groups together; ours
CHUNK_MEMORY_BYTES = 1_024  # bytes of memory that a chunk takes beside its events; ours, measured
EVENT_MEMORY_BYTES = 128  # bytes of memory that an event takes beside its text; ours, measured
SWEEP_CHUNKS_MAX = 500  # chunks deleted in one transaction; ours
