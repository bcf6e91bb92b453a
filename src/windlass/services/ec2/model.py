"""EC2 rows: VPCs, subnets, security groups and their rules, network interfaces, launch templates, tags.

Who writes what: handlers write everything they are asked to; task_interfaces.py inserts and deletes the
interfaces of tasks, in the transaction of the service that asks. Every row belongs to an account and a
Region. Instances are rows of the fleet (fleet/instances.py). Which addresses of a subnet are taken is an
index of the interfaces themselves, so that an address can neither leak nor be given twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Literal, TypeAlias

from windlass.kernel.clock import Instant
from windlass.kernel.rows import Row
from windlass.kernel.store import Index, Store, Table, Transaction
from windlass.services.ec2 import limits
from windlass.services.ec2.cidr import Block
from windlass.services.ec2.permissions import Opening

Reads: TypeAlias = Store | Transaction
Scope: TypeAlias = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Begun:
    """This account and Region have been given their default VPC; it may have been deleted since."""

    account: str
    region: str


@dataclass(frozen=True, slots=True)
class Vpc:
    """One VPC with one range, the ids of its main route table and its internet gateway ("" without one)."""

    id: str
    account: str
    region: str
    block: Block
    created_at: Instant
    dhcp_options_id: str
    route_table_id: str
    association_id: str
    main_id: str
    """Association of the main route table."""
    internet_gateway_id: str = ""
    is_default: bool = False
    tenancy: Literal["default", "dedicated", "host"] = "default"
    dns_support: bool = True
    dns_hostnames: bool = False
    address_metrics: bool = False


@dataclass(frozen=True, slots=True)
class Subnet:
    """One subnet. What is free in it follows from the interfaces."""

    id: str
    account: str
    region: str
    vpc_id: str
    block: Block
    zone: str
    created_at: Instant
    default_for_zone: bool = False
    map_public_address: bool = False


@dataclass(frozen=True, slots=True)
class SecurityGroup:
    """One group; its rules are rows of their own."""

    id: str
    account: str
    region: str
    vpc_id: str
    name: str
    description: str
    created_at: Instant


@dataclass(frozen=True, slots=True)
class SecurityGroupRule:
    """One rule: one opening in one direction."""

    id: str
    account: str
    region: str
    group_id: str
    egress: bool
    opening: Opening
    created_at: Instant
    place: int = 0
    """Among the rules of one call."""
    description: str = ""

    @property
    def peer_group(self) -> str | None:
        return self.opening.group_id or None


class NetworkInterface(Row, frozen=True):
    """One interface. A requester's (a task's) is in use from the beginning; others are available.

    `address` and `public` are integers; `public` 0 is none, and is made up: nothing routes it.
    """

    id: str
    account: str
    region: str
    vpc_id: str
    subnet_id: str
    zone: str
    address: int
    mac: str
    groups: tuple[str, ...]
    created_at: Instant
    description: str = ""
    source_dest_check: bool = True
    public: int = 0
    association_id: str = ""
    requester: str = ""
    """The service that made it, "ecs", or "" for the account itself."""
    attachment_id: str = ""
    shared: bool = False
    """Any number of units speak through it: every node that may run them has it there."""


@dataclass(frozen=True, slots=True)
class LaunchTemplate:
    """A launch template; what it says is in its versions."""

    id: str
    account: str
    region: str
    name: str
    created_at: Instant
    created_by: str
    default_version: int = 1
    latest_version: int = 1


@dataclass(frozen=True, slots=True)
class TemplateVersion:
    """One version. `data` is as the call gave it (EC2 API, RequestLaunchTemplateData)."""

    template_id: str
    number: int
    data: Mapping[str, Any]
    created_at: Instant
    created_by: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class Tag:
    """One tag of one resource."""

    account: str
    region: str
    resource_id: str
    key: str
    value: str


def scope_of(row: Any) -> Scope:
    """(account, region)."""
    return (row.account, row.region)


def _group_at(place: int) -> Callable[[NetworkInterface], str | None]:
    return lambda row: row.groups[place] if place < len(row.groups) else None


_CREATED = attrgetter("created_at")
_WRITTEN = attrgetter("created_at", "place")
_LISTED: Index[Any] = Index(of=scope_of, order=_CREATED)
_IN_VPC: Index[Any] = Index(of=attrgetter("vpc_id"), order=_CREATED)

BEGUN: Table[Begun] = Table(name="ec2.begun", row=Begun, key=scope_of)

VPCS: Table[Vpc] = Table(
    name="ec2.vpc",
    row=Vpc,
    key=attrgetter("id"),
    indexes={
        "scope": _LISTED,
        "default": Index(of=lambda vpc: scope_of(vpc) if vpc.is_default else None),
    },
)

SUBNETS: Table[Subnet] = Table(
    name="ec2.subnet",
    row=Subnet,
    key=attrgetter("id"),
    indexes={
        "scope": Index(of=scope_of, order=lambda subnet: (subnet.created_at, subnet.block.first)),
        "vpc": Index(of=attrgetter("vpc_id"), order=lambda subnet: subnet.block.first),
    },
)

GROUPS: Table[SecurityGroup] = Table(
    name="ec2.security_group",
    row=SecurityGroup,
    key=attrgetter("id"),
    indexes={
        "scope": _LISTED,
        "vpc": _IN_VPC,
        "name": Index(of=lambda group: (group.vpc_id, group.name)),
    },
)

RULES: Table[SecurityGroupRule] = Table(
    name="ec2.security_group_rule",
    row=SecurityGroupRule,
    key=attrgetter("id"),
    indexes={
        "scope": Index(of=scope_of, order=_WRITTEN),
        "group": Index(of=attrgetter("group_id"), order=_WRITTEN),
        "direction": Index(of=attrgetter("group_id", "egress"), order=_WRITTEN),
        "opening": Index(of=attrgetter("group_id", "egress", "opening")),
        "peer": Index(of=attrgetter("peer_group")),
    },
)

MEMBERSHIPS = tuple(f"group{place}" for place in range(limits.GROUPS_PER_INTERFACE_MAX))
"""One index for each place in an interface's list of groups: together they find a group's members."""

INTERFACES: Table[NetworkInterface] = Table(
    name="ec2.network_interface",
    row=NetworkInterface,
    key=attrgetter("id"),
    indexes={
        "scope": _LISTED,
        "subnet": Index(of=attrgetter("subnet_id"), order=attrgetter("address")),
        "public": Index(of=lambda row: "all" if row.public else None, order=attrgetter("public")),
        "shared": Index(of=lambda row: "all" if row.shared else None),
        **{name: Index(of=_group_at(place)) for place, name in enumerate(MEMBERSHIPS)},
    },
)

TAGS: Table[Tag] = Table(
    name="ec2.tag",
    row=Tag,
    key=lambda tag: (tag.resource_id, tag.key),
    indexes={
        "scope": Index(of=scope_of, order=lambda tag: (tag.resource_id, tag.key)),
        "resource": Index(of=attrgetter("resource_id"), order=attrgetter("key")),
    },
)

TEMPLATES: Table[LaunchTemplate] = Table(
    name="ec2.launch_template",
    row=LaunchTemplate,
    key=attrgetter("id"),
    indexes={
        "scope": _LISTED,
        "name": Index(of=attrgetter("account", "region", "name")),
    },
)

VERSIONS: Table[TemplateVersion] = Table(
    name="ec2.launch_template_version",
    row=TemplateVersion,
    key=attrgetter("template_id", "number"),
    indexes={"template": Index(of=attrgetter("template_id"), order=attrgetter("number"))},
)

TABLES = (BEGUN, VPCS, SUBNETS, GROUPS, RULES, INTERFACES, TAGS, TEMPLATES, VERSIONS)


def has_members(reads: Reads, group_id: str) -> bool:
    """Whether some interface is in the group."""
    return any(reads[INTERFACES].count(index, group_id) for index in MEMBERSHIPS)


def tags_of(reads: Reads, resource_id: str) -> dict[str, str]:
    return {tag.key: tag.value for tag in reads[TAGS].by("resource", resource_id)}
