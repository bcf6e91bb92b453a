"""What becomes of an alarm, written down: its state, its history, what is to be done, and the event of it.

The only writer of states. The actions of a state are rows of the same transaction: actions.py takes them once
that is durable, so a kill loses none.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from windlass.aws.alarms import kind_of
from windlass.aws.bus import Bus, Notice
from windlass.kernel.clock import SECOND, Instant
from windlass.kernel.rows import replace
from windlass.kernel.store import Transaction
from windlass.services.cloudwatch import alarm as alarms
from windlass.services.cloudwatch.evaluate import State
from windlass.services.cloudwatch.limits import HISTORY_ALL_MAX, HISTORY_MAX, REASON_MAX
from windlass.services.cloudwatch.model import (
    ALARMS,
    DUE_ACTIONS,
    HISTORY,
    Alarm,
    DueAction,
    HistoryItem,
)

SOURCE = "aws.cloudwatch"
DETAIL_TYPE = "CloudWatch Alarm State Change"


def change(
    tx: Transaction, bus: Bus, alarm: Alarm, state: State, reason: str, data: str | None, now: Instant
) -> Alarm:
    """The alarm comes into that state, or is told to be in it once more."""
    after = replace(
        alarm,
        state=state,
        reason=reason[:REASON_MAX],
        reason_data=data,
        state_at=now,
        transitioned_at=now if state != alarm.state else alarm.transitioned_at,
    )
    tx[ALARMS].put(after)
    if state == alarm.state:
        return after
    both = {"version": "1.0", "oldState": _old(alarm), "newState": _old(after)}
    note(tx, after, "StateUpdate", f"Alarm updated from {alarm.state} to {state}", both, now)
    for action in after.actions if after.actions_enabled else ():
        told = json.dumps(_told(alarm, after, now)) if kind_of(action) == "lambda" else ""
        tx[DUE_ACTIONS].put(DueAction(*alarm.key, now, action, state, told))
    bus.publish(tx, *alarm.scope, SOURCE, lambda: _notice(alarm, after, now))
    return after


def note(tx: Transaction, alarm: Alarm, kind: str, summary: str, data: dict[str, Any], now: Instant) -> None:
    """An item of its history; the oldest of too many go."""
    last = tx[HISTORY].last("scope", alarm.scope)
    number = 1 if last is None else last.number + 1
    text = json.dumps(data)
    item = HistoryItem(*alarm.scope, number, alarm.name, now, kind, summary, text[:4_095], alarm.kind)
    tx[HISTORY].put(item)
    for index, value, most in (
        ("alarm", alarm.key, HISTORY_MAX),
        ("scope", alarm.scope, HISTORY_ALL_MAX),
    ):
        if tx[HISTORY].count(index, value) > most:
            oldest = tx[HISTORY].first(index, value)
            assert oldest is not None
            tx[HISTORY].delete((*alarm.scope, oldest.number))


def spelled(at: Instant) -> str:
    """As CloudWatch's events spell a time: 2026-11-22T13:00:00.000+0000."""
    return datetime.fromtimestamp(at / SECOND, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "+0000"


def _old(alarm: Alarm) -> dict[str, Any]:
    shown: dict[str, Any] = {"stateValue": alarm.state, "stateReason": alarm.reason}
    return shown | ({"stateReasonData": json.loads(alarm.reason_data)} if alarm.reason_data else {})


def _state(alarm: Alarm) -> dict[str, Any]:
    shown = {"value": alarm.state, "reason": alarm.reason, "timestamp": spelled(alarm.state_at)}
    return shown | ({"reasonData": alarm.reason_data} if alarm.reason_data else {})


def _notice(before: Alarm, after: Alarm, now: Instant) -> Notice:
    """EventBridge's event (CloudWatch User Guide, "Alarm events and EventBridge")."""
    return Notice(*after.scope, SOURCE, DETAIL_TYPE, (after.arn,), _detail(before, after), now)


def _told(before: Alarm, after: Alarm, now: Instant) -> dict[str, Any]:
    """What a function is invoked with (CloudWatch User Guide, "Invoke a Lambda function from an alarm")."""
    return {
        "source": SOURCE,
        "alarmArn": after.arn,
        "accountId": after.account,
        "time": spelled(now),
        "region": after.region,
        "alarmData": _detail(before, after),
    }


def _detail(before: Alarm, after: Alarm) -> dict[str, Any]:
    configuration: dict[str, Any] = (
        {"metrics": _metrics(after)} if after.rule is None else {"alarmRule": after.rule}
    )
    if after.description:
        configuration["description"] = after.description
    return {
        "alarmName": after.name,
        "state": _state(after),
        "previousState": _state(before),
        "configuration": configuration,
    }


def _metrics(alarm: Alarm) -> list[dict[str, Any]]:
    shown: list[dict[str, Any]] = []
    for query in alarms.asked(alarm):
        one: dict[str, Any] = {"id": query.id, "returnData": query.returned}
        if query.stat is None:
            one |= {"expression": query.expression, "label": query.label}
        else:
            metric = {"namespace": query.stat.namespace, "name": query.stat.name}
            of = {"dimensions": dict(query.stat.dimensions)}
            one["metricStat"] = {
                "metric": metric | of,
                "period": query.stat.period,
                "stat": query.stat.statistic,
            }
        shown.append(one)
    return shown
