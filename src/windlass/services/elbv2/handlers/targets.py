"""Targets: register, deregister, and how they are."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Any

from windlass.aws.arn import parse
from windlass.aws.calls import Call, Params, Principal, Result
from windlass.fleet.model import INSTANCES
from windlass.kernel.faults import Fault
from windlass.services.elbv2 import (
    describe,
    find,
    health_checks,
    limits,
    networks,
    refusals,
    registration,
    rule_rows,
    seeing,
)
from windlass.services.elbv2.model import TARGETS, Document, Target, TargetGroup

_PRIVATE = [
    ipaddress.ip_network(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")
]
"""RFC 1918 and RFC 6598 (API reference, CreateTargetGroup, TargetType)."""
_LOOPBACK = ipaddress.ip_network("127.0.0.0/8")
"""Ours: servers on this machine are targets too."""
_OWN = ipaddress.ip_network("127.64.0.0/10")


async def register_targets(call: Call, params: Params) -> None:
    """ELBv2 RegisterTargets: all of them, or none. One that is registered stays as it is."""
    group = find.group(call.store, call, params["TargetGroupArn"])
    given: Sequence[Document] = params["Targets"]
    if not given:
        raise refusals.invalid("At least one target must be specified")
    ranges: list[str] = []
    if group.target_type == "ip":
        ranges = await networks.blocks(call, group.vpc_id)
    if group.target_type == "lambda":
        await _check_functions(call, group, given)
    with call.store.transact() as tx:
        group = find.group(tx, call, group.arn)
        for one in given:
            if group.target_type == "instance":
                _check_instance(call, one)
            elif group.target_type == "ip":
                _check_address(one, ranges)
        ramped = registration.ramps(tx, group)
        for one in given:
            zone = one.get("AvailabilityZone", "")
            registration.register(tx, group, one["Id"], _port(group, one), zone, call.now, ramped)
        count = tx[TARGETS].count("group", group.arn)
        most = rule_rows.limit(call, limits.QUOTAS["targets-per-target-group"])
        if most is not None and count > most:
            raise refusals.too_many("Targets", most, "targets per target group")


def deregister_targets(call: Call, params: Params) -> None:
    """ELBv2 DeregisterTargets. Without a port, the group's; one that is not registered is no error."""
    with call.store.transact() as tx:
        group = find.group(tx, call, params["TargetGroupArn"])
        for one in params["Targets"]:
            registration.deregister(tx, group, one["Id"], _port(group, one), call.now)


def describe_target_health(call: Call, params: Params) -> Result:
    """ELBv2 DescribeTargetHealth: of all targets, or of those named, which need not be registered."""
    group = find.group(call.store, call, params["TargetGroupArn"])
    asked = params.get("Targets")
    rows = call.store[TARGETS]
    shown: list[dict[str, Any]] = []
    if asked is None:
        for row in rows.by("group", group.arn):
            shown.append(_shown(call, group, row, describe.target(row)))
    else:
        for one in asked:
            key = (group.arn, one["Id"], _port(group, one))
            told = {"Id": one["Id"], **({"Port": key[2]} if key[2] else {})}
            found = rows.get(key)
            shown.append(_shown(call, group, found, describe.target(found) if found else told))
    return {"TargetHealthDescriptions": shown}


def _shown(call: Call, group: TargetGroup, row: Target | None, told: Result) -> dict[str, Any]:
    health = seeing.health(call.store, group, row, call.now)
    said: dict[str, str] = {"State": health.state}
    if health.code:
        said |= {"Reason": health.code, "Description": health.reason}
    shown: dict[str, Any] = {
        "Target": told,
        "TargetHealth": said,
        "AdministrativeOverride": {
            "State": "no_override",
            "Reason": "AdministrativeOverride.NoOverride",
            "Description": "No override is currently active on target",
        },
    }
    if group.target_type != "lambda":
        port = group.check.port
        shown["HealthCheckPort"] = str(told.get("Port", "")) if port == health_checks.TRAFFIC_PORT else port
    return shown


def _port(group: TargetGroup, given: Document) -> int:
    return 0 if group.target_type == "lambda" else int(given.get("Port") or group.port)


def _check_instance(call: Call, given: Document) -> None:
    machine = call.store[INSTANCES].get(given["Id"])
    if machine is None or (machine.account, machine.region) != call.scope:
        raise refusals.bad_target(f"Instance ID '{given['Id']}' is not valid")
    if machine.phase != "running":
        raise refusals.bad_target(
            f"The following targets are not in a running state and cannot be registered: '{machine.id}'"
        )
    if given.get("AvailabilityZone"):
        raise refusals.invalid("You cannot specify an Availability Zone for targets of type 'instance'")


def _check_address(given: Document, ranges: Sequence[str]) -> None:
    try:
        address = ipaddress.IPv4Address(given["Id"])
    except ValueError:
        raise refusals.invalid(f"The IP address '{given['Id']}' is not a valid IPv4 address") from None
    if address in _OWN:
        raise refusals.bad_target(f"The IP address '{address}' is reserved for use by a load balancer")
    if address in _LOOPBACK or any(address in ipaddress.ip_network(text) for text in ranges):
        return
    if not any(address in network for network in _PRIVATE):
        raise refusals.invalid(
            f"The IP address '{address}' is not within the VPC or a private range: publicly routable "
            "addresses cannot be targets"
        )
    if not given.get("AvailabilityZone"):
        raise refusals.invalid(
            f"You must specify an Availability Zone for IP addresses outside of the VPC: '{address}'"
        )


async def _check_functions(call: Call, group: TargetGroup, given: Sequence[Document]) -> None:
    """One function, which must be there; the load balancer must be allowed to invoke it."""
    others = {row.id for row in call.store[TARGETS].by("group", group.arn)}
    if len(others | {one["Id"] for one in given}) > 1:
        message = "A target group of the type 'lambda' can have one target only"
        raise Fault("TooManyTargetsException", message)
    for one in given:
        arn = parse(one["Id"])
        if arn is None or arn.service != "lambda" or not arn.resource.startswith("function:"):
            raise refusals.invalid(f"'{one['Id']}' is not a valid Lambda function ARN")
        if one.get("Port") is not None or one.get("AvailabilityZone", "all") != "all":
            raise refusals.invalid("Lambda targets have no port and no Availability Zone but 'all'")
        if (arn.account, arn.region) != call.scope:
            raise refusals.bad_target("The function must be in the load balancer's account and Region")
        principal = Principal(*call.scope, networks.PRINCIPAL)
        try:
            await call.calls.call(
                "lambda", "GetFunctionConfiguration", {"FunctionName": one["Id"]}, principal
            )
        except Fault as fault:
            raise refusals.bad_target(fault.message) from fault
