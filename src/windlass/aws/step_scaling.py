"""Step scaling: which capacity a step policy asks for. Pure; of Application Auto Scaling and EC2 Auto
Scaling.

A step holds between two bounds, which are offsets from the alarm's threshold. Rules, roundings and the
tables of the tests: Application Auto Scaling User Guide, "Step scaling policies"
(facts/autoscaling-elb-events.md, 2.2). Knows no alarms, cooldowns or limits of capacity.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal, TypeAlias

Adjustment: TypeAlias = Literal["ChangeInCapacity", "ExactCapacity", "PercentChangeInCapacity"]
Aggregation: TypeAlias = Literal["Average", "Minimum", "Maximum"]
RECENT_S = 60
"""Seconds of points that MetricAggregationType joins: ours; AWS says "the most recent data points"."""


@dataclass(frozen=True, slots=True)
class Step:
    """An adjustment, and the breaches it is for: offsets from the threshold; None reaches without end."""

    lower: float | None
    upper: float | None
    adjustment: int

    @property
    def least(self) -> float:
        return -math.inf if self.lower is None else self.lower

    @property
    def most(self) -> float:
        return math.inf if self.upper is None else self.upper

    def holds(self, breach: float, *, above: bool) -> bool:
        """Above the threshold the lower bound belongs to it, below the upper one does."""
        if above:
            return self.least <= breach < self.most
        return self.least < breach <= self.most


def steps_of(given: Sequence[Mapping[str, Any]]) -> tuple[Step, ...]:
    """A policy's StepAdjustments."""
    return tuple(
        Step(
            one.get("MetricIntervalLowerBound"), one.get("MetricIntervalUpperBound"), one["ScalingAdjustment"]
        )
        for one in given
    )


def wrong(steps: Sequence[Step], kind: Adjustment) -> str:
    """What is wrong with a policy's steps, or nothing."""
    if not steps:
        return "There must be at least one step adjustment"
    in_order = sorted(steps, key=lambda step: step.least)
    for step in in_order:
        if step.lower is None and step.upper is None:
            return "The upper and lower bound can't both be left out of one step adjustment"
        if step.least >= step.most:
            return f"The lower bound {step.lower} must be less than the upper bound {step.upper}"
        if kind == "ExactCapacity" and step.adjustment < 0:
            return "ExactCapacity needs a ScalingAdjustment that is not negative"
    for before, after in pairwise(in_order):
        if before.most != after.least:
            fault = "overlap" if before.most > after.least else "leave a gap"
            return f"The step adjustments {fault} between {before.upper} and {after.lower}"
    if in_order[0].least < 0 and in_order[0].lower is not None:
        return "With a negative lower bound there must be a step adjustment without a lower bound"
    if in_order[-1].most > 0 and in_order[-1].upper is not None:
        return "With a positive upper bound there must be a step adjustment without an upper bound"
    return ""


def chosen(steps: Sequence[Step], breach: float) -> Step | None:
    """The step for a metric that is so far from the threshold; None when there is none.

    A metric on the threshold is above it for policies that scale on high values, and below for the others.
    """
    sides = (True, False) if breach == 0 else (breach > 0,)
    return next((step for above in sides for step in steps if step.holds(breach, above=above)), None)


def adjusted(capacity: int, kind: Adjustment, adjustment: int, magnitude: int = 0) -> int:
    """The capacity after an adjustment; `magnitude`: MinAdjustmentMagnitude, for percentages.

    >>> adjusted(11, "PercentChangeInCapacity", 30), adjusted(14, "PercentChangeInCapacity", -10)
    (14, 13)
    """
    if kind == "ExactCapacity":
        return adjustment
    if kind == "ChangeInCapacity":
        return max(0, capacity + adjustment)
    share = capacity * abs(adjustment)
    change = max(share // 100, min(share, 1), magnitude if adjustment else 0)
    return max(0, capacity + (change if adjustment > 0 else -change))


def breach(policy: Mapping[str, Any], points: Sequence[tuple[int, float]], threshold: float) -> float | None:
    """How far a metric's newest points, joined as the policy says, are from the threshold; None: no point."""
    value = aggregate(points, policy.get("MetricAggregationType", "Average"))
    return None if value is None else value - threshold


def wanted(policy: Mapping[str, Any], capacity: int, breach: float) -> int | None:
    """The capacity that a policy, as the API takes it, asks for; None when no step is for such a breach."""
    step = chosen(steps_of(policy.get("StepAdjustments", ())), breach)
    if step is None:
        return None
    kind: Adjustment = policy["AdjustmentType"]
    return adjusted(capacity, kind, step.adjustment, policy.get("MinAdjustmentMagnitude", 0))


def aggregate(points: Sequence[tuple[int, float]], how: Aggregation) -> float | None:
    """The value that counts of a metric's newest points, newest first; None without any."""
    if not points:
        return None
    recent = [value for at, value in points if at > points[0][0] - RECENT_S]
    match how:
        case "Minimum":
            return min(recent)
        case "Maximum":
            return max(recent)
        case "Average":
            return math.fsum(recent) / len(recent)
