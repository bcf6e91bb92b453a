"""Publishes what queues hold and what was done with them, once a minute: namespace AWS/SQS, by QueueName.

Names and units are AWS's (SQS Developer Guide, "Available CloudWatch metrics";
facts/autoscaling-elb-events.md, section 3). A queue that nobody called for six hours and that is empty is
not published, as on AWS. Counts are in memory, as metrics are no promises. A round is done in pieces, so
that no pass holds up calls for long.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from windlass.aws.metric_points import Summary, one
from windlass.aws.metrics import Metrics, series
from windlass.kernel.clock import HOUR, MINUTE, SECOND, Duration, Instant
from windlass.kernel.reconcile import Loop
from windlass.kernel.store import Change
from windlass.services.plane import Plane
from windlass.services.sqs import contents
from windlass.services.sqs.model import MESSAGES, QUEUES, Queue, QueueKey

NAMESPACE = "AWS/SQS"
Counted: TypeAlias = Literal[
    "NumberOfMessagesSent", "NumberOfMessagesReceived", "NumberOfMessagesDeleted", "NumberOfEmptyReceives"
]
COUNTED: tuple[Counted, ...] = (
    "NumberOfMessagesSent",
    "NumberOfMessagesReceived",
    "NumberOfMessagesDeleted",
    "NumberOfEmptyReceives",
)
SIZE = "SentMessageSize"
ACTIVE: Duration = 6 * HOUR
"""SQS Developer Guide, CloudWatch metrics: how long a queue stays active after the last call."""
QUEUES_AT_ONCE = 200
"""Queues looked at in one pass."""


@dataclass(slots=True)
class Round:
    """What one minute is published from."""

    begins: Instant
    """Of that minute."""
    counts: dict[tuple[QueueKey, str], Summary] = field(default_factory=dict)
    left: list[QueueKey] = field(default_factory=list)
    """Queues that are still to be published."""


class Measuring:
    """A part with one loop; handlers tell it what they did."""

    def __init__(self, plane: Plane) -> None:
        self._store = plane.store
        self._metrics = plane.calls.part(Metrics)
        self._clock = plane.clock
        now = plane.clock.now()
        self._ends = now - now % MINUTE + MINUTE
        self._used: dict[QueueKey, Instant] = dict.fromkeys((q.key for q in plane.store[QUEUES].all()), now)
        """Queue → the minute in which it was called last."""
        self._counts: dict[tuple[QueueKey, str], Summary] = {}
        self._round = Round(now)
        self.loop = Loop("sqs.metrics", plane.clock, plane.journal, self.run_pass, period=MINUTE)
        plane.store.watch((QUEUES,), self._changed)

    def count(self, queue: QueueKey, name: Counted, count: int = 1) -> None:
        """A call did that with so many messages."""
        self._add(queue, name, count)

    def sent(self, queue: QueueKey, size: int) -> None:
        """A message of so many bytes came."""
        self._add(queue, "NumberOfMessagesSent", 1)
        self._add(queue, SIZE, size)

    def _add(self, queue: QueueKey, name: str, value: float) -> None:
        self._used[queue] = self._ends
        known = self._counts.get((queue, name))
        if known is None:
            self._counts[queue, name] = one(value)
            return
        samples, total, least, most, _ = known
        self._counts[queue, name] = Summary(samples + 1, total + value, min(least, value), max(most, value))

    async def run_pass(self, now: Instant, keys: frozenset[Hashable]) -> Instant | None:
        """Begin a round when a minute is over, and go on with it until all is published."""
        if not self._round.left and now >= self._ends:
            self._round = self._begun()
            self._ends = now - now % MINUTE + MINUTE
        self._go_on(now, QUEUES_AT_ONCE)
        return now if self._round.left else self._ends

    def publish(self) -> None:
        """What came in this minute so far, for when nobody will see its end."""
        now = self._clock.now()
        self._go_on(now, len(self._round.left))
        self._round = self._begun()
        self._go_on(now, len(self._round.left))

    def _begun(self) -> Round:
        """The minute that ends next, with all that was counted."""
        counts, self._counts = self._counts, {}
        return Round(self._ends - MINUTE, counts, [*self._used])

    def _go_on(self, now: Instant, queues: int) -> None:
        left = self._round.left
        for _ in range(min(queues, len(left))):
            self._publish(left.pop(), now)

    def _publish(self, key: QueueKey, now: Instant) -> None:
        queue = self._store[QUEUES].get(key)
        if queue is None:
            self._used.pop(key, None)
            return
        if now - self._used[key] > ACTIVE and not self._store[MESSAGES].count("sent", queue.id):
            return
        found = contents.counts(self._store[MESSAGES], queue.id, now)
        oldest = self._store[MESSAGES].first("sent", queue.id)
        age = 0 if oldest is None else max(0, now - oldest.content.sent_at)
        self._put(queue, "ApproximateNumberOfMessagesVisible", one(found.visible), "Count")
        self._put(queue, "ApproximateNumberOfMessagesNotVisible", one(found.in_flight), "Count")
        self._put(queue, "ApproximateNumberOfMessagesDelayed", one(found.delayed), "Count")
        self._put(queue, "ApproximateAgeOfOldestMessage", one(age // SECOND), "Seconds")
        for name in COUNTED:
            self._put(queue, name, self._round.counts.get((key, name), one(0)), "Count")
        size = self._round.counts.get((key, SIZE))
        if size is not None:
            self._put(queue, SIZE, size, "Bytes")

    def _put(self, queue: Queue, name: str, summary: Summary, unit: str) -> None:
        start = self._round.begins // SECOND
        of = series(queue.account, queue.region, NAMESPACE, name, {"QueueName": queue.name})
        self._metrics.add(of, unit, start, summary, now=start, fine=False)

    def _changed(self, change: Change) -> None:
        if change.old is None and change.new is not None:
            self._used.setdefault(change.new.key, self._ends)
