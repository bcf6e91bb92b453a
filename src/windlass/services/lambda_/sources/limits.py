"""Limits of event source mappings: name, unit, source. Those that name a quota may be set by the profile."""

from __future__ import annotations

from windlass.aws.quotas import Quotas, Scope
from windlass.kernel.clock import MINUTE, SECOND, Duration, seconds
from windlass.services.lambda_.sources.scaling import Scaling

BATCH_SIZE_SHORT_MAX = 10
"""Messages in a batch of a FIFO queue, or without a batching window; CreateEventSourceMapping, BatchSize."""
FILTERS_MAX = 5
"""Filters of a mapping, quota "lambda.mapping_filters"; Lambda developer guide, "Event filtering" (10 by
request; the wording of the refusal is unverified)."""
MAPPINGS_PER_PAGE = 100
"""ListEventSourceMappings, whatever MaxItems says."""

RECEIVE_MESSAGES = 10
"""ReceiveMessage, MaxNumberOfMessages; also the entries of one DeleteMessageBatch."""
LONG_POLL_S = 20
"""ReceiveMessage, WaitTimeSeconds."""

POLLERS_START = 5
"""Batches at once of a mapping that begins, quota "lambda.mapping_pollers_start"."""
POLLERS_PER_MINUTE = 300
"""Added while all are busy, quota "lambda.mapping_pollers_per_minute"; 60 before November 2023."""
POLLERS_MAX = 1_250
"""Quota "lambda.mapping_pollers_max"; the three: Lambda developer guide, "Configuring scaling behavior for
SQS event source mappings"."""
PAUSE_FIRST: Duration = SECOND
"""Before another receive after two failed batches in a row, and before a refused invocation is tried again;
quota "lambda.mapping_pause_first_s". AWS publishes no curve."""
PAUSE_MAX: Duration = MINUTE
"""Where the doubling ends, quota "lambda.mapping_pause_max_s"."""


def filters_max(quotas: Quotas, scope: Scope) -> int:
    value = quotas.value("lambda.mapping_filters", scope)
    return FILTERS_MAX if value is None else int(value)


def scaling(quotas: Quotas, scope: Scope, concurrency_max: int | None) -> Scaling:
    """The figures for a mapping with that MaximumConcurrency."""

    def setting(name: str, default: float) -> float:
        value = quotas.value(f"lambda.mapping_{name}", scope)
        return default if value is None else value

    ceiling = int(setting("pollers_max", POLLERS_MAX))
    return Scaling(
        start=int(setting("pollers_start", POLLERS_START)),
        per_minute=int(setting("pollers_per_minute", POLLERS_PER_MINUTE)),
        ceiling=ceiling if concurrency_max is None else min(ceiling, concurrency_max),
        pause_first=seconds(setting("pause_first_s", PAUSE_FIRST / SECOND)),
        pause_max=seconds(setting("pause_max_s", PAUSE_MAX / SECOND)),
    )
