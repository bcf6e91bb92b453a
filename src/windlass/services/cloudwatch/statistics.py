"""Statistics by their names: of a summary, their value. Pure.

Simple ones and percentiles (pNN.NN). A percentile is the least value that so many percent of the values are
not above; AWS does not say how it computes them. It is there only where values are known: not of statistic
sets with different least and most (CloudWatch User Guide, "Percentiles").
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from windlass.aws.metric_points import Summary
from windlass.kernel.faults import Fault
from windlass.services.cloudwatch.datum import combination, invalid
from windlass.services.cloudwatch.limits import PERIOD_MAX_S, SHORT_PERIODS_S

SIMPLE: Mapping[str, Callable[[Summary], float]] = {
    "SampleCount": lambda summary: summary.samples,
    "Average": lambda summary: summary.mean,
    "Sum": lambda summary: summary.total,
    "Minimum": lambda summary: summary.least,
    "Maximum": lambda summary: summary.most,
}
_PERCENTILE = re.compile(r"p(\d{1,3}(?:\.\d{1,10})?)")
_OTHERS = re.compile(r"(?:tm|wm|tc|ts|TM|WM|TC|TS|PR|iqm|IQM)\b.*|(?:tm|wm|tc|ts)\d.*")


def check_name(name: str, parameter: str) -> None:
    """Raise Fault InvalidParameterValue for what is no statistic, or one that Windlass does not have."""
    if name in SIMPLE or _percent(name) is not None:
        return
    if _OTHERS.fullmatch(name):
        raise invalid(f"Windlass does not have the statistic {name}: only simple ones and percentiles")
    raise invalid(f"The value {name} for parameter {parameter} is not supported.")


def value(summary: Summary, name: str) -> float | None:
    """The statistic of that checked name; None where it is not known."""
    simple = SIMPLE.get(name)
    if simple is not None:
        return simple(summary)
    values, percent = summary.values, _percent(name)
    if values is None or percent is None:
        return None
    wanted, seen = summary.samples * percent / 100, 0.0
    for one, count in sorted(values.items()):
        seen += count
        if seen >= wanted - 1e-9 * summary.samples:
            return one
    return summary.most


def check_period(period: int, parameter: str = "Period") -> None:
    """1, 5, 10, 20 or 30 seconds, or a multiple of 60, at most a day."""
    if period > PERIOD_MAX_S:
        raise invalid(f"The parameter {parameter} must be at most {PERIOD_MAX_S}.")
    if period not in SHORT_PERIODS_S and period % 60:
        raise invalid(
            f"The value {period} for parameter {parameter} is invalid. It must be 1, 5, 10, 20, 30 or a "
            "multiple of 60."
        )


def check_range(start: int, end: int) -> None:
    """Raise Fault InvalidParameterCombination when the time ends before it begins."""
    if start >= end:
        raise combination("The parameter StartTime must be less than the parameter EndTime.")


def whole_start(start: int, period: int, now: int) -> int:
    """Where the first period begins (GetMetricStatistics, StartTime): rounded down by age and period."""
    day = 86_400
    age = now - start
    if period < 60:
        return start - start % period
    step = 60 if age < 15 * day else 300 if age < 63 * day else 3_600
    return start - start % step


def _percent(name: str) -> float | None:
    found = _PERCENTILE.fullmatch(name)
    percent = float(found[1]) if found else -1.0
    return percent if 0 <= percent <= 100 else None


def no_token() -> Fault:
    return Fault("InvalidNextToken", "The next token is invalid.")
