"""Takes what alarms ask of policies: reads the capacity, asks aws/capacity_plan.py, sets it, and says so.

CloudWatch comes here (aws/alarms.py) when an alarm changes, and each minute that it stays in its state, one
occasion at a time. An activity is written before the capacity is set: what a plane that died had not set yet,
the next one sets. follow.py sees activities to their end.
"""

from __future__ import annotations

from windlass.aws import capacity_plan, step_scaling, target_tracking
from windlass.aws.alarms import Alarms, Occasion
from windlass.aws.capacity_plan import Scale, Situation
from windlass.aws.target_tracking import Voter, Votes
from windlass.kernel.clock import SECOND, Duration, Instant
from windlass.kernel.faults import Fault
from windlass.kernel.ids import Ids
from windlass.kernel.rows import replace
from windlass.services.application_autoscaling import activities
from windlass.services.application_autoscaling.capacity import Capacities
from windlass.services.application_autoscaling.kinds import KINDS
from windlass.services.application_autoscaling.model import (
    ACTIVITIES,
    POLICIES,
    TARGETS,
    Activity,
    Policy,
    Target,
)
from windlass.services.plane import Plane


class Scaler:
    """A part; its `act` is what CloudWatch calls."""

    def __init__(self, plane: Plane) -> None:
        self._store = plane.store
        self._clock = plane.clock
        self._journal = plane.journal
        self._alarms = plane.calls.part(Alarms)
        self._ids = Ids(plane.chance.stream("application-autoscaling.activity"))
        self._votes = Votes()
        self.capacities = Capacities(plane.calls)
        self._alarms.on_action("application-autoscaling", self.act)

    async def act(self, occasion: Occasion) -> str:
        """Do what a policy wants of its target; returns why nobody could have."""
        policy = self._store[POLICIES].first("arn", occasion.action)
        target = None if policy is None else self._store[TARGETS].get(policy.target)
        if policy is None or target is None:
            return f"No scaling policy found: {occasion.action}"
        now, cause = occasion.at, activities.because(policy, occasion.alarm, occasion.state)
        try:
            capacity = await self.capacities.read(target)
        except Fault as fault:
            with self._store.transact() as tx:
                activities.failed(tx, self._ids, target, cause, fault.message, now)
            return ""
        situation = Situation(
            current=capacity.desired,
            least=target.least,
            most=target.most,
            cooling=target.cooling,
            now=now,
            deploying=capacity.deploying,
            no_out=target.suspended.scale_out,
            no_in=target.suspended.scale_in,
        )
        wanted = self._wanted(policy, occasion, situation.base)
        if wanted is None:
            return ""
        decision = capacity_plan.decide(situation, wanted, _cooldowns(policy))
        if isinstance(decision, Scale):
            await self._scale(target, decision, cause, now)
            return ""
        self._journal.note("application-autoscaling", target.arn, "leaves the capacity", decision.why)
        if decision.code:
            with self._store.transact() as tx:
                activities.not_scaled(tx, self._ids, target, cause, decision.code, situation.current, now)
        return ""

    async def _scale(self, target: Target, decision: Scale, cause: str, now: Instant) -> None:
        """Unless the target was deregistered or changed while its capacity was read."""
        with self._store.transact() as tx:
            if tx[TARGETS].get(target.key) != target:
                return
            tx[TARGETS].put(replace(target, cooling=decision.cooling))
            activity = activities.begin(tx, self._ids, target, decision.to, cause, now)
        await self.set(activity)

    async def move_inside(self, target: Target, causes: tuple[str, str], now: Instant) -> None:
        """Bring a target within its bounds at once; `causes`: why, of one below them and one above."""
        try:
            capacity = await self.capacities.read(target)
        except Fault as fault:
            with self._store.transact() as tx:
                activities.failed(tx, self._ids, target, causes[0], fault.message, now)
            return
        situation = Situation(capacity.desired, target.least, target.most, target.cooling, now)
        to = capacity_plan.moved_inside(situation)
        if to is None:
            return
        with self._store.transact() as tx:
            if tx[TARGETS].get(target.key) is None:
                return
            activity = activities.begin(tx, self._ids, target, to, causes[to < capacity.desired], now)
        await self.set(activity)

    async def set(self, activity: Activity) -> None:
        """Set the capacity of a pending activity. Raises Retry when the log takes no writes."""
        target = self._store[TARGETS].get(activity.target)
        why = "The scalable target was deregistered."
        if target is not None and activity.to is not None:
            await self._store.durable()
            try:
                await self.capacities.set(target, activity.to)
                why = ""
            except Fault as fault:
                why = f"Failed to set {KINDS[target.namespace].noun} to {activity.to}. {fault.message}"
        with self._store.transact() as tx:
            now = tx[ACTIVITIES].get(activity.key)
            if now is None or now.status != "Pending":
                return
            if why:
                activities.finish(tx, now, "Failed", why, self._clock.now())
            else:
                activities.made(tx, now)

    def _wanted(self, policy: Policy, occasion: Occasion, base: int) -> int | None:
        """What the policy asks for, None for nothing: no metric, no step, or others do not agree."""
        if policy.kind == "StepScaling":
            breach = step_scaling.breach(policy.configuration, occasion.points, occasion.threshold)
            return None if breach is None else step_scaling.wanted(policy.configuration, base, breach)
        if not occasion.points or occasion.state != "ALARM":
            return None
        metric, target = occasion.points[0][1], policy.configuration["TargetValue"]
        if occasion.alarm != policy.alarms[1]:
            return target_tracking.more(base, metric, target)
        self._votes.tell(policy.arn, metric, occasion.at)
        voters = [
            Voter(
                row.arn,
                row.configuration["TargetValue"],
                bool(self._alarms.raised(row.account, row.region, row.alarms[1:])),
            )
            for row in self._store[POLICIES].by("target", policy.target)
            if row.kind == "TargetTrackingScaling" and row.scales_in
        ]
        return self._votes.agreed(voters, base, occasion.at)


def _cooldowns(policy: Policy) -> tuple[Duration, Duration]:
    """What its scale-outs and scale-ins leave behind."""
    default = KINDS[policy.namespace].cooldown_s
    names = ("Cooldown", "Cooldown")
    if policy.kind == "TargetTrackingScaling":
        names = ("ScaleOutCooldown", "ScaleInCooldown")
    out, in_ = (policy.configuration.get(name, default) * SECOND for name in names)
    return out, in_
