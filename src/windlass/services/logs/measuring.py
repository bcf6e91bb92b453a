"""What CloudWatch Logs counts, as CloudWatch names it: namespace AWS/Logs, by log group.

IncomingLogEvents and IncomingBytes (CloudWatch Logs User Guide, "Monitoring with CloudWatch metrics"), from
each chunk that is written. Known gaps: those of subscriptions, which are not there.
"""

from __future__ import annotations

from windlass.aws.metrics import Metrics
from windlass.kernel.clock import MILLISECOND, MINUTE
from windlass.kernel.store import Change, Store
from windlass.services.logs.model import CHUNKS, Chunk

NAMESPACE = "AWS/Logs"


class Measuring:
    """Of one plane."""

    def __init__(self, store: Store, metrics: Metrics) -> None:
        self._metrics = metrics
        store.watch((CHUNKS,), self._on_chunk)

    def _on_chunk(self, change: Change) -> None:
        chunk: Chunk | None = change.new
        if chunk is None or change.old is not None:
            return
        at = chunk.ingested_ms * MILLISECOND
        at -= at % MINUTE
        of = {"LogGroupName": chunk.group}
        scope = (chunk.account, chunk.region, NAMESPACE)
        self._metrics.put(*scope, "IncomingLogEvents", of, len(chunk.events), "Count", at)
        self._metrics.put(*scope, "IncomingBytes", of, chunk.stored_bytes, "Bytes", at)
