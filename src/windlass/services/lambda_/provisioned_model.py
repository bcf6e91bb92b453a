"""Provisioned concurrency as rows: one of each version or alias with some; they go with their function."""

from __future__ import annotations

from dataclasses import dataclass, field

from windlass.kernel.clock import Instant
from windlass.kernel.store import Index, Table
from windlass.services.lambda_.provisioned import Standing


@dataclass(frozen=True, slots=True)
class Provisioned:
    """Provisioned concurrency of a version or an alias: how much is wanted, and how it stands.

    Handlers write all of it when they ask for something else; provisioning.py alone writes `standing` then.
    """

    account: str
    region: str
    function: str
    uid: str
    """Of the function."""
    qualifier: str
    requested: int
    modified_at: Instant
    standing: Standing = field(default_factory=Standing)

    @property
    def key(self) -> tuple[str, str]:
        return (self.uid, self.qualifier)


PROVISIONED: Table[Provisioned] = Table(
    name="lambda.provisioned",
    row=Provisioned,
    key=lambda row: row.key,
    indexes={
        "function": Index(of=lambda row: row.uid, order=lambda row: row.qualifier),
        "scope": Index(of=lambda row: (row.account, row.region)),
    },
)
