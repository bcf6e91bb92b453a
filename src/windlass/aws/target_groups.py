"""Target groups of load balancers: what ECS asks of them, whoever serves them.

Services do not import each other, so they meet here: elbv2 will answer, ECS asks. Known gap: nothing serves
load balancers yet (issue 7), so that no target group exists and nothing is ever registered.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

from windlass.kernel.clock import Instant
from windlass.kernel.store import Transaction

Health: TypeAlias = Literal["initial", "healthy", "unhealthy", "draining", "unused"]
"""States of a target (ELB API reference, TargetHealth)."""


@dataclass(frozen=True, slots=True)
class Target:
    """What requests are sent to: an address or an instance, and a port."""

    id: str
    """An IP address, or the id of an instance, as the group's target type is."""
    port: int


class Balancers(Protocol):
    """Whoever serves target groups. All calls are part of the caller's transaction."""

    def exists(self, arn: str) -> bool:
        """Whether that target group is there and a load balancer sends it requests."""

    def register(self, tx: Transaction, arn: str, target: Target, now: Instant) -> None:
        """Begin to check the target and to send it requests; one that is registered stays as it is."""

    def deregister(self, tx: Transaction, arn: str, target: Target, now: Instant) -> None:
        """Send it no more requests; it drains. One that is not registered is no error."""

    def health(self, arn: str, target: Target) -> Health:
        """What the group says of the target; "unused" when it does not know it."""


class TargetGroups:
    """One per plane: `plane.calls.part(TargetGroups)`. In a plane without load balancers there are none."""

    def __init__(self) -> None:
        self._balancers: Balancers | None = None

    def serve(self, balancers: Balancers) -> None:
        """Have everything answered there."""
        self._balancers = balancers

    def exists(self, arn: str) -> bool:
        """Whether a service may name that target group."""
        return self._balancers is not None and self._balancers.exists(arn)

    def register(self, tx: Transaction, arn: str, target: Target, now: Instant) -> None:
        if self._balancers is not None:
            self._balancers.register(tx, arn, target, now)

    def deregister(self, tx: Transaction, arn: str, target: Target, now: Instant) -> None:
        if self._balancers is not None:
            self._balancers.deregister(tx, arn, target, now)

    def health(self, arn: str, target: Target) -> Health:
        return "unused" if self._balancers is None else self._balancers.health(arn, target)
