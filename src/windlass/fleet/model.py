"""Nodes, units and instances as rows. A unit is one ECS task, Batch attempt or function environment.

Who writes what: the owning service inserts a Unit (state "waiting"), sets `desired`, and deletes the row
when it has taken in the end (state "stopped" or "lost"). All other columns are written by fleet/ only, from
what nodes report. A service watches those UNITS whose topic, their owner, it is, and reads `state` and
`observed`. Instances are written by instances.py; ECS watches them and registers container instances.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Literal

import msgspec

from windlass.fleet.messages import UnitSpec, UnitState
from windlass.kernel.clock import Duration, Instant
from windlass.kernel.rows import Row
from windlass.kernel.store import Index, Table

Port = tuple[Literal["tcp", "udp"], int]
InstancePhase = Literal["pending", "running", "shutting-down", "terminated"]
"""As EC2 spells it (EC2 API reference, InstanceState); stopped machines do not exist here."""
UnitPhase = Literal["waiting", "assigned", "starting", "running", "stopping", "stopped", "lost"]


class Unit(Row, frozen=True):
    """One unit. `cpu_units` (1,024 a vCPU), `memory_mib` and `ports` are what placement reserves."""

    id: str
    owner: str
    """The owning service's name: "ecs", "lambda"."""
    account: str
    region: str
    spec: UnitSpec
    cpu_units: int
    memory_mib: int
    created_at: Instant
    bound_to: str = ""
    """The only node that may run it, chosen by its owner; "": any shared node, and the fleet chooses."""
    target_id: str = ""
    """What its owner reserves it on: the container instance of an ECS task; "" when the fleet chooses."""
    ports: tuple[Port, ...] = ()
    """Ports of the target that it takes."""
    gpus: int = 0
    """GPUs of the target that it takes."""
    desired: Literal["run", "stop"] = "run"
    stop_within: Duration = 0
    """See Want; to be written together with `desired`."""
    state: UnitPhase = "waiting"
    node_id: str = ""
    observed: UnitState | None = None
    """The node's last report; None before the first."""
    why: str = ""
    """Why it waits, or was lost: a sentence for people."""
    parked: bool = False
    """Its owner has yet to say where it may run: nobody assigns it until then."""
    generation: int = 0
    """The generation of its node's desired set that first held it."""


class Node(Row, frozen=True):
    """One agent. `unbounded` nodes (the embedded one) take units whatever they reserve: the host's own

    scheduler shares the CPU, as the docs say. `generation` counts changes of its desired set. A node is what
    has a session; what ECS places on are container instances, any number of which one node may serve
    (docs/decisions/0017).
    """

    id: str
    cpu_units: int
    memory_mib: int
    unbounded: bool
    token: str
    """Digest of the secret that it shows (tokens.py); "" lets nobody in."""
    connected: bool = False
    generation: int = 0
    observed_number: int = 0
    """Highest `Observed.number` that is durable here."""
    accepted: int = 0
    """Highest generation that it said it holds."""
    next_token: str = ""
    """Digest of the secret that it was given last and has not confirmed."""
    renewed: bool = False
    """Its secret is renewed: it came over a network. The embedded one's lies beside the plane's own files."""
    disconnected_at: Instant = 0
    """When its last session ended, or the plane last started without one; 0 before the first."""
    lost: bool = False
    """It stayed away for too long (lost.py); until it is back."""
    shared: bool = True
    """Takes units that are bound to no node: Fargate tasks, function environments."""
    attributes: tuple[tuple[str, str], ...] = ()
    """What container instances on it can say of themselves: (name, value), as ECS names them."""


