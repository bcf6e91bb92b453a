"""Activations and managed instances as rows. Handlers and the registrar write them; there are no loops."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from windlass.kernel.clock import Instant
from windlass.kernel.store import Index, Table

Tags: TypeAlias = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Activation:
    """What lets machines register. `count` is how many have; those that were deregistered still count."""

    account: str
    region: str
    id: str
    code: str
    """Digest of the activation code: AWS too shows the code itself once only."""
    iam_role: str
    limit: int
    created_at: Instant
    expires_at: Instant
    description: str = ""
    default_name: str = ""
    tags: Tags = ()
    count: int = 0

    def expired(self, now: Instant) -> bool:
        return now >= self.expires_at


@dataclass(frozen=True, slots=True)
class ManagedInstance:
    """A machine that registered. Its node in the fleet has the same id."""

    id: str
    account: str
    region: str
    activation_id: str
    claim: str
    """Digest of the secret that it registered with: it may have to ask again."""
    iam_role: str
    name: str
    registered_at: Instant
    computer_name: str
    ip_address: str
    platform_name: str
    platform_version: str
    tags: Tags = ()


ACTIVATIONS: Table[Activation] = Table(
    name="ssm.activation",
    row=Activation,
    key=lambda row: row.id,
    indexes={"scope": Index(of=lambda row: (row.account, row.region), order=lambda row: row.created_at)},
)
MANAGED: Table[ManagedInstance] = Table(
    name="ssm.managed_instance",
    row=ManagedInstance,
    key=lambda row: row.id,
    indexes={
        "scope": Index(of=lambda row: (row.account, row.region), order=lambda row: row.registered_at),
        "claim": Index(of=lambda row: (row.activation_id, row.claim)),
    },
)
TABLES = (ACTIVATIONS, MANAGED)
