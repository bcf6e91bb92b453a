"""When environments and queues may be made, changed and deleted, and for how long that goes on.

Settling itself is environments.py's and queues.py's. Wordings: facts/batch.md and docs/aws/batch.md.
"""

from __future__ import annotations

from typing import Any, TypeVar

from windlass.aws.calls import Call
from windlass.aws.quotas import Quotas
from windlass.kernel.clock import Duration, Instant, seconds
from windlass.kernel.store import Table, Transaction
from windlass.services.batch.faults import invalid, refuse
from windlass.services.batch.resource_model import ComputeEnvironment, JobQueue

R = TypeVar("R", ComputeEnvironment, JobQueue)

CHANGING = ("CREATING", "UPDATING", "DELETING")


def check_new(call: Call, tx: Transaction, table: Table[Any], name: str, quota: str) -> None:
    """Raises ClientException when that name is taken, or the account has all that it may have."""
    if tx[table].get((*call.scope, name)) is not None:
        raise refuse("Object already exists")
    most = call.part(Quotas).value(quota, call.scope)
    if most is not None and tx[table].count("scope", call.scope) >= most:
        raise invalid(f"The account has reached its limit of {most:.0f} ({quota}).")


def check_settled(row: R, verb: str) -> None:
    """Raises ClientException while a change goes on. `verb`: "update" or "delete"."""
    if row.status in CHANGING:
        raise refuse(f"Cannot {verb}, resource is being modified.")


def check_deletable(row: R) -> None:
    """Raises ClientException unless it is DISABLED, and nothing else goes on."""
    check_settled(row, "delete")
    if row.state != "DISABLED":
        raise refuse("Cannot delete, state must be DISABLED")


def due(row: R, quotas: Quotas, kind: str) -> Instant:
    """When the change that goes on is over at the earliest, as the profile says.

    `kind` is "environment" or "queue": the delays are batch.environment_create and so on.
    """
    verb = {"CREATING": "create", "UPDATING": "update"}.get(row.status, "delete")
    delay: Duration = seconds(quotas.delay_s(f"batch.{kind}_{verb}"))
    return row.changed_at + delay


def is_instant(row: R, quotas: Quotas, kind: str) -> bool:
    """Whether the profile has no delay for the change that goes on."""
    return due(row, quotas, kind) == row.changed_at
