"""Rules: put, describe, list, enable, disable, delete."""

from __future__ import annotations

from dataclasses import replace

from windlass.aws.calls import Call, Params, Result
from windlass.aws.pattern import InvalidPattern, compile_pattern
from windlass.aws.schedule import NOT_VALID, At, parse
from windlass.kernel.faults import Fault
from windlass.services.events import describe, tagging
from windlass.services.events.find import bus, bus_key, invalid, listing, rule
from windlass.services.events.limits import RULES_MAX
from windlass.services.events.model import DEFAULT_BUS, RULES, TARGETS, Rule
from windlass.services.events.schedules import first_fire


def put_rule(call: Call, params: Params) -> Result:
    """Events PutRule. What an update leaves out is gone, but for the tags, which it never changes."""
    key = bus_key(call, params.get("EventBusName"))
    pattern, schedule = params.get("EventPattern") or None, params.get("ScheduleExpression") or None
    _check(key[2], pattern, schedule)
    tags = tagging.merged({}, params.get("Tags", ()))
    with call.store.transact() as tx:
        bus(tx, key)
        before = tx[RULES].get((*key, params["Name"]))
        if before is None and tx[RULES].count("bus", key) >= RULES_MAX:
            raise Fault(
                "LimitExceededException", "The requested resource exceeds the maximum number allowed."
            )
        row = Rule(
            *key,
            name=params["Name"],
            state=params.get("State", "ENABLED"),
            pattern=pattern,
            schedule=schedule,
            description=params.get("Description"),
            role_arn=params.get("RoleArn"),
            tags=tags if before is None else before.tags,
        )
        tx[RULES].put(_timed(row, before, call.now))
    return {"RuleArn": row.arn}


def describe_rule(call: Call, params: Params) -> Result:
    """Events DescribeRule."""
    found = rule(call.store, bus_key(call, params.get("EventBusName")), params["Name"])
    return describe.rule(found) | {"CreatedBy": found.account}


def list_rules(call: Call, params: Params) -> Result:
    """Events ListRules: those of one bus, in order of name."""
    key = bus_key(call, params.get("EventBusName"))
    bus(call.store, key)
    rows, following = listing(call, params, RULES, "bus", key, operation="ListRules")
    return {"Rules": [describe.rule(row) for row in rows]} | following


def enable_rule(call: Call, params: Params) -> Result:
    """Events EnableRule."""
    return _set_state(call, params, "ENABLED")


def disable_rule(call: Call, params: Params) -> Result:
    """Events DisableRule."""
    return _set_state(call, params, "DISABLED")


def delete_rule(call: Call, params: Params) -> Result:
    """Events DeleteRule. A rule with targets stays; one that is not there is as good as deleted."""
    key = bus_key(call, params.get("EventBusName"))
    with call.store.transact() as tx:
        bus(tx, key)
        name = (*key, params["Name"])
        if tx[TARGETS].count("rule", name):
            raise invalid("Rule can't be deleted since it has targets.")
        tx[RULES].delete(name)
    return {}


def _check(bus_name: str, pattern: str | None, schedule: str | None) -> None:
    if pattern is None and schedule is None:
        raise invalid("Parameter(s) EventPattern or ScheduleExpression must be specified.")
    if pattern is not None:
        try:
            compile_pattern(pattern)
        except InvalidPattern as error:
            raise Fault("InvalidEventPatternException", str(error)) from None
    if schedule is None:
        return
    if bus_name != DEFAULT_BUS:
        raise invalid("ScheduleExpression is supported only on the default event bus.")
    try:
        expression = parse(schedule)
    except ValueError as error:
        raise invalid(str(error)) from None
    if isinstance(expression, At):
        raise invalid(NOT_VALID)


def _set_state(call: Call, params: Params, state: str) -> Result:
    key = bus_key(call, params.get("EventBusName"))
    with call.store.transact() as tx:
        before = rule(tx, key, params["Name"])
        tx[RULES].put(_timed(replace(before, state=state), before, call.now))
    return {}


def _timed(row: Rule, before: Rule | None, now: int) -> Rule:
    """The row with its next fire: a schedule that goes on as it was keeps its beat."""
    goes_on = before is not None and before.next_fire is not None and before.schedule == row.schedule
    if before is not None and goes_on and row.enabled:
        return replace(row, next_fire=before.next_fire)
    return replace(row, next_fire=first_fire(row, now))
