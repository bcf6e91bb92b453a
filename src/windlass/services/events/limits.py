"""Limits of EventBridge, with their sources. Ours are marked so."""

from __future__ import annotations

from windlass.kernel.clock import MINUTE, SECOND, Duration

ENTRIES_BYTES_MAX = 262_144  # bytes of all entries of a PutEvents; Events API reference, PutEvents
ENTRY_TIME_BYTES = 14  # bytes counted when Time is given; EventBridge User Guide, PutEvents entry size
DETAIL_DEPTH_MAX = 1_000  # levels of nested JSON; Events API reference, PutEvents
BUSES_MAX = 100  # buses of an account and Region; EventBridge quotas
RULES_MAX = 300  # rules of a bus; EventBridge quotas
TARGETS_MAX = 5  # targets of a rule; Events API reference, PutTargets
TASK_COUNT_MAX = 10  # tasks; ECS API reference, RunTask, count
TAGS_MAX = 50  # tags of a rule or bus; EventBridge quotas
POLICY_BYTES_MAX = 10_240  # bytes; Events API reference, PutPermission
PATHS_MAX = 100  # variables; Events API reference, InputTransformer, InputPathsMap
PAGE_ROWS_MAX = 100  # rows; Events API reference, ListRules, Limit

RETRY_ATTEMPTS_MAX = 185  # attempts after the first; Events API reference, RetryPolicy
RETRY_AGE_S_MAX = 86_400  # seconds; Events API reference, RetryPolicy
RETRY_FIRST: Duration = SECOND  # ours: AWS says "exponential back-off and jitter"
RETRY_LONGEST: Duration = 8 * MINUTE  # ours: 185 attempts at most that far apart fill 24 hours

FIRE_LATE_MAX: Duration = MINUTE  # a later fire is skipped; EventBridge User Guide: precision of one minute
DELIVERIES_AT_ONCE = 64  # deliveries attempted at a time; ours
BACKLOG_BYTES_MAX = 128 * 1024 * 1024  # bytes of memory for deliveries under way; ours
DELIVERY_MEMORY_BYTES = 2_048  # bytes of memory that a delivery takes beside its texts; ours, rounded up
HOPS_MAX = 5  # buses that an event may pass; ours, so that two buses cannot feed each other for ever
