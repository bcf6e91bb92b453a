"""What App Runner's services refer to, as rows: configurations, connections, connectors, custom domains.

Handlers write them; what is deleted stays as INACTIVE where AWS still shows it (facts/apprunner.md, 2).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, TypeAlias

from windlass.aws.arn import arn
from windlass.kernel.clock import Instant
from windlass.kernel.store import Index, Table
from windlass.services.apprunner.model import Scaling, Scope, Shape, Tags

NameKey: TypeAlias = tuple[str, str, str]
"""Account, Region, name."""


@dataclass(frozen=True, slots=True)
class Revision:
    """One revision of what has some; it never changes but for its status and tags."""

    KIND: ClassVar[str]
    """How its ARN's resource begins."""
    account: str
    region: str
    name: str
    revision: int
    id: str
    """32 hexadecimal digits."""
    created_at: Instant
    status: Literal["ACTIVE", "INACTIVE"] = "ACTIVE"
    deleted_at: Instant = 0
    tags: Tags = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str, str, int]:
        return (self.account, self.region, self.name, self.revision)

    @property
    def scope(self) -> Scope:
        return (self.account, self.region)

    @property
    def arn(self) -> str:
        resource = f"{self.KIND}/{self.name}/{self.revision}/{self.id}"
        return arn("apprunner", self.region, self.account, resource)


@dataclass(frozen=True, slots=True)
class AutoScalingConfiguration(Revision):
    """How many requests an instance gets, and how many instances there are."""

    KIND: ClassVar[str] = "autoscalingconfiguration"
    scaling: Scaling = field(default_factory=Scaling)


@dataclass(frozen=True, slots=True)
class ObservabilityConfiguration(Revision):
    """Stored, and not acted on."""

    KIND: ClassVar[str] = "observabilityconfiguration"
    trace: Shape = field(default_factory=dict)
    """TraceConfiguration; empty for none."""


@dataclass(frozen=True, slots=True)
class VpcConnector(Revision):
    """The way of services' own requests into a VPC."""

    KIND: ClassVar[str] = "vpcconnector"
    subnets: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DefaultScaling:
    """Which auto scaling configuration a scope's new services get; without a row AWS's own."""

    account: str
    region: str
    name: str
    revision: int


@dataclass(frozen=True, slots=True)
class Connection:
    """A connection with a host of source code."""

    account: str
    region: str
    name: str
    id: str
    created_at: Instant
    provider: Literal["GITHUB", "BITBUCKET"]
    status: Literal["PENDING_HANDSHAKE", "AVAILABLE", "ERROR", "DELETED"]
    tags: Tags = field(default_factory=dict)

    @property
    def key(self) -> NameKey:
        return (self.account, self.region, self.name)

    @property
    def arn(self) -> str:
        return arn("apprunner", self.region, self.account, f"connection/{self.name}/{self.id}")


@dataclass(frozen=True, slots=True)
class VpcIngressConnection:
    """The way of a VPC's requests to a service that is not public; stored."""

    account: str
    region: str
    name: str
    id: str
    created_at: Instant
    service: str
    """ARN."""
    vpc: Shape
    """IngressVpcConfiguration."""
    domain: str
    status: str = "AVAILABLE"
    deleted_at: Instant = 0
    tags: Tags = field(default_factory=dict)

    @property
    def key(self) -> str:
        return self.arn

    @property
    def arn(self) -> str:
        return arn("apprunner", self.region, self.account, f"vpcingressconnection/{self.name}/{self.id}")


@dataclass(frozen=True, slots=True)
class CustomDomain:
    """A domain name of a service's. `records` are its CertificateValidationRecords."""

    service: str
    """ARN."""
    name: str
    www: bool
    """EnableWWWSubdomain."""
    created_at: Instant
    status: str
    records: tuple[Shape, ...] = ()

    @property
    def key(self) -> tuple[str, str]:
        return (self.service, self.name)


_REVISION_INDEXES: Mapping[str, Index[Any]] = {
    "scope": Index(of=lambda row: row.scope),
    "deleted": Index(of=lambda row: "yes" if row.deleted_at else None, order=lambda row: row.deleted_at),
    "name": Index(of=lambda row: row.key[:3], order=lambda row: row.revision),
}
SCALINGS: Table[AutoScalingConfiguration] = Table(
    name="apprunner.auto_scaling_configuration",
    row=AutoScalingConfiguration,
    key=lambda row: row.key,
    indexes=_REVISION_INDEXES,
)
DEFAULT_SCALINGS: Table[DefaultScaling] = Table(
    name="apprunner.default_scaling", row=DefaultScaling, key=lambda row: (row.account, row.region)
)
OBSERVABILITIES: Table[ObservabilityConfiguration] = Table(
    name="apprunner.observability_configuration",
    row=ObservabilityConfiguration,
    key=lambda row: row.key,
    indexes=_REVISION_INDEXES,
)
CONNECTIONS: Table[Connection] = Table(
    name="apprunner.connection",
    row=Connection,
    key=lambda row: row.key,
    indexes={"scope": Index(of=lambda row: (row.account, row.region), order=lambda row: row.name)},
)
CONNECTORS: Table[VpcConnector] = Table(
    name="apprunner.vpc_connector",
    row=VpcConnector,
    key=lambda row: row.key,
    indexes=_REVISION_INDEXES,
)
INGRESSES: Table[VpcIngressConnection] = Table(
    name="apprunner.vpc_ingress_connection",
    row=VpcIngressConnection,
    key=lambda row: row.key,
    indexes={
        "scope": Index(
            of=lambda row: None if row.status == "DELETED" else (row.account, row.region),
            order=lambda row: (row.created_at, row.id),
        ),
        "service": Index(of=lambda row: None if row.status == "DELETED" else row.service),
        "deleted": Index(of=lambda row: "yes" if row.deleted_at else None, order=lambda row: row.deleted_at),
    },
)
DOMAINS: Table[CustomDomain] = Table(
    name="apprunner.custom_domain",
    row=CustomDomain,
    key=lambda row: row.key,
    indexes={"service": Index(of=lambda row: row.service, order=lambda row: row.created_at)},
)
REVISION_TABLES: tuple[Table[Any], ...] = (SCALINGS, OBSERVABILITIES, CONNECTORS)
CONFIGURATION_TABLES = (
    SCALINGS,
    DEFAULT_SCALINGS,
    OBSERVABILITIES,
    CONNECTIONS,
    CONNECTORS,
    INGRESSES,
    DOMAINS,
)
