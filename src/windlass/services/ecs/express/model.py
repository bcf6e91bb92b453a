"""The row of an Express service: what was asked for, and what was made for it.

Handlers (handlers/express.py) write all of it but `gone`, which is cleaning.py's.
"""

from __future__ import annotations

from operator import attrgetter

import msgspec

from windlass.kernel.clock import Instant
from windlass.kernel.rows import Row
from windlass.kernel.store import Index, Table
from windlass.services.ecs import references
from windlass.services.ecs.model import Shape, Tags


class Express(Row, frozen=True):
    """One Express service, named like the ECS service that it made."""

    account: str
    region: str
    cluster: str
    name: str
    token: str
    """12 hex digits, in the names of what it makes."""
    created_at: Instant
    updated_at: Instant
    infrastructure_role: str
    vpc: str = ""
    config: Shape = msgspec.field(default_factory=dict)
    """What is wanted, with all defaults (configuration.py)."""
    configs: tuple[tuple[str, Shape], ...] = ()
    """Id of a service revision → what it was made from; the newest last."""
    made: Shape = msgspec.field(default_factory=dict)
    """What it made: a word of provision.py → an ARN or id."""
    service_id: str = ""
    """The ECS service's, once there is one; "" before."""
    deleting: bool = False
    tags: Tags = msgspec.field(default_factory=dict)
    gone: bool = False
    """Whether nothing of what it made is left."""

    @property
    def key(self) -> tuple[str, str, str, str]:
        return (self.account, self.region, self.cluster, self.name)

    @property
    def arn(self) -> str:
        return references.service_arn(*self.key)

    @property
    def label(self) -> str:
        """The first label of its host: its name as far as DNS takes it, and its token."""
        name = self.name.lower().replace("_", "-")[:NAME_IN_HOST_MAX].strip("-")
        return f"{name}-{self.token}" if name else self.token


NAME_IN_HOST_MAX = 50
"""Characters: with the token a label of at most 63, as DNS has it."""
CONFIGS_MAX = 10
"""Revisions whose configuration is remembered: our choice; at most three have tasks at a time."""

EXPRESS: Table[Express] = Table(
    name="ecs.express",
    row=Express,
    key=attrgetter("key"),
    indexes={
        "open": Index(of=lambda row: None if row.gone else "yes"),
        "vpc": Index(of=lambda row: None if row.gone else (row.account, row.region, row.vpc)),
    },
)
