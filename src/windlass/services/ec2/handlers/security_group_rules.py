"""Rules of security groups: authorize, revoke, describe, modify."""

from __future__ import annotations

from collections.abc import Sequence

from windlass.aws.calls import Call, Params, Result
from windlass.aws.quotas import Quotas
from windlass.kernel.faults import Fault
from windlass.kernel.rows import replace
from windlass.kernel.store import Transaction
from windlass.services.ec2 import defaults, describe, limits, listing, permissions, tagging
from windlass.services.ec2.filters import Values
from windlass.services.ec2.find import GROUP, RULE, VPC, group_named
from windlass.services.ec2.handlers.serving import forget_tags, put_tags, refuse
from windlass.services.ec2.model import RULES, SecurityGroup, SecurityGroupRule
from windlass.services.ec2.permissions import Opening, Wanted

FILTERS: dict[str, Values[SecurityGroupRule]] = {
    "group-id": lambda row: (row.group_id,),
    "security-group-rule-id": lambda row: (row.id,),
}
_BY_NAME = ("SourceSecurityGroupName", "SourceSecurityGroupOwnerId")


def authorize_security_group_ingress(call: Call, params: Params) -> Result:
    """EC2 AuthorizeSecurityGroupIngress."""
    return _authorize(call, params, egress=False)


def authorize_security_group_egress(call: Call, params: Params) -> Result:
    """EC2 AuthorizeSecurityGroupEgress."""
    return _authorize(call, params, egress=True)


def revoke_security_group_ingress(call: Call, params: Params) -> Result:
    """EC2 RevokeSecurityGroupIngress."""
    return _revoke(call, params, egress=False)


def revoke_security_group_egress(call: Call, params: Params) -> Result:
    """EC2 RevokeSecurityGroupEgress."""
    return _revoke(call, params, egress=True)


def describe_security_group_rules(call: Call, params: Params) -> Result:
    """EC2 DescribeSecurityGroupRules."""
    found, more = listing.rows(
        call,
        params,
        RULE,
        "DescribeSecurityGroupRules",
        ids="SecurityGroupRuleIds",
        names=FILTERS,
        narrow={"group-id": "group"},
    )
    return {"SecurityGroupRules": [describe.rule(row, call.store) for row in found], **more}


def modify_security_group_rules(call: Call, params: Params) -> Result:
    """EC2 ModifySecurityGroupRules: rules of one group, each replaced as a whole."""
    with call.store.transact() as tx:
        group = GROUP.one(tx, call.scope, params["GroupId"])
        for update in params["SecurityGroupRules"]:
            rule = _rule_of(tx, call, group, update["SecurityGroupRuleId"])
            wanted = permissions.from_rule(update.get("SecurityGroupRule", {}))
            _check_peer(tx, call, group, wanted.opening)
            held = tx[RULES].first("opening", (group.id, rule.egress, wanted.opening))
            if held is not None and held.id != rule.id:
                raise _duplicate(wanted.opening)
            tx[RULES].put(replace(rule, opening=wanted.opening, description=wanted.description))
    return {"Return": True}


def update_security_group_rule_descriptions_ingress(call: Call, params: Params) -> Result:
    """EC2 UpdateSecurityGroupRuleDescriptionsIngress."""
    return _describe_anew(call, params, egress=False)


def update_security_group_rule_descriptions_egress(call: Call, params: Params) -> Result:
    """EC2 UpdateSecurityGroupRuleDescriptionsEgress."""
    return _describe_anew(call, params, egress=True)


def _authorize(call: Call, params: Params, *, egress: bool) -> Result:
    refuse(params, _BY_NAME)
    wanted = permissions.wanted(permissions.from_plain(params))
    if len({one.opening for one in wanted}) < len(wanted):
        raise Fault("InvalidParameterValue", "The same permission must not appear multiple times")
    tags = tagging.specified(params.get("TagSpecifications", ()), "security-group-rule")
    with call.store.transact() as tx:
        group = group_named(tx, call.scope, params.get("GroupId"), params.get("GroupName"))
        for one in wanted:
            _check_peer(tx, call, group, one.opening)
            if tx[RULES].count("opening", (group.id, egress, one.opening)):
                raise _duplicate(one.opening)
        most = call.part(Quotas).value(limits.QUOTA_RULES, call.scope)
        if most is not None and tx[RULES].count("direction", (group.id, egress)) + len(wanted) > most:
            raise Fault(
                "RulesPerSecurityGroupLimitExceeded",
                "The maximum number of rules per security group has been reached.",
            )
        made = [_made(tx, call, group, egress, place, one) for place, one in enumerate(wanted)]
        for rule in made:
            put_tags(tx, call.scope, rule.id, tags)
    return {"Return": True, "SecurityGroupRules": [describe.rule(rule, call.store) for rule in made]}


