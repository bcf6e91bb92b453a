"""How many tasks run on Fargate at once, whoever started them: ECS, or Batch for its jobs.

The quota is one for both (ECS Developer Guide, service quotas; facts/batch.md, 11), and services do not
import each other: each counts its own here, and asks how many are left.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias

from windlass.aws.quotas import Quotas, Scope
from windlass.kernel.store import Store, Transaction

Capacity: TypeAlias = Literal["on_demand", "spot"]
"""Kinds of capacity, as the names of Fargate's quotas and launch buckets end."""
Count: TypeAlias = Callable[[Store | Transaction, Scope, str], int]
"""(reads, scope, capacity) → how many of one's own run there."""


class FargateUse:
    """One per plane: `plane.calls.part(FargateUse)`."""

    def __init__(self) -> None:
        self._counts: list[Count] = []

    def counted_by(self, count: Count) -> None:
        """Have a service's own counted, too."""
        self._counts.append(count)

    def left(self, quotas: Quotas, reads: Store | Transaction, scope: Scope, capacity: str) -> int | None:
        """How many more may run; None without a limit."""
        most = quotas.value(f"fargate.{capacity}.tasks", scope)
        if most is None:
            return None
        return max(0, int(most) - sum(count(reads, scope, capacity) for count in self._counts))
