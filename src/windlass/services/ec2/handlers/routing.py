"""Route tables and internet gateways, as far as VPCs have them from their beginning. Reads only."""

from __future__ import annotations

from typing import Any

from windlass.aws.calls import Call, Params, Result
from windlass.kernel.faults import Fault
from windlass.services.ec2 import describe, filters, listing
from windlass.services.ec2.defaults import ANYWHERE
from windlass.services.ec2.filters import Values
from windlass.services.ec2.model import VPCS, Vpc, tags_of

_TABLES: dict[str, Values[dict[str, Any]]] = {
    "association.main": lambda table: ("true",),
    "association.route-table-association-id": lambda table: (
        table["Associations"][0]["RouteTableAssociationId"],
    ),
    "association.route-table-id": lambda table: (table["RouteTableId"],),
    "association.subnet-id": lambda table: (),
    "owner-id": lambda table: (table["OwnerId"],),
    "route-table-id": lambda table: (table["RouteTableId"],),
    "route.destination-cidr-block": lambda table: [
        route["DestinationCidrBlock"] for route in table["Routes"]
    ],
    "route.gateway-id": lambda table: [route["GatewayId"] for route in table["Routes"]],
    "route.state": lambda table: ("active",),
    "vpc-id": lambda table: (table["VpcId"],),
}
_GATEWAYS: dict[str, Values[dict[str, Any]]] = {
    "attachment.state": lambda gateway: ("available",),
    "attachment.vpc-id": lambda gateway: (gateway["Attachments"][0]["VpcId"],),
    "internet-gateway-id": lambda gateway: (gateway["InternetGatewayId"],),
    "owner-id": lambda gateway: (gateway["OwnerId"],),
}


def describe_route_tables(call: Call, params: Params) -> Result:
    """EC2 DescribeRouteTables: the main one of each VPC."""
    shown = [_table(call, vpc) for vpc in call.store[VPCS].by("scope", call.scope)]
    found, more = _chosen(
        call,
        params,
        "DescribeRouteTables",
        shown,
        _TABLES,
        ("RouteTableIds", "RouteTableId", "InvalidRouteTableID.NotFound", "routeTable ID"),
    )
    return {"RouteTables": found, **more}


def describe_internet_gateways(call: Call, params: Params) -> Result:
    """EC2 DescribeInternetGateways: that of each VPC that has one."""
    shown = [_gateway(call, v) for v in call.store[VPCS].by("scope", call.scope) if v.internet_gateway_id]
    found, more = _chosen(
        call,
        params,
        "DescribeInternetGateways",
        shown,
        _GATEWAYS,
        (
            "InternetGatewayIds",
            "InternetGatewayId",
            "InvalidInternetGatewayID.NotFound",
            "internetGateway ID",
        ),
    )
    return {"InternetGateways": found, **more}


def _chosen(
    call: Call,
    params: Params,
    operation: str,
    shown: list[dict[str, Any]],
    names: dict[str, Values[dict[str, Any]]],
    about: tuple[str, str, str, str],
) -> tuple[list[dict[str, Any]], Result]:
    """Those that a call asks for; `about`: its parameter, the id's member, the error and the name in it."""
    parameter, member, code, named = about
    by_id = {one[member]: one for one in shown}
    for resource_id in params.get(parameter, ()):
        if resource_id not in by_id:
            raise Fault(code, f"The {named} '{resource_id}' does not exist")
    wanted = filters.read(
        params.get("Filters", ()), names, lambda one: {tag["Key"]: tag["Value"] for tag in one["Tags"]}
    )
    some = [by_id[resource_id] for resource_id in params.get(parameter) or by_id]
    return listing.cut(call, params, operation, [one for one in some if wanted(one)])


def _table(call: Call, vpc: Vpc) -> dict[str, Any]:
    local = {"DestinationCidrBlock": str(vpc.block), "GatewayId": "local"}
    routes = [{**local, "Origin": "CreateRouteTable", "State": "active"}]
    if vpc.internet_gateway_id:
        out = {"DestinationCidrBlock": ANYWHERE, "GatewayId": vpc.internet_gateway_id}
        routes.append({**out, "Origin": "CreateRoute", "State": "active"})
    return {
        "RouteTableId": vpc.route_table_id,
        "VpcId": vpc.id,
        "OwnerId": vpc.account,
        "Associations": [
            {
                "Main": True,
                "RouteTableAssociationId": vpc.main_id,
                "RouteTableId": vpc.route_table_id,
                "AssociationState": {"State": "associated"},
            }
        ],
        "PropagatingVgws": [],
        "Routes": routes,
        "Tags": describe.tags(tags_of(call.store, vpc.route_table_id)),
    }


def _gateway(call: Call, vpc: Vpc) -> dict[str, Any]:
    return {
        "InternetGatewayId": vpc.internet_gateway_id,
        "OwnerId": vpc.account,
        "Attachments": [{"VpcId": vpc.id, "State": "available"}],
        "Tags": describe.tags(tags_of(call.store, vpc.internet_gateway_id)),
    }
