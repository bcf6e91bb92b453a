"""The pollers of one mapping: who waits at the queue, and what becomes of each batch. An edge.

One poller waits; when it has got a batch the next takes its place there, as long as scaling.py has a place,
and it takes part again once its batch is through. So an idle mapping costs one parked receive, and nothing
is asked again and again. Messages are deleted after the function has handled them and never before: a plane
that dies in between leaves them to the queue's visibility timeout.
"""

from __future__ import annotations

from collections.abc import Callable

from windlass.fleet.messages import InvokeResult
from windlass.kernel.alarm import Alarm
from windlass.kernel.clock import Instant
from windlass.kernel.faults import Fault, Retry
from windlass.kernel.ids import Ids
from windlass.services.lambda_.find import version_at
from windlass.services.lambda_.invoke import Event, Invoker
from windlass.services.lambda_.measuring import Measuring
from windlass.services.lambda_.model import FUNCTIONS, Settings
from windlass.services.lambda_.recursion import RECURSIVE, deepest
from windlass.services.lambda_.sources import batch, limits, outcome, scaling
from windlass.services.lambda_.sources.batch import Record
from windlass.services.lambda_.sources.counting import Counting
from windlass.services.lambda_.sources.model import Mapping
from windlass.services.lambda_.sources.outcome import Outcome
from windlass.services.lambda_.sources.sqs import Gathered, SqsSource
from windlass.services.lambda_.sources.waits import Waits
from windlass.services.plane import Plane

GONE = "ResourceNotFoundException"
"""Of a function, version or alias that is not: trying again does not help."""
OK = "OK"
"""EventSourceMappingConfiguration, LastProcessingResult, as streams show it; a problem says what it is."""


