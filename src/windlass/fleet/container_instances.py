"""What ECS calls the machines that are registered in its clusters, for services that do not import it.

Batch shows the container instance that a job runs on (docs/decisions/0016 has the same way for interfaces).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from windlass.kernel.store import Store, Transaction

Named: TypeAlias = Callable[[Store | Transaction, str], str]
"""(reads, machine's id) → ARN of its container instance, "" when it is none."""


class ContainerInstances:
    """One per plane: `plane.calls.part(ContainerInstances)`. ECS says what they are called."""

    def __init__(self) -> None:
        self._named: Named | None = None

    def named_by(self, named: Named) -> None:
        """Have them named there."""
        self._named = named

    def arn(self, reads: Store | Transaction, machine_id: str) -> str:
        """The ARN of that machine's container instance; "" when it is none, or there is no ECS."""
        return "" if self._named is None else self._named(reads, machine_id)
