"""PutMetricData, GetMetricStatistics, ListMetrics."""

from __future__ import annotations

from typing import Any

from windlass.aws.calls import Call, Params, Result
from windlass.aws.metrics import Metrics, Series
from windlass.aws.paging import open_token, seal
from windlass.kernel.clock import SECOND
from windlass.kernel.faults import Fault
from windlass.services.cloudwatch import datum, statistics
from windlass.services.cloudwatch.datum import combination
from windlass.services.cloudwatch.keeping import Keeping
from windlass.services.cloudwatch.limits import (
    ACTIVE_S,
    DATAPOINTS_MAX,
    LISTED_AGE_S,
    LISTED_LOOKED_MAX,
    LISTED_MAX,
)


async def put_metric_data(call: Call, params: Params) -> Result:
    """CloudWatch PutMetricData."""
    points = datum.take(params, call.now // SECOND)
    await call.part(Keeping).put(call.scope, points, call.now)
    return {}


def get_metric_statistics(call: Call, params: Params) -> Result:
    """CloudWatch GetMetricStatistics: of points in different units, each for itself."""
    simple, extended = params.get("Statistics", ()), params.get("ExtendedStatistics", ())
    if not simple and not extended:
        raise Fault("MissingParameter", "The request must contain one of Statistics and ExtendedStatistics.")
    if simple and extended:
        raise combination("The parameters Statistics and ExtendedStatistics are mutually exclusive.")
    for name in extended:
        statistics.check_name(name, "ExtendedStatistics")
    period = params["Period"]
    statistics.check_period(period)
    start, end = datum.seconds(params["StartTime"], 0), datum.seconds(params["EndTime"], 0)
    statistics.check_range(start, end)
    start = statistics.whole_start(start, period, call.now // SECOND)
    count = -(-(end - start) // period)
    if count > DATAPOINTS_MAX:
        raise combination(
            f"You have requested up to {count:,} datapoints, which exceeds the limit of {DATAPOINTS_MAX:,}. "
            "You may reduce the datapoints requested by increasing Period, or decreasing the time range."
        )
    series = _series(call, params)
    metrics = call.part(Metrics)
    units = [params["Unit"]] if "Unit" in params else metrics.units(series)
    shown = []
    for unit in units:
        for bucket in metrics.read(series, start, end, period, unit):
            known = {name: statistics.value(bucket.summary, name) for name in (*simple, *extended)}
            found = {name: value for name, value in known.items() if value is not None}
            if not found:
                continue
            point: dict[str, Any] = {"Timestamp": float(bucket.start), "Unit": unit}
            shown.append(point | (found if simple else {"ExtendedStatistics": found}))
    return {"Label": params["MetricName"], "Datapoints": shown}


def list_metrics(call: Call, params: Params) -> Result:
    """CloudWatch ListMetrics: metrics with points in the last two weeks, or three hours."""
    now, metrics = call.now // SECOND, call.part(Metrics)
    active = now - (ACTIVE_S if "RecentlyActive" in params else LISTED_AGE_S)
    filters = [*call.scope, {key: params[key] for key in params if key != "NextToken"}]
    namespace, token = params.get("Namespace"), params.get("NextToken")
    since: tuple[object, ...] = (namespace,) if namespace else ()
    if token:
        since = open_token(token, "ListMetrics", filters, statistics.no_token)
    shown: list[Series] = []
    following: str | None = None
    before: Series | None = None
    for looked, series in enumerate(metrics.listed(*call.scope, since)):
        if namespace and series.namespace != namespace:
            break
        if len(shown) == LISTED_MAX or looked == LISTED_LOOKED_MAX:
            assert before is not None
            following = seal("ListMetrics", filters, before[2:])
            break
        if metrics.last(series) >= active and _wanted(series, params):
            shown.append(series)
        before = series
    found = [
        {
            "Namespace": series.namespace,
            "MetricName": series.name,
            "Dimensions": [{"Name": name, "Value": value} for name, value in series.dimensions],
        }
        for series in shown
    ]
    answer: Result = {"Metrics": found}
    if params.get("IncludeLinkedAccounts"):
        answer["OwningAccounts"] = [call.account] * len(found)
    return answer | ({"NextToken": following} if following else {})


def _wanted(series: Series, params: Params) -> bool:
    if series.name != params.get("MetricName", series.name):
        return False
    if params.get("OwningAccount", series.account) != series.account:
        return False
    given = dict(series.dimensions)
    return all(
        wanted["Name"] in given and given[wanted["Name"]] == wanted.get("Value", given[wanted["Name"]])
        for wanted in params.get("Dimensions", ())
    )


def _series(call: Call, metric: Params) -> Series:
    """The series that Namespace, MetricName and Dimensions mean."""
    dimensions = datum.dimensions(metric.get("Dimensions", ()))
    return Series(*call.scope, metric["Namespace"], metric["MetricName"], dimensions)
