"""Compute environments, job queues, scheduling policies and job definitions as rows.

Who writes what: handlers insert rows and write what callers set, and begin each change with the status
CREATING, UPDATING or DELETING; environments.py (a loop) alone ends it: VALID, INVALID or gone.
`ComputeEnvironment.desired_vcpus` and `short_of` are written by capacity.py for EC2 and SPOT.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from windlass.aws.arn import arn
from windlass.kernel.clock import Instant
from windlass.kernel.store import Index, Store, Table, Transaction

Reads: TypeAlias = Store | Transaction
Scope: TypeAlias = tuple[str, str]
"""Account and Region."""
Shape: TypeAlias = Mapping[str, Any]
"""A structure kept as the API gives and takes it."""
Tags: TypeAlias = Mapping[str, str]
Key: TypeAlias = tuple[str, str, str]
"""(account, Region, name) of an environment, queue or policy."""
State = Literal["ENABLED", "DISABLED"]
Status = Literal["CREATING", "UPDATING", "DELETING", "DELETED", "VALID", "INVALID"]
"""Of environments and queues (facts/batch.md, 2 and 3)."""

FARGATE_KINDS = ("FARGATE", "FARGATE_SPOT")
EC2_KINDS = ("EC2", "SPOT")


@dataclass(frozen=True, slots=True)
class ComputeEnvironment:
    """One environment. `resources` is its computeResources as given; empty for UNMANAGED."""

    account: str
    region: str
    name: str
    uuid: str
    type: Literal["MANAGED", "UNMANAGED"]
    created_at: Instant
    cluster: str
    """Name of the ECS cluster that it owns."""
    state: State = "ENABLED"
    status: Status = "CREATING"
    status_reason: str = ""
    resources: Shape = field(default_factory=dict)
    unmanaged_vcpus: int = 0
    service_role: str = ""
    update_policy: Shape = field(default_factory=dict)
    context: str = ""
    tags: Tags = field(default_factory=dict)
    desired_vcpus: int = 0
    changed_at: Instant = 0
    """When the change began that its status tells of: CREATING, UPDATING or DELETING."""
    checked: bool = False
    """Whether what it names at EC2 was found when it last became VALID, and is the same."""
    short_of: str = ""
    """The instance type that it could not have when it last asked for one; "" when it could."""

    @property
    def key(self) -> Key:
        return (self.account, self.region, self.name)

    @property
    def arn(self) -> str:
        return arn("batch", self.region, self.account, f"compute-environment/{self.name}")

    @property
    def kind(self) -> str:
        """FARGATE, FARGATE_SPOT, EC2 or SPOT; UNMANAGED for those that are."""
        return str(self.resources.get("type", "UNMANAGED"))

    @property
    def max_vcpus(self) -> int | None:
        """The cap on what runs in it together; None for UNMANAGED."""
        return self.resources.get("maxvCpus")


@dataclass(frozen=True, slots=True)
class JobQueue:
    """One queue. `environments` are names in the order in which they are tried."""

    account: str
    region: str
    name: str
    created_at: Instant
    priority: int
    environments: tuple[str, ...]
    state: State = "ENABLED"
    status: Status = "CREATING"
    status_reason: str = ""
    policy: str = ""
    """Name of its scheduling policy; "": first in, first out."""
    time_limits: tuple[Shape, ...] = ()
    """jobStateTimeLimitActions."""
    orders: tuple[int, ...] = ()
    """The `order` numbers that the environments were given."""
    tags: Tags = field(default_factory=dict)
    changed_at: Instant = 0
    """When the change began that its status tells of: CREATING, UPDATING or DELETING."""

    @property
    def key(self) -> Key:
        return (self.account, self.region, self.name)

    @property
    def arn(self) -> str:
        return arn("batch", self.region, self.account, f"job-queue/{self.name}")


@dataclass(frozen=True, slots=True)
class SchedulingPolicy:
    """One fair-share policy."""

    account: str
    region: str
    name: str
    created_at: Instant
    decay_s: int = 0
    """shareDecaySeconds."""
    reservation: int = 0
    """computeReservation, percent."""
    weights: tuple[tuple[str, float], ...] = ()
    """(share identifier, which may end in `*`; weight factor)."""
    given: Shape = field(default_factory=dict)
    """fairsharePolicy as the caller gave it."""
    tags: Tags = field(default_factory=dict)

    @property
    def key(self) -> Key:
        return (self.account, self.region, self.name)

    @property
    def arn(self) -> str:
        return arn("batch", self.region, self.account, f"scheduling-policy/{self.name}")


@dataclass(frozen=True, slots=True)
class DefinitionName:
    """A job definition's name: it remembers its last revision, so that none is ever used twice."""

    account: str
    region: str
    name: str
    last_revision: int = 0


