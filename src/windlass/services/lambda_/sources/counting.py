"""The metrics of one event source mapping, for those that ask for them: MetricsConfig with EventCount.

Source: Lambda Developer Guide, "Types of metrics", event source mapping metrics. An event is a message. What
is counted is what AWS counts for queues; the invocations themselves are the function's metrics.
"""

from __future__ import annotations

from typing import Literal

from windlass.services.lambda_.measuring import Measuring
from windlass.services.lambda_.metering import Subject
from windlass.services.lambda_.sources.model import Mapping

EVENT_COUNT = "EventCount"
Count = Literal[
    "PolledEventCount",
    "FilteredOutEventCount",
    "InvokedEventCount",
    "FailedInvokeEventCount",
    "DeletedEventCount",
]


class Counting:
    """Counts for one mapping, or does nothing."""

    def __init__(self, measuring: Measuring, mapping: Mapping) -> None:
        self._measuring = measuring if EVENT_COUNT in mapping.rules.metrics else None
        self._subject = Subject(mapping.account, mapping.region, mapping=mapping.uuid)

    def add(self, name: Count, events: int) -> None:
        if self._measuring is not None and events:
            self._measuring.add(self._subject, name, events)
