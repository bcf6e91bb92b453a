"""The loop of alarms: evaluates them each minute, and those with short periods every ten seconds.

Reads points, asks evaluate.py, writes what changed; an alarm that stays in its state writes nothing. A new or
changed alarm is evaluated at once. What an alarm asks for is read once and kept until it is changed. Actions
that are repeated (aws/alarms.py) are handed on each minute that their alarm stays in its state.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import UTC, datetime

from windlass.aws.alarms import Alarms, repeats
from windlass.aws.bus import Bus
from windlass.aws.metrics import Metrics
from windlass.kernel.clock import SECOND, Duration, Instant
from windlass.kernel.faults import Fault
from windlass.kernel.reconcile import Loop
from windlass.kernel.store import Change
from windlass.services.cloudwatch import alarm as alarms
from windlass.services.cloudwatch import changing, queries
from windlass.services.cloudwatch.evaluate import RANGE_MORE, Rule, Verdict, evaluate, reason
from windlass.services.cloudwatch.limits import EVALUATED_AFTER, EVALUATED_EVERY, EVALUATED_FAST
from windlass.services.cloudwatch.model import ALARMS, Alarm
from windlass.services.cloudwatch.queries import Query
from windlass.services.cloudwatch.reading import reader
from windlass.services.plane import Plane


@dataclass(frozen=True, slots=True)
class _Watched:
    """An alarm as it is evaluated."""

    configured_at: Instant
    asked: tuple[Query, ...]
    returned: str
    """The id of the query whose points count."""
    rule: Rule
    period: int
    every: Duration


class Evaluator:
    """A part with one loop; `plane.calls.part(Alarms)` knows from it which alarms are in ALARM."""

    def __init__(self, plane: Plane) -> None:
        self._store = plane.store
        self._journal = plane.journal
        self._metrics = plane.calls.part(Metrics)
        self._bus = plane.calls.part(Bus)
        self._alarms = plane.calls.part(Alarms)
        self._watched: dict[Hashable, _Watched] = {}
        self._due: dict[Duration, Instant] = {}
        self._repeat: Callable[[Alarm, str], None] = lambda alarm, action: None
        self.loop = Loop(
            "cloudwatch.alarms", plane.clock, plane.journal, self.run_pass, period=EVALUATED_EVERY
        )
        for alarm in plane.store[ALARMS].all():
            self._watch(alarm)
        plane.store.watch((ALARMS,), self._changed)

    async def run_pass(self, now: Instant, keys: frozenset[Hashable]) -> Instant | None:
        """Evaluate those whose time has come, and those that are new; returns when the next ones are due."""
        due = {every for every in (EVALUATED_FAST, EVALUATED_EVERY) if now >= self._due.get(every, 0)}
        for every in due:
            self._due[every] = now - (now - EVALUATED_AFTER) % every + every
        verdicts: list[tuple[Hashable, _Watched, Verdict]] = []
        for key, watched in self._watched.items():
            if watched.every in due or key in keys:
                verdict = self._evaluate(key, watched, now)
                if verdict is not None:
                    verdicts.append((key, watched, verdict))
                elif EVALUATED_EVERY in due:
                    self._act_again(self._store[ALARMS].require(key))
        if verdicts:
            with self._store.transact() as tx:
                for key, watched, verdict in verdicts:
                    alarm = tx[ALARMS].require(key)
                    why = reason(watched.rule, verdict, _short)
                    data = _data(alarm, watched, verdict, now)
                    changing.change(tx, self._bus, alarm, verdict.state, why, data, now)
        return min((self._due[watched.every] for watched in self._watched.values()), default=None)

    def on_repeat(self, repeat: Callable[[Alarm, str], None]) -> None:
        """Have actions that are due again told so."""
        self._repeat = repeat

    def points(self, key: Hashable, now: Instant) -> tuple[tuple[int, float], ...]:
        """What the alarm is evaluated by, newest first; nothing of one that cannot be evaluated."""
        watched, alarm = self._watched.get(key), self._store[ALARMS].get(key)
        range_ = None if watched is None or alarm is None else self._range(alarm, watched, now)
        if watched is None or range_ is None:
            return ()
        real = [(at, value) for at, value in range_ if value is not None]
        return tuple(reversed(real[-watched.rule.periods :]))

    def _act_again(self, alarm: Alarm) -> None:
        for action in alarm.actions if alarm.actions_enabled else ():
            if repeats(action):
                self._repeat(alarm, action)

    def _evaluate(self, key: Hashable, watched: _Watched, now: Instant) -> Verdict | None:
        """The alarm's new state, if it is another."""
        alarm = self._store[ALARMS].require(key)
        points = self._range(alarm, watched, now)
        verdict = None if points is None else evaluate(watched.rule, points)
        return None if verdict is None or verdict.state == alarm.state else verdict

    def _range(self, alarm: Alarm, watched: _Watched, now: Instant) -> list[tuple[int, float | None]] | None:
        """The periods that are looked at, oldest first; None when they cannot be worked out."""
        period, seconds = watched.period, now // SECOND
        end = seconds - seconds % min(period, 60)
        start = end - period * (watched.rule.periods + RANGE_MORE)
        read = reader(self._metrics, alarm.scope)
        try:
            points = queries.answer(watched.asked, read, start, end, seconds)[watched.returned].points
        except Fault as fault:
            self._journal.note("cloudwatch", alarm.arn, "could not be evaluated", fault.message)
            return None
        return [(at, points.get(at)) for at in range(start, end, period)]

    def _watch(self, alarm: Alarm) -> None:
        self._alarms.set(*alarm.key, raised=alarm.state == "ALARM")
        if alarm.rule is not None:  # composites.py has those
            self._watched.pop(alarm.key, None)
            return
        known = self._watched.get(alarm.key)
        if known is not None and known.configured_at == alarm.configured_at:
            return
        asked = alarms.asked(alarm)
        needed = alarm.datapoints_to_alarm or alarm.evaluation_periods
        missing = alarm.missing or "missing"
        period = alarms.period(asked)
        self._watched[alarm.key] = _Watched(
            configured_at=alarm.configured_at,
            asked=asked,
            returned=next(query.id for query in asked if query.returned),
            rule=Rule(alarm.comparison, alarm.threshold, alarm.evaluation_periods, needed, missing),
            period=period,
            every=EVALUATED_EVERY if period >= 60 else EVALUATED_FAST,
        )
        self.loop.wake(alarm.key)

    def _changed(self, change: Change) -> None:
        if change.new is not None:
            self._watch(change.new)
        elif change.old is not None:
            self._watched.pop(change.key, None)
            self._alarms.set(*change.old.key, raised=False)


def _short(at: int) -> str:
    """As CloudWatch's reasons spell a time: 22/11/26 13:00:00."""
    return datetime.fromtimestamp(at, UTC).strftime("%d/%m/%y %H:%M:%S")


def _data(alarm: Alarm, watched: _Watched, verdict: Verdict, now: Instant) -> str:
    """StateReasonData, newest point last."""
    shown: dict[str, object] = {"version": "1.0", "queryDate": changing.spelled(now)}
    if verdict.points:
        shown["startDate"] = changing.spelled(verdict.points[-1][0] * SECOND)
    if alarm.statistic or alarm.extended_statistic:
        shown["statistic"] = alarm.statistic or alarm.extended_statistic
    shown |= {"period": watched.period, "recentDatapoints": [value for _, value in reversed(verdict.points)]}
    return json.dumps(shown | {"threshold": alarm.threshold})
