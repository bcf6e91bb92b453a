"""ECS rows of container instances.

Who writes what: handlers write `status`, tags and custom attributes, instance_controller.py all else.
"""

from __future__ import annotations

from operator import attrgetter
from typing import Literal, TypeAlias

import msgspec

from windlass.kernel.clock import Instant
from windlass.kernel.rows import Row
from windlass.kernel.store import Index, Table
from windlass.services.ecs import references
from windlass.services.ecs.model import Tags

InstanceStatus: TypeAlias = Literal["ACTIVE", "DRAINING", "INACTIVE"]
"""Registering and deregistering take no time here, so AWS's statuses for them are never seen."""

RESERVED_PORTS = (22, 2375, 2376, 51678, 51679)
"""TCP ports that an agent registers as taken: SSH, Docker, its own (ECS API, PortMapping, hostPort)."""


class ContainerInstance(Row, frozen=True):
    """A machine in a cluster: what EC2 and EXTERNAL tasks are placed on (docs/decisions/0017).

    A deregistered one stays as INACTIVE while tasks name it, as AWS lets it be described for a while.
    """

    id: str
    account: str
    region: str
    cluster: str
    """The cluster's name."""
    node_id: str
    """The node that runs its tasks; "" for one that was registered over the API by no agent of ours."""
    machine_id: str
    """What the API calls ec2InstanceId: "i-…", "mi-…", or the node's own id for the embedded one."""
    launch_type: Literal["EC2", "EXTERNAL"]
    cpu_units: int
    memory_mib: int
    registered_at: Instant
    ports_tcp: tuple[int, ...] = RESERVED_PORTS
    ports_udp: tuple[int, ...] = ()
    """Ports that no task gets: those of the machine itself."""
    gpus: tuple[str, ...] = ()
    """Ids of its GPUs."""
    unbounded: bool = False
    """Takes tasks whatever CPU and memory they reserve: the embedded one."""
    attributes: tuple[tuple[str, str], ...] = ()
    """Built-in attributes and those that it was registered with, by name; a value may be ""."""
    custom: tuple[tuple[str, str], ...] = ()
    """Attributes that PutAttributes set."""
    status: InstanceStatus = "ACTIVE"
    connected: bool = True
    """Whether its agent has a session."""
    agent_version: str = ""
    runtime_version: str = ""
    """What the API calls dockerVersion."""
    capacity_provider: str = ""
    tags: Tags = msgspec.field(default_factory=dict)
    version: int = 1
    deregistered_at: Instant = 0

    @property
    def arn(self) -> str:
        return references.instance_arn(self.account, self.region, self.cluster, self.id)

    @property
    def cluster_key(self) -> tuple[str, str, str]:
        return (self.account, self.region, self.cluster)

    @property
    def lent(self) -> bool:
        """It is a whole node that the cluster was given for want of an instance of its own."""
        return bool(self.node_id) and self.machine_id == self.node_id and self.launch_type == "EC2"

    @property
    def reachable(self) -> bool:
        """Tasks may be placed on it. The embedded agent is back within a second: its tasks wait for it."""
        return self.connected or self.lent

    @property
    def all_attributes(self) -> dict[str, str]:
        """Name → value; what PutAttributes said wins."""
        return {**dict(self.attributes), **dict(self.custom)}

    def attribute(self, name: str) -> str:
        """The value of one of them; "" for one that it does not have."""
        for own in (self.custom, self.attributes):
            for known, value in own:
                if known == name:
                    return value
        return ""


INSTANCES: Table[ContainerInstance] = Table(
    name="ecs.container_instance",
    row=ContainerInstance,
    key=attrgetter("id"),
    indexes={
        "cluster": Index(
            of=lambda row: row.cluster_key if row.status != "INACTIVE" else None, order=attrgetter("id")
        ),
        "status": Index(
            of=lambda row: (*row.cluster_key, row.status) if row.status != "INACTIVE" else None,
            order=attrgetter("id"),
        ),
        "node": Index(of=lambda row: row.node_id or None if row.status != "INACTIVE" else None),
        "machine": Index(of=lambda row: row.machine_id or None),
        "gone": Index(
            of=lambda row: "yes" if row.deregistered_at else None, order=attrgetter("deregistered_at")
        ),
    },
)
