"""ECS rows of services: services, their revisions, deployments, service deployments, task sets and events.

How they hang together: a Service names the ServiceRevision that is wanted. Every time that changes, a
Deployment ("ecs-svc/…", an entry of the API's `deployments`) is made for it, which becomes PRIMARY; tasks
belong to a deployment (Task.deployment). A ServiceDeployment is the record of one change from beginning to
end, a roll-back included, which is a Deployment of its own. Services with the EXTERNAL controller have
TaskSets instead of both.

Who writes what: handlers insert rows and write what is wanted (everything of a Service but what is listed
here); scheduler.py writes a service's `steady_at`, `status` from DRAINING to INACTIVE, `scheduled_at`,
`rebalancing`, all of a Deployment after it was made, what is observed of ServiceDeployments and TaskSets, and
the events.
"""

from __future__ import annotations

from operator import attrgetter
from typing import Any, Literal, TypeAlias

import msgspec

from windlass.kernel.clock import Instant
from windlass.kernel.rows import Row
from windlass.kernel.store import Index, Table
from windlass.services.ecs import references
from windlass.services.ecs.model import CAPACITY_PROVIDERS, FARGATE, Shape, Tags

ServiceStatus: TypeAlias = Literal["ACTIVE", "DRAINING", "INACTIVE"]
Scheduling: TypeAlias = Literal["REPLICA", "DAEMON"]
Controller: TypeAlias = Literal["ECS", "CODE_DEPLOY", "EXTERNAL"]
Strategy: TypeAlias = Literal["ROLLING", "BLUE_GREEN", "LINEAR", "CANARY"]
RolloutState: TypeAlias = Literal["IN_PROGRESS", "COMPLETED", "FAILED"]
ServiceDeploymentStatus: TypeAlias = Literal[
    "PENDING",
    "SUCCESSFUL",
    "STOPPED",
    "STOP_REQUESTED",
    "IN_PROGRESS",
    "ROLLBACK_REQUESTED",
    "ROLLBACK_IN_PROGRESS",
    "ROLLBACK_SUCCESSFUL",
    "ROLLBACK_FAILED",
]
HookStatus: TypeAlias = Literal["IN_PROGRESS", "AWAITING_ACTION", "SUCCEEDED", "FAILED", "TIMED_OUT"]
HookAction: TypeAlias = Literal["CONTINUE", "ROLLBACK"]
MonitorStatus: TypeAlias = Literal["TRIGGERED", "MONITORING", "MONITORING_COMPLETE", "DISABLED"]
ServiceKey: TypeAlias = tuple[str, str, str, str]
"""(account, region, cluster name, service name)."""


class Rolling(Row, frozen=True):
    """deploymentConfiguration with its defaults (ECS API reference, DeploymentConfiguration)."""

    percent_min: int = 100
    """minimumHealthyPercent."""
    percent_max: int = 200
    """maximumPercent."""
    breaker: bool = False
    breaker_rollback: bool = False
    alarms: tuple[str, ...] = ()
    """Names of alarms that fail a deployment; empty when that is off."""
    alarms_rollback: bool = False
    shape: Shape = msgspec.field(default_factory=dict)
    """As it was given, for members that change nothing here and for describing it."""
    strategy: Strategy = "ROLLING"
    bake_m: int = 0
    """bakeTimeInMinutes."""
    step: int = 0
    """stepPercent or canaryPercent, in tenths of a percent."""
    pause_m: int = 0
    """Minutes between two steps: stepBakeTimeInMinutes or canaryBakeTimeInMinutes."""

    @property
    def shifts(self) -> bool:
        """Whether a new revision runs beside the old one, and requests are shifted to it."""
        return self.strategy != "ROLLING"


class Service(Row, frozen=True):
    """One service. A deleted one stays as INACTIVE for a while, and its name may be used again."""

    id: str
    """Ours: 32 hex digits. What belongs to a service names it by this, so that a name may come again."""
    account: str
    region: str
    cluster: str
    """The cluster's name."""
    name: str
    created_at: Instant
    revision_id: str
    """The ServiceRevision that is wanted; "" with the EXTERNAL controller."""
    created_by: str = ""
    status: ServiceStatus = "ACTIVE"
    scheduling: Scheduling = "REPLICA"
    controller: Controller = "ECS"
    desired_count: int = 0
    rolling: Rolling = Rolling()
    constraints: tuple[Shape, ...] = ()
    strategies: tuple[Shape, ...] = ()
    """placementStrategy."""
    grace_s: int | None = None
    """healthCheckGracePeriodSeconds."""
    rebalances: bool = False
    """availabilityZoneRebalancing ENABLED."""
    exec_enabled: bool = False
    managed_tags: bool = False
    propagate: Literal["", "TASK_DEFINITION", "SERVICE", "NONE"] = ""
    role_arn: str = ""
    tags: Tags = msgspec.field(default_factory=dict)
    client_token: str = ""
    deployment_id: str = ""
    """The PRIMARY Deployment; "" with the EXTERNAL controller."""
    service_deployment_id: str = ""
    """The ServiceDeployment that goes on, or went on last."""
    deleted_at: Instant = 0
    steady_at: Instant = 0
    """Since when it has been in a steady state; 0 while it is not."""
    rebalancing: bool = False
    """Whether it is being spread again over its zones."""
    inactive_at: Instant = 0
    last_event: int = 0
    """Number of its latest event."""
    kind: str = ""
    """The launch type of the tasks that are wanted: ServiceRevision.kind, to list and count services by."""

    @property
    def arn(self) -> str:
        return references.service_arn(self.account, self.region, self.cluster, self.name)

    @property
    def key(self) -> ServiceKey:
        return (self.account, self.region, self.cluster, self.name)

    @property
    def cluster_key(self) -> tuple[str, str, str]:
        return (self.account, self.region, self.cluster)


