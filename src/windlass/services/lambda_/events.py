"""Asynchronous events: from their durable rows to invocations, retries included.

Rows hold what is queued; the heap in memory holds when each is due, and is made again from the rows at a
start. An event that was on its way when the plane died is due again: at least once, as on AWS.
"""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict, deque
from collections.abc import Hashable
from dataclasses import replace

from windlass.kernel.clock import MINUTE, SECOND, Instant, seconds
from windlass.kernel.faults import Fault, Retry
from windlass.kernel.reconcile import Loop
from windlass.services.lambda_.invoke import Event, Invoker
from windlass.services.lambda_.limits import ASYNC_DELIVERIES_MAX, ASYNC_RETRY_WAITS
from windlass.services.lambda_.model import ASYNC_EVENTS, FUNCTIONS, AsyncEvent
from windlass.services.lambda_.retries import Again, Attempt, Done, Drop, Verdict, decide
from windlass.services.plane import Plane

FunctionKey = tuple[str, str, str]


class EventQueue:
    """Run it with `spawn.start(...)`; Invoke puts a row and calls `queued`."""

    def __init__(self, plane: Plane, invoker: Invoker) -> None:
        self._plane = plane
        self._invoker = invoker
        self._due: list[tuple[Instant, str]] = [(e.due_at, e.id) for e in plane.store[ASYNC_EVENTS].all()]
        heapq.heapify(self._due)
        self._ready: defaultdict[FunctionKey, deque[str]] = defaultdict(deque)
        self._flying: Counter[FunctionKey] = Counter()
        self._loop = Loop("lambda.events", plane.clock, plane.journal, self._pass, period=MINUTE)
        first, second = ASYNC_RETRY_WAITS
        self._waits = (
            _setting(plane, "lambda.async_retry_1_s", first),
            _setting(plane, "lambda.async_retry_2_s", second),
        )

    async def run(self) -> None:
        await self._loop.run()

    def queued(self, event: AsyncEvent) -> None:
        """An event's row was written: deliver it when it is due."""
        heapq.heappush(self._due, (event.due_at, event.id))
        self._loop.wake()

    async def _pass(self, now: Instant, keys: frozenset[Hashable]) -> Instant | None:
        """Start the deliveries that are due, as many per function as may fly; say when the next is due."""
        while self._due and self._due[0][0] <= now:
            event = self._plane.store[ASYNC_EVENTS].get(heapq.heappop(self._due)[1])
            if event is not None:
                self._ready[_key(event)].append(event.id)
                self._launch(_key(event))
        return self._due[0][0] if self._due else None

    def _launch(self, key: FunctionKey) -> None:
        ready = self._ready[key]
        while ready and self._flying[key] < ASYNC_DELIVERIES_MAX:
            event_id = ready.popleft()
            self._flying[key] += 1
            self._plane.spawn.start(f"lambda event {event_id}", self._deliver(key, event_id))
        if not ready:
            del self._ready[key]

    async def _deliver(self, key: FunctionKey, event_id: str) -> None:
        try:
            event = self._plane.store[ASYNC_EVENTS].get(event_id)
            if event is not None:
                await self._plane.store.durable()
                self._apply(event, self._verdict(event, await self._attempt(event)))
        except Retry as error:
            self._plane.journal.note("lambda", event_id, "event waits", error.why)
            heapq.heappush(self._due, (self._plane.clock.now() + SECOND, event_id))
            self._loop.wake()
        finally:
            self._flying[key] -= 1
            if not self._flying[key]:
                del self._flying[key]
            self._launch(key)

    async def _attempt(self, event: AsyncEvent) -> Attempt:
        """Invoke once; a function that is gone ends its events."""
        function = self._plane.store[FUNCTIONS].get(_key(event))
        if function is None:
            return "success"
        if function.reserved == 0:
            return "reserved_none"
        wanted = Event(event.id, event.payload, event.client_context, queued=True, trace_id=event.trace_id)
        try:
            target = self._invoker.target(function, event.qualifier)
            result = await self._invoker.invoke(target, wanted)
        except (Fault, Retry):
            return "throttled"
        return "function_error" if result.error else "success"

    def _verdict(self, event: AsyncEvent, attempt: Attempt) -> Verdict:
        return decide(
            attempt,
            received_at=event.received_at,
            errors=event.errors,
            throttles=event.throttles,
            now=self._plane.clock.now(),
            waits=self._waits,
        )

    def _apply(self, event: AsyncEvent, verdict: Verdict) -> None:
        with self._plane.store.transact() as tx:
            match verdict:
                case Again(at, errors, throttles):
                    tx[ASYNC_EVENTS].put(replace(event, due_at=at, errors=errors, throttles=throttles))
                case Done() | Drop():
                    tx[ASYNC_EVENTS].delete(event.id)
        if isinstance(verdict, Again):
            heapq.heappush(self._due, (verdict.at, event.id))
            self._loop.wake()
        elif isinstance(verdict, Drop):
            why = f"{verdict.condition} for {event.function}; there is no destination"
            self._plane.journal.note("lambda", event.id, "event dropped", why)


def _key(event: AsyncEvent) -> FunctionKey:
    return (event.account, event.region, event.function)


def _setting(plane: Plane, name: str, default: int) -> int:
    value = plane.quotas.value(name)
    return default if value is None else seconds(value)
