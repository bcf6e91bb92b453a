"""Messages of workloads: sent into a queue as they arrive, and followed to their end.

A message is answered when somebody deleted it: that took from its sending on, and it waited until it was
received first. One that went to a dead-letter queue or expired is no good answer. What a message belongs to
is its body: the name of its workload. In FIFO queues each is a group of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from windlass.kernel.clock import SECOND, Clock, Duration
from windlass.kernel.faults import Fault
from windlass.kernel.store import Change
from windlass.services.sqs.model import MESSAGES, QUEUES, Message
from windlass.sim.outcomes import Report, Status
from windlass.sim.world import World

BATCH = 10
"""Entries; SQS API reference, SendMessageBatch."""
FIFO = ".fifo"
DONE = 200
DEAD, EXPIRED = "dead-letter", "expired"


class Messages:
    """Those of all workloads of one world."""

    def __init__(self, world: World, reports: Mapping[str, Report]) -> None:
        self._world = world
        self._clock: Clock = world.clock
        self._reports = reports
        self._dead: set[str] = set()
        """Ids of messages that are on their way to a dead-letter queue."""
        world.plane.store.watch((MESSAGES,), self._on_message)

    async def send(self, name: str, url: str, times: Iterable[Duration]) -> None:
        """Send the messages of that workload at these times from now on; those of one instant together."""
        report, began = self._reports[name], self._clock.now()
        place = list(self._reports).index(name)
        for at, count in batches(times):
            if began + at > self._clock.now():
                await self._clock.sleep_until(began + at)
            report.arrive(self._clock.now(), count)
            entries = [{"Id": str(number), "MessageBody": name} for number in range(count)]
            if url.endswith(FIFO):
                for entry in entries:
                    own = f"{place}-{report.offered}-{entry['Id']}"
                    entry |= {"MessageGroupId": own, "MessageDeduplicationId": own}
            try:
                answer = await self._world.call("sqs", "SendMessageBatch", QueueUrl=url, Entries=entries)
                refused = [str(one["Code"]) for one in answer.get("Failed", ())]
            except Fault as fault:
                refused = [fault.code] * count
            for code in refused:
                report.add(self._clock.now(), 0, code)

    def _on_message(self, change: Change) -> None:
        old: Message | None = change.old
        new: Message | None = change.new
        if old is None and new is not None and new.content.source_arn:
            self._dead.add(new.content.id)
        if old is None or new is not None or old.content.source_arn:
            return
        report = self._reports.get(old.content.body)
        if report is not None:
            now, sent = self._clock.now(), old.content.sent_at
            waited = (old.first_received_at or now) - sent
            report.add(now, now - sent, self._end(old), waited)

    def _end(self, message: Message) -> Status:
        """How it ended."""
        if message.content.id in self._dead:
            self._dead.discard(message.content.id)
            return DEAD
        queue = self._world.plane.store[QUEUES].first("id", message.queue)
        kept = queue is not None and message.content.sent_at + queue.retention_s * SECOND > self._clock.now()
        return DONE if kept and message.receives else EXPIRED


def batches(times: Iterable[Duration]) -> Iterator[tuple[Duration, int]]:
    """(when, how many), at most ten at a time. [0, 0, 1] → (0, 2), (1, 1)"""
    at, count = -1, 0
    for time in times:
        if count and (time != at or count == BATCH):
            yield at, count
            count = 0
        at, count = time, count + 1
    if count:
        yield at, count
