"""Secrets and their versions as rows. Handlers write them; clearing.py deletes what was to be deleted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from windlass.kernel.clock import Instant
from windlass.kernel.store import Index, Table

Tags: TypeAlias = tuple[tuple[str, str], ...]
CURRENT, PREVIOUS = "AWSCURRENT", "AWSPREVIOUS"


@dataclass(frozen=True, slots=True)
class Secret:
    """One secret. `deleted_at` is when it will be gone for good, 0 while nobody asked for that."""

    arn: str
    account: str
    region: str
    name: str
    created_at: Instant
    changed_at: Instant
    description: str = ""
    kms_key_id: str = ""
    type: str = ""
    tags: Tags = ()
    policy: str = ""
    deleted_at: Instant = 0
    asked_at: Instant = 0
    """When its deletion was asked for: what DeletedDate shows."""

    @property
    def key(self) -> tuple[str, str, str]:
        return (self.account, self.region, self.name)


@dataclass(frozen=True, slots=True)
class SecretVersion:
    """One version; exactly one of `text` and `binary` is there. One without stages is deprecated."""

    arn: str
    id: str
    created_at: Instant
    text: str | None = None
    binary: bytes | None = None
    stages: tuple[str, ...] = ()
    number: int = 0
    """Versions of a secret in the order they were made."""


SECRETS: Table[Secret] = Table(
    name="secretsmanager.secret",
    row=Secret,
    key=lambda row: row.arn,
    indexes={
        "name": Index(of=lambda row: row.key),
        "scope": Index(
            of=lambda row: (row.account, row.region), order=lambda row: (row.created_at, row.name)
        ),
        "deleted": Index(of=lambda row: "yes" if row.deleted_at else None, order=lambda row: row.deleted_at),
    },
)
VERSIONS: Table[SecretVersion] = Table(
    name="secretsmanager.version",
    row=SecretVersion,
    key=lambda row: (row.arn, row.id),
    indexes={"secret": Index(of=lambda row: row.arn, order=lambda row: row.number)},
)
TABLES = (SECRETS, VERSIONS)
