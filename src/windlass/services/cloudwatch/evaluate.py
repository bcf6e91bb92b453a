"""In which state an alarm is, from its last points. Pure.

M of the last N points that there are must breach; what is missing of N is filled as TreatMissingData says.
More points than N are looked at, so that real ones come before fillers (CloudWatch User Guide, "Configuring
how CloudWatch alarms treat missing data"; facts/autoscaling-elb-events.md, 3.1, has its tables: they are
tests). An alarm that has fewer points than it looks at, all of them breaching, does not go to ALARM before
the oldest of them is as old as DatapointsToAlarm: one first point does not raise an alarm of 15 (same page,
"How alarm state is evaluated when data is missing", premature alarms).
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

State = Literal["OK", "ALARM", "INSUFFICIENT_DATA"]
Missing = Literal["missing", "ignore", "breaching", "notBreaching"]

RANGE_MORE = 2
"""Periods before the last N that are looked at: 5 for N = 3 in AWS's tables."""
COMPARISONS: Mapping[str, tuple[Callable[[float, float], bool], str]] = {
    "GreaterThanOrEqualToThreshold": (operator.ge, "greater than or equal to"),
    "GreaterThanThreshold": (operator.gt, "greater than"),
    "LessThanThreshold": (operator.lt, "less than"),
    "LessThanOrEqualToThreshold": (operator.le, "less than or equal to"),
}
"""ComparisonOperator → the comparison, and how reasons call it."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What makes an alarm: `needed` of the last `periods` points compare to the threshold."""

    comparison: str
    threshold: float
    periods: int
    needed: int
    missing: Missing = "missing"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A state, and the points that it comes from: (start, value), newest first."""

    state: State
    points: tuple[tuple[int, float], ...]
    breaching: int


def evaluate(rule: Rule, points: Sequence[tuple[int, float | None]]) -> Verdict | None:
    """The state that those points make, oldest first, one for each period of the range; None: keep it."""
    breaches, _ = COMPARISONS[rule.comparison]
    real = [(at, value) for at, value in points if value is not None][-rule.periods :]
    breaching = sum(breaches(value, rule.threshold) for _, value in real)
    reach = len(points) - points.index(real[0]) if real else 0
    state = _state(rule, len(real), breaching, reach)
    return None if state is None else Verdict(state, tuple(reversed(real)), breaching)


def _state(rule: Rule, real: int, breaching: int, reach: int) -> State | None:
    """`reach`: how many periods back the oldest real point is."""
    if breaching >= rule.needed:
        return "ALARM"
    if real >= rule.periods:
        return "OK"
    match rule.missing:
        case "breaching":
            return "ALARM" if breaching + rule.periods - real >= rule.needed else "OK"
        case "notBreaching":
            return "OK"
        case "ignore":
            return "OK" if breaching < real else None
        case "missing":
            if not real:
                return "INSUFFICIENT_DATA"
            if breaching < real:
                return "OK"
            return "ALARM" if reach >= rule.needed else None


def reason(rule: Rule, verdict: Verdict, spelled: Callable[[int], str]) -> str:
    """Why, in AWS's words; `spelled` writes the start of a period."""
    count = rule.periods
    datapoints = f"{count} datapoint{'s' if count > 1 else ''}"
    if verdict.state == "INSUFFICIENT_DATA":
        return f"Insufficient Data: {datapoints} {'were' if count > 1 else 'was'} unknown."
    if not verdict.points:
        treated = "breaching" if rule.missing == "breaching" else "nonBreaching"
        return (
            f"Threshold Crossed: no datapoints were received for {_periods(count)} and {_periods(count)} "
            + (f"{'were' if count > 1 else 'was'} treated as [{treated}].")
        )
    _, words = COMPARISONS[rule.comparison]
    crossed = verdict.state == "ALARM"
    counted = verdict.breaching if crossed else len(verdict.points) - verdict.breaching
    values = ", ".join(f"{value!r} ({spelled(at)})" for at, value in verdict.points)
    one = counted == 1
    needed = rule.needed if crossed else rule.periods - rule.needed + 1
    return (
        f"Threshold Crossed: {counted} out of the last {datapoints} [{values}] {'was' if one else 'were'} "
        f"{'' if crossed else 'not '}{words} the threshold ({rule.threshold!r}) (minimum {needed} "
        f"datapoint{'s' if needed > 1 else ''} for {'OK -> ALARM' if crossed else 'ALARM -> OK'} transition)."
    )


def _periods(count: int) -> str:
    return f"{count} period{'s' if count > 1 else ''}"
