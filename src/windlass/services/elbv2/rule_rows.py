"""Writing rules: with them, which of them forward to which target groups.

`USES` is kept here only, so that "who uses this group" is one look. Raises what AWS raises for groups that
are not there, of another load balancer, or too many.
"""

from __future__ import annotations

from windlass.aws.calls import Call
from windlass.aws.quotas import Quotas
from windlass.kernel.clock import Instant
from windlass.kernel.faults import Fault
from windlass.kernel.rows import replace
from windlass.kernel.store import Transaction
from windlass.services.elbv2 import actions, limits
from windlass.services.elbv2.model import (
    LISTENERS,
    RULES,
    TARGET_GROUPS,
    TARGETS,
    USES,
    Rule,
    TargetGroup,
    Use,
)
from windlass.services.elbv2.refusals import configuration, one_group_missing, too_many


def put(tx: Transaction, rule: Rule, quotas: Quotas, now: Instant) -> Rule:
    """Write the rule and what it uses. A group that was not used before begins to be checked."""
    groups = [_group(tx, rule, arn) for arn in actions.groups(rule.actions)]
    used = {use.group for use in tx[USES].by("rule", rule.arn)}
    _forget(tx, rule)
    tx[RULES].put(rule)
    for group in groups:
        _fits(tx, rule, group)
        if group.arn not in used and not tx[USES].count("group", group.arn):
            _begin(tx, group.arn, now)
        tx[USES].put(Use(group.arn, rule.arn, rule.listener, rule.load_balancer))
    _count(tx, rule, quotas)
    return rule


def delete(tx: Transaction, rule: Rule) -> None:
    _forget(tx, rule)
    tx[RULES].delete(rule.arn)


def delete_listener(tx: Transaction, arn: str) -> None:
    """A listener with all of its rules."""
    for rule in tx[RULES].by("listener", arn):
        delete(tx, rule)
    tx[LISTENERS].delete(arn)


def default_of(tx: Transaction, listener: str) -> Rule:
    """The default rule of that listener, which every listener has."""
    found = tx[RULES].last("listener", listener)
    assert found is not None
    return found


def limit(call: Call, name: str) -> float | None:
    """A quota of the caller's account by the profile's name."""
    return call.part(Quotas).value(name, call.scope)


def check_count(call: Call, name: str, count: int, what: str, of: str) -> None:
    """Raise TooMany… when one more would be more than the quota."""
    most = limit(call, name)
    if most is not None and count >= most:
        raise too_many(what, most, of)


def _group(tx: Transaction, rule: Rule, arn: str) -> TargetGroup:
    found = tx[TARGET_GROUPS].get(arn)
    if found is None or found.scope != (rule.account, rule.region):
        raise one_group_missing(arn)
    return found


def _fits(tx: Transaction, rule: Rule, group: TargetGroup) -> None:
    others = {use.load_balancer for use in tx[USES].by("group", group.arn)} - {rule.load_balancer}
    if others:
        raise Fault(
            "TargetGroupAssociationLimitException",
            f"The following target groups cannot be associated with more than one load balancer: {group.arn}",
        )
    if group.version == "GRPC":
        listener = tx[LISTENERS].get(rule.listener)
        if listener is not None and listener.protocol != "HTTPS":
            raise configuration("Listener protocol 'HTTP' is not supported with a protocol version of 'GRPC'")


def _begin(tx: Transaction, arn: str, now: Instant) -> None:
    """Nobody checked its targets until now."""
    for target in tx[TARGETS].by("group", arn):
        if target.state != "draining":
            tx[TARGETS].put(replace(target, state="initial", reason="", description="", since=now))


def _forget(tx: Transaction, rule: Rule) -> None:
    for use in tx[USES].by("rule", rule.arn):
        tx[USES].delete((use.group, use.rule))


def _count(tx: Transaction, rule: Rule, quotas: Quotas) -> None:
    """How many groups and targets the load balancer has then (ELB User Guide, load-balancer-limits)."""
    scope = (rule.account, rule.region)
    groups = {use.group for use in tx[USES].by("load_balancer", rule.load_balancer)}
    most = quotas.value(limits.QUOTAS["target-groups-per-application-load-balancer"], scope)
    if most is not None and len(groups) > most:
        raise too_many("UniqueTargetGroupsPerLoadBalancer", most, "target groups per load balancer")
    most = quotas.value(limits.QUOTAS["targets-per-application-load-balancer"], scope)
    if most is not None and sum(tx[TARGETS].count("group", arn) for arn in sorted(groups)) > most:
        raise too_many("Targets", most, "targets per load balancer")
