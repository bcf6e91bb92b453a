"""Targets of rules."""

from __future__ import annotations

from windlass.aws.calls import Call, Params, Result
from windlass.aws.paging import open_token, seal
from windlass.kernel.faults import Fault
from windlass.services.events import input, targets
from windlass.services.events.find import bus, bus_key, invalid, listing, rule
from windlass.services.events.limits import PAGE_ROWS_MAX, TARGETS_MAX
from windlass.services.events.model import TARGETS, Target


def put_targets(call: Call, params: Params) -> Result:
    """Events PutTargets: adds or replaces. A target that we cannot deliver to is refused with the rest."""
    key = bus_key(call, params.get("EventBusName"))
    ids = [spec["Id"] for spec in params["Targets"]]
    if len(set(ids)) < len(ids):
        raise invalid("Parameter Targets is not valid. Reason: target ids must be unique in a request.")
    for spec in params["Targets"]:
        why = targets.problem(spec) or input.problem(spec)
        if why is not None:
            raise invalid(why)
    with call.store.transact() as tx:
        on = rule(tx, key, params["Rule"])
        for spec in params["Targets"]:
            tx[TARGETS].put(Target(*on.key, id=spec["Id"], spec=dict(spec)))
        if tx[TARGETS].count("rule", on.key) > TARGETS_MAX:
            raise Fault(
                "LimitExceededException", "The requested resource exceeds the maximum number allowed."
            )
    return {"FailedEntryCount": 0, "FailedEntries": []}


def remove_targets(call: Call, params: Params) -> Result:
    """Events RemoveTargets. An id that is not there is reported, the others go."""
    key = bus_key(call, params.get("EventBusName"))
    failed = []
    with call.store.transact() as tx:
        on = rule(tx, key, params["Rule"])
        for id in params["Ids"]:
            if tx[TARGETS].delete((*on.key, id)) is None:
                why = f"Target {id} does not exist on rule {on.name}."
                failed.append({"TargetId": id, "ErrorCode": "ResourceNotFoundException", "ErrorMessage": why})
    return {"FailedEntryCount": len(failed), "FailedEntries": failed}


def list_targets_by_rule(call: Call, params: Params) -> Result:
    """Events ListTargetsByRule, in order of id."""
    on = rule(call.store, bus_key(call, params.get("EventBusName")), params["Rule"])
    rows, following = listing(
        call,
        params,
        TARGETS,
        "rule",
        on.key,
        operation="ListTargetsByRule",
        name_of=lambda target: str(target.id),
    )
    return {"Targets": [row.spec for row in rows]} | following


def list_rule_names_by_target(call: Call, params: Params) -> Result:
    """Events ListRuleNamesByTarget: each rule once, however many of its targets have the ARN."""
    key = bus_key(call, params.get("EventBusName"))
    bus(call.store, key)
    filters = [*key, params["TargetArn"]]
    limit = params.get("Limit", PAGE_ROWS_MAX)
    token = params.get("NextToken")
    after = (
        open_token(token, "ListRuleNamesByTarget", filters, lambda: invalid("Invalid NextToken"))
        if token
        else ""
    )
    rows = call.store[TARGETS].by("arn", (*key, params["TargetArn"]))
    names = list(dict.fromkeys(row.rule for row in rows if row.rule > after))
    shown: Result = {"RuleNames": names[:limit]}
    if len(names) > limit:
        shown["NextToken"] = seal("ListRuleNamesByTarget", filters, names[limit - 1])
    return shown
