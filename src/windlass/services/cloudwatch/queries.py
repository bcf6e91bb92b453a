"""Metric data queries: what GetMetricData and alarms ask for, read, checked and answered. Pure.

A query is a metric with a statistic, or an expression over other queries (MetricDataQuery). `Read` is how a
metric's points are had; nothing here knows where they are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from windlass.aws.metric_points import Bucket
from windlass.kernel.faults import Fault
from windlass.services.cloudwatch import datum, expression, statistics
from windlass.services.cloudwatch.datum import Shape
from windlass.services.cloudwatch.expression import Scope, Series
from windlass.services.cloudwatch.limits import DATA_POINTS_MAX, QUERIES_MAX

_ID = re.compile(r"[a-z][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Stat:
    """A statistic of a metric in each period."""

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...]
    statistic: str
    period: int
    unit: str | None = None


@dataclass(frozen=True, slots=True)
class Query:
    """One of a call's queries: with a `stat`, or with an expression."""

    id: str
    stat: Stat | None
    expression: str
    label: str
    returned: bool


Read: TypeAlias = Callable[[Stat, int, int], Sequence[Bucket]]
"""The periods of a metric from a start until before an end (seconds since the epoch)."""


def take(given: Sequence[Shape]) -> tuple[Query, ...]:
    """The queries of a call. Raises Fault ValidationError, InvalidParameterValue."""
    if not 0 < len(given) <= QUERIES_MAX:
        raise _wrong(f"The collection MetricDataQueries must have a size of 1 to {QUERIES_MAX}.")
    found = tuple(map(_query, given))
    names = [query.id for query in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise _wrong(f"The values for parameter id in parameter MetricDataQueries are not unique: {twice[0]}")
    for query in found:
        missing = sorted(expression.ids(query.expression) - set(names))
        if query.stat is None and missing:
            raise _wrong(f"Error in expression '{query.id}': the id {missing[0]} is not there")
    return found


def of_metric(given: Shape, statistic: str, period: int) -> Stat:
    """A metric by Namespace, MetricName, Dimensions and Unit, with a statistic that is checked here."""
    for name in ("Namespace", "MetricName"):
        if name not in given:
            raise Fault("MissingParameter", f"The parameter {name} is required.")
    statistics.check_name(statistic, "Stat")
    statistics.check_period(period)
    dimensions = datum.dimensions(given.get("Dimensions", ()))
    return Stat(given["Namespace"], given["MetricName"], dimensions, statistic, period, given.get("Unit"))


def answer(queries: Sequence[Query], read: Read, start: int, end: int, now: int) -> Mapping[str, Series]:
    """Every query's series by its id. `start` is rounded down as each period asks for."""
    found: dict[str, Series] = {}
    for query in queries:
        if query.stat is not None:
            found[query.id] = series_of(query.stat, read, start, end, now)
    metrics = dict(found)
    step = min((series.period for series in metrics.values()), default=60)
    times = range(statistics.whole_start(start, step, now), end, step)
    if len(times) > DATA_POINTS_MAX:
        raise _wrong(f"The request is for more than {DATA_POINTS_MAX} points of a metric.")
    expressions = {query.id: query.expression for query in queries if query.stat is None}
    under_way: set[str] = set()

    def named(name: str) -> Series:
        if name in found:
            return found[name]
        if name in under_way or name not in expressions:
            raise expression.wrong(f"{name} is not there, or needs itself")
        under_way.add(name)
        found[name] = expression.evaluate(expressions[name], Scope(named, metrics, times))
        return found[name]

    for name in expressions:
        named(name)
    return found


def series_of(stat: Stat, read: Read, start: int, end: int, now: int) -> Series:
    """A statistic in each period that has one."""
    begun = statistics.whole_start(start, stat.period, now)
    values = {
        bucket.start: statistics.value(bucket.summary, stat.statistic) for bucket in read(stat, begun, end)
    }
    return Series(stat.period, {at: value for at, value in values.items() if value is not None})


def _query(given: Shape) -> Query:
    name = given["Id"]
    if _ID.fullmatch(name) is None:
        raise _wrong(
            f"The value '{name}' for parameter id is not valid: it must begin with a lowercase letter and "
            "hold letters, digits and underscores"
        )
    stated: Mapping[str, Any] | None = given.get("MetricStat")
    if (stated is None) == ("Expression" not in given):
        raise _wrong(f"The query {name} must have one of MetricStat and Expression")
    if stated is None:
        text = given["Expression"]
        if re.match(r"\s*(SELECT|SEARCH)\b", text, re.IGNORECASE):
            raise _wrong("Windlass does not have Metrics Insights or SEARCH")
        return Query(name, None, text, given.get("Label", name), given.get("ReturnData", True))
    metric = dict(stated["Metric"]) | ({"Unit": stated["Unit"]} if "Unit" in stated else {})
    stat = of_metric(metric, stated["Stat"], stated["Period"])
    return Query(name, stat, "", given.get("Label", stat.name), given.get("ReturnData", True))


def _wrong(why: str) -> Fault:
    return Fault("ValidationError", why)