class ServiceRevision(Row, frozen=True):
    """What the tasks of a deployment are made of. Never changes."""

    id: str
    """19 digits."""
    account: str
    region: str
    cluster: str
    service: str
    service_id: str
    created_at: Instant
    definition_arn: str
    launch_type: str = ""
    """"" when `strategy` says where tasks go."""
    strategy: tuple[Shape, ...] = ()
    """capacityProviderStrategy."""
    platform_version: str = ""
    network: Shape = msgspec.field(default_factory=dict)
    """networkConfiguration."""
    load_balancers: tuple[Shape, ...] = ()
    registries: tuple[Shape, ...] = ()
    digests: tuple[tuple[str, str], ...] = ()
    """Container name → digest that its image's tag meant when the first task of the revision pulled it."""

    @property
    def arn(self) -> str:
        return references.revision_arn(self.account, self.region, self.cluster, self.service, self.id)

    @property
    def kind(self) -> str:
        """The launch type that its tasks have, by a strategy's providers too."""
        if not self.strategy:
            return self.launch_type
        return FARGATE if self.strategy[0]["capacityProvider"] in CAPACITY_PROVIDERS else "EC2"

    @property
    def on_fargate(self) -> bool:
        return self.kind == FARGATE


class Deployment(Row, frozen=True):
    """A group of tasks of one revision: an entry of `deployments` (ECS API reference, Deployment)."""

    id: str
    """"ecs-svc/" and 19 digits."""
    account: str
    region: str
    service_id: str
    revision_id: str
    service_deployment_id: str
    created_at: Instant
    updated_at: Instant
    status: Literal["PRIMARY", "ACTIVE", "INACTIVE"] = "PRIMARY"
    """PRIMARY is the newest; ACTIVE ones still have tasks; INACTIVE ones are not shown any more."""
    rollout: RolloutState = "IN_PROGRESS"
    rollout_reason: str = ""
    failed_tasks: int = 0
    """Consecutive ones, as the API shows them; a task that runs makes it 0."""
    failures: int = 0
    """What the circuit breaker has counted."""
    has_run: bool = False
    """Whether a task of it ever reached RUNNING: the breaker's second stage."""
    has_completed: bool = False
    """Whether it ever was COMPLETED, so that one may roll back to it."""
    backoff_failures: int = 0
    """How often in a row its tasks failed to stay up (backoff.py)."""
    backoff_until: Instant = 0
    """No task of it is started before."""
    alternate: bool = False
    """Whether its tasks are in the alternate target groups of its revision's load balancers."""
    production: int = 0
    """Its share of production requests, in tenths of a percent, as it was last asked for (traffic.py)."""
    test: int = 0
    """The same of test requests."""


class HookCall(Row, frozen=True):
    """One call of a lifecycle hook at a stage (ECS API reference, DeploymentLifecycleHookDetail)."""

    id: str
    target_arn: str
    """The Lambda function; "" for one that waits for ContinueServiceDeployment (PAUSE)."""
    stage: str
    details: Any = None
    """hookDetails, handed to the function."""
    status: HookStatus = "IN_PROGRESS"
    call_at: Instant = 0
    """When the function is to be called, again if it said that it is not done yet."""
    expires_at: Instant = 0
    """When it is given up; 0: never."""
    timeout_action: HookAction = "ROLLBACK"
    """What becomes of the deployment then."""

    @property
    def open(self) -> bool:
        """Whether it has not ended."""
        return self.status in ("IN_PROGRESS", "AWAITING_ACTION")

    @property
    def passed(self) -> bool:
        """Whether the deployment may go on, as far as this hook is asked."""
        return self.status == "SUCCEEDED" or (
            self.status == "TIMED_OUT" and self.timeout_action == "CONTINUE"
        )


