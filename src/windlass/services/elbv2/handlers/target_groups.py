"""Target groups: create, describe, modify, delete, and their attributes."""

from __future__ import annotations

from typing import Any

from windlass.aws.calls import Call, Params, Result
from windlass.kernel.faults import Fault
from windlass.kernel.rows import replace
from windlass.services.elbv2 import (
    attributes,
    describe,
    find,
    health_checks,
    limits,
    names,
    networks,
    refusals,
    rule_rows,
    tagging,
)
from windlass.services.elbv2.model import (
    LOAD_BALANCERS,
    TARGET_GROUPS,
    TARGETS,
    USES,
    Reads,
    TargetGroup,
)

_FUNCTION_HAS_NO = ("Protocol", "ProtocolVersion", "Port", "VpcId", "HealthCheckProtocol", "HealthCheckPort")


async def create_target_group(call: Call, params: Params) -> Result:
    """ELBv2 CreateTargetGroup. One that is there with the same settings is answered."""
    name = names.checked(params["Name"], "Target group")
    kind = params.get("TargetType", "instance")
    columns = _of_function(params) if kind == "lambda" else _of_servers(params, kind)
    if columns.get("vpc_id"):
        await networks.check_vpc(call, columns["vpc_id"])
    version = columns.get("version", "")
    check = health_checks.changed(health_checks.first(kind, version), params, kind, version)
    tags = tagging.taken(params.get("Tags") or ())
    with call.store.transact() as tx:
        wanted = TargetGroup(
            account=call.account,
            region=call.region,
            name=name,
            id=call.ids.hex(16),
            target_type=kind,
            check=check,
            created_at=call.now,
            tags=tags,
            **columns,
        )
        known = tx[TARGET_GROUPS].first("name", (*call.scope, name))
        if known is not None:
            same = replace(wanted, id=known.id, created_at=known.created_at, attributes=known.attributes)
            if same != known:
                message = f"A target group with the same name '{name}' exists, but with different settings"
                raise Fault("DuplicateTargetGroupNameException", message)
            return {"TargetGroups": [_shown(tx, known)]}
        count = tx[TARGET_GROUPS].count("scope", call.scope)
        rule_rows.check_count(call, limits.QUOTAS["target-groups"], count, "TargetGroups", "target groups")
        tx[TARGET_GROUPS].put(wanted)
        return {"TargetGroups": [_shown(tx, wanted)]}


def describe_target_groups(call: Call, params: Params) -> Result:
    """ELBv2 DescribeTargetGroups: those named, those of a load balancer, or all."""
    arns, wanted = params.get("TargetGroupArns") or (), params.get("Names") or ()
    owner = params.get("LoadBalancerArn")
    if bool(arns) + bool(wanted) + bool(owner) > 1:
        raise refusals.invalid("Target group names, target group ARNs and a load balancer ARN exclude others")
    rows = call.store[TARGET_GROUPS]
    if arns:
        missing = [arn for arn in arns if (row := rows.get(arn)) is None or row.scope != call.scope]
        if missing:
            raise (
                refusals.no_group(", ".join(missing))
                if len(missing) > 1
                else refusals.one_group_missing(missing[0])
            )
        found = [rows.require(arn) for arn in dict.fromkeys(arns)]
    elif wanted:
        by_name = {name: rows.first("name", (*call.scope, name)) for name in wanted}
        gone = [name for name, row in by_name.items() if row is None]
        if gone:
            raise Fault("TargetGroupNotFoundException", "One or more target groups not found")
        found = [row for row in by_name.values() if row is not None]
    elif owner:
        find.load_balancer(call.store, call, owner)
        used = {use.group for use in call.store[USES].by("load_balancer", owner)}
        found = sorted(map(rows.require, used), key=lambda row: row.name)
    else:
        found = rows.by("scope", call.scope)
    shown = [_shown(call.store, row) for row in found]
    return find.cut(call, params, shown, "DescribeTargetGroups", "TargetGroups")


def modify_target_group(call: Call, params: Params) -> Result:
    """ELBv2 ModifyTargetGroup: its health check."""
    with call.store.transact() as tx:
        row = find.group(tx, call, params["TargetGroupArn"])
        check = health_checks.changed(row.check, params, row.target_type, row.version)
        row = tx[TARGET_GROUPS].put(replace(row, check=check))
        return {"TargetGroups": [_shown(tx, row)]}


def delete_target_group(call: Call, params: Params) -> None:
    """ELBv2 DeleteTargetGroup, unless a rule forwards to it. One that is gone is no error."""
    with call.store.transact() as tx:
        row = tx[TARGET_GROUPS].get(params["TargetGroupArn"])
        if row is None or row.scope != call.scope:
            return
        if tx[USES].count("group", row.arn):
            raise refusals.in_use(f"Target group '{row.arn}' is currently in use by a listener or a rule")
        for target in tx[TARGETS].by("group", row.arn):
            tx[TARGETS].delete(target.key)
        tx[TARGET_GROUPS].delete(row.arn)


def describe_target_group_attributes(call: Call, params: Params) -> Result:
    """ELBv2 DescribeTargetGroupAttributes."""
    row = find.group(call.store, call, params["TargetGroupArn"])
    return {"Attributes": attributes.shown(attributes.of_group(row.target_type), row.attributes)}


def modify_target_group_attributes(call: Call, params: Params) -> Result:
    """ELBv2 ModifyTargetGroupAttributes."""
    with call.store.transact() as tx:
        row = find.group(tx, call, params["TargetGroupArn"])
        known = attributes.of_group(row.target_type)
        after = attributes.changed(known, row.attributes, params["Attributes"], "target group")
        if row.target_type != "lambda":
            attributes.check_group(after)
        tx[TARGET_GROUPS].put(replace(row, attributes=after))
    return {"Attributes": attributes.shown(known, after)}


def _shown(reads: Reads, row: TargetGroup) -> Result:
    owners = {use.load_balancer for use in reads[USES].by("group", row.arn)}
    return describe.target_group(row, sorted(arn for arn in owners if reads[LOAD_BALANCERS].get(arn)))


def _of_function(params: Params) -> dict[str, Any]:
    for name in _FUNCTION_HAS_NO:
        if params.get(name) not in (None, ""):
            raise refusals.invalid(f"{name} cannot be specified for target groups with target type 'lambda'")
    return {}


def _of_servers(params: Params, kind: str) -> dict[str, Any]:
    if kind == "alb":
        raise refusals.unsupported("target groups of load balancers (target type 'alb')")
    protocol, port, vpc_id = (params.get(name) for name in ("Protocol", "Port", "VpcId"))
    if protocol is None:
        raise refusals.invalid("A protocol must be specified")
    if port is None:
        raise refusals.invalid("A port must be specified")
    if vpc_id is None:
        raise refusals.invalid("A VPC ID must be specified")
    if protocol not in ("HTTP", "HTTPS"):
        raise refusals.unsupported(f"target groups of the protocol '{protocol}'")
    if params.get("IpAddressType", "ipv4") != "ipv4":
        raise refusals.unsupported("IPv6")
    if params.get("TargetControlPort") is not None:
        raise refusals.unsupported("target control ports")
    version = params.get("ProtocolVersion") or "HTTP1"
    if version not in ("HTTP1", "HTTP2", "GRPC"):
        raise refusals.invalid(f"Protocol version '{version}' must be one of 'HTTP1, HTTP2, GRPC'")
    return {"protocol": protocol, "version": version, "port": port, "vpc_id": vpc_id}
