"""Hands letters over: records to destinations, and events that were given up to dead-letter queues.

At least once: a letter is a row until its target has it durably; a plane that dies in between hands it over
again. What may pass is tried again, later and later; what the target refuses for good, or has refused for
LETTER_AGE_MAX, is given up and told in the journal. Many are handed over at a time, so that one group commit
serves them all. destinations.py says what the call is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Hashable, Mapping
from dataclasses import replace

from windlass.kernel.clock import MINUTE, Duration, Instant
from windlass.kernel.faults import Fault, Retry
from windlass.kernel.reconcile import Loop
from windlass.kernel.store import Change
from windlass.services.entry import Entry
from windlass.services.lambda_ import roles
from windlass.services.lambda_.destinations import operation, refusal
from windlass.services.lambda_.event_model import LETTERS, Letter, LetterKind
from windlass.services.lambda_.limits import LETTER_AGE_MAX, LETTERS_AT_ONCE
from windlass.services.lambda_.measuring import Measuring
from windlass.services.lambda_.metering import Subject
from windlass.services.lambda_.retries import back_off
from windlass.services.plane import Plane

PERIOD: Duration = MINUTE
PASSING_CODES = frozenset(
    {"ThrottlingException", "TooManyRequestsException", "Throttling", "RequestThrottled", "OverLimit"}
)
"""Refusals of targets that pass."""
FAILURES: Mapping[LetterKind, str] = {
    "destination": "DestinationDeliveryFailures",
    "dead_letter": "DeadLetterErrors",
}
"""The metric that counts an attempt that failed."""
NOT_IMPLEMENTED = 501
"""HTTP status of an operation that this plane does not have: trying again does not help."""


class Letters:
    """A part with one loop, woken by new rows."""

    def __init__(self, plane: Plane, measuring: Measuring) -> None:
        self._store = plane.store
        self._entry = plane.calls.part(Entry)
        self._journal = plane.journal
        self._measuring = measuring
        self.loop = Loop("lambda.letters", plane.clock, plane.journal, self.run_pass, period=PERIOD)
        plane.store.watch((LETTERS,), self._changed)

    async def run_pass(self, now: Instant, keys: frozenset[Hashable]) -> Instant | None:
        """Hand over what is due, a bounded number at a time; looks again when the next is due."""
        due = self._store[LETTERS].upto("due", True, now, limit=LETTERS_AT_ONCE)
        if due:
            await self._store.durable()
            refusals = await asyncio.gather(*(self._hand_over(letter) for letter in due))
            self._settle(list(zip(due, refusals, strict=True)), now)
        following = self._store[LETTERS].first("due", True)
        return None if following is None else following.due_at

    async def _hand_over(self, letter: Letter) -> Fault | Retry | None:
        """Call the target; None when it has taken the letter."""
        call = operation(letter)
        caller = roles.caller(letter.role, letter.function)
        try:
            answer = await self._entry.call(call.service, call.name, call.params, caller, call.region)
        except (Fault, Retry) as error:
            return error
        refused = refusal(answer)
        return None if refused is None else Fault(*refused)

    def _settle(self, outcomes: list[tuple[Letter, Fault | Retry | None]], now: Instant) -> None:
        """Delete what is over, put off the rest; one transaction."""
        with self._store.transact() as tx:
            for letter, refused in outcomes:
                if refused is None or not may_pass(refused, letter, now):
                    tx[LETTERS].delete(letter.id)
                else:
                    due_at = now + back_off(letter.attempts)
                    tx[LETTERS].put(replace(letter, due_at=due_at, attempts=letter.attempts + 1))
        for letter, refused in outcomes:
            if refused is not None:
                subject = Subject(letter.account, letter.region, letter.function)
                self._measuring.add(subject, FAILURES[letter.kind])
                over = "will try again" if may_pass(refused, letter, now) else "given up"
                what = f"{letter.kind.replace('_', ' ')} delivery failed, {over}"
                self._journal.note("lambda", letter.request_id, what, f"{letter.target}: {refused}")

    def _changed(self, change: Change) -> None:
        if change.new is not None:
            self.loop.wake()


def may_pass(refused: Fault | Retry, letter: Letter, now: Instant) -> bool:
    """Whether to hand the letter over once more."""
    if now - letter.written_at >= LETTER_AGE_MAX:
        return False
    if isinstance(refused, Retry) or refused.code in PASSING_CODES:
        return True
    return refused.status is not None and refused.status >= 500 and refused.status != NOT_IMPLEMENTED
