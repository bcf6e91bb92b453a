"""ECS rows: clusters, task definition families and revisions, tasks, settings.

Who writes what: handlers insert rows and write what is wanted (a task's `desired_status`, its reason and its
tags); controller.py writes every observed column of a task (`last_status`, its containers' states, all
timestamps but `created_at`) and ends what has ended: it sets `desired_status` to STOPPED when a task stops
by itself. `desired_status` never goes back to RUNNING, so the two writers cannot disagree.
role_credentials.py writes `access_keys`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, Literal, TypeAlias

import msgspec

from windlass.fleet.messages import Health
from windlass.fleet.networks import Binding
from windlass.kernel.clock import Instant
from windlass.kernel.rows import Row
from windlass.kernel.store import Index, Table
from windlass.services.ecs import references

Shape: TypeAlias = Mapping[str, Any]
"""A structure kept as the API gives and takes it."""
Tags: TypeAlias = Mapping[str, str]
DesiredStatus: TypeAlias = Literal["RUNNING", "STOPPED"]

TargetHealth: TypeAlias = Literal["", "initial", "healthy", "unhealthy", "draining"]
""""" for a task without load balancers; of several target groups the worst counts."""
Standing: TypeAlias = Literal[
    "pending", "running", "healthy", "unhealthy", "withdrawn", "leaving", "stopping", "ended"
]
"""What a task is to the scheduler of its service; `Task.standing`."""

UP_TO_RUNNING = ("PROVISIONING", "PENDING", "ACTIVATING", "RUNNING")
"""Values of lastStatus before a task is on its way out."""
DEFAULT_CLUSTER = "default"
FARGATE = "FARGATE"
FARGATE_SPOT = "FARGATE_SPOT"
CAPACITY_PROVIDERS = (FARGATE, FARGATE_SPOT)
"""The providers that AWS gives to every account; those on Auto Scaling groups do not exist here yet."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """One cluster. A deleted one stays as INACTIVE, as in AWS, until it is created again."""

    account: str
    region: str
    name: str
    status: Literal["ACTIVE", "INACTIVE"] = "ACTIVE"
    settings: Mapping[str, str] = field(default_factory=dict)
    configuration: Shape | None = None
    capacity_providers: tuple[str, ...] = ()
    default_strategy: tuple[Shape, ...] = ()
    tags: Tags = field(default_factory=dict)

    @property
    def arn(self) -> str:
        return references.cluster_arn(self.account, self.region, self.name)


@dataclass(frozen=True, slots=True)
class Family:
    """A task definition family: it remembers its last revision, so that none is ever used twice."""

    account: str
    region: str
    name: str
    last_revision: int = 0
    active: int = 0
    """ACTIVE revisions."""
    inactive: int = 0
    """INACTIVE revisions; those being deleted count as neither."""


@dataclass(frozen=True, slots=True)
class TaskDefinition:
    """One revision. `definition` holds every registered field, normalised (task_definition.py)."""

    account: str
    region: str
    family: str
    revision: int
    definition: Shape
    compatibilities: tuple[str, ...]
    registered_at: Instant
    registered_by: str
    status: Literal["ACTIVE", "INACTIVE", "DELETE_IN_PROGRESS"] = "ACTIVE"
    deregistered_at: Instant | None = None
    delete_requested_at: Instant | None = None
    tags: Tags = field(default_factory=dict)

    @property
    def arn(self) -> str:
        return references.definition_arn(self.account, self.region, self.family, self.revision)


class Attachment(Row, frozen=True):
    """A task's network interface, as long as anybody may ask for the task (ECS API, Attachment)."""

    id: str
    interface_id: str
    subnet_id: str
    mac: str
    address: str
    hostname: str


class Container(Row, frozen=True):
    """One container of a task. `cpu`, `memory` and `memory_reservation` are text, as the API shows them."""

    id: str
    name: str
    image: str
    runtime_id: str
    cpu: str = "0"
    memory: str | None = None
    memory_reservation: str | None = None
    essential: bool = True
    last_status: Literal["PENDING", "RUNNING", "STOPPED"] = "PENDING"
    exit_code: int | None = None
    reason: str = ""
    health: Health = "UNKNOWN"
    image_digest: str = ""
    bindings: tuple[Binding, ...] = ()


