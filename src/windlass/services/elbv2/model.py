"""Elastic Load Balancing as rows: load balancers, listeners, rules, target groups, targets.

Handlers write what is wanted. Of a target, `state`, `reason`, `description` and `since` are observed and
written by intake.py (what proxies probed) and draining.py (what has left); what DescribeTargetHealth shows is
made of both by target_health.py. Actions, conditions and transforms are kept as the API tells them, checked
and completed: describe.py shows them as they stand, compile.py reads them for the proxies.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from windlass.aws.arn import arn
from windlass.kernel.clock import Instant
from windlass.kernel.rows import Row
from windlass.kernel.store import Index, Store, Table, Transaction

Reads: TypeAlias = Store | Transaction
Scope: TypeAlias = tuple[str, str]
"""(account, region)."""
Document: TypeAlias = Mapping[str, Any]
"""A part of a request as the API spells it."""
TargetType: TypeAlias = Literal["instance", "ip", "lambda"]
State: TypeAlias = Literal["initial", "healthy", "unhealthy", "draining"]

DEFAULT_PRIORITY = 1_000_000
"""Place of a listener's default rule: behind all others, whose priorities end at 50,000."""
SERVICE = "elasticloadbalancing"


@dataclass(frozen=True, slots=True)
class Zone:
    """An Availability Zone that a load balancer is enabled in, by a subnet there."""

    name: str
    subnet: str


@dataclass(frozen=True, slots=True)
class LoadBalancer:
    """An Application Load Balancer."""

    account: str
    region: str
    name: str
    id: str
    """16 hex digits, the end of its ARN."""
    number: str
    """Digits in its DNS name."""
    created_at: Instant
    active_at: Instant
    """Until then it is provisioning, and takes no requests."""
    internal: bool
    vpc_id: str
    zones: tuple[Zone, ...]
    security_groups: tuple[str, ...]
    address: str
    """Its own loopback address, where its listeners listen."""
    ip_address_type: str = "ipv4"
    attributes: Mapping[str, str] = field(default_factory=dict)
    """Those that are not as they were at first."""
    tags: Mapping[str, str] = field(default_factory=dict)

    def is_provisioning(self, now: Instant) -> bool:
        """Before its creation it is not, either: a clock that was set back takes nothing out of service."""
        return self.created_at <= now < self.active_at

    @property
    def scope(self) -> Scope:
        return (self.account, self.region)

    @property
    def path(self) -> str:
        """What the ARNs of all that belongs to it have in common."""
        return f"app/{self.name}/{self.id}"

    @property
    def arn(self) -> str:
        return arn(SERVICE, self.region, self.account, f"loadbalancer/{self.path}")


@dataclass(frozen=True, slots=True)
class Listener:
    """A port of a load balancer. Its default action is the listener's default rule."""

    account: str
    region: str
    path: str
    """Its load balancer's path and its own id: "app/web/0123456789abcdef/fedcba9876543210"."""
    load_balancer: str
    port: int
    protocol: Literal["HTTP", "HTTPS"]
    created_at: Instant
    ssl_policy: str = ""
    certificates: tuple[str, ...] = ()
    """ARNs, the default one first."""
    mutual: Mapping[str, Any] = field(default_factory=dict)
    """MutualAuthentication: its Mode."""
    attributes: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def arn(self) -> str:
        return arn(SERVICE, self.region, self.account, f"listener/{self.path}")


