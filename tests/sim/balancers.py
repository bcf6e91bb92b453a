"""Load balancers for worlds: target groups that find targets healthy after a while, and drain them."""

from __future__ import annotations

from windlass.aws.target_groups import UNUSED, Target, TargetGroups, TargetHealth, TargetType
from windlass.kernel.clock import SECOND, Duration, Instant
from windlass.kernel.store import Transaction
from windlass.sim.world import ACCOUNT, REGION, World

GROUP = f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:targetgroup/web/0123456789abcdef"
BAD = TargetHealth("unhealthy", "Health checks failed with these codes: [500]")


class SimulatedBalancers:
    """Knows the groups in `kinds`; `passes_after` and `drains_for` are its health check and its patience."""

    def __init__(self, world: World, kind: TargetType = "instance") -> None:
        self.kinds: dict[str, TargetType] = {GROUP: kind}
        self.passes_after: Duration = 5 * SECOND
        self.drains_for: Duration = 30 * SECOND
        self.said: dict[tuple[str, Target], TargetHealth] = {}
        self.log: list[tuple[str, Instant, Target]] = []
        self._world = world
        self._groups = world.plane.calls.part(TargetGroups)
        self._groups.serve(self)

    def target_type(self, arn: str) -> TargetType | None:
        return self.kinds.get(arn)

    def register(self, tx: Transaction, arn: str, target: Target, now: Instant) -> None:
        self.log.append(("register", now, target))
        self.said[arn, target] = TargetHealth("initial", "Target registration is in progress")
        self._later(self.passes_after, arn, target, TargetHealth("healthy"))

    def deregister(self, tx: Transaction, arn: str, target: Target, now: Instant) -> None:
        self.log.append(("deregister", now, target))
        if (arn, target) in self.said:
            self.said[arn, target] = TargetHealth("draining", "Target deregistration is in progress")
            self._later(self.drains_for, arn, target, UNUSED)

    def health(self, arn: str, target: Target) -> TargetHealth:
        return self.said.get((arn, target), UNUSED)

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
