"""The loop of composite alarms: a rule is looked at when it is new, and when an alarm that it names changes.

A part: `call.part(Composites)` knows which composite alarms name an alarm. composite.py reads rules,
changing.py writes states.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Hashable
from datetime import UTC, datetime

from windlass.aws import arn as arns
from windlass.aws.bus import Bus
from windlass.kernel.clock import SECOND, Instant
from windlass.kernel.faults import Fault
from windlass.kernel.reconcile import Loop
from windlass.kernel.store import Change, Transaction
from windlass.services.cloudwatch import changing
from windlass.services.cloudwatch.composite import AlarmRule, read
from windlass.services.cloudwatch.evaluate import State
from windlass.services.cloudwatch.limits import EVALUATED_EVERY
from windlass.services.cloudwatch.model import ALARMS, Alarm, Scope
from windlass.services.plane import Plane

Key = tuple[str, str, str]


class Composites:
    """All composite alarms of a plane, by what they name."""

    def __init__(self, plane: Plane) -> None:
        self._store = plane.store
        self._bus = plane.calls.part(Bus)
        self._rules: dict[Key, tuple[str, AlarmRule]] = {}
        self._parents: defaultdict[Key, set[Key]] = defaultdict(set)
        self.loop = Loop(
            "cloudwatch.composites", plane.clock, plane.journal, self._pass, period=EVALUATED_EVERY
        )
        for alarm in plane.store[ALARMS].all():
            self._take(alarm)
        plane.store.watch((ALARMS,), self._on_alarm)

    def parents(self, key: Key) -> list[Key]:
        """The composite alarms whose rules name that alarm."""
        return sorted(self._parents.get(key, ()))

    def children(self, key: Key) -> list[Key]:
        """The alarms that a composite alarm names, in the order of its rule; none of another alarm."""
        known = self._rules.get(key)
        return [] if known is None else [(*key[:2], name) for name in known[1].names]

    def _take(self, alarm: Alarm) -> None:
        known = self._rules.get(alarm.key)
        if alarm.rule is None or (known is not None and known[0] == alarm.rule):
            return
        self._drop(alarm.key)
        rule = read(alarm.rule, lambda said: name_of(alarm.scope, said))
        self._rules[alarm.key] = (alarm.rule, rule)
        for child in self.children(alarm.key):
            self._parents[child].add(alarm.key)
        self.loop.wake(alarm.key)

    def _drop(self, key: Key) -> None:
        for child in self.children(key):
            self._parents[child].discard(key)
            if not self._parents[child]:
                del self._parents[child]
        self._rules.pop(key, None)

    def _on_alarm(self, change: Change) -> None:
        old: Alarm | None = change.old
        new: Alarm | None = change.new
        if new is None:
            if old is not None:
                self._drop(old.key)
            return
        self._take(new)
        if old is None or old.state != new.state:
            for parent in self._parents.get(new.key, ()):
                self.loop.wake(parent)

    async def _pass(self, now: Instant, keys: frozenset[Hashable]) -> Instant | None:
        due = [key for key in self._rules if not keys or key in keys]
        if any(self._verdict(self._store[ALARMS].require(key)) for key in due):
            with self._store.transact() as tx:
                for key in due:
                    self._settle(tx, tx[ALARMS].require(key), now)
        return None

    def _verdict(self, alarm: Alarm) -> State | None:
        """The state that the rule makes, if it is another."""
        rule = self._rules[alarm.key][1]
        rows = (self._store[ALARMS].get(key) for key in self.children(alarm.key))
        state: State = (
            "ALARM" if rule.holds({row.name: row.state for row in rows if row is not None}) else "OK"
        )
        return None if state == alarm.state else state

    def _settle(self, tx: Transaction, alarm: Alarm, now: Instant) -> None:
        state = self._verdict(alarm)
        if state is None:
            return
        rows = [row for key in self.children(alarm.key) if (row := tx[ALARMS].get(key)) is not None]
        last = max(rows, key=lambda row: (row.transitioned_at, row.name), default=None)
        if last is None or last.transitioned_at < alarm.configured_at:
            why = f"{alarm.arn} was configured and its alarm rule evaluates to {state}"
        else:
            at = datetime.fromtimestamp(last.transitioned_at / SECOND, UTC)
            why = f"{last.arn} transitioned to {last.state} at {at:%A %d %B, %Y %H:%M:%S} UTC"
        data = json.dumps({"triggeringAlarms": [_shown(row) for row in rows]})
        changing.change(tx, self._bus, alarm, state, why, data, now)


def name_of(scope: Scope, said: str) -> str:
    """The alarm's name: `said` is that, or an ARN of one in the same account and Region. Raises Fault."""
    if not said.startswith("arn:"):
        return said
    found = arns.parse(said)
    if found is None or found.service != "cloudwatch" or not found.resource.startswith("alarm:"):
        raise Fault("ValidationError", f"AlarmRule is not valid: {said} is not an alarm's ARN.")
    if (found.account, found.region) != scope:
        raise Fault("ValidationError", f"AlarmRule is not valid: {said} is of another account or Region.")
    return found.resource.removeprefix("alarm:")


def _shown(row: Alarm) -> dict[str, object]:
    return {"arn": row.arn, "state": {"value": row.state, "timestamp": changing.spelled(row.state_at)}}