class Registered(Row, frozen=True):
    """One target of a task: in which group it is registered (its ARN), and as what."""

    group: str
    id: str
    port: int


class Task(Row, frozen=True):
    """One task; the unit that runs it has the same id."""

    id: str
    account: str
    region: str
    cluster: str
    """The cluster's name."""
    definition_arn: str
    family: str
    group: str
    launch_type: str
    containers: tuple[Container, ...]
    created_at: Instant
    capacity_provider: str = ""
    platform_version: str = ""
    started_by: str = ""
    cpu: str = ""
    memory: str = ""
    ephemeral_gib: int | None = None
    overrides: Shape = msgspec.field(default_factory=dict)
    role_arn: str = ""
    role_id: str = ""
    """The role that the task acts as, "" when it has none; `role_id` is the AROA… of its sessions."""
    access_keys: tuple[str, ...] = ()
    """The keys of the role that the task was given and that have not expired; they end with it."""
    tags: Tags = msgspec.field(default_factory=dict)
    instance: str = ""
    """Id of the container instance that it was placed on; "" on Fargate."""
    zone: str = ""
    """Availability zone, "" when it has none."""
    attachment: Attachment | None = None
    """Its network interface in mode awsvpc."""
    exec_enabled: bool = False
    """enableExecuteCommand."""
    architecture: str = "x86_64"
    """As the attribute ecs.cpu-architecture spells it."""
    protected_until: Instant = 0
    """Its service does not scale it in before; 0 for a task that is not protected (scale_in.py)."""
    service: str = ""
    """The name of the service that it belongs to, "" when it was run by itself."""
    deployment: str = ""
    """Id of the service's deployment or task set, which is also its `started_by`."""
    checked: bool = False
    """Whether an essential container has a health check: only then `health` tells anything."""
    target_health: TargetHealth = ""
    """What the load balancers of its service say of it."""
    draining: bool = False
    """Whether its container instance drains: its service replaces it."""
    reckoned: bool = False
    """Whether the service's scheduler has taken note of its end."""
    desired_status: DesiredStatus = "RUNNING"
    last_status: str = "PROVISIONING"
    version: int = 1
    connected_at: Instant = 0
    pull_started_at: Instant = 0
    pull_stopped_at: Instant = 0
    started_at: Instant = 0
    stopping_at: Instant = 0
    execution_stopped_at: Instant = 0
    stopped_at: Instant = 0
    stop_code: str = ""
    stopped_reason: str = ""
    targets: tuple[Registered, ...] = ()
    """What it is registered as; until they have drained its unit is not told to stop."""

    @property
    def arn(self) -> str:
        return references.task_arn(self.account, self.region, self.cluster, self.id)

    def container_arn(self, container: Container) -> str:
        return references.container_arn(self.account, self.region, self.cluster, self.id, container.id)

    @property
    def cluster_key(self) -> tuple[str, str, str]:
        return (self.account, self.region, self.cluster)

    @property
    def health(self) -> Health:
        """The first of UNHEALTHY, UNKNOWN, HEALTHY that an essential container has (HealthCheck)."""
        found = {container.health for container in self.containers if container.essential}
        return "UNHEALTHY" if "UNHEALTHY" in found else "UNKNOWN" if "UNKNOWN" in found else "HEALTHY"

    @property
    def phase(self) -> Literal["pending", "running", "stopped"]:
        """What the cluster's counters make of it: all before RUNNING is pending."""
        if self.last_status == "STOPPED":
            return "stopped"
        return "running" if self.started_at else "pending"

    @property
    def cohort(self) -> str:
        """Tasks of a service that are replaced together: those of a deployment, apart if they are drained."""
        return drained(self.deployment) if self.draining else self.deployment

    @property
    def standing(self) -> Standing:
        """What the task is to its service.

        One that was told to stop still counts as running (`leaving`) or as pending (`withdrawn`) until it is
        seen to (`stopping`). `running` is a task that nobody has said anything of: with no check it is
        healthy after a while.
        """
        if self.last_status == "STOPPED":
            return "ended"
        if self.desired_status == "STOPPED":
            if self.last_status not in UP_TO_RUNNING:
                return "stopping"
            return "leaving" if self.started_at else "withdrawn"
        if not self.started_at:
            return "pending"
        said = self.health if self.checked else "HEALTHY"
        if said == "UNHEALTHY" or self.target_health == "unhealthy":
            return "unhealthy"
        if not self.checked and not self.target_health:
            return "running"
        return "healthy" if said == "HEALTHY" and self.target_health in ("", "healthy") else "running"


