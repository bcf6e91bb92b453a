"""The loop that takes the actions of alarms: those of changes (rows), and those repeated each minute.

A scaling policy's is its owner's to take (aws/alarms.py), a function is invoked asynchronously; of all others
(SNS, EC2, Systems Manager: none of them is here) the history says that they were not taken. At least once: a
plane that dies between an action and its row's end takes it again. A repeated one is in memory only: there is
another a minute later, and it stands in no history.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from windlass.aws.alarms import Alarms, Occasion, kind_of
from windlass.aws.arn import parse
from windlass.aws.calls import Principal
from windlass.kernel.clock import MINUTE, Instant
from windlass.kernel.faults import Fault
from windlass.kernel.reconcile import Loop
from windlass.kernel.store import Change
from windlass.services.cloudwatch import changing
from windlass.services.cloudwatch.evaluator import Evaluator
from windlass.services.cloudwatch.limits import ACTIONS_AT_ONCE
from windlass.services.cloudwatch.model import ALARMS, DUE_ACTIONS, Alarm, DueAction
from windlass.services.entry import Entry
from windlass.services.plane import Plane

PRINCIPAL = "lambda.alarms.cloudwatch.amazonaws.com"
SUMMARY_MAX = 255  # characters; CloudWatch API reference, AlarmHistoryItem


class Actions:
    """A part with one loop."""

    def __init__(self, plane: Plane, evaluator: Evaluator) -> None:
        self._store = plane.store
        self._clock = plane.clock
        self._evaluator = evaluator
        self._alarms = plane.calls.part(Alarms)
        self._entry = plane.calls.part(Entry)
        self._again: dict[tuple[Hashable, str], None] = {}
        """(alarm's key, action) of those that are due again, in their order."""
        self.loop = Loop("cloudwatch.actions", plane.clock, plane.journal, self.run_pass, period=MINUTE)
        evaluator.on_repeat(self._repeat)
        plane.store.watch((DUE_ACTIONS,), self._changed)

    async def run_pass(self, now: Instant, keys: frozenset[Hashable]) -> Instant | None:
        """Take what is due, some at a time; at once again while there is more."""
        due = self._store[DUE_ACTIONS].upto("due", True, now, limit=ACTIONS_AT_ONCE)
        again, self._again = self._again, {}
        if due or again:
            await self._store.durable()
        for row in due:
            self._done(row, await self._take(row))
        for key, action in again:
            alarm = self._store[ALARMS].get(key)
            if alarm is not None:
                await self._act(alarm, action, alarm.state)
        return now if len(due) == ACTIONS_AT_ONCE else None

    async def _take(self, row: DueAction) -> str:
        """Take one; returns why it could not be taken."""
        alarm = self._store[ALARMS].get((row.account, row.region, row.alarm))
        if alarm is None:
            return "The alarm is gone."
        if kind_of(row.arn) == "lambda":
            return await self._invoke(row)
        return await self._act(alarm, row.arn, row.state)

    async def _act(self, alarm: Alarm, action: str, state: str) -> str:
        act = self._alarms.act(action)
        if act is None:
            read = parse(action)
            return f"Windlass has no {'SNS' if read and read.service == 'sns' else 'such action'}"
        now = self._clock.now()
        points = self._evaluator.points(alarm.key, now)
        return await act(Occasion(*alarm.scope, alarm.name, action, state, alarm.threshold, points, now))

    async def _invoke(self, row: DueAction) -> str:
        """The function, its version or alias, asynchronously."""
        caller = Principal(row.account, row.region, PRINCIPAL).caller
        params = {"FunctionName": row.arn, "InvocationType": "Event", "Payload": row.told.encode()}
        try:
            await self._entry.call("lambda", "Invoke", params, caller, row.region)
        except Fault as fault:
            return fault.message or fault.code
        return ""

    def _done(self, row: DueAction, error: str) -> None:
        """The row goes, and the history tells of it."""
        done: dict[str, Any] = {
            "actionState": "Failed" if error else "Succeeded",
            "stateUpdateTimestamp": changing.spelled(row.at),
            "notificationResource": row.arn,
            "error": error or None,
        }
        summary = f"{'Failed to execute' if error else 'Successfully executed'} action {row.arn}"
        with self._store.transact() as tx:
            tx[DUE_ACTIONS].delete(row.key)
            alarm = tx[ALARMS].get((row.account, row.region, row.alarm))
            if alarm is not None:
                changing.note(tx, alarm, "Action", summary[:SUMMARY_MAX], done, self._clock.now())

    def _repeat(self, alarm: Alarm, action: str) -> None:
        self._again[alarm.key, action] = None
        self.loop.wake()

    def _changed(self, change: Change) -> None:
        if change.new is not None:
            self.loop.wake()
