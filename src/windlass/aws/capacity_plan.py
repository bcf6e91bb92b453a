"""What becomes of a capacity that a policy asks for: bounds, cooldowns, suspension, deployments. Pure.

Of Application Auto Scaling and EC2 Auto Scaling, whose instances that warm up are as a cooldown.

A scale-out cooldown does not block: what is asked for is counted from the capacity before it, so that only
more than was added already adds further (API reference, StepScalingPolicyConfiguration: +2, then +3 within
the cooldown, is +3). A scale-in cooldown blocks further scale-ins, and ends with a scale-out. That a
scale-in waits for a scale-out cooldown too is ours: without it a metric that flaps would be followed each
minute. Facts: facts/autoscaling-elb-events.md, section 2; ECS Developer Guide, "Service auto scaling".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from windlass.kernel.clock import Duration, Instant

Code: TypeAlias = Literal[
    "",
    "AutoScalingAnticipatedFlapping",
    "TargetServicePutResourceAsUnscalable",
    "AlreadyAtMaxCapacity",
    "AlreadyAtMinCapacity",
    "AlreadyAtDesiredCapacity",
]
"""NotScaledReason.Code; empty for what AWS reports nothing of (cooldowns, suspension)."""


@dataclass(frozen=True, slots=True)
class Cooling:
    """What the last changes of a target leave behind."""

    base: int = 0
    """The capacity before the scale-outs of the cooldown that goes on."""
    out_until: Instant = 0
    in_until: Instant = 0


@dataclass(frozen=True, slots=True)
class Situation:
    """A target as it stands."""

    current: int
    least: int
    most: int
    cooling: Cooling
    now: Instant
    deploying: bool = False
    no_out: bool = False
    no_in: bool = False

    @property
    def base(self) -> int:
        """The capacity that adjustments are counted from."""
        return self.cooling.base if self.now < self.cooling.out_until else self.current

    def clamp(self, capacity: int) -> int:
        return max(self.least, min(capacity, self.most))


@dataclass(frozen=True, slots=True)
class Scale:
    """Set the capacity."""

    to: int
    cooling: Cooling


@dataclass(frozen=True, slots=True)
class Hold:
    """Leave it, and why: `code` for callers, `why` for the journal."""

    why: str
    code: Code = ""


Decision: TypeAlias = Scale | Hold


def decide(situation: Situation, wanted: int, cooldowns: tuple[Duration, Duration]) -> Decision:
    """What to do about a capacity that a policy wants, counted from `situation.base`.

    `cooldowns`: what a scale-out leaves behind, and a scale-in.
    """
    out, in_ = cooldowns
    if wanted > situation.base:
        return _out(situation, wanted, out)
    if wanted < situation.base:
        return _in(situation, wanted, in_)
    return Hold("the capacity is what the policy asks for", "AlreadyAtDesiredCapacity")


def moved_inside(situation: Situation) -> int | None:
    """The capacity that a target comes to when its bounds change; None when it is within them."""
    to = situation.clamp(situation.current)
    return None if to == situation.current else to


def _out(situation: Situation, wanted: int, cooldown: Duration) -> Decision:
    if situation.no_out:
        return Hold("scaling out is suspended")
    to = situation.clamp(wanted)
    if to > situation.current:
        return Scale(to, Cooling(situation.base, situation.now + cooldown))
    if situation.current >= situation.most:
        return Hold("the capacity is at its maximum", "AlreadyAtMaxCapacity")
    return Hold("the scale-out cooldown has added as much already")


def _in(situation: Situation, wanted: int, cooldown: Duration) -> Decision:
    if situation.no_in:
        return Hold("scaling in is suspended")
    if situation.deploying:
        return Hold("a deployment is under way", "TargetServicePutResourceAsUnscalable")
    if situation.now < situation.cooling.in_until:
        return Hold("the scale-in cooldown goes on")
    if situation.now < situation.cooling.out_until:
        return Hold("the scale-out cooldown goes on", "AutoScalingAnticipatedFlapping")
    if situation.current <= situation.least:
        return Hold("the capacity is at its minimum", "AlreadyAtMinCapacity")
    return Scale(situation.clamp(wanted), Cooling(in_until=situation.now + cooldown))
