"""Certificate Manager's rows: imported certificates with their keys. Handlers are the only writers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from windlass.aws.arn import arn
from windlass.aws.certificate_pem import Facts
from windlass.kernel.clock import Instant
from windlass.kernel.store import Index, Store, Table, Transaction

Scope = tuple[str, str]
Reads: TypeAlias = Store | Transaction


@dataclass(frozen=True, slots=True)
class Certificate:
    """An imported certificate; importing again under its ARN puts another in its place."""

    account: str
    region: str
    id: str
    body: str
    chain: str
    key: str = field(repr=False)
    facts: Facts
    imported_at: Instant
    created_at: Instant
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def scope(self) -> Scope:
        return (self.account, self.region)

    @property
    def arn(self) -> str:
        return arn("acm", self.region, self.account, f"certificate/{self.id}")


CERTIFICATES: Table[Certificate] = Table(
    "acm.certificate",
    Certificate,
    key=lambda row: row.arn,
    indexes={"scope": Index(of=lambda row: row.scope, order=lambda row: row.created_at)},
)
TABLES = (CERTIFICATES,)
