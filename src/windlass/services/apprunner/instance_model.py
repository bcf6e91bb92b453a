"""App Runner's instances as rows, and for each deployment how many of them there are to be.

Who writes what: `instances.wanted` and `instances.withdraw` (for operations) and the scaler write
`InstanceSet.wanted`; instances.py all else of both, but for `Instance.access_keys` (credentials.py) and the
moves between provisioned and active, which the scaler makes. An instance's id is that of its unit.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias, cast

from windlass.kernel.clock import Instant
from windlass.kernel.machine import Moves, move
from windlass.kernel.rows import Row, replace
from windlass.kernel.store import Index, Table

InstanceState: TypeAlias = Literal["starting", "provisioned", "active", "stopping"]
SetKey: TypeAlias = tuple[str, str]
"""ARN of the service, id of the deployment."""

INSTANCE_MOVES: Moves = {
    ("starting", "healthy"): "provisioned",
    ("provisioned", "activate"): "active",
    ("active", "idle"): "provisioned",
    ("starting", "stop"): "stopping",
    ("provisioned", "stop"): "stopping",
    ("active", "stop"): "stopping",
}


class Instance(Row, frozen=True):
    """One instance of a deployment, from when it was asked for until its unit is gone."""

    id: str
    """32 hexadecimal digits: its log stream instance/<id>, its unit's id."""
    service: str
    deployment: str
    account: str
    region: str
    created_at: Instant
    since: Instant
    """When it came into its state."""
    state: InstanceState = "starting"
    healthy_at: Instant = 0
    """When it was healthy for the first time."""
    unhealthy: str = ""
    """Why its health check fails now, once it was healthy; "" while it does not."""
    drained: bool = False
    """It is stopping, and has no open request any more."""
    why: str = ""
    """Why it stops."""
    access_keys: tuple[str, ...] = ()
    """Of the credentials of its role; they end with it."""

    @property
    def set_key(self) -> SetKey:
        return (self.service, self.deployment)


class InstanceSet(Row, frozen=True):
    """The instances of one deployment. `failed` and `why` are of this attempt: since they were wanted."""

    service: str
    deployment: str
    account: str
    region: str
    wanted: int = 0
    failed: int = 0
    """Instances that ended, or were given up, before they were ever healthy."""
    why: str = ""
    """Of the last one that failed, healthy before or not."""
    failures: int = 0
    """In a row: how long the next start waits."""
    not_before: Instant = 0
    """The next start, in nanoseconds since the epoch."""

    @property
    def key(self) -> SetKey:
        return (self.service, self.deployment)


def moved(row: Instance, event: str, now: Instant, **changes: Any) -> Instance:
    """The instance after that event, with these changes. An unlisted move is a bug."""
    state = cast(InstanceState, move(INSTANCE_MOVES, row.state, event, row))
    return replace(row, state=state, since=now, **changes)


INSTANCES: Table[Instance] = Table(
    name="apprunner.instance",
    row=Instance,
    key=lambda row: row.id,
    indexes={
        "set": Index(of=lambda row: row.set_key, order=lambda row: row.created_at),
        "service": Index(of=lambda row: row.service, order=lambda row: row.created_at),
    },
)
SETS: Table[InstanceSet] = Table(
    name="apprunner.instance_set",
    row=InstanceSet,
    key=lambda row: row.key,
    indexes={"service": Index(of=lambda row: row.service)},
)
INSTANCE_TABLES = (INSTANCES, SETS)
