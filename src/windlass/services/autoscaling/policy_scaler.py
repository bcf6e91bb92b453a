"""Does what scaling policies ask of groups: when an alarm says so, or a caller who executes one.

What a policy wants is pure (aws/step_scaling.py, aws/target_tracking.py), and so is what becomes of it
(aws/capacity_plan.py): instances that warm up are not counted yet, and nothing is scaled in meanwhile. Simple
policies wait for the group's cooldown (EC2 Auto Scaling User Guide, "Step and simple scaling policies").
"""

from __future__ import annotations

from collections.abc import Callable

from windlass.aws import capacity_plan, step_scaling, target_tracking
from windlass.aws.alarms import Alarms, Occasion
from windlass.aws.capacity_plan import Cooling, Hold, Scale, Situation
from windlass.aws.target_tracking import Voter, Votes
from windlass.kernel.clock import SECOND, Instant
from windlass.kernel.rows import replace
from windlass.kernel.store import Transaction
from windlass.services.autoscaling.model import GROUPS, MEMBERS, Group
from windlass.services.autoscaling.policy_model import POLICIES, ScalingPolicy
from windlass.services.plane import Plane

Wanted = Callable[[int], int | None]
"""Capacity to count from → capacity that the policy wants, None for none."""


class PolicyScaler:
    """A part; its `act` is what CloudWatch calls."""

    def __init__(self, plane: Plane) -> None:
        self._store = plane.store
        self._journal = plane.journal
        self._alarms = plane.calls.part(Alarms)
        self._votes = Votes()
        self._alarms.on_action("autoscaling", self.act)

    async def act(self, occasion: Occasion) -> str:
        """Do what a policy wants of its group; returns why nobody could have."""
        with self._store.transact() as tx:
            policy = tx[POLICIES].first("arn", occasion.action)
            group = None if policy is None else tx[GROUPS].get(policy.of)
            if policy is None or group is None or group.deleting:
                return f"No scaling policy found: {occasion.action}"
            if not policy.enabled or "AlarmNotification" in group.suspended:
                return ""
            cause = (
                f"a monitor alarm {occasion.alarm} in state {occasion.state} triggered policy {policy.name}"
            )
            waits = self.apply(
                tx, group, policy, lambda base: self._wanted(tx, policy, occasion, base), cause, occasion.at
            )
        if waits is not None:
            self._journal.note("autoscaling", group.arn, "leaves the capacity", waits.why)
        return ""

    def apply(
        self,
        tx: Transaction,
        group: Group,
        policy: ScalingPolicy,
        wanted: Wanted,
        cause: str,
        now: Instant,
        *,
        at_once: bool = False,
    ) -> Hold | None:
        """Change the group as the policy wants; or say why not. `at_once`: whatever cools down."""
        situation = _situation(tx, group, policy, now)
        if policy.kind == "SimpleScaling" and not at_once and cools(group, policy, now):
            return Hold("the cooldown goes on")
        to = wanted(situation.base)
        if to is None:
            return Hold("nothing is wanted")
        decision = capacity_plan.decide(situation, to, (0, 0))
        if not isinstance(decision, Scale):
            return decision
        told = f"{cause} changing the desired capacity from {group.desired} to {decision.to}."
        tx[GROUPS].put(replace(group, desired=decision.to, scaled_at=now, cause=told))
        return None

    def _wanted(self, tx: Transaction, policy: ScalingPolicy, occasion: Occasion, base: int) -> int | None:
        if policy.kind == "SimpleScaling":
            return simple(policy, base)
        if policy.kind == "StepScaling":
            breach = step_scaling.breach(policy.given, occasion.points, occasion.threshold)
            return None if breach is None else step_scaling.wanted(policy.given, base, breach)
        if not occasion.points or occasion.state != "ALARM":
            return None
        metric = occasion.points[0][1]
        if occasion.alarm != policy.alarms[1]:
            return target_tracking.more(base, metric, policy.tracking["TargetValue"])
        self._votes.tell(policy.arn, metric, occasion.at)
        voters = [
            Voter(row.arn, row.tracking["TargetValue"], self._is_low(row))
            for row in tx[POLICIES].by("group", policy.of)
            if row.scales_in and row.enabled
        ]
        return self._votes.agreed(voters, base, occasion.at)

    def _is_low(self, policy: ScalingPolicy) -> bool:
        return bool(self._alarms.raised(policy.account, policy.region, policy.alarms[1:]))


def simple(policy: ScalingPolicy, capacity: int) -> int:
    """What a simple policy wants."""
    given = policy.given
    least = given.get("MinAdjustmentMagnitude", given.get("MinAdjustmentStep", 0))
    return step_scaling.adjusted(capacity, given["AdjustmentType"], given["ScalingAdjustment"], least)


def cools(group: Group, policy: ScalingPolicy, now: Instant) -> bool:
    """Whether the policy's cooldown, or its group's, goes on since the capacity was changed last."""
    cooldown = policy.given.get("Cooldown", group.cooldown_s) * SECOND
    return bool(group.scaled_at) and now < group.scaled_at + int(cooldown)


def _situation(tx: Transaction, group: Group, policy: ScalingPolicy, now: Instant) -> Situation:
    """The group, with its instances that warm up as a cooldown."""
    warming = 0
    if policy.kind != "SimpleScaling":
        default = group.stored.get("DefaultInstanceWarmup", group.cooldown_s)
        warmup = policy.given.get("EstimatedInstanceWarmup", default) * SECOND
        members = tx[MEMBERS].by("group", group.key)
        warm = sum(row.state == "InService" and row.launched_at + warmup <= now for row in members)
        warming = max(0, group.desired - warm)
    cooling = Cooling(base=group.desired - warming, out_until=now + 1) if warming else Cooling()
    return Situation(group.desired, group.min_size, group.max_size, cooling, now)
