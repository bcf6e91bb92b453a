"""Asynchronous events: from their durable rows to invocations, retries included, and to their letters.

Rows hold what is queued; the heap in memory holds when each is due, and is made again from the rows at a
start. An event that was on its way when the plane died is due again: at least once, as on AWS. An event that
is over becomes its letters (letters.py hands them over) in the transaction that deletes it.
"""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict, deque
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace

from windlass.kernel.clock import MILLISECOND, MINUTE, SECOND, Instant, seconds
from windlass.kernel.faults import Fault, Retry
from windlass.kernel.reconcile import Loop
from windlass.services.lambda_.event_model import (
    ASYNC_EVENTS,
    EVENT_INVOKE_CONFIGS,
    LETTERS,
    AsyncEvent,
    EventInvokeConfig,
    Letter,
)
from windlass.services.lambda_.invoke import Event, Invoker
from windlass.services.lambda_.limits import ASYNC_DELIVERIES_MAX, ASYNC_RETRY_WAITS
from windlass.services.lambda_.measuring import Measuring
from windlass.services.lambda_.metering import Subject
from windlass.services.lambda_.model import FUNCTIONS, LATEST, Function
from windlass.services.lambda_.records import Condition, Origin, Outcome, error_message, letters
from windlass.services.lambda_.recursion import RECURSIVE
from windlass.services.lambda_.retries import Again, Attempt, Done, Drop, decide, rules, too_old
from windlass.services.lambda_.target import Target
from windlass.services.plane import Plane

FunctionKey = tuple[str, str, str]
THROTTLED = 429
GONE_CODE = "ResourceNotFoundException"
"""Of a version or alias that is there no more."""
SYSTEM_ERROR = 500
"""HTTP status of what an attempt that did not run ended with."""
WHY_CHARS_MAX = 200
"""Characters of a function's error that the journal repeats. Ours."""


@dataclass(frozen=True, slots=True)
class Tried:
    """An attempt: what it counts as, and how it ended."""

    attempt: Attempt
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Told:
    """Whom to tell, and on whose behalf: as it was when the attempt began."""

    origin: Origin
    config: EventInvokeConfig | None


_NOTHING_RUNS = Tried("reserved_none", Outcome(THROTTLED, message="Rate Exceeded."))
_TOO_OLD = Outcome(THROTTLED, message="The event waited for longer than its maximum age.")


