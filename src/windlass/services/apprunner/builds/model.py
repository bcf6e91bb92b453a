"""Builds as rows: one for each deployment of source code, until the deployment is gone.

`wanted` and `cancel` of the package insert and delete them, in the transactions of operations; builder.py
writes all else, and `Deployment.artefact`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import msgspec

from windlass.kernel.clock import Instant
from windlass.kernel.rows import Row
from windlass.kernel.store import Index, Table

BuildState: TypeAlias = Literal["waiting", "running", "succeeded", "failed"]


class BuildRow(Row, frozen=True):
    """One build. It waits while its source code is fetched, and runs while its commands do."""

    service: str
    deployment: str
    state: BuildState = "waiting"
    since: Instant = 0
    """When it came into that state."""
    why: str = ""
    """Why it failed."""
    unit: str = ""
    """Id of the unit that runs its commands."""
    made: Mapping[str, Any] = msgspec.field(default_factory=dict)
    """What becomes the deployment's artefact when it succeeds."""

    @property
    def key(self) -> tuple[str, str]:
        return (self.service, self.deployment)


BUILDS: Table[BuildRow] = Table(
    name="apprunner.build",
    row=BuildRow,
    key=lambda row: row.key,
    indexes={
        "unit": Index(of=lambda row: row.unit or None),
        "open": Index(of=lambda row: "yes" if row.state in ("waiting", "running") else None),
    },
)
