"""Load balancers: create, describe, delete; their subnets, security groups and attributes."""

from __future__ import annotations

from collections.abc import Collection
from random import Random
from typing import Any

from windlass.aws.calls import Call, Params, Result
from windlass.aws.quotas import Quotas
from windlass.kernel.chance import Chance
from windlass.kernel.clock import seconds
from windlass.kernel.faults import Fault
from windlass.kernel.rows import replace
from windlass.kernel.store import Transaction
from windlass.services.elbv2 import (
    attributes,
    describe,
    find,
    limits,
    names,
    networks,
    refusals,
    rule_rows,
    tagging,
)
from windlass.services.elbv2.model import LISTENERS, LOAD_BALANCERS, LoadBalancer

ADDRESS_FIRST = 127 << 24 | 64 << 16
ADDRESSES = 1 << 22
"""127.64.0.0/10: loopback addresses that nobody else here uses (docs/decisions/0044)."""
_REFUSED = {
    "CustomerOwnedIpv4Pool": "customer-owned address pools",
    "IpamPools": "IPAM pools",
    "EnablePrefixForIpv6SourceNat": "IPv6",
}


async def create_load_balancer(call: Call, params: Params) -> Result:
    """ELBv2 CreateLoadBalancer, of applications. One that is there with the same settings is answered."""
    name = names.checked(params["Name"], "Load balancer")
    kind = params.get("Type", "application")
    if kind != "application":
        raise refusals.unsupported(f"load balancers of the type '{kind}'")
    _refuse(params)
    where = await networks.place(call, params)
    groups = await networks.security_groups(call, params.get("SecurityGroups") or (), where.vpc_id)
    tags = tagging.taken(params.get("Tags") or ())
    delay = call.part(Quotas).draw_s("elbv2.provisioning", _stream(call))
    with call.store.transact() as tx:
        wanted = LoadBalancer(
            account=call.account,
            region=call.region,
            name=name,
            id=call.ids.hex(16),
            number=call.ids.digits(10),
            created_at=call.now,
            active_at=call.now + seconds(delay),
            internal=params.get("Scheme", "internet-facing") == "internal",
            vpc_id=where.vpc_id,
            zones=where.zones,
            security_groups=groups,
            address="",
            tags=tags,
        )
        known = tx[LOAD_BALANCERS].first("name", (*call.scope, name))
        if known is not None:
            if _settings(known) != _settings(wanted):
                message = f"A load balancer with the same name '{name}' exists, but with different settings"
                raise Fault("DuplicateLoadBalancerNameException", message)
            return {"LoadBalancers": [describe.load_balancer(known, call.now)]}
        count = tx[LOAD_BALANCERS].count("scope", call.scope)
        quota = limits.QUOTAS["application-load-balancers"]
        rule_rows.check_count(call, quota, count, "LoadBalancers", "load balancers")
        row = tx[LOAD_BALANCERS].put(replace(wanted, address=_address(tx, _stream(call))))
    return {"LoadBalancers": [describe.load_balancer(row, call.now) | {"State": {"Code": "provisioning"}}]}


def describe_load_balancers(call: Call, params: Params) -> Result:
    """ELBv2 DescribeLoadBalancers: those named, which must be there, or all."""
    arns, wanted = params.get("LoadBalancerArns") or (), params.get("Names") or ()
    if arns and wanted:
        raise refusals.invalid("Load balancer names and load balancer ARNs cannot be specified together")
    if len(arns) + len(wanted) > limits.NAMES_MAX:
        raise refusals.invalid(f"At most {limits.NAMES_MAX} load balancers can be named")
    rows = call.store[LOAD_BALANCERS]
    if arns:
        found = [find.load_balancer(call.store, call, arn) for arn in dict.fromkeys(arns)]
    elif wanted:
        by_name = {name: rows.first("name", (*call.scope, name)) for name in wanted}
        missing = [name for name, row in by_name.items() if row is None]
        if missing:
            raise refusals.no_load_balancer(", ".join(missing))
        found = [row for row in by_name.values() if row is not None]
    else:
        found = rows.by("scope", call.scope)
    shown = [describe.load_balancer(row, call.now) for row in found]
    return find.cut(call, params, shown, "DescribeLoadBalancers", "LoadBalancers")


