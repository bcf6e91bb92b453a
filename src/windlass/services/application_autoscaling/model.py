"""Application Auto Scaling rows: scalable targets, their policies, scheduled actions and activities.

Who writes what: handlers write targets, policies and scheduled actions as callers want them; scaler.py writes
a target's `cooling` and activities; schedules.py writes a target's bounds and an action's `next_fire`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, Literal, TypeAlias

from windlass.aws.arn import arn
from windlass.aws.capacity_plan import Cooling
from windlass.kernel.clock import Instant
from windlass.kernel.store import Index, Store, Table, Transaction

Reads: TypeAlias = Store | Transaction
Scope: TypeAlias = tuple[str, str]
"""(account, region)."""
TargetKey: TypeAlias = tuple[str, str, str, str, str]
"""(account, region, namespace, resource id, dimension)."""
Status: TypeAlias = Literal["Pending", "InProgress", "Successful", "Overridden", "Unfulfilled", "Failed"]


@dataclass(frozen=True, slots=True)
class Suspended:
    """What a target is not to do for now."""

    scale_in: bool = False
    scale_out: bool = False
    scheduled: bool = False


@dataclass(frozen=True, slots=True)
class OfTarget:
    """What every row names: a scalable target, registered or not."""

    account: str
    region: str
    namespace: str
    resource: str
    dimension: str

    @property
    def target(self) -> TargetKey:
        return (self.account, self.region, self.namespace, self.resource, self.dimension)

    @property
    def scope(self) -> Scope:
        return (self.account, self.region)


@dataclass(frozen=True, slots=True)
class Target(OfTarget):
    """A scalable target. `id` ends its ARN."""

    id: str
    created_at: Instant
    least: int
    most: int
    role_arn: str = ""
    suspended: Suspended = field(default_factory=Suspended)
    cooling: Cooling = field(default_factory=Cooling)
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> TargetKey:
        return self.target

    @property
    def arn(self) -> str:
        return arn("application-autoscaling", self.region, self.account, f"scalable-target/{self.id}")


@dataclass(frozen=True, slots=True)
class Policy(OfTarget):
    """A scaling policy: one of `steps` and `tracking` is its configuration, as the API takes it."""

    name: str
    id: str
    created_at: Instant
    kind: Literal["StepScaling", "TargetTrackingScaling"]
    configuration: Mapping[str, Any]
    alarms: tuple[str, ...] = ()
    """Names of the alarms that it has in CloudWatch: high and low, of target tracking."""

    @property
    def key(self) -> tuple[str, str, str, str, str, str]:
        return (*self.target, self.name)

    @property
    def arn(self) -> str:
        of = f"resource/{self.namespace}/{self.resource}:policyName/{self.name}"
        return arn("autoscaling", self.region, self.account, f"scalingPolicy:{self.id}:{of}")

    @property
    def scales_in(self) -> bool:
        return not self.configuration.get("DisableScaleIn", False)


@dataclass(frozen=True, slots=True)
class ScheduledAction(OfTarget):
    """New bounds of a target at times. `least` and `most` None: they stay."""

    name: str
    id: str
    created_at: Instant
    schedule: str
    zone: str = "UTC"
    starts_at: Instant | None = None
    ends_at: Instant | None = None
    least: int | None = None
    most: int | None = None
    next_fire: Instant | None = None

    @property
    def key(self) -> tuple[str, str, str, str, str, str]:
        return (*self.target, self.name)

    @property
    def arn(self) -> str:
        of = f"resource/{self.namespace}/{self.resource}:scheduledActionName/{self.name}"
        return arn("autoscaling", self.region, self.account, f"scheduledAction:{self.id}:{of}")


@dataclass(frozen=True, slots=True)
class Activity(OfTarget):
    """What was done, or why nothing was. `to`: the capacity that it sets, None when it sets none."""

    number: int
    """Counts up in an account and Region."""
    id: str
    started_at: Instant
    description: str
    cause: str
    status: Status
    message: str = ""
    ended_at: Instant = 0
    to: int | None = None
    not_scaled: str = ""
    """The code of its NotScaledReason."""
    bound: int | None = None
    """The capacity that the reason speaks of."""

    @property
    def key(self) -> tuple[str, str, int]:
        return (self.account, self.region, self.number)

    @property
    def open(self) -> bool:
        return self.status in ("Pending", "InProgress")


_NAMESPACE = attrgetter("account", "region", "namespace")
_OF_TARGET = attrgetter("account", "region", "namespace", "resource", "dimension")

TARGETS: Table[Target] = Table(
    name="application-autoscaling.target",
    row=Target,
    key=lambda row: row.key,
    indexes={
        "namespace": Index(of=_NAMESPACE, order=attrgetter("resource", "dimension")),
        "arn": Index(of=lambda row: row.arn),
    },
)
POLICIES: Table[Policy] = Table(
    name="application-autoscaling.policy",
    row=Policy,
    key=lambda row: row.key,
    indexes={
        "target": Index(of=_OF_TARGET, order=attrgetter("name")),
        "namespace": Index(of=_NAMESPACE, order=attrgetter("resource", "dimension", "name")),
        "arn": Index(of=lambda row: row.arn),
    },
)
SCHEDULED: Table[ScheduledAction] = Table(
    name="application-autoscaling.scheduled",
    row=ScheduledAction,
    key=lambda row: row.key,
    indexes={
        "target": Index(of=_OF_TARGET, order=attrgetter("name")),
        "namespace": Index(of=_NAMESPACE, order=attrgetter("resource", "dimension", "name")),
        "due": Index(
            of=lambda row: True if row.next_fire is not None else None, order=attrgetter("next_fire")
        ),
    },
)
ACTIVITIES: Table[Activity] = Table(
    name="application-autoscaling.activity",
    row=Activity,
    key=lambda row: row.key,
    indexes={
        "scope": Index(of=attrgetter("account", "region"), order=attrgetter("number")),
        "namespace": Index(of=_NAMESPACE, order=attrgetter("number")),
        "target": Index(of=_OF_TARGET, order=attrgetter("number")),
        "open": Index(of=lambda row: True if row.open else None, order=attrgetter("started_at")),
    },
)
TABLES = (TARGETS, POLICIES, SCHEDULED, ACTIVITIES)
