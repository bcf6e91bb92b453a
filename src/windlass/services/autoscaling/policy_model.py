"""Scaling policies and scheduled actions of Auto Scaling groups.

Handlers write them; scheduled_updates.py moves an action's `next_fire` on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Literal, TypeAlias

from windlass.aws.arn import arn
from windlass.kernel.clock import Instant
from windlass.kernel.store import Index, Table
from windlass.services.autoscaling.model import GroupKey

Kind: TypeAlias = Literal["SimpleScaling", "StepScaling", "TargetTrackingScaling"]


@dataclass(frozen=True, slots=True)
class ScalingPolicy:
    """A policy; `given` has its members as the API takes and shows them."""

    account: str
    region: str
    group: str
    name: str
    id: str
    kind: Kind
    given: Mapping[str, Any]
    alarms: tuple[str, ...] = ()
    """Names of the high and the low alarm of target tracking."""

    @property
    def of(self) -> GroupKey:
        return (self.account, self.region, self.group)

    @property
    def arn(self) -> str:
        named = f"autoScalingGroupName/{self.group}:policyName/{self.name}"
        return arn("autoscaling", self.region, self.account, f"scalingPolicy:{self.id}:{named}")

    @property
    def enabled(self) -> bool:
        return bool(self.given.get("Enabled", True))

    @property
    def tracking(self) -> Mapping[str, Any]:
        """TargetTrackingConfiguration."""
        found: Mapping[str, Any] = self.given["TargetTrackingConfiguration"]
        return found

    @property
    def scales_in(self) -> bool:
        return self.kind == "TargetTrackingScaling" and not self.tracking.get("DisableScaleIn", False)


@dataclass(frozen=True, slots=True)
class ScheduledUpdate:
    """A scheduled action; sizes None stay as they are."""

    account: str
    region: str
    group: str
    name: str
    id: str
    starts_at: Instant | None
    ends_at: Instant | None = None
    recurrence: str = ""
    zone: str = "UTC"
    least: int | None = None
    most: int | None = None
    desired: int | None = None
    next_fire: Instant | None = None

    @property
    def arn(self) -> str:
        named = f"autoScalingGroupName/{self.group}:scheduledActionName/{self.name}"
        return arn("autoscaling", self.region, self.account, f"scheduledUpdateGroupAction:{self.id}:{named}")


_KEY = attrgetter("account", "region", "group", "name")
_GROUP = attrgetter("account", "region", "group")
_SCOPE = attrgetter("account", "region")

POLICIES: Table[ScalingPolicy] = Table(
    name="autoscaling.policy",
    row=ScalingPolicy,
    key=_KEY,
    indexes={
        "group": Index(of=_GROUP, order=attrgetter("name")),
        "scope": Index(of=_SCOPE, order=attrgetter("group", "name")),
        "arn": Index(of=lambda row: row.arn),
    },
)
UPDATES: Table[ScheduledUpdate] = Table(
    name="autoscaling.scheduled",
    row=ScheduledUpdate,
    key=_KEY,
    indexes={
        "group": Index(of=_GROUP, order=attrgetter("name")),
        "scope": Index(of=_SCOPE, order=attrgetter("group", "name")),
        "due": Index(
            of=lambda row: True if row.next_fire is not None else None, order=attrgetter("next_fire")
        ),
    },
)
