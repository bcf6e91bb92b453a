"""The loop that brings deliveries to their targets, tries again, and gives up into dead-letter queues.

At least once: a plane that dies between a target's answer and its own write delivers again (ECS tasks are
not started twice: the call carries a token). Many attempts run at a time, so that one group commit serves
them all.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from windlass.aws.arn import Arn, parse
from windlass.aws.calls import Principal, Result
from windlass.kernel.clock import MINUTE, Duration, Instant
from windlass.kernel.faults import Fault, Retry
from windlass.kernel.reconcile import Loop
from windlass.kernel.store import Change
from windlass.services.entry import Entry
from windlass.services.events.event import read_json
from windlass.services.events.limits import DELIVERIES_AT_ONCE, HOPS_MAX, RETRY_FIRST
from windlass.services.events.measuring import Measuring
from windlass.services.events.model import DELIVERIES, Delivery
from windlass.services.events.retries import Failure, GiveUp, after_failure, failure
from windlass.services.events.router import Routed, Router
from windlass.services.events.targets import kind_of, queue_url
from windlass.services.plane import Plane

PERIOD: Duration = MINUTE
PRINCIPAL = "events.amazonaws.com"


class Deliveries:
    """A part with one loop, woken by new rows."""

    def __init__(self, plane: Plane, router: Router, measuring: Measuring) -> None:
        self._measuring = measuring
        self._store = plane.store
        self._entry = plane.calls.part(Entry)
        self._clock = plane.clock
        self._journal = plane.journal
        self._router = router
        self._jitter: random.Random = plane.chance.stream("events.retry")
        self.loop = Loop("events.deliver", plane.clock, plane.journal, self.run_pass, period=PERIOD)
        plane.store.watch((DELIVERIES,), self._changed)

    async def run_pass(self, now: Instant, keys: frozenset[Hashable]) -> Instant | None:
        """Attempt what is due, a bounded number at a time; looks again when the next is due."""
        due = self._store[DELIVERIES].upto("due", True, now, limit=DELIVERIES_AT_ONCE)
        if due:
            await self._store.durable()
            failures = await asyncio.gather(*(self._attempt(row) for row in due))
            outcomes = list(zip(due, failures, strict=True))
            for row in due:
                self._measuring.count(row.rule_arn, "Invocations")
            self._forget([row for row, failed in outcomes if failed is None])
            await asyncio.gather(*(self._failed(row, failed) for row, failed in outcomes if failed))
        following = self._store[DELIVERIES].first("due", True)
        return None if following is None else following.next_at

    async def _attempt(self, delivery: Delivery) -> Failure | None:
        """Call the target; None when it took the event."""
        found = kind_of(delivery.spec["Arn"])
        if found is None:
            return Failure("NO_RESOURCE", "Windlass cannot deliver to this target.", retried=False)
        kind, target = found
        payload = delivery.event if delivery.payload is None else delivery.payload
        try:
            if kind.service == "events":
                return self._to_bus(delivery, target, payload)
            answer: Result = {}
            for operation in kind.operations(delivery, target, payload):
                answer = await self._call(target, operation.service, operation.name, operation.params)
        except Fault as fault:
            return failure(fault.code, fault.message, fault.status)
        except Retry as error:
            return Failure("TIMEOUT", error.why, retried=True)
        return _run_task_failure(answer) if kind.service == "ecs" else None

    async def _call(self, target: Arn, service: str, name: str, params: Mapping[str, Any]) -> Result:
        """One operation. A log stream that is there already is as good as made."""
        on_behalf = Principal(account=target.account, region=target.region, service=PRINCIPAL)
        try:
            if service == "ecs":  # what a user wrote as text goes into it
                params = self._entry.read(service, name, params)
            return await self._entry.call(service, name, params, on_behalf.caller, target.region)
        except Fault as fault:
            if (service, fault.code) != ("logs", "ResourceAlreadyExistsException"):
                raise
            return {}

    def _to_bus(self, delivery: Delivery, target: Arn, payload: str) -> Failure | None:
        """Another bus gets the same event; what an input made of it must still be one."""
        if delivery.hops >= HOPS_MAX:
            why = f"The event has passed {HOPS_MAX} event buses."
            return Failure("SDK_CLIENT_ERROR", why, retried=False)
        try:
            event = read_json(payload)
        except ValueError:
            event = None
        if not isinstance(event, dict) or not isinstance(event.get("source"), str):
            return Failure("SDK_CLIENT_ERROR", "The input is not an event.", retried=False)
        if self._router.full:
            return Failure("THROTTLING", "Rate exceeded", retried=True)
        bus = (target.account, target.region, target.resource.removeprefix("event-bus/"))
        self._router.route((Routed(bus, event, delivery.hops + 1),), self._clock.now())
        return None

    async def _failed(self, delivery: Delivery, failed: Failure) -> None:
        """Put the delivery off, or give it up into its dead-letter queue."""
        now = self._clock.now()
        attempts = delivery.attempts + 1
        outcome = after_failure(
            failed,
            delivery.spec.get("RetryPolicy", {}),
            created_at=delivery.created_at,
            attempts=attempts,
            now=now,
            draw=self._jitter.random(),
        )
        why = f"{delivery.spec['Arn']}: {failed.code}: {failed.message}"
        if isinstance(outcome, GiveUp):
            self._journal.note("events", delivery.rule_arn, "gave up a delivery", why)
            self._measuring.count(delivery.rule_arn, "FailedInvocations")
            if await self._bury(replace(delivery, attempts=attempts), failed, outcome):
                self._forget([delivery])
            else:
                self._postpone(replace(delivery, next_at=now + RETRY_FIRST))
            return
        self._journal.note("events", delivery.rule_arn, "delivery failed, will try again", why)
        self._postpone(replace(delivery, attempts=attempts, next_at=outcome.at))

    def _forget(self, done: Iterable[Delivery]) -> None:
        with self._store.transact() as tx:
            for delivery in done:
                tx[DELIVERIES].delete(delivery.id)

    def _postpone(self, delivery: Delivery) -> None:
        with self._store.transact() as tx:
            tx[DELIVERIES].put(delivery)

    async def _bury(self, delivery: Delivery, failed: Failure, outcome: GiveUp) -> bool:
        """Send the event to the target's dead-letter queue, if it has one. False: not now, try again."""
        queue = parse(delivery.spec.get("DeadLetterConfig", {}).get("Arn", ""))
        if queue is None:
            return True
        params = {
            "QueueUrl": queue_url(queue),
            "MessageBody": delivery.event,
            "MessageAttributes": letter_attributes(delivery, failed, outcome),
        }
        try:
            await self._call(queue, "sqs", "SendMessage", params)
            self._measuring.count(delivery.rule_arn, "InvocationsSentToDlq")
        except Fault as fault:
            self._measuring.count(delivery.rule_arn, "InvocationsFailedToBeSentToDlq")
            self._journal.note("events", delivery.rule_arn, "no dead-letter queue took it", fault.message)
        except Retry:
            return False
        return True

    def _changed(self, change: Change) -> None:
        if change.new is not None:
            self.loop.wake()


def letter_attributes(delivery: Delivery, failed: Failure, outcome: GiveUp) -> dict[str, Any]:
    """The message attributes of a dead letter (EventBridge User Guide, dead-letter queues)."""
    values = {
        "RULE_ARN": delivery.rule_arn,
        "TARGET_ARN": delivery.spec["Arn"],
        "ERROR_CODE": failed.code,
        "ERROR_MESSAGE": failed.message or failed.code,
        "EXHAUSTED_RETRY_CONDITION": outcome.exhausted,
    }
    attributes: dict[str, Any] = {
        name: {"DataType": "String", "StringValue": value} for name, value in values.items() if value
    }
    retries = {"DataType": "Number", "StringValue": str(delivery.attempts - 1)}
    return attributes | {"RETRY_ATTEMPTS": retries}


def _run_task_failure(answer: Result) -> Failure | None:
    """RunTask that placed less than it was asked for counts as failed and is tried again."""
    failures = answer.get("failures") or ()
    if not failures or answer.get("tasks"):
        return None
    reasons = "; ".join(sorted({str(one.get("reason", "")) for one in failures}))
    return Failure("SDK_CLIENT_ERROR", f"RunTask: {reasons}", retried=True)