class PollerGroup:
    """`change` it with the mapping's row, `close` it to end; `ended` is called when nothing runs any more."""

    def __init__(
        self,
        plane: Plane,
        invoker: Invoker,
        measuring: Measuring,
        ids: Ids,
        mapping: Mapping,
        ended: Callable[[], None],
    ) -> None:
        self._plane = plane
        self._invoker = invoker
        self._measuring = measuring
        self._ids = ids
        self._ended = ended
        self._waits = Waits(plane.clock)
        self._alarm = Alarm(plane.clock, self._spread)
        self._pollers = 0
        self._not_before: Instant = 0
        self._unread = 0
        """Receives that failed, in a row."""
        self._stalled = False
        """Whether the mapping waits for its function."""
        self.closed = False
        self.last_result = ""
        """Of the last batch: LastProcessingResult."""
        self._take_over(mapping)
        self._places = scaling.opening(self._scaling, plane.clock.now())
        self._spread()

    @property
    def running(self) -> int:
        """Pollers that there are; of a closed group, those with a batch still on its way."""
        return self._pollers

    def change(self, mapping: Mapping) -> None:
        """Go by these rules from now on; what was gathered by the old ones goes as it is."""
        if mapping.rules == self._mapping.rules and mapping.function_arn == self._mapping.function_arn:
            return
        self._take_over(mapping)
        self._not_before = 0
        self._waits.recall()
        self._spread()

    def wake(self) -> None:
        """The function came, went or changed: poll again, or no more."""
        if self._stalled != (self._settings() is None):
            self._waits.recall()

    def close(self) -> None:
        """Take no more messages. Batches that run go on to their end."""
        self.closed = True
        self._alarm.set(None)
        self._waits.recall()

    def _take_over(self, mapping: Mapping) -> None:
        self._mapping = mapping
        self._counting = Counting(self._measuring, mapping)
        self._source = SqsSource(self._plane, mapping, self._waits, self._counting)
        scope = (mapping.account, mapping.region)
        self._scaling = limits.scaling(self._plane.quotas, scope, mapping.rules.concurrency_max)

    # who polls

    def _spread(self) -> None:
        """Have somebody poll if nobody does and there is a place; else look again when there is one."""
        if self.closed or self._plane.spawn.closing:
            return
        self._take(0)
        if self._pollers > self._places.taken:
            self._alarm.set(None)
        elif self._places.taken < self._places.count:
            self._pollers += 1
            self._plane.spawn.start(f"lambda mapping {self._mapping.uuid}", self._poll_on())
        else:
            self._alarm.set(scaling.next_place_at(self._places, self._scaling))

    def _take(self, more: int) -> None:
        """So many more places are taken from now on."""
        taken = self._places.taken + more
        self._places = scaling.observed(self._places, taken, self._scaling, self._plane.clock.now())

    async def _poll_on(self) -> None:
        """One poller: until it is closed, or no more wanted."""
        found = True
        try:
            while not self.closed and self._is_wanted(found):
                found = await self._round()
        finally:
            self._pollers -= 1
        self._spread()
        if self.closed and not self._pollers:
            self._ended()

    def _is_wanted(self, found: bool) -> bool:
        """Whether this poller, whose last round found something or not, goes on.

        One always waits. More do while they find something, but not while a window gathers: that would
        spread the messages over more and smaller batches.
        """
        self._take(0)
        others = self._pollers - self._places.taken - 1
        if not others:
            return self._places.taken < self._places.count
        return found and not self._mapping.rules.window_s and self._pollers <= self._places.count

    async def _round(self) -> bool:
        """Gather a batch and see it through. False when there was none."""
        settings = self._settings()
        self._stalled = settings is None
        if settings is None:
            self._trouble("stalled", "There is no such function, or it is not Active")
            await self._waits.pause(None)
            return False
        if self._plane.clock.now() < self._not_before:
            await self._waits.pause(self._not_before)
            return False
        try:
            gathered = await self._source.gather(settings)
        except (Fault, Retry) as error:
            self._unread += 1
            self._trouble("stalled", f"The queue could not be read: {_why(error)}")
            again = self._plane.clock.now() + scaling.retry_wait(self._unread, self._scaling)
            await self._waits.pause(again)
            return False
        self._unread = 0
        if gathered.records:
            await self._see_through(gathered)
        return bool(gathered.records)

    def _settings(self) -> Settings | None:
        """Of what would run now; None while there is no such function, version or alias, or it is Pending."""
        store = self._plane.store
        function = store[FUNCTIONS].get(self._mapping.function_key)
        if function is None:
            return None
        try:
            version = version_at(store, function, self._mapping.qualifier, lambda: 0.0)
        except Fault:
            return None
        row = version or function
        if row.state not in ("Active", "Inactive"):  # to invoke an Inactive one makes it Active
            return None
        return function.served if version is None else version.settings

    # one batch

    async def _see_through(self, gathered: Gathered) -> None:
        """Invoke with what was gathered, which may be more than one event takes; delete what is done."""
        self._take(1)
        self._spread()
        try:
            rest = gathered.records
            while rest:
                count = batch.fits(rest, self._mapping.rules.batch_size)
                records, rest = rest[:count], rest[count:]
                result = await self._run(records, gathered)
                await self._apply(result, gathered)
                rest = outcome.unblocked(rest, result)
        finally:
            self._take(-1)

    async def _run(self, records: tuple[Record, ...], gathered: Gathered) -> Outcome:
        """Invoke once; an invocation that was refused is tried again while the messages stay hidden."""
        trace = deepest(record.trace for record in records)
        event = Event(self._ids.uuid(), batch.event(records), trace_id=trace)
        item_failures = self._mapping.rules.item_failures
        refusals = 0
        while True:
            self._counting.add("InvokedEventCount", len(records))
            try:
                result = await self._invoke(event)
            except Retry as error:
                return Outcome((), records, error.why, failed=True)
            except Fault as fault:
                refusals += 1
                if refusals == 1:
                    self._slow_down()
                again = self._plane.clock.now() + scaling.retry_wait(refusals, self._scaling)
                if self.closed or fault.code in (GONE, RECURSIVE) or again > await gathered.last_start():
                    return Outcome((), records, fault.message)
                self._counting.add("FailedInvokeEventCount", len(records))
                await self._waits.pause(again)
                continue
            return outcome.decide(records, result.error, result.payload, item_failures)

    async def _invoke(self, event: Event) -> InvokeResult:
        function = self._plane.store[FUNCTIONS].get(self._mapping.function_key)
        if function is None:
            raise Fault(GONE, f"Function not found: {self._mapping.function_arn}")
        return await self._invoker.invoke(self._invoker.target(function, self._mapping.qualifier), event)

    async def _apply(self, result: Outcome, gathered: Gathered) -> None:
        """Delete what is done, note what is not; slow down after a failure."""
        self._counting.add("FailedInvokeEventCount", len(result.left))
        if result.failed:
            self._slow_down()
        elif result.done:
            self._speed_up()
        if result.why:
            self._trouble("batch failed", result.why)
        else:
            self.last_result = OK
        try:
            self._counting.add("DeletedEventCount", await gathered.queue.delete(result.done))
        except (Fault, Retry) as error:
            self._trouble("not deleted", f"Handled messages could not be deleted: {_why(error)}")

    def _slow_down(self) -> None:
        """A batch failed or was refused: fewer at once; if it is not the first in a row, a pause for all."""
        self._places = scaling.failed(self._places)
        pause = scaling.pause(self._places.failures, self._scaling)
        if pause:
            self._not_before = self._plane.clock.now() + pause
            self._waits.end("idle")

    def _speed_up(self) -> None:
        """A batch went through: no pause any more."""
        self._places = scaling.succeeded(self._places)
        if self._not_before:
            self._not_before = 0
            self._waits.end("pause")

    def _trouble(self, what: str, why: str) -> None:
        """Tell it once, until something else comes of a batch."""
        result = f"PROBLEM: {why}"
        if result != self.last_result:
            self.last_result = result
            self._plane.journal.note("lambda", self._mapping.arn, f"event source mapping: {what}", why)


def _why(error: Fault | Retry) -> str:
    return error.message if isinstance(error, Fault) else error.why