def delete_load_balancer(call: Call, params: Params) -> None:
    """ELBv2 DeleteLoadBalancer, with its listeners and their rules. One that is gone is no error."""
    with call.store.transact() as tx:
        row = tx[LOAD_BALANCERS].get(params["LoadBalancerArn"])
        if row is None or row.scope != call.scope:
            return
        protected = "deletion_protection.enabled"
        if attributes.value(attributes.LOAD_BALANCER, row.attributes, protected) == "true":
            raise refusals.not_permitted(
                f"Load balancer '{row.arn}' cannot be deleted because deletion protection is enabled"
            )
        for listener in tx[LISTENERS].by("load_balancer", row.arn):
            rule_rows.delete_listener(tx, listener.arn)
        tx[LOAD_BALANCERS].delete(row.arn)


async def set_subnets(call: Call, params: Params) -> Result:
    """ELBv2 SetSubnets: in place of those that it has."""
    _refuse(params)
    find.load_balancer(call.store, call, params["LoadBalancerArn"])
    where = await networks.place(call, params)
    with call.store.transact() as tx:
        row = find.load_balancer(tx, call, params["LoadBalancerArn"])
        if where.vpc_id != row.vpc_id:
            raise refusals.configuration("The subnets must belong to the VPC of the load balancer")
        row = tx[LOAD_BALANCERS].put(replace(row, zones=where.zones))
    return {"AvailabilityZones": describe.zones(row), "IpAddressType": row.ip_address_type}


async def set_security_groups(call: Call, params: Params) -> Result:
    """ELBv2 SetSecurityGroups: in place of those that it has."""
    row = find.load_balancer(call.store, call, params["LoadBalancerArn"])
    if not params["SecurityGroups"]:
        raise refusals.configuration("At least one security group must be specified")
    groups = await networks.security_groups(call, params["SecurityGroups"], row.vpc_id)
    with call.store.transact() as tx:
        row = find.load_balancer(tx, call, params["LoadBalancerArn"])
        tx[LOAD_BALANCERS].put(replace(row, security_groups=groups))
    return {"SecurityGroupIds": list(groups)}


def set_ip_address_type(call: Call, params: Params) -> Result:
    """ELBv2 SetIpAddressType: there is IPv4 only."""
    _refuse(params)
    row = find.load_balancer(call.store, call, params["LoadBalancerArn"])
    return {"IpAddressType": row.ip_address_type}


def describe_load_balancer_attributes(call: Call, params: Params) -> Result:
    """ELBv2 DescribeLoadBalancerAttributes."""
    row = find.load_balancer(call.store, call, params["LoadBalancerArn"])
    return {"Attributes": attributes.shown(attributes.LOAD_BALANCER, row.attributes)}


def modify_load_balancer_attributes(call: Call, params: Params) -> Result:
    """ELBv2 ModifyLoadBalancerAttributes; the proxies take them without cutting a connection."""
    with call.store.transact() as tx:
        row = find.load_balancer(tx, call, params["LoadBalancerArn"])
        after = attributes.changed(
            attributes.LOAD_BALANCER, row.attributes, params["Attributes"], "load balancer"
        )
        attributes.check_load_balancer(after)
        tx[LOAD_BALANCERS].put(replace(row, attributes=after))
    return {"Attributes": attributes.shown(attributes.LOAD_BALANCER, after)}


def describe_account_limits(call: Call, params: Params) -> Result:
    """ELBv2 DescribeAccountLimits; quotas that the profile does not limit are not in it."""
    shown: list[dict[str, Any]] = []
    for name, key in limits.QUOTAS.items():
        most = limits.FIXED.get(name) if not key else rule_rows.limit(call, key)
        if most is not None:
            shown.append({"Name": name, "Max": f"{most:g}"})
    return find.cut(call, params, shown, "DescribeAccountLimits", "Limits")


def _refuse(params: Params) -> None:
    if params.get("IpAddressType", "ipv4") != "ipv4":
        raise refusals.unsupported("IPv6")
    for name, what in _REFUSED.items():
        if params.get(name) not in (None, "", {}, "off"):
            raise refusals.unsupported(what)


def _settings(row: LoadBalancer) -> tuple[object, ...]:
    """What two calls of CreateLoadBalancer must have in common to be the same."""
    groups: Collection[str] = sorted(row.security_groups)
    return (row.internal, frozenset(row.zones), tuple(groups), row.tags)


def _stream(call: Call) -> Random:
    return call.part(Chance).stream("elbv2.load_balancers")


def _address(tx: Transaction, stream: Random) -> str:
    """A loopback address that no load balancer has."""
    while True:
        number = ADDRESS_FIRST + stream.randrange(1, ADDRESSES - 1)
        text = ".".join(str(number >> shift & 255) for shift in (24, 16, 8, 0))
        if not tx[LOAD_BALANCERS].count("address", text):
            return text
