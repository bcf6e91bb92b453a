"""What a task asks the plane through its node, beside credentials; what tasks use, and on whose room.

Part of messages.py, which has the unions. A question is answered once on the session that it came by, or not
at all: who asked gives up.
"""

from __future__ import annotations

import msgspec


class TaskMessage(msgspec.Struct, frozen=True, tag=True, omit_defaults=True):
    """Base of these messages. `number` tells the questions of one agent apart."""

    number: int


class ProtectionWanted(TaskMessage, frozen=True, tag="protection_wanted"):
    """A task that runs here protects itself from scale-in for `minutes` (None: as long as ECS does unless

    told), or no longer; `enabled` None: it only asks how it stands. Answered by `Protection`.
    """

    unit_id: str
    enabled: bool | None = None
    minutes: int | None = None


class Protection(TaskMessage, frozen=True, tag="protection"):
    """How that task is protected: until the instant `until`, 0 for not at all.

    Otherwise `failure` has the reason of an ECS Failure, or `code` and `message` the error of the call.
    """

    until: int = 0
    failure: str = ""
    code: str = ""
    message: str = ""


class Used(msgspec.Struct, frozen=True, array_like=True):
    """What a unit used: CPU units (1,024 are a whole CPU) on average since the last time, and MiB now."""

    unit_id: str
    cpu_units: float
    memory_mib: float


class Usage(msgspec.Struct, frozen=True, tag="usage"):
    """What all tasks of a node use: sent each period that the plane asks for, and kept in its memory only."""

    units: tuple[Used, ...]


class TaskFacts(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """What an ECS task can ask about itself, and whether it acts as a role.

    `role_arn` "" means that there are no credentials to ask for. `cluster` is its name, on Fargate its ARN,
    as the metadata endpoint shows it. Sizes are the task's own: CPU units and MiB, 0 when it has none.
    """

    task_arn: str
    cluster: str
    family: str
    revision: int
    launch_type: str
    group: str = ""
    role_arn: str = ""
    cpu_units: int = 0
    memory_mib: int = 0
    ephemeral_gib: int = 0
    tags: tuple[tuple[str, str], ...] = ()
    service: str = ""
    """The service that it belongs to."""


class InstanceRoom(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """The instance on whose room a unit runs, where one node stands for several machines: all its units

    together get no more CPU (1,024 units a vCPU) and memory than this, if the node can see to that.
    """

    id: str
    cpu_units: int
    memory_mib: int
