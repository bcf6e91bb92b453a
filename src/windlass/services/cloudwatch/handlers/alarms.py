"""Alarms: put, describe, delete, set their state, switch their actions."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from windlass.aws.bus import Bus
from windlass.aws.calls import Call, Params, Result
from windlass.aws.metric_points import Bucket, one
from windlass.aws.paging import open_token, seal
from windlass.kernel.clock import SECOND
from windlass.kernel.faults import Fault
from windlass.kernel.rows import replace
from windlass.kernel.store import Transaction
from windlass.services.cloudwatch import alarm as alarms
from windlass.services.cloudwatch import changing, describe, queries
from windlass.services.cloudwatch.composites import Composites
from windlass.services.cloudwatch.datum import combination, dimensions
from windlass.services.cloudwatch.limits import ALARMS_MAX, PAGE_MAX, TAGS_MAX
from windlass.services.cloudwatch.model import ALARMS, Alarm
from windlass.services.cloudwatch.queries import Stat
from windlass.services.cloudwatch.statistics import no_token


def put_metric_alarm(call: Call, params: Params) -> Result:
    """CloudWatch PutMetricAlarm. An alarm that is there keeps its state and its tags."""
    alarm = alarms.take(call.scope, params, call.now)
    _try(alarm, call.now // SECOND)
    keep(call, alarm)
    return {}


def keep(call: Call, alarm: Alarm) -> None:
    """Write an alarm that was put: one that is there keeps its state and its tags. Raises Fault."""
    if len(alarm.tags) > TAGS_MAX:
        raise Fault("ValidationError", f"An alarm can have at most {TAGS_MAX} tags.")
    with call.store.transact() as tx:
        known = tx[ALARMS].get(alarm.key)
        if known is None and tx[ALARMS].count("scope", call.scope) >= ALARMS_MAX:
            raise Fault("LimitExceeded", f"The maximum of {ALARMS_MAX} alarms is reached.")
        if known is not None and known.kind != alarm.kind:
            raise Fault("ValidationError", f"The alarm {alarm.name} is a {known.kind}.")
        if known is not None:
            alarm = replace(
                alarm,
                state=known.state,
                reason=known.reason,
                reason_data=known.reason_data,
                state_at=known.state_at,
                transitioned_at=known.transitioned_at,
                tags=known.tags,
            )
        tx[ALARMS].put(alarm)
        _configured(tx, alarm, "Create" if known is None else "Update", call)


def describe_alarms(call: Call, params: Params) -> Result:
    """CloudWatch DescribeAlarms, in order of name."""
    if "AlarmNames" in params and "AlarmNamePrefix" in params:
        raise combination("The parameters AlarmNames and AlarmNamePrefix are mutually exclusive.")
    kinds = params.get("AlarmTypes", ("MetricAlarm",))
    relation = next((name for name in ("ChildrenOfAlarmName", "ParentsOfAlarmName") if name in params), None)
    if relation is not None:
        return _relatives(call, params, relation)
    wanted = _filter(params, kinds)
    view = call.store[ALARMS]
    if (names := params.get("AlarmNames")) is not None:
        named = (view.get((*call.scope, name)) for name in sorted(set(names)))
        return _answer([row for row in named if row is not None and wanted(row)])
    prefix, limit = params.get("AlarmNamePrefix", ""), params.get("MaxRecords", PAGE_MAX)
    filters = [*call.scope, {key: params[key] for key in params if key not in ("NextToken", "MaxRecords")}]
    token = params.get("NextToken")
    after: tuple[Any, ...] | None = (prefix,) if prefix else None
    if token:
        after = open_token(token, "DescribeAlarms", filters, no_token)
    shown: list[Alarm] = []
    while rows := view.page("scope", call.scope, after=after, limit=PAGE_MAX):
        for row in rows:
            if not row.name.startswith(prefix):
                return _answer(shown)
            if wanted(row) and len(shown) == limit:
                following = seal("DescribeAlarms", filters, view.place("scope", shown[-1]))
                return _answer(shown) | {"NextToken": following}
            if wanted(row):
                shown.append(row)
        after = view.place("scope", rows[-1])
    return _answer(shown)


def describe_alarms_for_metric(call: Call, params: Params) -> Result:
    """CloudWatch DescribeAlarmsForMetric: those on that metric itself, not on math with it."""
    of = dimensions(params.get("Dimensions", ()))
    chosen = ("Statistic", "ExtendedStatistic", "Period", "Unit")
    found = [
        described
        for row in call.store[ALARMS].by("metric", (*call.scope, params["Namespace"], params["MetricName"]))
        if row.dimensions == of
        for described in (describe.alarm(row),)
        if all(described.get(name) == params[name] for name in chosen if name in params)
    ]
    return {"MetricAlarms": found}


def delete_alarms(call: Call, params: Params) -> Result:
    """CloudWatch DeleteAlarms: all of them, or none when one is not there or a rule of others names it."""
    names, composites = params["AlarmNames"], call.part(Composites)
    with call.store.transact() as tx:
        for name in dict.fromkeys(names):
            alarm = _named(tx, call, name)
            above = [parent for parent in composites.parents(alarm.key) if parent[2] not in names]
            if above:
                raise Fault(
                    "ValidationError",
                    f"Cannot delete {name} as there are composite alarm(s) depending on it: {above[0][2]}.",
                )
            tx[ALARMS].delete(alarm.key)
            _configured(tx, alarm, "Delete", call)
    return {}


def set_alarm_state(call: Call, params: Params) -> Result:
    """CloudWatch SetAlarmState: until the next evaluation says else."""
    data = params.get("StateReasonData")
    try:
        read = json.loads(data) if data is not None else {}
    except ValueError:
        read = None
    if not isinstance(read, dict):
        raise Fault("InvalidFormat", "The parameter StateReasonData must be a JSON object.")
    with call.store.transact() as tx:
        alarm = _named(tx, call, params["AlarmName"])
        state, reason = params["StateValue"], params["StateReason"]
        changing.change(tx, call.part(Bus), alarm, state, reason, data, call.now)
    return {}


def enable_alarm_actions(call: Call, params: Params) -> Result:
    """CloudWatch EnableAlarmActions; names that are not there change nothing."""
    return _switch(call, params["AlarmNames"], enabled=True)


def disable_alarm_actions(call: Call, params: Params) -> Result:
    """CloudWatch DisableAlarmActions."""
    return _switch(call, params["AlarmNames"], enabled=False)


def _switch(call: Call, names: Sequence[str], *, enabled: bool) -> Result:
    with call.store.transact() as tx:
        for name in names:
            alarm = tx[ALARMS].get((*call.scope, name))
            if alarm is not None and alarm.actions_enabled != enabled:
                _configured(tx, tx[ALARMS].put(replace(alarm, actions_enabled=enabled)), "Update", call)
    return {}


def _try(alarm: Alarm, now: int) -> None:
    """Raise Fault for metric math that could never be worked out."""

    def read(stat: Stat, start: int, end: int) -> Sequence[Bucket]:
        return [Bucket(at, one(1)) for at in range(start, end, stat.period)]

    asked = alarms.asked(alarm)
    queries.answer(asked, read, now - 2 * alarms.period(asked), now, now)


def _named(tx: Transaction, call: Call, name: str) -> Alarm:
    key = (*call.scope, name)
    return tx[ALARMS].require(key, lambda: Fault("ResourceNotFound", f"The alarm {name} does not exist."))


def _configured(tx: Transaction, alarm: Alarm, what: str, call: Call) -> None:
    described = describe.alarm(alarm) if alarm.rule is None else describe.composite(alarm)
    shown = {name: value for name, value in described.items() if "Timestamp" not in name}
    done = f"{what.lower()}d"
    data = {"version": "1.0", "type": what, f"{done}Alarm": shown}
    changing.note(tx, alarm, "ConfigurationUpdate", f'Alarm "{alarm.name[:200]}" {done}', data, call.now)


def _answer(shown: Sequence[Alarm]) -> Result:
    return {
        "MetricAlarms": [describe.alarm(row) for row in shown if row.rule is None],
        "CompositeAlarms": [describe.composite(row) for row in shown if row.rule is not None],
    }


def _relatives(call: Call, params: Params, relation: str) -> Result:
    """What a composite alarm names, or which ones name an alarm: their names and states only, as AWS says."""
    if any(name not in (relation, "MaxRecords", "NextToken") for name in params):
        raise combination(f"The parameter {relation} cannot be combined with other filters.")
    composites, key = call.part(Composites), (*call.scope, params[relation])
    keys = composites.children(key) if relation == "ChildrenOfAlarmName" else composites.parents(key)
    rows = [row for one in keys if (row := call.store[ALARMS].get(one)) is not None]
    few = ("AlarmName", "AlarmArn", "StateValue", "StateUpdatedTimestamp")
    found = _answer(rows)
    return {
        kind: [{name: value for name, value in shown.items() if name in few} for shown in found[kind]]
        for kind in found
    }


def _filter(params: Params, kinds: Sequence[str]) -> Callable[[Alarm], bool]:
    state, action = params.get("StateValue"), params.get("ActionPrefix")

    def wanted(row: Alarm) -> bool:
        every = (*row.ok_actions, *row.alarm_actions, *row.insufficient_actions)
        return (
            (state is None or row.state == state)
            and row.kind in kinds
            and (action is None or any(one.startswith(action) for one in every))
        )

    return wanted
