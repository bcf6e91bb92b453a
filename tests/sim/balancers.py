"""Load balancers for worlds: target groups that find targets healthy after a while, and drain them."""

from __future__ import annotations

from collections.abc import Sequence

from windlass.aws.target_groups import UNUSED, Share, Target, TargetGroups, TargetHealth, TargetType
from windlass.kernel.clock import SECOND, Duration, Instant
from windlass.kernel.faults import Fault
from windlass.kernel.store import Transaction
from windlass.sim.world import ACCOUNT, REGION, World

GROUP = f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:targetgroup/web/0123456789abcdef"
OTHER = f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:targetgroup/other/fedcba9876543210"
RULE = f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:listener-rule/app/web/1/2/3"
TEST_RULE = f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:listener-rule/app/web/1/2/4"
BAD = TargetHealth("unhealthy", "Health checks failed with these codes: [500]")


class SimulatedBalancers:
    """Knows the groups in `kinds`; `passes_after` and `drains_for` are its health check and its patience."""

    def __init__(self, world: World, kind: TargetType = "instance") -> None:
        self.kinds: dict[str, TargetType] = {GROUP: kind}
        self.passes_after: Duration = 5 * SECOND
        self.drains_for: Duration = 30 * SECOND
        self.said: dict[tuple[str, Target], TargetHealth] = {}
        self.log: list[tuple[str, Instant, Target]] = []
        self.finds: dict[str, TargetHealth] = {}
        """Group → what its checks come to, where it is not "healthy"."""
        self.shares: dict[str, dict[str, int]] = {RULE: {GROUP: 1}, TEST_RULE: {GROUP: 1}}
        """Listener rule → what it forwards to."""
        self.forwarded: list[tuple[Instant, str, dict[str, int]]] = []
        self.refuses = ""
        """Why it shifts no requests, if it does not."""
        self._world = world
        self._groups = world.plane.calls.part(TargetGroups)
        self._groups.serve(self)

    def target_type(self, arn: str) -> TargetType | None:
        return self.kinds.get(arn)

    def register(self, tx: Transaction, arn: str, target: Target, now: Instant) -> None:
        self.log.append(("register", now, target))
        self.said[arn, target] = TargetHealth("initial", "Target registration is in progress")
        self._later(self.passes_after, arn, target, self.finds.get(arn, TargetHealth("healthy")))

    def deregister(self, tx: Transaction, arn: str, target: Target, now: Instant) -> None:
        self.log.append(("deregister", now, target))
        if (arn, target) in self.said:
            self.said[arn, target] = TargetHealth("draining", "Target deregistration is in progress")
            self._later(self.drains_for, arn, target, UNUSED)

    def health(self, arn: str, target: Target) -> TargetHealth:
        return self.said.get((arn, target), UNUSED)

    def rule_exists(self, arn: str) -> bool:
        return arn in self.shares

    def forward(self, tx: Transaction, arn: str, shares: Sequence[Share], now: Instant) -> None:
        if self.refuses:
            raise Fault("RuleNotFound", self.refuses)
        assert sum(weight for _, weight in shares) in (100, 1000)
        if self.shares[arn] != dict(shares):
            self.shares[arn] = dict(shares)
            self.forwarded.append((now, arn, dict(shares)))

    def healthy_in(self, group: str) -> int:
        return sum(said.state == "healthy" for (arn, _), said in self.said.items() if arn == group)

    def say(self, arn: str, target: Target, health: TargetHealth) -> None:
        """Have that target be so from now on."""
        self.said[arn, target] = health
        self._groups.changed(target)

    def healthy(self) -> int:
        return sum(health.state == "healthy" for health in self.said.values())

    def _later(self, wait: Duration, arn: str, target: Target, health: TargetHealth) -> None:
        """Unless something else happened to it meanwhile."""
        before = self.said[arn, target]

        def pass_on() -> None:
            if self.said.get((arn, target)) is before:
                self.say(arn, target, health)

        self._world.loop.call_later(wait / SECOND, pass_on)
