"""How many attempts may start on Fargate now: Batch runs its tasks at the rates and quotas of ECS.

The launch buckets, for On-Demand and Spot apart, and the quota of tasks at once are ECS's own and shared with
it (facts/batch.md, 11). What a bucket does not grant stays in line; its queue is looked at again in a round,
as ECS looks at a service again. Under profiles without these limits everything is granted.
Known gap: services of ECS that stand in line for the same bucket are not waited for.
"""

from __future__ import annotations

from collections import Counter

from windlass.aws.fargate_use import Capacity, Count, FargateUse
from windlass.aws.quotas import Quotas, Scope
from windlass.kernel.clock import SECOND, Duration, Instant, seconds
from windlass.kernel.store import Store, Transaction
from windlass.services.batch.resource_model import ENVIRONMENTS, ComputeEnvironment
from windlass.services.batch.usage import Usage

CAPACITY: dict[str, Capacity] = {"FARGATE": "on_demand", "FARGATE_SPOT": "spot"}
"""Kind of environment → the capacity that it is made of."""
ROUND_DEFAULT: Duration = SECOND
"""Until what was not granted is asked for again, where the profile does not say."""


class Launches:
    """Made for one transaction, at one instant."""

    def __init__(self, tx: Transaction, quotas: Quotas, use: FargateUse, now: Instant) -> None:
        self._tx = tx
        self._quotas = quotas
        self._use = use
        self._now = now
        self._started: Counter[tuple[Scope, Capacity]] = Counter()
        self.look_again: Instant | None = None
        """When what was not granted may be; None when everything was."""

    def granted(self, environment: ComputeEnvironment, count: int) -> int:
        """How many of `count` attempts may start there now. Their tokens are taken."""
        capacity = CAPACITY.get(environment.kind)
        if capacity is None or not count:
            return count
        scope = (environment.account, environment.region)
        left = self._use.left(self._quotas, self._tx, scope, capacity)
        room = count if left is None else min(count, max(0, left - self._started[scope, capacity]))
        granted = self._quotas.take_up_to(f"fargate.{capacity}", scope, room, self._now)
        self._started[scope, capacity] += granted
        if granted < count:
            self._later()
        return granted

    def give_back(self, environment: ComputeEnvironment, count: int) -> None:
        """So many of those that were granted cannot start after all."""
        capacity = CAPACITY.get(environment.kind)
        if capacity is not None and count:
            scope = (environment.account, environment.region)
            self._quotas.give_back(f"fargate.{capacity}", scope, count, self._now)
            self._started[scope, capacity] -= count
            self._later()

    def _later(self) -> None:
        again_s = self._quotas.delay_s("ecs.throttled_again")
        self.look_again = self._now + (seconds(again_s) if again_s else ROUND_DEFAULT)


def counting(usage: Usage) -> Count:
    """Counts attempts that are STARTING or RUNNING on Fargate, for `FargateUse`."""

    def count(reads: Store | Transaction, scope: Scope, capacity: str) -> int:
        environments = reads[ENVIRONMENTS].by("scope", scope)
        return sum(usage.attempts(row.key) for row in environments if CAPACITY.get(row.kind) == capacity)

    return count