class ServiceDeployment(Row, frozen=True):
    """The record of one change of a service (ECS API reference, ServiceDeployment)."""

    id: str
    account: str
    region: str
    cluster: str
    service: str
    service_id: str
    created_at: Instant
    updated_at: Instant
    target_revision: str
    """Id of the ServiceRevision that it brings."""
    source_revisions: tuple[str, ...] = ()
    """Ids of those that it replaces."""
    rolling: Rolling = Rolling()
    """The service's deploymentConfiguration when it began."""
    status: ServiceDeploymentStatus = "PENDING"
    status_reason: str = ""
    stage: str = ""
    """lifecycleStage (stages.py, shifting.py)."""
    stage_at: Instant = 0
    hooks: tuple[HookCall, ...] = ()
    """Those of the stages that it has reached."""
    started_at: Instant = 0
    finished_at: Instant = 0
    stopped_at: Instant = 0
    rollback_revision: str = ""
    rollback_at: Instant = 0
    rollback_reason: str = ""
    breaker: MonitorStatus = "DISABLED"
    breaker_failures: int = 0
    breaker_threshold: int = 0
    alarms: MonitorStatus = "DISABLED"
    alarms_triggered: tuple[str, ...] = ()
    bake_until: Instant = 0
    """When the bake time is over, once it has begun."""
    source: str = ""
    """The Deployment that requests are shifted away from (shifting.py); "" for the first one of a service."""
    step: int = 0
    """How often production requests have been shifted."""

    @property
    def arn(self) -> str:
        return references.service_deployment_arn(
            self.account, self.region, self.cluster, self.service, self.id
        )

    @property
    def ended(self) -> bool:
        return self.status in ("SUCCESSFUL", "STOPPED", "ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED")


class TaskSet(Row, frozen=True):
    """A task set of a service with the EXTERNAL controller (ECS API reference, TaskSet)."""

    id: str
    """"ecs-svc/" and 19 digits."""
    account: str
    region: str
    cluster: str
    service: str
    service_id: str
    created_at: Instant
    updated_at: Instant
    revision_id: str
    external_id: str = ""
    started_by: str = ""
    status: Literal["PRIMARY", "ACTIVE", "DRAINING"] = "ACTIVE"
    scale_percent: float = 100.0
    desired_count: int = 0
    """computedDesiredCount."""
    stable_at: Instant = 0
    """Since when it has been STEADY_STATE; 0 while it is STABILIZING."""
    unstable_at: Instant = 0
    backoff_failures: int = 0
    backoff_until: Instant = 0
    tags: Tags = msgspec.field(default_factory=dict)
    client_token: str = ""

    @property
    def arn(self) -> str:
        return references.task_set_arn(self.account, self.region, self.cluster, self.service, self.id)


class ServiceEvent(Row, frozen=True):
    """One entry of a service's `events`."""

    service_id: str
    number: int
    """Counts up; the API shows the newest first."""
    id: str
    created_at: Instant
    message: str


SERVICES: Table[Service] = Table(
    name="ecs.service",
    row=Service,
    key=attrgetter("key"),
    indexes={
        "id": Index(of=attrgetter("id")),
        "cluster": Index(
            of=lambda row: row.cluster_key if row.status != "INACTIVE" else None, order=attrgetter("name")
        ),
        "status": Index(of=lambda row: (*row.cluster_key, row.status), order=attrgetter("name")),
        "kind": Index(of=lambda row: (*row.cluster_key, row.status, row.kind), order=attrgetter("name")),
        "gone": Index(
            of=lambda row: "yes" if row.status == "INACTIVE" else None, order=attrgetter("inactive_at")
        ),
    },
)
REVISIONS: Table[ServiceRevision] = Table(
    name="ecs.service_revision",
    row=ServiceRevision,
    key=attrgetter("id"),
    indexes={
        "service": Index(of=attrgetter("service_id"), order=attrgetter("created_at")),
        "definition": Index(of=attrgetter("definition_arn")),
    },
)
DEPLOYMENTS: Table[Deployment] = Table(
    name="ecs.deployment",
    row=Deployment,
    key=attrgetter("id"),
    indexes={
        "service": Index(of=attrgetter("service_id"), order=attrgetter("created_at")),
        "shown": Index(
            of=lambda row: row.service_id if row.status != "INACTIVE" else None,
            order=attrgetter("created_at"),
        ),
    },
)
SERVICE_DEPLOYMENTS: Table[ServiceDeployment] = Table(
    name="ecs.service_deployment",
    row=ServiceDeployment,
    key=attrgetter("id"),
    indexes={
        "service": Index(of=attrgetter("service_id"), order=attrgetter("created_at")),
        "hooked": Index(of=lambda row: "yes" if row.hooks and not row.ended else None),
    },
)
TASK_SETS: Table[TaskSet] = Table(
    name="ecs.task_set",
    row=TaskSet,
    key=attrgetter("id"),
    indexes={"service": Index(of=attrgetter("service_id"), order=attrgetter("created_at"))},
)
SERVICE_EVENTS: Table[ServiceEvent] = Table(
    name="ecs.service_event",
    row=ServiceEvent,
    key=lambda row: (row.service_id, row.number),
    indexes={"service": Index(of=attrgetter("service_id"), order=attrgetter("number"))},
)

SERVICE_TABLES = (SERVICES, REVISIONS, DEPLOYMENTS, SERVICE_DEPLOYMENTS, TASK_SETS, SERVICE_EVENTS)