@dataclass(frozen=True, slots=True)
class RunToken:
    """A clientToken that RunTask has seen: the call's fingerprint and the tasks it made."""

    account: str
    region: str
    token: str
    fingerprint: str
    cluster: str
    tasks: tuple[str, ...]
    at: Instant


@dataclass(frozen=True, slots=True)
class AccountSetting:
    """One setting of one principal; `principal` is "" for the account's default."""

    account: str
    region: str
    principal: str
    name: str
    value: str


def _bucket(task: Task) -> tuple[str, str, str] | None:
    """(account, region, "on_demand" or "spot") of a Fargate task that has not stopped."""
    if task.launch_type != FARGATE or task.last_status == "STOPPED":
        return None
    return (task.account, task.region, fargate_bucket(task.capacity_provider))


def _stands(task: Task) -> tuple[str, Standing]:
    """(cohort, standing); those that have ended are reckoned by deployment, wherever they ran."""
    standing = task.standing
    return (task.deployment if standing == "ended" else task.cohort, standing)


def fargate_bucket(provider: str) -> str:
    """Which Fargate quota a task draws on: On-Demand and Spot are apart (ECS Developer Guide, throttling)."""
    return "spot" if provider == FARGATE_SPOT else "on_demand"


def drained(deployment: str) -> str:
    """The cohort of a deployment's tasks on container instances that drain."""
    return f"{deployment}/draining"


def deployment_of(cohort: str) -> str:
    """The deployment of a cohort's tasks.

    >>> deployment_of(drained("ecs-svc/1"))
    'ecs-svc/1'
    """
    return cohort.removesuffix("/draining")


def _of_cluster(*columns: str) -> Callable[[Task], Any]:
    """Tasks of a cluster by these columns: (account, region, cluster name, …)."""
    return attrgetter("account", "region", "cluster", *columns)


_CREATED = attrgetter("created_at")
_STARTED_BY = _of_cluster("desired_status", "started_by")
_WANTED = ("desired_status", "instance", "zone", "draining")
"""What is wanted of a task and where it is, which seldom change: most of its indexes look at nothing else."""
_SEEN = ("last_status", "stopped_at", "instance")

CLUSTERS: Table[Cluster] = Table(
    name="ecs.cluster",
    row=Cluster,
    key=lambda cluster: (cluster.account, cluster.region, cluster.name),
    indexes={
        "active": Index(
            of=lambda cluster: (cluster.account, cluster.region) if cluster.status == "ACTIVE" else None,
            order=lambda cluster: cluster.name,
        ),
    },
)

FAMILIES: Table[Family] = Table(
    name="ecs.family",
    row=Family,
    key=lambda family: (family.account, family.region, family.name),
    indexes={
        "ACTIVE": Index(
            of=lambda family: (family.account, family.region) if family.active else None,
            order=lambda family: family.name,
        ),
        "INACTIVE": Index(
            of=lambda family: (
                (family.account, family.region) if family.inactive and not family.active else None
            ),
            order=lambda family: family.name,
        ),
        "ALL": Index(
            of=lambda family: (family.account, family.region) if family.active or family.inactive else None,
            order=lambda family: family.name,
        ),
    },
)

