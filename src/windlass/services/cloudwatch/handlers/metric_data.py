"""GetMetricData: many metrics and expressions at once, in pages."""

from __future__ import annotations

from windlass.aws.calls import Call, Params, Result
from windlass.aws.metrics import Metrics
from windlass.aws.paging import open_token, seal
from windlass.kernel.clock import SECOND
from windlass.services.cloudwatch import datum, queries, statistics
from windlass.services.cloudwatch.limits import DATA_POINTS_MAX
from windlass.services.cloudwatch.reading import reader


def get_metric_data(call: Call, params: Params) -> Result:
    """CloudWatch GetMetricData. Newest first unless ScanBy says else."""
    asked = queries.take(params["MetricDataQueries"])
    start, end = datum.seconds(params["StartTime"], 0), datum.seconds(params["EndTime"], 0)
    statistics.check_range(start, end)
    found = queries.answer(asked, reader(call.part(Metrics), call.scope), start, end, call.now // SECOND)
    newest_first = params.get("ScanBy", "TimestampDescending") == "TimestampDescending"
    filters = [*call.scope, start, end, newest_first, [repr(query) for query in asked]]
    token = params.get("NextToken")
    skipped = open_token(token, "GetMetricData", filters, statistics.no_token) if token else 0
    left = min(params.get("MaxDatapoints", DATA_POINTS_MAX), DATA_POINTS_MAX)
    shown, place = [], 0
    for query in asked:
        if not query.returned:
            continue
        points = sorted(found[query.id].points.items(), reverse=newest_first)
        first = max(0, skipped - place)
        page = points[first : first + left]
        place += len(points)
        if first and not page:
            continue
        left -= len(page)
        shown.append(
            {
                "Id": query.id,
                "Label": query.label,
                "Timestamps": [float(at) for at, _ in page],
                "Values": [value for _, value in page],
                "StatusCode": "Complete" if first + len(page) == len(points) else "PartialData",
            }
        )
    answer: Result = {"MetricDataResults": shown, "Messages": []}
    told = skipped + sum(len(one["Values"]) for one in shown)
    if told < place:
        answer["NextToken"] = seal("GetMetricData", filters, told)
    return answer
