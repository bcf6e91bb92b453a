"""Auto Scaling rows: groups, their instances, lifecycle hooks, launch configurations, activities.

Who writes what: handlers write groups, hooks and configurations, an instance's `protected`, `healthy` and the
results of its waits; controller.py inserts and deletes instances, moves `state` (transitions.py), and writes
activities. A machine itself is a row of the fleet with the instance's id (fleet/instances.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, Literal, TypeAlias

import msgspec

from windlass.aws.arn import arn
from windlass.fleet.blueprints import Blueprint, Site, TemplateName
from windlass.kernel.clock import Instant
from windlass.kernel.rows import Row
from windlass.kernel.store import Index, Store, Table, Transaction

Reads: TypeAlias = Store | Transaction
Scope: TypeAlias = tuple[str, str]
GroupKey: TypeAlias = tuple[str, str, str]
"""(account, region, group name)."""
State: TypeAlias = Literal[
    "Pending",
    "Pending:Wait",
    "InService",
    "Terminating",
    "Terminating:Wait",
    "Terminating:Proceed",
]
Transition: TypeAlias = Literal["autoscaling:EC2_INSTANCE_LAUNCHING", "autoscaling:EC2_INSTANCE_TERMINATING"]
LAUNCHING: Transition = "autoscaling:EC2_INSTANCE_LAUNCHING"
TERMINATING: Transition = "autoscaling:EC2_INSTANCE_TERMINATING"
Outcome: TypeAlias = Literal["CONTINUE", "ABANDON"]


@dataclass(frozen=True, slots=True)
class Launch:
    """What a group launches: a configuration by name, or a template, with types that override its own."""

    configuration: str = ""
    template: TemplateName | None = None
    types: tuple[str, ...] = ()
    mixed: Mapping[str, Any] | None = None
    """The MixedInstancesPolicy that it came from, as the API gives and takes it."""


@dataclass(frozen=True, slots=True)
class GroupTag:
    """One tag of a group."""

    key: str
    value: str
    at_launch: bool = True
    """Its instances get it too."""


class Group(Row, frozen=True):
    """One Auto Scaling group. `desired` stays within `min_size` and `max_size`."""

    account: str
    region: str
    name: str
    id: str
    created_at: Instant
    min_size: int
    max_size: int
    desired: int
    launch: Launch
    sites: tuple[Site, ...]
    """Where it launches: one for each zone or subnet."""
    cooldown_s: int = 300
    grace_s: int = 0
    health_check: str = "EC2"
    protects_new: bool = False
    policies: tuple[str, ...] = ("Default",)
    """Termination policies."""
    suspended: tuple[str, ...] = ()
    tags: tuple[GroupTag, ...] = ()
    stored: Mapping[str, Any] = msgspec.field(default_factory=dict)
    """Members that are shown and not acted on."""
    deleting: bool = False
    forced: bool = False
    """Deleted by force: its instances are not waited for."""
    scaled_at: Instant = 0
    """When its desired capacity was last changed."""
    cause: str = ""
    """Why, for the activities that follow."""

    @property
    def key(self) -> GroupKey:
        return (self.account, self.region, self.name)

    @property
    def arn(self) -> str:
        resource = f"autoScalingGroup:{self.id}:autoScalingGroupName/{self.name}"
        return arn("autoscaling", self.region, self.account, resource)

    @property
    def zones(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(site.zone for site in self.sites))


class Wait(Row, frozen=True):
    """An instance waits for one lifecycle hook until `deadline`, in all not past `limit`."""

    hook: str
    token: str
    deadline: Instant
    limit: Instant
    heartbeat_s: int
    default: Outcome
    result: Literal["", "CONTINUE", "ABANDON"] = ""


class Member(Row, frozen=True):
    """An instance of a group; its id is the machine's."""

    id: str
    account: str
    region: str
    group: str
    zone: str
    instance_type: str
    launched_at: Instant
    state: State = "Pending"
    healthy: bool = True
    protected: bool = False
    configuration: str = ""
    template: TemplateName | None = None
    image_id: str = ""
    waits: tuple[Wait, ...] = ()
    activity: str = ""
    """Id of the activity that is under way for it."""
    why: str = ""
    """Why it is terminated."""

    @property
    def key(self) -> GroupKey:
        return (self.account, self.region, self.group)


@dataclass(frozen=True, slots=True)
class Hook:
    """A lifecycle hook of a group."""

    account: str
    region: str
    group: str
    name: str
    transition: Transition
    heartbeat_s: int
    default: Outcome
    role_arn: str = ""
    target_arn: str = ""
    metadata: str = ""


@dataclass(frozen=True, slots=True)
class LaunchConfiguration:
    """A launch configuration. `shown` has the members that are not read."""

    account: str
    region: str
    name: str
    id: str
    created_at: Instant
    blueprint: Blueprint
    shown: Mapping[str, Any] = field(default_factory=dict)

    @property
    def arn(self) -> str:
        resource = f"launchConfiguration:{self.id}:launchConfigurationName/{self.name}"
        return arn("autoscaling", self.region, self.account, resource)


@dataclass(frozen=True, slots=True)
class Activity:
    """A scaling activity: one instance that is launched or terminated."""

    id: str
    account: str
    region: str
    group: str
    description: str
    cause: str
    started_at: Instant
    ended_at: Instant = 0
    status: str = "InProgress"
    message: str = ""


_KEY = attrgetter("account", "region", "name")
_OF_GROUP = attrgetter("account", "region", "group")
_SCOPE = attrgetter("account", "region")

GROUPS: Table[Group] = Table(
    name="autoscaling.group",
    row=Group,
    key=_KEY,
    indexes={
        "scope": Index(of=_SCOPE, order=attrgetter("name")),
        "configuration": Index(
            of=lambda row: (
                (row.account, row.region, row.launch.configuration) if row.launch.configuration else None
            )
        ),
    },
)
MEMBERS: Table[Member] = Table(
    name="autoscaling.instance",
    row=Member,
    key=attrgetter("id"),
    indexes={
        "group": Index(of=_OF_GROUP, order=attrgetter("launched_at")),
        "scope": Index(of=_SCOPE, order=attrgetter("id")),
    },
)
HOOKS: Table[Hook] = Table(
    name="autoscaling.hook",
    row=Hook,
    key=attrgetter("account", "region", "group", "name"),
    indexes={"group": Index(of=_OF_GROUP, order=attrgetter("name"))},
)
CONFIGURATIONS: Table[LaunchConfiguration] = Table(
    name="autoscaling.launch_configuration",
    row=LaunchConfiguration,
    key=_KEY,
    indexes={"scope": Index(of=_SCOPE, order=attrgetter("name"))},
)
ACTIVITIES: Table[Activity] = Table(
    name="autoscaling.activity",
    row=Activity,
    key=attrgetter("id"),
    indexes={
        "group": Index(of=_OF_GROUP, order=attrgetter("started_at")),
        "scope": Index(of=_SCOPE, order=attrgetter("started_at")),
    },
)
TABLES = (GROUPS, MEMBERS, HOOKS, CONFIGURATIONS, ACTIVITIES)