class Instance(Row, frozen=True):
    """A machine as EC2 or ECS Anywhere has it: a part of a node, or all of it, with a size that it declares.

    Inserted by whoever makes machines (instances.launch); `phase` moves by INSTANCE_MOVES. Where `cluster` is
    set, ECS registers it there as a container instance when it runs and `registers_at` has come, and
    deregisters it when it shuts down.
    """

    id: str
    """"i-…" or, for a machine of one's own, "mi-…"."""
    kind: Literal["EC2", "EXTERNAL"]
    """Which launch type it takes."""
    node_id: str
    """The node that runs its tasks."""
    account: str
    region: str
    cluster: str
    """Name of the ECS cluster that it joins; "" for none."""
    cpu_units: int
    memory_mib: int
    launched_at: Instant
    running_at: Instant = 0
    """When its boot is over."""
    registers_at: Instant = 0
    """When its agent is up and registers it; not before `running_at`."""
    zone: str = ""
    """Availability zone, "us-east-1a"; "" for a machine of one's own."""
    instance_type: str = ""
    gpus: int = 0
    """GPUs that its container instance registers. The node need not have them: placement alone counts."""
    attributes: tuple[tuple[str, str], ...] = ()
    """Attributes that its container instance has from the start: (name, value)."""
    group: str = ""
    """ARN of the Auto Scaling group that it belongs to, "" for none."""
    unbounded: bool = False
    """Takes tasks whatever they reserve."""
    details: Mapping[str, str] = msgspec.field(default_factory=dict)
    """What EC2 shows of it and the fleet does not read: its image, subnet, reservation (ec2/machines.py)."""
    phase: InstancePhase = "pending"
    why: str = ""
    """Why it shuts down: a sentence for people."""
    terminated_at: Instant = 0


@dataclass(frozen=True, slots=True)
class Epoch:
    """One row, counting the starts of planes on this log: a node refuses a plane older than it has seen."""

    id: str
    number: int


def _size_waiting(unit: Unit) -> tuple[str, int, int] | None:
    """Waiting units by what they need: when one of a size does not fit, none of that size does."""
    if unit.state != "waiting" or (unit.parked and unit.desired == "run"):
        return None
    return (unit.bound_to, unit.cpu_units, unit.memory_mib)


def _machine(unit: Unit) -> str | None:
    """The instance on which the unit runs."""
    return unit.spec.instance.id if unit.spec.instance is not None else None


def _address(unit: Unit) -> tuple[str, str, str, str] | None:
    """The address that the unit has in a VPC, and has to itself."""
    network = unit.spec.network
    if network.interface is None or network.shared:
        return None
    return (unit.account, unit.region, network.interface.vpc_id, network.interface.address)


def _due(instance: Instance) -> Instant:
    """When its phase is over by time alone."""
    return instance.terminated_at if instance.phase == "terminated" else instance.running_at


def _token(instance: Instance) -> tuple[str, str, str] | None:
    """The client token of the call that launched it."""
    token = instance.details.get("ClientToken")
    return (instance.account, instance.region, token) if token else None


def _is_away(node: Node) -> str | None:
    """Nodes that may come back, and of which nothing was given up yet."""
    return "yes" if node.disconnected_at and not (node.connected or node.lost) else None


UNITS: Table[Unit] = Table(
    name="fleet.unit",
    row=Unit,
    key=attrgetter("id"),
    indexes={
        "state": Index(of=attrgetter("state"), on=("state",)),
        "node": Index(of=lambda unit: unit.node_id or None, on=("node_id",)),
        "owner": Index(of=attrgetter("owner"), on=()),
        "waiting": Index(
            of=_size_waiting,
            order=attrgetter("created_at"),
            on=("state", "parked", "desired", "bound_to"),
        ),
        "instance": Index(of=_machine, on=("spec",)),
        "address": Index(of=_address, on=("spec",)),
    },
    topic=attrgetter("owner"),
)
NODES: Table[Node] = Table(
    name="fleet.node",
    row=Node,
    key=lambda node: node.id,
    indexes={
        "connected": Index(of=lambda node: node.connected or None),
        "renewed": Index(of=lambda node: node.renewed or None),
        "away": Index(of=_is_away, order=attrgetter("disconnected_at")),
        "shared": Index(of=lambda node: "connected" if node.shared and node.connected else None),
        "whole": Index(of=lambda node: "yes" if node.shared and node.unbounded else None),
    },
)
INSTANCES: Table[Instance] = Table(
    name="fleet.instance",
    row=Instance,
    key=attrgetter("id"),
    indexes={
        "phase": Index(of=attrgetter("phase"), order=_due),
        "node": Index(of=attrgetter("node_id")),
        "group": Index(of=lambda row: row.group or None, order=attrgetter("launched_at")),
        "cluster": Index(
            of=lambda row: (row.account, row.region, row.cluster) if row.cluster else None,
            order=attrgetter("launched_at"),
        ),
        "scope": Index(
            of=lambda row: (row.account, row.region) if row.kind == "EC2" else None,
            order=attrgetter("launched_at"),
        ),
        "token": Index(of=_token),
    },
)
EPOCHS: Table[Epoch] = Table(name="fleet.epoch", row=Epoch, key=lambda epoch: epoch.id)
TABLES = (UNITS, NODES, INSTANCES, EPOCHS)
