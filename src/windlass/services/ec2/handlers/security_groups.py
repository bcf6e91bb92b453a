"""Security groups themselves: create, describe, delete. Their rules are in security_group_rules.py."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from windlass.aws.calls import Call, Params, Result
from windlass.aws.quotas import Quotas
from windlass.kernel.faults import Fault
from windlass.kernel.store import Transaction
from windlass.services.ec2 import defaults, describe, filters, limits, listing, permissions, tagging
from windlass.services.ec2.filters import Values
from windlass.services.ec2.find import DEFAULT_GROUP, GROUP, VPC, default_vpc, group_named
from windlass.services.ec2.handlers.serving import forget_tags, put_tags
from windlass.services.ec2.model import (
    GROUPS,
    RULES,
    Reads,
    SecurityGroup,
    has_members,
    tags_of,
)
from windlass.services.ec2.permissions import Opening


def create_security_group(call: Call, params: Params) -> Result:
    """EC2 CreateSecurityGroup; without a VPC it is one of the default VPC."""
    name, described = params["GroupName"], params["Description"]
    _check_name(name, described)
    tags = tagging.specified(params.get("TagSpecifications", ()), "security-group")
    with call.store.transact() as tx:
        if params.get("VpcId"):
            vpc = VPC.one(tx, call.scope, params["VpcId"])
        elif (found := default_vpc(tx, call.scope)) is not None:
            vpc = found
        else:
            raise Fault("VPCIdNotSpecified", "No default VPC for this user")
        if tx[GROUPS].count("name", (vpc.id, name)):
            raise Fault(
                "InvalidGroup.Duplicate", f"The security group '{name}' already exists for VPC '{vpc.id}'"
            )
        most = call.part(Quotas).value(limits.QUOTA_GROUPS, call.scope)
        if most is not None and tx[GROUPS].count("scope", call.scope) >= most:
            raise Fault(
                "SecurityGroupLimitExceeded", "The maximum number of security groups has been reached."
            )
        group = defaults.make_group(tx, vpc, name, described, call.now, call.ids)
        put_tags(tx, call.scope, group.id, tags)
    return {
        "GroupId": group.id,
        "Tags": describe.tags(tags),
        "SecurityGroupArn": describe.resource_arn(group, "security-group"),
    }


def describe_security_groups(call: Call, params: Params) -> Result:
    """EC2 DescribeSecurityGroups, by id, by name (in the default VPC) and by filter."""
    names = {**FILTERS, **_of_rules(call.store, egress=False), **_of_rules(call.store, egress=True)}
    if params.get("GroupNames"):
        wanted = filters.read(params.get("Filters", ()), names, lambda row: tags_of(call.store, row.id))
        named = [group_named(call.store, call.scope, None, name) for name in params["GroupNames"]]
        groups = [*named, *GROUP.several(call.store, call.scope, params.get("GroupIds", ()))]
        return {"SecurityGroups": [describe.group(row, call.store) for row in groups if wanted(row)]}
    found, more = listing.rows(
        call,
        params,
        GROUP,
        "DescribeSecurityGroups",
        ids="GroupIds",
        names=names,
        narrow={"vpc-id": "vpc"},
    )
    return {"SecurityGroups": [describe.group(row, call.store) for row in found], **more}


def delete_security_group(call: Call, params: Params) -> Result:
    """EC2 DeleteSecurityGroup; refused while an interface is in it, or another group's rule names it."""
    with call.store.transact() as tx:
        group = group_named(tx, call.scope, params.get("GroupId"), params.get("GroupName"))
        if group.name == DEFAULT_GROUP:
            raise Fault(
                "CannotDelete",
                f'the specified group: "{group.id}" name: "{group.name}" cannot be deleted by a user',
            )
        named_by_others = any(rule.group_id != group.id for rule in tx[RULES].by("peer", group.id))
        if named_by_others or has_members(tx, group.id):
            raise Fault("DependencyViolation", f"resource {group.id} has a dependent object")
        delete_rules(tx, group.id)
        tx[GROUPS].delete(group.id)
        forget_tags(tx, group.id)
    return {"Return": True, "GroupId": group.id}


def delete_rules(tx: Transaction, group_id: str) -> None:
    """All rules of a group, which goes."""
    for rule in tx[RULES].by("group", group_id):
        tx[RULES].delete(rule.id)
        forget_tags(tx, rule.id)


FILTERS: dict[str, Values[SecurityGroup]] = {
    "description": lambda row: (row.description,),
    "group-id": lambda row: (row.id,),
    "group-name": lambda row: (row.name,),
    "owner-id": lambda row: (row.account,),
    "vpc-id": lambda row: (row.vpc_id,),
}
_OF_RULES: dict[str, Callable[[Opening], str]] = {
    "cidr": lambda opening: opening.cidr,
    "from-port": lambda opening: str(opening.from_port),
    "group-id": lambda opening: opening.group_id,
    "ipv6-cidr": lambda opening: opening.cidr6,
    "protocol": lambda opening: opening.protocol,
    "to-port": lambda opening: str(opening.to_port),
}


def _of_rules(reads: Reads, *, egress: bool) -> dict[str, Values[SecurityGroup]]:
    """The filters ip-permission.… and egress.ip-permission.…"""
    prefix = "egress.ip-permission." if egress else "ip-permission."

    def values(member: Callable[[Opening], str]) -> Values[SecurityGroup]:
        def of(row: SecurityGroup) -> Iterable[str]:
            return (member(rule.opening) for rule in reads[RULES].by("direction", (row.id, egress)))

        return of

    return {f"{prefix}{name}": values(member) for name, member in _OF_RULES.items()}


def _check_name(name: str, described: str) -> None:
    if name == DEFAULT_GROUP:
        raise Fault("InvalidParameterValue", "Cannot use reserved security group name: default")
    if name.lower().startswith("sg-"):
        raise Fault(
            "InvalidParameterValue",
            f"Value ({name}) for parameter GroupName is invalid. Group names may not be in the format sg-*.",
        )
    for parameter, value in (("GroupName", name), ("GroupDescription", described)):
        if not permissions.is_description(value):
            raise Fault(
                "InvalidParameterValue",
                f"Value ({value}) for parameter {parameter} is invalid. Character sets beyond ASCII are not "
                f"supported, and at most {limits.NAME_LENGTH_MAX} characters.",
            )