@dataclass(frozen=True, slots=True)
class Rule:
    """What becomes of requests that match its conditions, all of them."""

    account: str
    region: str
    path: str
    """Its listener's path and its own id."""
    listener: str
    load_balancer: str
    priority: int
    """DEFAULT_PRIORITY for a default rule, else 1 to 50,000."""
    actions: tuple[Document, ...]
    conditions: tuple[Document, ...] = ()
    transforms: tuple[Document, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def arn(self) -> str:
        return arn(SERVICE, self.region, self.account, f"listener-rule/{self.path}")

    @property
    def is_default(self) -> bool:
        return self.priority == DEFAULT_PRIORITY


@dataclass(frozen=True, slots=True)
class Use:
    """A rule that forwards to a target group; kept by rule_rows.py with the rules."""

    group: str
    rule: str
    listener: str
    load_balancer: str


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """How targets are checked. Times are in seconds."""

    enabled: bool
    protocol: str
    port: str
    """ "traffic-port", or a number."""
    path: str
    interval: int
    timeout: int
    healthy: int
    unhealthy: int
    codes: str
    """HTTP codes, or gRPC's of a GRPC group: "200,202" or "200-299"."""


@dataclass(frozen=True, slots=True)
class TargetGroup:
    """Where requests are sent to, and how its targets are checked."""

    account: str
    region: str
    name: str
    id: str
    target_type: TargetType
    check: HealthCheck
    created_at: Instant
    protocol: str = ""
    """HTTP or HTTPS; "" of functions."""
    version: str = ""
    """HTTP1, HTTP2 or GRPC; "" of functions."""
    port: int = 0
    vpc_id: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def scope(self) -> Scope:
        return (self.account, self.region)

    @property
    def path(self) -> str:
        return f"targetgroup/{self.name}/{self.id}"

    @property
    def arn(self) -> str:
        return arn(SERVICE, self.region, self.account, self.path)


class Target(Row, frozen=True):
    """A registered target; one that drains stays until it has drained."""

    group: str
    id: str
    """An address, an instance id or a function's ARN."""
    port: int
    """0 of functions."""
    registered_at: Instant
    zone: str = ""
    """AvailabilityZone as given: "all", a zone, or nothing."""
    ramped: bool = True
    """Slow start applies to it: others were there when it came."""
    state: State = "initial"
    reason: str = ""
    description: str = ""
    since: Instant = 0
    """When it came into that state."""
    drained_at: Instant = 0
    """When a draining one is gone at the latest."""

    @property
    def key(self) -> tuple[str, str, int]:
        return (self.group, self.id, self.port)


LOAD_BALANCERS: Table[LoadBalancer] = Table(
    "elbv2.load_balancer",
    LoadBalancer,
    key=lambda row: row.arn,
    indexes={
        "scope": Index(of=lambda row: row.scope, order=lambda row: row.name),
        "name": Index(of=lambda row: (*row.scope, row.name)),
        "address": Index(of=lambda row: row.address),
    },
)
LISTENERS: Table[Listener] = Table(
    "elbv2.listener",
    Listener,
    key=lambda row: row.arn,
    indexes={
        "load_balancer": Index(of=lambda row: row.load_balancer, order=lambda row: row.port),
        "secured": Index(of=lambda row: True if row.certificates else None),
    },
)
RULES: Table[Rule] = Table(
    "elbv2.rule",
    Rule,
    key=lambda row: row.arn,
    indexes={
        "listener": Index(of=lambda row: row.listener, order=lambda row: row.priority),
        "load_balancer": Index(of=lambda row: row.load_balancer),
    },
)
USES: Table[Use] = Table(
    "elbv2.use",
    Use,
    key=lambda row: (row.group, row.rule),
    indexes={
        "group": Index(of=lambda row: row.group),
        "rule": Index(of=lambda row: row.rule),
        "load_balancer": Index(of=lambda row: row.load_balancer),
    },
)
TARGET_GROUPS: Table[TargetGroup] = Table(
    "elbv2.target_group",
    TargetGroup,
    key=lambda row: row.arn,
    indexes={
        "scope": Index(of=lambda row: row.scope, order=lambda row: row.name),
        "name": Index(of=lambda row: (*row.scope, row.name)),
    },
)
TARGETS: Table[Target] = Table(
    "elbv2.target",
    Target,
    key=lambda row: row.key,
    indexes={
        "group": Index(of=lambda row: row.group, order=lambda row: row.registered_at),
        "id": Index(of=lambda row: row.id),
        "draining": Index(
            of=lambda row: True if row.state == "draining" else None, order=lambda row: row.drained_at
        ),
    },
)
TABLES = (LOAD_BALANCERS, LISTENERS, RULES, USES, TARGET_GROUPS, TARGETS)
