"""Rules of listeners: create, describe, modify, delete, and their order."""

from __future__ import annotations

from windlass.aws.calls import Call, Params, Result
from windlass.aws.quotas import Quotas
from windlass.kernel.faults import Fault
from windlass.kernel.rows import replace
from windlass.services.elbv2 import (
    actions,
    conditions,
    describe,
    find,
    limits,
    refusals,
    rule_rows,
    tagging,
)
from windlass.services.elbv2.model import RULES, Rule


def create_rule(call: Call, params: Params) -> Result:
    """ELBv2 CreateRule."""
    with call.store.transact() as tx:
        listener = find.listener(tx, call, params["ListenerArn"])
        priority = params["Priority"]
        rows = tx[RULES].by("listener", listener.arn)
        if any(row.priority == priority for row in rows):
            raise _taken(priority)
        count = tx[RULES].count("load_balancer", listener.load_balancer)
        quota = limits.QUOTAS["rules-per-application-load-balancer"]
        ordinary = count - sum(
            row.is_default for row in tx[RULES].by("load_balancer", listener.load_balancer)
        )
        rule_rows.check_count(call, quota, ordinary, "Rules", "rules per load balancer")
        row = Rule(
            account=call.account,
            region=call.region,
            path=f"{listener.path}/{call.ids.hex(16)}",
            listener=listener.arn,
            load_balancer=listener.load_balancer,
            priority=priority,
            actions=actions.checked(params["Actions"], listener.protocol),
            conditions=conditions.checked(params["Conditions"]),
            transforms=conditions.transforms(params.get("Transforms") or ()),
            tags=tagging.taken(params.get("Tags") or ()),
        )
        rule_rows.put(tx, row, call.part(Quotas), call.now)
    return {"Rules": [describe.rule(row)]}


def describe_rules(call: Call, params: Params) -> Result:
    """ELBv2 DescribeRules: of a listener in order of priority, the default one last; or those named."""
    arns, owner = params.get("RuleArns") or (), params.get("ListenerArn")
    if bool(arns) == bool(owner):
        raise refusals.invalid("You must specify either listener rule ARNs or a listener ARN")
    if owner:
        rows = call.store[RULES].by("listener", find.listener(call.store, call, owner).arn)
    else:
        rows = [find.rule(call.store, call, arn) for arn in dict.fromkeys(arns)]
    return find.cut(call, params, [describe.rule(row) for row in rows], "DescribeRules", "Rules")


def modify_rule(call: Call, params: Params) -> Result:
    """ELBv2 ModifyRule: lists that are given stand in place of those that are there."""
    with call.store.transact() as tx:
        row = find.rule(tx, call, params["RuleArn"])
        if row.is_default:
            raise refusals.not_permitted(f"Default rule '{row.arn}' cannot be modified")
        listener = find.listener(tx, call, row.listener)
        if params.get("Actions"):
            row = replace(row, actions=actions.checked(params["Actions"], listener.protocol))
        if params.get("Conditions"):
            row = replace(row, conditions=conditions.checked(params["Conditions"]))
        if params.get("ResetTransforms"):
            if params.get("Transforms"):
                raise refusals.invalid("You cannot specify both Transforms and ResetTransforms")
            row = replace(row, transforms=())
        elif params.get("Transforms"):
            row = replace(row, transforms=conditions.transforms(params["Transforms"]))
        rule_rows.put(tx, row, call.part(Quotas), call.now)
    return {"Rules": [describe.rule(row)]}


def delete_rule(call: Call, params: Params) -> None:
    """ELBv2 DeleteRule; a default rule goes with its listener only."""
    with call.store.transact() as tx:
        row = find.rule(tx, call, params["RuleArn"])
        if row.is_default:
            raise refusals.not_permitted(f"Default rule '{row.arn}' cannot be deleted")
        rule_rows.delete(tx, row)


def set_rule_priorities(call: Call, params: Params) -> Result:
    """ELBv2 SetRulePriorities: all of them at once, so that two may change places."""
    with call.store.transact() as tx:
        pairs = []
        for one in params["RulePriorities"]:
            if not {"RuleArn", "Priority"} <= one.keys():
                raise refusals.invalid("A rule ARN and a priority must be specified")
            pairs.append((find.rule(tx, call, one["RuleArn"]), one["Priority"]))
        moved = {row.arn for row, _ in pairs}
        if any(row.is_default for row, _ in pairs):
            raise refusals.not_permitted("The priority of a default rule cannot be changed")
        if len({row.listener for row, _ in pairs}) > 1:
            raise refusals.invalid("All rules must belong to the same listener")
        if len(moved) != len(pairs):
            raise refusals.invalid("A rule can only be listed once")
        taken = {
            row.priority
            for listener in {row.listener for row, _ in pairs}
            for row in tx[RULES].by("listener", listener)
            if row.arn not in moved
        }
        for _, priority in pairs:
            if priority in taken:
                raise _taken(priority)
            taken.add(priority)
        shown = [describe.rule(tx[RULES].put(replace(row, priority=priority))) for row, priority in pairs]
    return {"Rules": shown}


def _taken(priority: int) -> Fault:
    return Fault("PriorityInUseException", f"Priority '{priority}' is currently in use")
