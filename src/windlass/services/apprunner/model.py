"""App Runner's services, their deployments and their operations, as rows; and what these need of instances.

Who writes what: handlers insert rows and write what callers set; `operations.py` (a loop) alone moves
operations on, and with them `Service.status` and `Service.serving`; `builds` write `Deployment.artefact`.
Instances are rows of their own, which refer to a deployment. Source: App Runner API reference;
facts/apprunner.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol, TypeAlias

from windlass.aws.arn import arn
from windlass.kernel.clock import Instant
from windlass.kernel.store import Index, Store, Table, Transaction

OWNER = "apprunner"
"""Of units; fleet/model.py."""
Reads: TypeAlias = Store | Transaction
Scope: TypeAlias = tuple[str, str]
"""Account and Region."""
Shape: TypeAlias = Mapping[str, Any]
"""A structure kept as the API gives and takes it, with AWS's defaults filled in."""
Tags: TypeAlias = Mapping[str, str]
ServiceStatus: TypeAlias = Literal[
    "CREATE_FAILED", "RUNNING", "DELETED", "DELETE_FAILED", "PAUSED", "OPERATION_IN_PROGRESS"
]
OperationType: TypeAlias = Literal[
    "CREATE_SERVICE",
    "UPDATE_SERVICE",
    "START_DEPLOYMENT",
    "PAUSE_SERVICE",
    "RESUME_SERVICE",
    "DELETE_SERVICE",
]
OperationStatus: TypeAlias = Literal[
    "PENDING",
    "IN_PROGRESS",
    "SUCCEEDED",
    "FAILED",
    "ROLLBACK_IN_PROGRESS",
    "ROLLBACK_SUCCEEDED",
    "ROLLBACK_FAILED",
]
Phase: TypeAlias = Literal["waiting", "building", "provisioning", "rolling-back", "withdrawing", "ended"]
"""What an operation is busy with; AWS does not show it (transitions.py)."""


@dataclass(frozen=True, slots=True)
class Scaling:
    """What a deployment took from its auto scaling configuration when it was made."""

    max_concurrency: int = 100
    """Requests of one instance at a time."""
    min_size: int = 1
    """Instances that are provisioned at all times."""
    max_size: int = 25


@dataclass(frozen=True, slots=True)
class Service:
    """One service. What callers set is what they want, and what the latest deployment is made of."""

    account: str
    region: str
    name: str
    id: str
    """32 hexadecimal digits."""
    url_id: str
    """The first label of its ServiceUrl."""
    created_at: Instant
    updated_at: Instant
    status: ServiceStatus
    source: Shape
    """SourceConfiguration."""
    instance: Shape
    """InstanceConfiguration: Cpu and Memory as numbers in text ("1024"), InstanceRoleArn if there is one."""
    scaling_arn: str
    """The revision of the auto scaling configuration."""
    health_check: Shape
    """HealthCheckConfiguration, whole."""
    network: Shape
    """NetworkConfiguration, whole."""
    observability: Shape = field(default_factory=dict)
    """ObservabilityConfiguration; empty: not enabled."""
    encryption: Shape = field(default_factory=dict)
    deleted_at: Instant = 0
    operation: str = ""
    """Id of the operation that is in progress."""
    serving: str = ""
    """Id of the deployment whose instances get the requests, and which is scaled; "" for none."""
    last_deployed: str = ""
    """Id of the deployment that served last: the one that ResumeService brings back."""
    tags: Tags = field(default_factory=dict)

    @property
    def key(self) -> str:
        return self.arn

    @property
    def arn(self) -> str:
        return arn("apprunner", self.region, self.account, f"service/{self.name}/{self.id}")

    @property
    def scope(self) -> Scope:
        return (self.account, self.region)

    @property
    def public(self) -> bool:
        """Whether it is reached from outside of VPCs."""
        return bool(self.network["IngressConfiguration"]["IsPubliclyAccessible"])