DEFINITIONS: Table[TaskDefinition] = Table(
    name="ecs.task_definition",
    row=TaskDefinition,
    key=lambda row: (row.account, row.region, row.family, row.revision),
    indexes={
        "status": Index(
            of=lambda row: (row.account, row.region, row.status),
            order=lambda row: (row.family, row.revision),
        ),
        "family": Index(
            of=lambda row: (row.account, row.region, row.status, row.family),
            order=lambda row: (row.family, row.revision),
        ),
        "deleting": Index(
            of=lambda row: "yes" if row.delete_requested_at is not None else None,
            order=lambda row: row.delete_requested_at,
        ),
    },
)

TASKS: Table[Task] = Table(
    name="ecs.task",
    row=Task,
    key=attrgetter("id"),
    indexes={
        "cluster": Index(of=_of_cluster("desired_status"), order=_CREATED, on=_WANTED),
        "family": Index(of=_of_cluster("desired_status", "family"), order=_CREATED, on=_WANTED),
        "started_by": Index(
            of=lambda task: _STARTED_BY(task) if task.started_by else None,
            order=_CREATED,
            on=_WANTED,
        ),
        "phase": Index(of=_of_cluster("launch_type", "phase"), on=("last_status", "started_at")),
        "fargate": Index(of=_bucket, on=_SEEN),
        "provider": Index(
            of=lambda task: (
                (*task.cluster_key, task.capacity_provider)
                if task.capacity_provider and task.last_status != "STOPPED"
                else None
            ),
            on=_SEEN,
        ),
        "instance": Index(
            of=lambda task: (task.instance, task.last_status) if task.instance else None, on=_SEEN
        ),
        "held": Index(
            of=lambda task: (
                (task.cohort, task.capacity_provider)
                if task.capacity_provider and task.deployment and task.desired_status == "RUNNING"
                else None
            ),
            on=_WANTED,
        ),
        "group_on_instance": Index(
            of=lambda task: (
                (task.instance, task.group) if task.instance and task.last_status != "STOPPED" else None
            ),
            on=_SEEN,
        ),
        "on_instance": Index(
            of=lambda task: (task.instance, task.desired_status) if task.instance else None,
            order=_CREATED,
            on=_WANTED,
        ),
        "service": Index(
            of=lambda task: (*task.cluster_key, task.service, task.desired_status) if task.service else None,
            order=_CREATED,
            on=_WANTED,
        ),
        "standing": Index(
            of=lambda task: None if not task.deployment or task.reckoned else _stands(task),
            order=lambda task: task.started_at or task.created_at,
        ),
        "service_zone": Index(
            of=lambda task: (
                (*task.cluster_key, task.service, task.zone)
                if task.service and task.zone and task.desired_status == "RUNNING"
                else None
            ),
            on=_WANTED,
        ),
        "balanced": Index(
            of=lambda task: (
                True if task.targets or (task.target_health and task.last_status != "STOPPED") else None
            ),
            on=("targets", "target_health", "last_status"),
        ),
        "target": Index(of=lambda task: task.targets[0].id if task.targets else None, on=("targets",)),
        "definition": Index(
            of=lambda task: None if task.last_status == "STOPPED" else task.definition_arn, on=_SEEN
        ),
        "stopped": Index(
            of=lambda task: "yes" if task.last_status == "STOPPED" else None,
            order=lambda task: task.stopped_at,
            on=_SEEN,
        ),
    },
)
"""Getters in C where they will do: each is called twice for every change of a task."""

RUN_TOKENS: Table[RunToken] = Table(
    name="ecs.run_token",
    row=RunToken,
    key=lambda row: (row.account, row.region, row.token),
    indexes={"age": Index(of=lambda row: "all", order=lambda row: row.at)},
)

SETTINGS: Table[AccountSetting] = Table(
    name="ecs.account_setting",
    row=AccountSetting,
    key=lambda row: (row.account, row.region, row.principal, row.name),
    indexes={
        "scope": Index(of=lambda row: (row.account, row.region), order=lambda row: (row.name, row.principal)),
    },
)

TABLES = (CLUSTERS, FAMILIES, DEFINITIONS, TASKS, RUN_TOKENS, SETTINGS)