class EventQueue:
    """Run it with `spawn.start(...)`; Invoke puts a row and calls `queued`."""

    def __init__(self, plane: Plane, invoker: Invoker, measuring: Measuring) -> None:
        self._plane = plane
        self._invoker = invoker
        self._measuring = measuring
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
        """A new event's row was written: deliver it when it is due."""
        self._measuring.add(_subject(event), "AsyncEventsReceived")
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
                await self._handle(event)
        except Retry as error:
            self._plane.journal.note("lambda", event_id, "event waits", error.why)
            heapq.heappush(self._due, (self._plane.clock.now() + SECOND, event_id))
            self._loop.wake()
        finally:
            self._flying[key] -= 1
            if not self._flying[key]:
                del self._flying[key]
            self._launch(key)

    async def _handle(self, event: AsyncEvent) -> None:
        """Try the event once, and write down what follows. A function that is gone ends its events.

        What is configured when the attempt begins holds for it, even if the function is deleted meanwhile.
        """
        function = self._plane.store[FUNCTIONS].get(_key(event))
        if function is None:
            self._end(event, (), "the function is gone")
            return
        target: Target | Fault
        try:
            target = self._invoker.target(function, event.qualifier)
        except Fault as fault:
            if fault.code == GONE_CODE:
                self._end(event, (), fault.message)
                return
            target = fault
        config = self._plane.store[EVENT_INVOKE_CONFIGS].get((function.uid, event.qualifier or LATEST))
        limits = rules(config, self._waits)
        told = Told(_origin(event, function, target), config)
        if too_old(event, limits, self._plane.clock.now()):
            self._finish(event, told, "EventAgeExceeded", _TOO_OLD)
            return
        age_ms = (self._plane.clock.now() - event.received_at) / MILLISECOND
        tried = _refused(target) if isinstance(target, Fault) else await self._try(event, target)
        if tried.outcome.payload is not None:
            self._measuring.add(_subject(event), "AsyncEventAge", age_ms)
            event = replace(event, invokes=event.invokes + 1)
        match decide(event, tried.attempt, limits, self._plane.clock.now()):
            case Again(at, errors, throttles):
                self._put_off(replace(event, due_at=at, errors=errors, throttles=throttles))
            case Done():
                self._finish(event, told, "Success", tried.outcome)
            case Drop(condition):
                self._finish(event, told, condition, tried.outcome)

    async def _try(self, event: AsyncEvent, target: Target) -> Tried:
        """Invoke once, unless nothing may run at all."""
        if target.function.reserved == 0:
            return _NOTHING_RUNS
        try:
            result = await self._invoker.invoke(target, _wanted(event))
        except Fault as fault:
            return _refused(fault)
        except Retry as error:
            return Tried("throttled", Outcome(SYSTEM_ERROR, message=error.why))
        attempt: Attempt = "function_error" if result.error else "success"
        return Tried(attempt, Outcome(200, result.payload, result.error))

    def _put_off(self, event: AsyncEvent) -> None:
        with self._plane.store.transact() as tx:
            tx[ASYNC_EVENTS].put(event)
        heapq.heappush(self._due, (event.due_at, event.id))
        self._loop.wake()

    def _finish(self, event: AsyncEvent, told: Told, condition: Condition, outcome: Outcome) -> None:
        """Nothing more is tried: the event becomes its letters."""
        written = letters(event, told.origin, told.config, condition, outcome, self._plane.clock.now())
        why = "" if condition == "Success" else f"{condition}: {error_message(outcome)[:WHY_CHARS_MAX]}"
        self._end(event, written, why)

    def _end(self, event: AsyncEvent, written: Sequence[Letter], dropped: str) -> None:
        """Delete the event and put its letters, in one transaction. `dropped`: why it was, or empty."""
        with self._plane.store.transact() as tx:
            tx[ASYNC_EVENTS].delete(event.id)
            for letter in written:
                tx[LETTERS].put(letter)
        if dropped:
            self._measuring.add(_subject(event), "AsyncEventsDropped")
            told = " and ".join(letter.target for letter in written) or "nobody"
            why = f"{event.function}: {dropped}; told to {told}"
            self._plane.journal.note("lambda", event.id, "event dropped", why)


def _key(event: AsyncEvent) -> FunctionKey:
    return (event.account, event.region, event.function)


def _subject(event: AsyncEvent) -> Subject:
    return Subject(event.account, event.region, event.function, event.qualifier)


def _wanted(event: AsyncEvent) -> Event:
    return Event(event.id, event.payload, event.client_context, queued=True, trace_id=event.trace_id)


def _origin(event: AsyncEvent, function: Function, target: Target | Fault) -> Origin:
    """Whose event it is; of a target that cannot run now only the function is known."""
    arn = function.qualified_arn(event.qualifier or LATEST)
    if isinstance(target, Fault):
        return Origin(arn, LATEST, function.wanted.role, function.wanted.dead_letter)
    return Origin(arn, target.version, target.settings.role, target.settings.dead_letter)


def _refused(fault: Fault) -> Tried:
    attempt: Attempt = "loop" if fault.code == RECURSIVE else "throttled"
    return Tried(attempt, Outcome(fault.status or SYSTEM_ERROR, message=fault.message))


def _setting(plane: Plane, name: str, default: int) -> int:
    value = plane.quotas.value(name)
    return default if value is None else seconds(value)
