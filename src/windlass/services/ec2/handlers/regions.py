"""Regions, zones and the account: what is there without being made. Reads only."""

from __future__ import annotations

from typing import Any

from windlass.aws.calls import Call, Params, Result
from windlass.kernel.faults import Fault
from windlass.services.ec2 import filters, limits, zones
from windlass.services.ec2.filters import Values
from windlass.services.ec2.find import default_vpc

OPT_IN = "opt-in-not-required"

_REGIONS: dict[str, Values[dict[str, Any]]] = {
    "endpoint": lambda region: (region["Endpoint"],),
    "opt-in-status": lambda region: (region["OptInStatus"],),
    "region-name": lambda region: (region["RegionName"],),
}
_ZONES: dict[str, Values[dict[str, Any]]] = {
    "group-name": lambda zone: (zone["GroupName"],),
    "message": lambda zone: (),
    "opt-in-status": lambda zone: (zone["OptInStatus"],),
    "region-name": lambda zone: (zone["RegionName"],),
    "state": lambda zone: (zone["State"],),
    "zone-id": lambda zone: (zone["ZoneId"],),
    "zone-name": lambda zone: (zone["ZoneName"],),
    "zone-type": lambda zone: (zone["ZoneType"],),
}


def describe_regions(call: Call, params: Params) -> Result:
    """EC2 DescribeRegions: those that every account has, and the one that was called."""
    shown = [
        {"RegionName": name, "Endpoint": f"ec2.{name}.amazonaws.com", "OptInStatus": OPT_IN}
        for name in sorted({*zones.REGIONS, call.region})
    ]
    wanted = filters.read(params.get("Filters", ()), _REGIONS, None)
    named = params.get("RegionNames") or [region["RegionName"] for region in shown]
    _check_named("region", named, {region["RegionName"] for region in shown})
    return {"Regions": [region for region in shown if region["RegionName"] in named and wanted(region)]}


def describe_availability_zones(call: Call, params: Params) -> Result:
    """EC2 DescribeAvailabilityZones of the Region that was called."""
    shown = [_zone(call.region, name) for name in zones.zones(call.region)]
    for parameter, member in (("ZoneNames", "ZoneName"), ("ZoneIds", "ZoneId")):
        named = params.get(parameter)
        if named:
            _check_named("availability zone", named, {zone[member] for zone in shown})
            shown = [zone for zone in shown if zone[member] in named]
    wanted = filters.read(params.get("Filters", ()), _ZONES, None)
    return {"AvailabilityZones": [zone for zone in shown if wanted(zone)]}


def describe_account_attributes(call: Call, params: Params) -> Result:
    """EC2 DescribeAccountAttributes: those that mean something here."""
    vpc = default_vpc(call.store, call.scope)
    values = {
        "supported-platforms": "VPC",
        "default-vpc": "none" if vpc is None else vpc.id,
        "vpc-max-security-groups-per-interface": str(limits.GROUPS_PER_INTERFACE_MAX),
    }
    named = params.get("AttributeNames") or list(values)
    return {
        "AccountAttributes": [
            {"AttributeName": name, "AttributeValues": [{"AttributeValue": value}]}
            for name, value in values.items()
            if name in named
        ]
    }


def _zone(region: str, name: str) -> dict[str, Any]:
    return {
        "ZoneName": name,
        "ZoneId": zones.zone_id(name),
        "ZoneType": "availability-zone",
        "RegionName": region,
        "GroupName": f"{region}-zg-1",
        "NetworkBorderGroup": region,
        "OptInStatus": OPT_IN,
        "State": "available",
        "Messages": [],
    }


def _check_named(what: str, named: list[str], there: set[str]) -> None:
    unknown = [name for name in named if name not in there]
    if unknown:
        raise Fault("InvalidParameterValue", f"Invalid {what}: [{', '.join(unknown)}]")
