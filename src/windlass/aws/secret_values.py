"""Values that ECS and others hand to what they start: asked for by reference, whoever keeps them.

Services do not import each other, so they meet here: Parameter Store and Secrets Manager answer, in the
asker's transaction, so that what is started gets what was there when it was.
"""

from __future__ import annotations

from typing import Protocol

from windlass.kernel.clock import Instant
from windlass.kernel.store import Store, Transaction

Scope = tuple[str, str]
"""(account, Region) of the asker."""


class Unreadable(Exception):
    """There is no such value; the message is the keeper's own error, "ResourceNotFoundException: …"."""


class Keeper(Protocol):
    """Whoever keeps values."""

    def read(self, reads: Store | Transaction, scope: Scope, reference: str, now: Instant) -> str:
        """The value. Raises Unreadable."""


class SecretValues:
    """One per plane: `plane.calls.part(SecretValues)`."""

    def __init__(self) -> None:
        self._keepers: dict[str, Keeper] = {}

    def serve(self, service: str, keeper: Keeper) -> None:
        """Have references to that service ("ssm", "secretsmanager") answered there."""
        self._keepers[service] = keeper

    def read(self, reads: Store | Transaction, scope: Scope, reference: str, now: Instant) -> str:
        """The value of an ARN, or of a parameter's bare name. Raises Unreadable."""
        keeper = self._keepers.get(service_of(reference))
        if keeper is None:
            raise Unreadable(f"this plane keeps no values of {service_of(reference)}")
        return keeper.read(reads, scope, reference, now)


def service_of(reference: str) -> str:
    """Who keeps it: the service in an ARN; bare names are parameters (ECS API reference, Secret).

    >>> service_of("arn:aws:secretsmanager:us-east-1:123456789012:secret:db"), service_of("/db/password")
    ('secretsmanager', 'ssm')
    """
    return reference.split(":")[2] if reference.startswith("arn:") and reference.count(":") > 4 else "ssm"
