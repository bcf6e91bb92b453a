"""IAM's rows. IAM is global: rows belong to an account, to no Region.

Handlers are the only writers; there are no loops. Names are unique whatever their case, so keys hold them in
lower case. Ordered indexes order by key alone (`order` is a constant), which keeps page markers short: the
model allows them 320 characters.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from windlass.aws.arn import arn
from windlass.kernel.clock import Instant
from windlass.kernel.store import Index, Table

Tags: TypeAlias = tuple[tuple[str, str], ...]
Named: TypeAlias = tuple[str, str]
"""Key of a role, user or policy: account, name in lower case."""
Holder: TypeAlias = tuple[str, str, str]
"""What policies are attached to: account, "role" or "user", name in lower case."""


@dataclass(frozen=True, slots=True)
class Role:
    """An IAM role. `trust` is the trust policy as it was given."""

    account: str
    role_name: str
    role_id: str
    path: str
    trust: str
    created_at: Instant
    max_session_s: int
    description: str | None = None
    boundary: str | None = None
    tags: Tags = ()

    @property
    def arn(self) -> str:
        return arn("iam", "", self.account, f"role{self.path}{self.role_name}")

    @property
    def holder(self) -> Holder:
        return (self.account, "role", self.role_name.lower())


@dataclass(frozen=True, slots=True)
class User:
    """An IAM user; its access keys are rows of aws/credentials."""

    account: str
    user_name: str
    user_id: str
    path: str
    created_at: Instant
    boundary: str | None = None
    tags: Tags = ()

    @property
    def arn(self) -> str:
        return arn("iam", "", self.account, f"user{self.path}{self.user_name}")

    @property
    def holder(self) -> Holder:
        return (self.account, "user", self.user_name.lower())


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a managed policy: `v3` is number 3."""

    number: int
    document: str
    created_at: Instant


@dataclass(frozen=True, slots=True)
class Policy:
    """A customer-managed policy. Version numbers are never used twice."""

    account: str
    policy_name: str
    policy_id: str
    path: str
    description: str | None
    created_at: Instant
    updated_at: Instant
    versions: tuple[Version, ...]
    default_number: int
    next_number: int
    tags: Tags = ()

    @property
    def arn(self) -> str:
        return arn("iam", "", self.account, f"policy{self.path}{self.policy_name}")


@dataclass(frozen=True, slots=True)
class Attachment:
    """A managed policy attached to a role or a user; the policy may be one of AWS's own."""

    account: str
    kind: str
    name: str
    policy_arn: str
    attached_at: Instant

    @property
    def holder(self) -> Holder:
        return (self.account, self.kind, self.name)


@dataclass(frozen=True, slots=True)
class InlinePolicy:
    """A policy inside a role or a user."""

    account: str
    kind: str
    name: str
    policy_name: str
    document: str

    @property
    def holder(self) -> Holder:
        return (self.account, self.kind, self.name)


@dataclass(frozen=True, slots=True)
class ServerCertificate:
    """A certificate of a server with its key. `names` are the DNS names that it is for."""

    account: str
    certificate_name: str
    certificate_id: str
    path: str
    body: str
    chain: str
    key: str = field(repr=False)
    names: tuple[str, ...]
    uploaded_at: Instant
    expires_at: Instant
    tags: Tags = ()

    @property
    def arn(self) -> str:
        return arn("iam", "", self.account, f"server-certificate{self.path}{self.certificate_name}")


ROLES: Table[Role] = Table(
    "iam_roles",
    Role,
    key=lambda row: (row.account, row.role_name.lower()),
    indexes={
        "account": Index(of=lambda row: row.account, order=lambda row: 0),
        "boundary": Index(of=lambda row: (row.account, row.boundary) if row.boundary else None),
    },
)
USERS: Table[User] = Table(
    "iam_users",
    User,
    key=lambda row: (row.account, row.user_name.lower()),
    indexes={
        "account": Index(of=lambda row: row.account, order=lambda row: 0),
        "boundary": Index(of=lambda row: (row.account, row.boundary) if row.boundary else None),
    },
)
POLICIES: Table[Policy] = Table(
    "iam_policies",
    Policy,
    key=lambda row: (row.account, row.policy_name.lower()),
    indexes={
        "account": Index(of=lambda row: row.account, order=lambda row: 0),
        "arn": Index(of=lambda row: row.arn),
    },
)
ATTACHMENTS: Table[Attachment] = Table(
    "iam_attachments",
    Attachment,
    key=lambda row: (*row.holder, row.policy_arn),
    indexes={
        "holder": Index(of=lambda row: row.holder, order=lambda row: row.attached_at),
        "policy": Index(of=lambda row: (row.account, row.policy_arn), order=lambda row: (row.kind, row.name)),
    },
)
INLINE_POLICIES: Table[InlinePolicy] = Table(
    "iam_inline_policies",
    InlinePolicy,
    key=lambda row: (*row.holder, row.policy_name),
    indexes={"holder": Index(of=lambda row: row.holder, order=lambda row: row.policy_name)},
)
SERVER_CERTIFICATES: Table[ServerCertificate] = Table(
    "iam_server_certificates",
    ServerCertificate,
    key=lambda row: (row.account, row.certificate_name.lower()),
    indexes={
        "account": Index(of=lambda row: row.account, order=lambda row: 0),
        "arn": Index(of=lambda row: row.arn),
    },
)

TABLES = (ROLES, USERS, POLICIES, ATTACHMENTS, INLINE_POLICIES, SERVER_CERTIFICATES)
