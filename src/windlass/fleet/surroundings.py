"""What the containers of a launch find around them: their secrets' values, and which log groups are missing.

Read in the launch's own transaction, so that all it starts gets the same. ECS and Batch ask for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

from windlass.aws import container_secrets
from windlass.aws.log_groups import LogGroups
from windlass.aws.secret_values import SecretValues
from windlass.fleet import log_options
from windlass.fleet.container_shapes import PLAIN_SECRET, ContainerShape, Surroundings
from windlass.fleet.log_options import MODE_DEFAULT
from windlass.kernel.clock import Instant
from windlass.kernel.store import Transaction

P = TypeVar("P")


class Parts(Protocol):
    """Where parts of the plane are asked for: a call, or the plane's table of calls."""

    def part(self, kind: type[P]) -> P: ...


def find(
    tx: Transaction,
    parts: Parts,
    scope: tuple[str, str],
    containers: Sequence[ContainerShape],
    role_arn: str,
    now: Instant,
    log_mode: str = MODE_DEFAULT,
) -> Surroundings:
    """`scope` is (account, Region). What has a role asks its agent for credentials when it needs them."""
    kept, groups = parts.part(SecretValues), parts.part(LogGroups)
    needed = {group for shape in containers if (group := log_options.group_of(shape)) is not None}
    return Surroundings(
        *scope,
        access_key="" if role_arn else scope[0],
        secret_key="" if role_arn else PLAIN_SECRET,
        log_mode=log_mode,
        secrets=container_secrets.read(containers, lambda reference: kept.read(tx, scope, reference, now)),
        missing_groups=frozenset(group for group in needed if not groups.exists(scope[0], *group)),
    )
