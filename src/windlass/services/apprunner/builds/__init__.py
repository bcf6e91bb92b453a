"""Builds of deployments from source code. As a module it is model.Builds.

Source code is of this machine: a git repository or a directory (repository.py). It is copied into a directory
of the plane's own (checkout.py), apprunner.yaml or the API says what to do with it (recipe.py), a unit does
it on the node (unit.py), and what is there then is the bundle of which all instances start
(docs/decisions/0047).
"""

from __future__ import annotations

from typing import Any

from windlass.fleet.model import UNITS
from windlass.kernel.clock import Instant
from windlass.kernel.rows import replace
from windlass.kernel.store import Table, Transaction
from windlass.services.apprunner.builds.model import BUILDS, BuildRow
from windlass.services.apprunner.model import Build, Deployment, Reads, Service

TABLES: tuple[Table[Any], ...] = (BUILDS,)


def wanted(tx: Transaction, service: Service, deployment: Deployment, now: Instant) -> None:
    """See model.Builds. One that failed is not tried again."""
    if tx[BUILDS].get(deployment.key) is None:
        tx[BUILDS].put(BuildRow(*deployment.key, since=now))


def state(reads: Reads, deployment: Deployment) -> Build:
    """See model.Builds."""
    row = reads[BUILDS].get(deployment.key)
    return Build("waiting") if row is None else Build(row.state, row.why)


def cancel(tx: Transaction, service: Service, deployment: Deployment, now: Instant) -> None:
    """See model.Builds. builder.py throws away what it made."""
    row = tx[BUILDS].delete(deployment.key)
    unit = tx[UNITS].get(row.unit) if row is not None and row.unit else None
    if unit is not None:
        tx[UNITS].put(replace(unit, desired="stop"))
