"""Regions and their zones, as AWS names them. Pure.

Every Region has three zones here, a to c, whatever AWS has there. Sources: EC2 API reference,
DescribeRegions and DescribeAvailabilityZones; AWS RAM User Guide, "AZ IDs".
"""

from __future__ import annotations

import re

ZONES = "abc"
REGIONS = (
    "ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1", "ap-southeast-1", "ap-southeast-2",
    "ca-central-1", "eu-central-1", "eu-north-1", "eu-west-1", "eu-west-2", "eu-west-3", "sa-east-1",
    "us-east-1", "us-east-2", "us-west-1", "us-west-2",
)  # fmt: skip
"""The Regions that every account has without asking; EC2 User Guide, "Regions"."""
_NAME = re.compile(r"([a-z]+(?:-[a-z]+)?)-([a-z]+)-([0-9]+)", re.ASCII)
_DIRECTIONS = {
    "northeast": "ne", "northwest": "nw", "southeast": "se", "southwest": "sw",
    "north": "n", "south": "s", "east": "e", "west": "w", "central": "c",
}  # fmt: skip


def zones(region: str) -> list[str]:
    """The names of a Region's zones.

    >>> zones("eu-west-1")
    ['eu-west-1a', 'eu-west-1b', 'eu-west-1c']
    """
    return [f"{region}{letter}" for letter in ZONES]


def zone_id(zone: str) -> str:
    """The id of a zone. On AWS which letter has which id differs between accounts; here a is 1.

    >>> zone_id("us-east-1a"), zone_id("ap-southeast-2c"), zone_id("us-gov-west-1b")
    ('use1-az1', 'apse2-az3', 'usgw1-az2')
    """
    region, letter = zone[:-1], zone[-1:]
    return f"{_short(region)}-az{ZONES.index(letter) + 1}"


def _short(region: str) -> str:
    found = _NAME.fullmatch(region)
    if found is None:
        return region
    area, direction, count = found.groups()
    places = area.split("-")
    return f"{places[0]}{''.join(p[0] for p in places[1:])}{_DIRECTIONS.get(direction, direction[:1])}{count}"


def private_dns(address: str, region: str) -> str:
    """The private host name of an address; VPC User Guide, "DNS attributes for your VPC".

    >>> private_dns("172.31.0.4", "eu-west-1"), private_dns("10.0.0.4", "us-east-1")
    ('ip-172-31-0-4.eu-west-1.compute.internal', 'ip-10-0-0-4.ec2.internal')
    """
    domain = "ec2.internal" if region == "us-east-1" else f"{region}.compute.internal"
    return f"ip-{address.replace('.', '-')}.{domain}"


def public_dns(address: str, region: str) -> str:
    """The public host name of an address; as above."""
    domain = "compute-1" if region == "us-east-1" else f"{region}.compute"
    return f"ec2-{address.replace('.', '-')}.{domain}.amazonaws.com"
