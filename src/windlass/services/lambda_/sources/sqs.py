"""How a mapping reads its queue: gathers what makes a batch, lets go what no filter wants.

An edge: what makes a batch is batch.py's, what is wanted record.py's. Whether to read at all, and what
becomes of a batch, is pollers.py's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from windlass.aws.calls import Waiting
from windlass.kernel.clock import Instant
from windlass.kernel.faults import Fault, Retry
from windlass.services.lambda_ import roles
from windlass.services.lambda_.model import Settings
from windlass.services.lambda_.sources import batch
from windlass.services.lambda_.sources.batch import Record
from windlass.services.lambda_.sources.counting import Counting
from windlass.services.lambda_.sources.model import Mapping
from windlass.services.lambda_.sources.queue import SourceQueue
from windlass.services.lambda_.sources.record import Filters, Message, fields_of, record_of
from windlass.services.lambda_.sources.waits import Waits
from windlass.services.plane import Plane


@dataclass(frozen=True, slots=True)
class Gathered:
    """What one poller received: from when on the first message is hidden, and for how long."""

    queue: SourceQueue
    records: tuple[Record, ...]
    first_at: Instant
    visibility_s: int | None
    """None: as long as the queue says."""
    function_s: int
    """The function's time-out then."""

    async def last_start(self) -> Instant:
        """Until when the function may be started with these; without their queue no more."""
        try:
            own_s = self.visibility_s
            visibility_s = await self.queue.visibility_s() if own_s is None else own_s
        except (Fault, Retry):
            return self.first_at
        return batch.last_start(self.first_at, visibility_s, self.function_s)


class SqsSource:
    """Reads for one mapping, by the rules that it has now. `waits` are given up early when these change."""

    def __init__(self, plane: Plane, mapping: Mapping, waits: Waits, counting: Counting) -> None:
        self._plane = plane
        self._counting = counting
        self._mapping = mapping
        self._waits = waits
        self._arn = mapping.queue
        self._filters = Filters(mapping.rules.filters)

    async def gather(self, settings: Settings) -> Gathered:
        """Receive until a batch can go or the wait is given up; nothing when one long poll found nothing.

        Raises Fault (no such queue, too much in flight) and Retry, and then has taken nothing.
        """
        rules, turn = self._mapping.rules, self._waits.turn
        caller = roles.caller(settings.role, self._mapping.function)
        queue = SourceQueue(self._plane.calls, self._arn, caller)
        visibility_s = None
        if rules.window_s:
            visibility_s = batch.visibility(await queue.visibility_s(), rules.window_s, settings.timeout_s)
        records: list[Record] = []
        first_at = 0
        while turn == self._waits.turn:
            missing = batch.plan(records, first_at, rules, self._plane.clock.now())
            if missing is None:
                break
            try:
                messages = await queue.receive(missing.room, visibility_s, self._parked(missing.until))
            except (Fault, Retry):
                if not records:
                    raise
                break
            if not messages and not records:
                break
            first_at = first_at if records else self._plane.clock.now()
            records += await self._wanted(queue, messages)
        return Gathered(queue, tuple(records), first_at, visibility_s, settings.timeout_s)

    def _parked(self, until: Instant | None) -> Callable[[Waiting], Waiting]:
        return lambda waiting: self._waits.receive(waiting, until)

    async def _wanted(self, queue: SourceQueue, messages: Sequence[Message]) -> list[Record]:
        """The records for the function; messages that no filter wants are deleted."""
        wanted: list[Record] = []
        dropped: list[Record] = []
        for message in messages:
            fields = fields_of(message, self._mapping.queue_arn, self._arn.region)
            (wanted if self._filters.want(fields) else dropped).append(record_of(fields))
        self._counting.add("PolledEventCount", len(messages))
        self._counting.add("FilteredOutEventCount", len(dropped))
        with suppress(Fault, Retry):  # those come back, and are not wanted then either
            self._counting.add("DeletedEventCount", await queue.delete(dropped))
        return wanted
