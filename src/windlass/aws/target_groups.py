"""Target groups of load balancers: what ECS asks of them, whoever serves them.

Services do not import each other, so they meet here: elbv2 will answer, ECS asks. Known gap: nothing serves
load balancers yet (issue 7), so that no service can name a target group outside of tests.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

from windlass.kernel.clock import Instant
from windlass.kernel.store import Transaction

State: TypeAlias = Literal["initial", "healthy", "unhealthy", "draining", "unused"]
"""States of a target (ELB API reference, TargetHealth)."""
TargetType: TypeAlias = Literal["ip", "instance"]
Share: TypeAlias = tuple[str, int]
"""A target group's ARN and its weight, 0 to 999 (ELB API reference, TargetGroupTuple)."""


@dataclass(frozen=True, slots=True)
class Target:
    """What requests are sent to: an address or an instance, and a port."""

    id: str
    """An IP address, or the id of an instance, as the group's target type is."""
    port: int


@dataclass(frozen=True, slots=True)
class TargetHealth:
    """What a group says of a target, and why, as DescribeTargetHealth words it."""

    state: State
    reason: str = ""


UNUSED = TargetHealth("unused", "Target is not registered to the target group")


class Balancers(Protocol):
    """Whoever serves target groups. All calls are part of the caller's transaction."""

    def target_type(self, arn: str) -> TargetType | None:
        """What it sends requests to; None when there is no such group or no load balancer uses it."""

    def register(self, tx: Transaction, arn: str, target: Target, now: Instant) -> None:
        """Begin to check the target and to send it requests; one that is registered stays as it is."""

    def deregister(self, tx: Transaction, arn: str, target: Target, now: Instant) -> None:
        """Send it no more requests; it drains. One that is not registered is no error."""

    def health(self, arn: str, target: Target) -> TargetHealth:
        """What the group says of the target; "unused" when it does not know it, or when it has drained."""

    def rule_exists(self, arn: str) -> bool:
        """Whether there is a listener, or a rule of one, with that ARN."""

    def forward(self, tx: Transaction, arn: str, shares: Sequence[Share], now: Instant) -> None:
        """Have that listener or rule forward to just these groups. Raises Fault when it cannot."""


class TargetGroups:
    """One per plane: `plane.calls.part(TargetGroups)`. In a plane without load balancers there are none."""

    def __init__(self) -> None:
        self._balancers: Balancers | None = None
        self._watchers: list[Callable[[Target], None]] = []

    def serve(self, balancers: Balancers) -> None:
        """Have everything answered there; it calls `changed`."""
        self._balancers = balancers

    def watch(self, watcher: Callable[[Target], None]) -> None:
        """Have it told of every target whose health may be another than before."""
        self._watchers.append(watcher)

    def changed(self, target: Target) -> None:
        """The health of the target, or which groups there are for it, changed: wake whoever asks."""
        for watcher in self._watchers:
            watcher(target)

    def target_type(self, arn: str) -> TargetType | None:
        """What that group sends requests to; None: no service may name it."""
        return None if self._balancers is None else self._balancers.target_type(arn)

    def register(self, tx: Transaction, arn: str, target: Target, now: Instant) -> None:
        if self._balancers is not None:
            self._balancers.register(tx, arn, target, now)

    def deregister(self, tx: Transaction, arn: str, target: Target, now: Instant) -> None:
        if self._balancers is not None:
            self._balancers.deregister(tx, arn, target, now)

    def health(self, arn: str, target: Target) -> TargetHealth:
        return UNUSED if self._balancers is None else self._balancers.health(arn, target)

    def rule_exists(self, arn: str) -> bool:
        return self._balancers is not None and self._balancers.rule_exists(arn)

    def forward(self, tx: Transaction, arn: str, shares: Sequence[Share], now: Instant) -> None:
        if self._balancers is not None:
            self._balancers.forward(tx, arn, shares, now)
