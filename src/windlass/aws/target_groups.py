"""Target groups of load balancers: what ECS asks of them, whoever serves them.

Services do not import each other, so they meet here: elbv2 answers, ECS asks. Beside targets ECS shifts
traffic: it says to which target groups a listener or a rule forwards, and with what weights (blue/green).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

from windlass.kernel.clock import Instant
from windlass.kernel.faults import Fault
from windlass.kernel.store import Transaction

State: TypeAlias = Literal["initial", "healthy", "unhealthy", "draining", "unused", "unavailable"]
"""States of a target (ELB API reference, TargetHealth)."""
TargetType: TypeAlias = Literal["ip", "instance", "lambda"]
Share: TypeAlias = tuple[str, int]
"""A target group's ARN and its weight, 0 to 999 (ELB API reference, TargetGroupTuple)."""
Shares: TypeAlias = tuple[Share, ...]
"""Of each group that requests are forwarded to."""


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
    """In words: TargetHealth's Description."""
    code: str = ""
    """Its Reason: "Target.Timeout"."""


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

    def forward(self, tx: Transaction, arn: str, shares: Sequence[Share], now: Instant) -> None:
        """Have that listener (its default action) or rule forward to these groups from now on.

        Raises Fault if it is not there, does not forward, or may not use one of the groups.
        """

    def shares(self, arn: str) -> Shares:
        """What that listener's default action, or that rule, forwards to; nothing if it is not there."""

    def rule_exists(self, arn: str) -> bool:
        """Whether there is such a listener or rule."""


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

    def forward(self, tx: Transaction, arn: str, shares: Sequence[Share], now: Instant) -> None:
        if self._balancers is None:
            raise Fault("RuleNotFoundException", f"Rule '{arn}' not found")
        self._balancers.forward(tx, arn, shares, now)

    def shares(self, arn: str) -> Shares:
        return () if self._balancers is None else self._balancers.shares(arn)

    def rule_exists(self, arn: str) -> bool:
        return self._balancers is not None and self._balancers.rule_exists(arn)
