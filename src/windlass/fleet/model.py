"""Nodes and units as rows. A unit is one ECS task, Batch attempt or function environment on one node.

Who writes what: the owning service inserts a Unit (state "waiting"), sets `desired`, and deletes the row
when it has taken in the end (state "stopped" or "lost"). All other columns are written by fleet/ only, from
what nodes report. A service watches UNITS and reads `state` and `observed`.
"""

from __future__ import annotations

from dataclasses import dataclass
from operator import attrgetter
from typing import Literal

from windlass.fleet.messages import UnitSpec, UnitState
from windlass.kernel.clock import Instant
from windlass.kernel.rows import Row
from windlass.kernel.store import Index, Table

UnitPhase = Literal["waiting", "assigned", "starting", "running", "stopping", "stopped", "lost"]


class Unit(Row, frozen=True):
    """One unit. `cpu_units` (1,024 a vCPU) and `memory_mib` are what placement reserves."""

    id: str
    owner: str
    """The owning service's name: "ecs", "lambda"."""
    account: str
    region: str
    spec: UnitSpec
    cpu_units: int
    memory_mib: int
    created_at: Instant
    desired: Literal["run", "stop"] = "run"
    state: UnitPhase = "waiting"
    node_id: str = ""
    observed: UnitState | None = None
    """The node's last report; None before the first."""
    why: str = ""
    """Why it waits, or was lost: a sentence for people."""
    generation: int = 0
    """The generation of its node's desired set that first held it."""


class Node(Row, frozen=True):
    """One agent. `unbounded` nodes (the embedded one) take units whatever they reserve: the host's own

    scheduler shares the CPU, as the docs say. `generation` counts changes of its desired set.
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


@dataclass(frozen=True, slots=True)
class Epoch:
    """One row, counting the starts of planes on this log: a node refuses a plane older than it has seen."""

    id: str
    number: int


def _size_waiting(unit: Unit) -> tuple[int, int] | None:
    """Waiting units by what they reserve: when one of a size does not fit, none of that size does."""
    return (unit.cpu_units, unit.memory_mib) if unit.state == "waiting" else None


UNITS: Table[Unit] = Table(
    name="fleet.unit",
    row=Unit,
    key=attrgetter("id"),
    indexes={
        "state": Index(of=attrgetter("state")),
        "node": Index(of=lambda unit: unit.node_id or None),
        "owner": Index(of=attrgetter("owner")),
        "waiting": Index(of=_size_waiting, order=attrgetter("created_at")),
    },
)
NODES: Table[Node] = Table(
    name="fleet.node",
    row=Node,
    key=lambda node: node.id,
    indexes={"connected": Index(of=lambda node: node.connected or None)},
)
EPOCHS: Table[Epoch] = Table(name="fleet.epoch", row=Epoch, key=lambda epoch: epoch.id)
TABLES = (UNITS, NODES, EPOCHS)
