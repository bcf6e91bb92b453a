"""ECS rows of capacity: capacity providers on Auto Scaling groups, and tasks that wait for their instances.

Who writes what: handlers write providers; whoever launches a task that has no room yet (launching.py) inserts
what waits, waiting.py and stopping.py delete it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, Literal, TypeAlias

import msgspec

from windlass.fleet.networks import NetworkMode
from windlass.fleet.room import Need, Strategy
from windlass.kernel.clock import Instant
from windlass.kernel.rows import Row
from windlass.kernel.store import Index, Table
from windlass.services.ecs import references
from windlass.services.ecs.model import Shape, Tags

Pool: TypeAlias = tuple[str, str, str, str]
"""(account, region, cluster name, capacity provider): what waiting tasks may be placed on."""


@dataclass(frozen=True, slots=True)
class ManagedScaling:
    """How ECS sizes the group (ECS API reference, ManagedScaling)."""

    enabled: bool = False
    target: int = 100
    """Percent of the instances that are to be used."""
    step_min: int = 1
    step_max: int = 10_000
    """Instances that one step out adds."""
    warmup_s: int = 300


@dataclass(frozen=True, slots=True)
class CapacityProvider:
    """One provider on an Auto Scaling group. A deleted one stays as INACTIVE until it is created again."""

    account: str
    region: str
    name: str
    group_arn: str
    scaling: ManagedScaling
    protects: bool = False
    """managedTerminationProtection: instances with tasks are protected from scale-in."""
    drains: bool = True
    """managedDraining: instances that go are emptied first."""
    status: Literal["ACTIVE", "INACTIVE"] = "ACTIVE"
    update_status: str = "CREATE_COMPLETE"
    tags: Tags = field(default_factory=dict)

    @property
    def arn(self) -> str:
        return references.provider_arn(self.account, self.region, self.name)


class WaitingTask(Row, frozen=True):
    """A task in PROVISIONING that has no instance, with all that choosing one takes. Its id is the task's."""

    id: str
    account: str
    region: str
    cluster: str
    provider: str
    created_at: Instant
    need: Need
    group: str
    constraints: tuple[Mapping[str, Any], ...] = ()
    strategies: tuple[Strategy, ...] = ()
    network_mode: NetworkMode = "bridge"
    vpc_configuration: Shape = msgspec.field(default_factory=dict)
    number: int = 0
    """Among the tasks of its call."""

    @property
    def pool(self) -> Pool:
        return (self.account, self.region, self.cluster, self.provider)

    @property
    def cluster_key(self) -> tuple[str, str, str]:
        return (self.account, self.region, self.cluster)

    @property
    def distinct(self) -> bool:
        """No two of its group may share an instance."""
        return any(one.get("type") == "distinctInstance" for one in self.constraints)

    @property
    def shape(self) -> bytes:
        """Equal for tasks that nothing tells apart: where one finds no room, none does."""
        asked = (
            self.need[:2],
            sorted(self.need.ports),
            self.need[3:],
            self.group,
            self.constraints,
            self.strategies,
            self.network_mode,
            self.vpc_configuration,
        )
        return msgspec.json.encode(asked, order="sorted")


PROVIDERS: Table[CapacityProvider] = Table(
    name="ecs.capacity_provider",
    row=CapacityProvider,
    key=attrgetter("account", "region", "name"),
    indexes={
        "active": Index(
            of=lambda row: (row.account, row.region) if row.status == "ACTIVE" else None,
            order=attrgetter("name"),
        ),
        "group": Index(of=lambda row: row.group_arn if row.status == "ACTIVE" else None),
    },
)
WAITING: Table[WaitingTask] = Table(
    name="ecs.waiting_task",
    row=WaitingTask,
    key=attrgetter("id"),
    indexes={
        "cluster": Index(of=attrgetter("cluster_key")),
        "pool": Index(of=attrgetter("pool")),
        "shape": Index(of=lambda row: (row.pool, row.shape), order=attrgetter("created_at", "number")),
    },
)
PROVIDER_TABLES = (PROVIDERS, WAITING)