def _made(
    tx: Transaction, call: Call, group: SecurityGroup, egress: bool, place: int, wanted: Wanted
) -> SecurityGroupRule:
    rule = SecurityGroupRule(
        id=defaults.new_id(call.ids, "sgr"),
        account=group.account,
        region=group.region,
        group_id=group.id,
        egress=egress,
        opening=wanted.opening,
        created_at=call.now,
        place=place,
        description=wanted.description,
    )
    return tx[RULES].put(rule)


def _revoke(call: Call, params: Params, *, egress: bool) -> Result:
    """By rule id, or by what the rules let through.

    In a default VPC what is not there is answered, elsewhere it is an error (RevokeSecurityGroupIngress).
    """
    refuse(params, _BY_NAME)
    with call.store.transact() as tx:
        group = group_named(tx, call.scope, params.get("GroupId"), params.get("GroupName"))
        unknown: Sequence[Wanted] = ()
        if params.get("SecurityGroupRuleIds"):
            rules = [_rule_of(tx, call, group, rule_id) for rule_id in params["SecurityGroupRuleIds"]]
        else:
            wanted = permissions.wanted(permissions.from_plain(params))
            rules, unknown = _matching(tx, group, egress, wanted)
        if unknown and not VPC.one(tx, call.scope, group.vpc_id).is_default:
            raise Fault(
                "InvalidPermission.NotFound", "The specified rule does not exist in this security group."
            )
        for rule in rules:
            tx[RULES].delete(rule.id)
            forget_tags(tx, rule.id)
    return {
        "Return": True,
        "UnknownIpPermissions": permissions.permissions(unknown, group.account),
        "RevokedSecurityGroupRules": [_revoked(rule) for rule in rules],
    }


def _describe_anew(call: Call, params: Params, *, egress: bool) -> Result:
    with call.store.transact() as tx:
        group = group_named(tx, call.scope, params.get("GroupId"), params.get("GroupName"))
        for change in params.get("SecurityGroupRuleDescriptions", ()):
            rule = _rule_of(tx, call, group, change.get("SecurityGroupRuleId", ""))
            tx[RULES].put(replace(rule, description=change.get("Description", "")))
        wanted = permissions.wanted(params.get("IpPermissions", ()))
        rules, unknown = _matching(tx, group, egress, wanted)
        if unknown:
            raise Fault(
                "InvalidPermission.NotFound", "The specified rule does not exist in this security group."
            )
        for rule, one in zip(rules, wanted, strict=True):
            tx[RULES].put(replace(rule, description=one.description))
    return {"Return": True}


def _matching(
    tx: Transaction, group: SecurityGroup, egress: bool, wanted: Sequence[Wanted]
) -> tuple[list[SecurityGroupRule], list[Wanted]]:
    """The rules that let these through, in that order, and what no rule does."""
    found = [(one, tx[RULES].first("opening", (group.id, egress, one.opening))) for one in wanted]
    return [rule for _, rule in found if rule is not None], [one for one, rule in found if rule is None]


def _rule_of(tx: Transaction, call: Call, group: SecurityGroup, rule_id: str) -> SecurityGroupRule:
    rule = RULE.one(tx, call.scope, rule_id)
    if rule.group_id != group.id:
        raise RULE.missing(rule_id)
    return rule


def _check_peer(tx: Transaction, call: Call, group: SecurityGroup, opening: Opening) -> None:
    if not opening.group_id:
        return
    if GROUP.one(tx, call.scope, opening.group_id).vpc_id != group.vpc_id:
        raise Fault(
            "InvalidGroup.NotFound", "You have specified two resources that belong to different networks."
        )


def _duplicate(opening: Opening) -> Fault:
    return Fault("InvalidPermission.Duplicate", f'the specified rule "{opening}" already exists')


def _revoked(rule: SecurityGroupRule) -> Result:
    opening = rule.opening
    shown: Result = {
        "SecurityGroupRuleId": rule.id,
        "GroupId": rule.group_id,
        "IsEgress": rule.egress,
        "IpProtocol": opening.protocol,
        "FromPort": opening.from_port,
        "ToPort": opening.to_port,
    }
    peers = {
        "CidrIpv4": opening.cidr,
        "CidrIpv6": opening.cidr6,
        "ReferencedGroupId": opening.group_id,
        "Description": rule.description,
    }
    return {**shown, **{name: value for name, value in peers.items() if value}}