@dataclass(frozen=True, slots=True)
class Deployment:
    """One version of a service: all that its instances are made of. It never changes, but for `artefact`.

    The set of a deployment's instances is "blue" or "green" only by what `Service.serving` says.
    """

    service: str
    """ARN."""
    id: str
    """That of the operation which made it: log stream deployment/<id>."""
    number: int
    """1 for the first of the service."""
    created_at: Instant
    source: Shape
    instance: Shape
    scaling: Scaling
    health_check: Shape
    network: Shape
    """With EgressConfiguration.VpcConnectorArn, if requests of its instances leave through a VPC."""
    subnets: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()
    """Of that connector."""
    artefact: Shape = field(default_factory=dict)
    """What its build made, in builds' words; empty until then, and for images."""

    @property
    def key(self) -> tuple[str, str]:
        return (self.service, self.id)

    @property
    def is_code(self) -> bool:
        """Whether it has to be built."""
        return "CodeRepository" in self.source

    @property
    def cpu_units(self) -> int:
        return int(self.instance["Cpu"])

    @property
    def memory_mib(self) -> int:
        return int(self.instance["Memory"])

    @property
    def role_arn(self) -> str:
        """The instance role; "" for none."""
        return str(self.instance.get("InstanceRoleArn", ""))


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation on a service, ended or not. `phase` is how far it is."""

    service: str
    """ARN."""
    id: str
    """A UUID."""
    number: int
    """1 for the service's first."""
    type: OperationType
    started_at: Instant
    updated_at: Instant
    status: OperationStatus = "PENDING"
    phase: Phase = "waiting"
    since: Instant = 0
    """When the phase began."""
    deployment: str = ""
    """Id of the deployment that it brings up; "" when it brings up none."""
    previous: str = ""
    """Id of the deployment that served when it began, which a failure leaves serving; "" for none."""
    target: int = 0
    """Instances of `deployment` that have to be healthy before it gets the requests."""
    ended_at: Instant = 0
    reason: str = ""
    """Why it failed, for people."""
    before: Shape = field(default_factory=dict)
    """UpdateService: columns of the service as they were, for a rollback."""

    @property
    def key(self) -> tuple[str, str]:
        return (self.service, self.id)


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a service's log that is still to be written: `log.py` does, and takes the row away."""

    service: str
    """ARN."""
    number: int
    group: str
    stream: str
    at: Instant
    text: str


class Counts(NamedTuple):
    """A deployment's instances, as `instances.counts` tells them."""

    starting: int = 0
    """Not healthy yet, or not placed yet."""
    healthy: int = 0
    failed: int = 0
    """Ended by themselves, or unhealthy, before they were ever healthy: of this attempt of the set."""
    stopping: int = 0
    """Told to end, and still there."""
    why: str = ""
    """Of the latest that failed, as a sentence: "Container exit code: 1"."""


class Build(NamedTuple):
    """A deployment's build, as `builds.state` tells it."""

    state: Literal["waiting", "running", "succeeded", "failed"]
    why: str = ""


class Instances(Protocol):
    """Sets of instances, one for each deployment that is wanted; `instances.py` is that as a module.

    All of it is rows: what is wanted is written in the transaction of the operation's own move, so a kill
    leaves neither without the other. Rows of `TABLES` have a `service` (its ARN): each change of one has
    the service's operation looked at again.
    """

    TABLES: tuple[Table[Any], ...]

    def wanted(self, tx: Transaction, service: Service, deployment: str, count: int, now: Instant) -> None:
        """Have that many instances of the deployment at least, until it serves: then scaling says how many.

        Said again it changes nothing, said with more it adds. A set that was withdrawn begins anew.
        """

    def counts(self, reads: Reads, service: Service, deployment: str) -> Counts:
        """How its instances are; all zero once a set that was withdrawn is gone."""

    def withdraw(self, tx: Transaction, service: Service, deployment: str, now: Instant) -> None:
        """End its instances, those with requests once they have answered. Said again it changes nothing."""


class Builds(Protocol):
    """Builds of deployments from source code; `builds` is that as a module."""

    TABLES: tuple[Table[Any], ...]

    def wanted(self, tx: Transaction, service: Service, deployment: Deployment, now: Instant) -> None:
        """Build it, unless that goes on or is done. What it makes is written to `Deployment.artefact`."""

    def state(self, reads: Reads, deployment: Deployment) -> Build:
        """How far that is."""

    def cancel(self, tx: Transaction, service: Service, deployment: Deployment, now: Instant) -> None:
        """Nobody wants it any more: end it, and forget what it made."""


SERVICES: Table[Service] = Table(
    name="apprunner.service",
    row=Service,
    key=lambda service: service.key,
    indexes={
        "scope": Index(
            of=lambda service: None if service.status == "DELETED" else service.scope,
            order=lambda service: (service.created_at, service.id),
        ),
        "name": Index(
            of=lambda service: None if service.status == "DELETED" else (*service.scope, service.name)
        ),
        "host": Index(of=lambda service: (service.url_id, service.region)),
        "scaling": Index(
            of=lambda service: None if service.status == "DELETED" else service.scaling_arn,
            order=lambda service: (service.created_at, service.id),
        ),
        "deleted": Index(
            of=lambda service: "yes" if service.status == "DELETED" else None,
            order=lambda service: service.deleted_at,
        ),
        "serving": Index(of=lambda service: "yes" if service.serving else None),
    },
)
DEPLOYMENTS: Table[Deployment] = Table(
    name="apprunner.deployment",
    row=Deployment,
    key=lambda deployment: deployment.key,
    indexes={
        "service": Index(of=lambda deployment: deployment.service, order=lambda deployment: deployment.number)
    },
)
LINES: Table[Line] = Table(
    name="apprunner.line",
    row=Line,
    key=lambda line: (line.service, line.number),
    indexes={"service": Index(of=lambda line: line.service, order=lambda line: line.number)},
)
OPERATIONS: Table[Operation] = Table(
    name="apprunner.operation",
    row=Operation,
    key=lambda operation: operation.key,
    indexes={
        "service": Index(of=lambda operation: operation.service, order=lambda operation: operation.number),
        "active": Index(of=lambda operation: None if operation.phase == "ended" else "yes"),
    },
)
