"""DescribeAlarmHistory."""

from __future__ import annotations

from windlass.aws.calls import Call, Params, Result
from windlass.aws.paging import page
from windlass.kernel.clock import seconds
from windlass.services.cloudwatch import describe
from windlass.services.cloudwatch.limits import PAGE_MAX
from windlass.services.cloudwatch.model import HISTORY, HistoryItem
from windlass.services.cloudwatch.statistics import no_token


def describe_alarm_history(call: Call, params: Params) -> Result:
    """CloudWatch DescribeAlarmHistory, newest first unless ScanBy says else; also of deleted alarms."""
    name, kind = params.get("AlarmName"), params.get("HistoryItemType")
    start, end = params.get("StartDate"), params.get("EndDate")
    first = None if start is None else seconds(start.timestamp())
    last = None if end is None else seconds(end.timestamp())
    kinds = params.get("AlarmTypes", ("MetricAlarm",))

    def wanted(item: HistoryItem) -> bool:
        return (
            (kind is None or item.kind == kind)
            and (first is None or item.at >= first)
            and (last is None or item.at <= last)
            and item.alarm_type in kinds
        )

    rows, following = page(
        call.store[HISTORY],
        "scope" if name is None else "alarm",
        call.scope if name is None else (*call.scope, name),
        operation="DescribeAlarmHistory",
        filters=[*call.scope, name, kind, first, last, params.get("ScanBy")],
        token=params.get("NextToken"),
        limit=params.get("MaxRecords", PAGE_MAX),
        fault=no_token,
        where=wanted,
        reverse=params.get("ScanBy", "TimestampDescending") == "TimestampDescending",
    )
    answer: Result = {"AlarmHistoryItems": [describe.history_item(row) for row in rows]}
    return answer | ({"NextToken": following} if following else {})
