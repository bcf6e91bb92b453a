"""Activations, managed instances and parameters as rows.

Handlers and the registrar write them; there are no loops.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from windlass.aws.arn import arn
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


@dataclass(frozen=True, slots=True)
class ParameterVersion:
    """One version of a parameter; `shape` is what PutParameter said of it."""

    account: str
    region: str
    name: str
    number: int
    value: str
    type: str
    at: Instant
    user: str
    description: str = ""
    key_id: str = ""
    allowed_pattern: str = ""
    data_type: str = "text"
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter: which version is the latest, and what belongs to all of them."""

    account: str
    region: str
    name: str
    latest: int
    tier: str = "Standard"
    tags: Tags = ()

    @property
    def key(self) -> tuple[str, str, str]:
        return (self.account, self.region, self.name)

    @property
    def arn(self) -> str:
        return arn("ssm", self.region, self.account, f"parameter/{self.name.removeprefix('/')}")


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
PARAMETERS: Table[Parameter] = Table(
    name="ssm.parameter",
    row=Parameter,
    key=lambda row: row.key,
    indexes={"scope": Index(of=lambda row: (row.account, row.region), order=lambda row: row.name)},
)
VERSIONS: Table[ParameterVersion] = Table(
    name="ssm.parameter_version",
    row=ParameterVersion,
    key=lambda row: (row.account, row.region, row.name, row.number),
    indexes={
        "parameter": Index(of=lambda row: (row.account, row.region, row.name), order=lambda row: row.number)
    },
)
TABLES = (ACTIVATIONS, MANAGED, PARAMETERS, VERSIONS)