@dataclass(frozen=True, slots=True)
class JobDefinition:
    """One revision. `given` holds what RegisterJobDefinition was given, normalised (definition.py)."""

    account: str
    region: str
    name: str
    revision: int
    registered_at: Instant
    type: Literal["container", "multinode"]
    given: Shape
    """containerProperties, ecsProperties or nodeProperties; parameters, retryStrategy, timeout,
    platformCapabilities, schedulingPriority, propagateTags: as in the API."""
    status: Literal["ACTIVE", "INACTIVE"] = "ACTIVE"
    deregistered_at: Instant = 0
    tags: Tags = field(default_factory=dict)

    @property
    def arn(self) -> str:
        return arn("batch", self.region, self.account, f"job-definition/{self.name}:{self.revision}")

    @property
    def fargate(self) -> bool:
        return "FARGATE" in self.given.get("platformCapabilities", ("EC2",))


def _changing(row: ComputeEnvironment | JobQueue) -> str | None:
    """Whether its status is to be settled by the loop."""
    return "yes" if row.status in ("CREATING", "UPDATING", "DELETING") else None


ENVIRONMENTS: Table[ComputeEnvironment] = Table(
    name="batch.environment",
    row=ComputeEnvironment,
    key=lambda row: row.key,
    indexes={
        "scope": Index(of=lambda row: (row.account, row.region), order=lambda row: row.name),
        "changing": Index(of=_changing),
        "machines": Index(of=lambda row: "yes" if row.kind in EC2_KINDS else None),
    },
)
QUEUES: Table[JobQueue] = Table(
    name="batch.queue",
    row=JobQueue,
    key=lambda row: row.key,
    indexes={
        "scope": Index(of=lambda row: (row.account, row.region), order=lambda row: row.name),
        "changing": Index(of=_changing),
    },
)
POLICIES: Table[SchedulingPolicy] = Table(
    name="batch.policy",
    row=SchedulingPolicy,
    key=lambda row: row.key,
    indexes={"scope": Index(of=lambda row: (row.account, row.region), order=lambda row: row.name)},
)
NAMES: Table[DefinitionName] = Table(
    name="batch.definition_name",
    row=DefinitionName,
    key=lambda row: (row.account, row.region, row.name),
)
DEFINITIONS: Table[JobDefinition] = Table(
    name="batch.definition",
    row=JobDefinition,
    key=lambda row: (row.account, row.region, row.name, row.revision),
    indexes={
        "scope": Index(of=lambda row: (row.account, row.region), order=lambda row: (row.name, -row.revision)),
        "status": Index(
            of=lambda row: (row.account, row.region, row.status),
            order=lambda row: (row.name, -row.revision),
        ),
        "name": Index(of=lambda row: (row.account, row.region, row.name), order=lambda row: -row.revision),
        "active": Index(
            of=lambda row: (row.account, row.region, row.name) if row.status == "ACTIVE" else None,
            order=lambda row: row.revision,
        ),
        "inactive": Index(
            of=lambda row: "yes" if row.status == "INACTIVE" else None,
            order=lambda row: row.deregistered_at,
        ),
    },
)
RESOURCE_TABLES = (ENVIRONMENTS, QUEUES, POLICIES, NAMES, DEFINITIONS)
