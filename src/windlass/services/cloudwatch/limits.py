"""Limits of CloudWatch, with their sources. Ours are marked so."""

from __future__ import annotations

from windlass.kernel.clock import HOUR, MINUTE, SECOND, Duration

AGE_MAX_S = 14 * 86_400  # seconds; CloudWatch API reference, PutMetricData
AHEAD_MAX_S = 2 * 3_600  # seconds; CloudWatch API reference, PutMetricData
DATA_MAX = 1_000  # metrics in one PutMetricData; CloudWatch service quotas
VALUES_MAX = 150  # values of one metric in a PutMetricData; CloudWatch API reference, MetricDatum
VALUE_MAX = 2.0**360  # CloudWatch API reference, MetricDatum
RESOLUTIONS_S = (1, 60)  # seconds; CloudWatch API reference, MetricDatum
SHORT_PERIODS_S = (1, 5, 10, 20, 30)  # seconds, others are multiples of 60; GetMetricStatistics, MetricStat
PERIOD_MAX_S = 86_400  # seconds; CloudWatch User Guide, "Periods"
DATAPOINTS_MAX = 1_440  # points of one GetMetricStatistics; CloudWatch API reference

QUERIES_MAX = 500  # queries of one GetMetricData; CloudWatch API reference
DATA_POINTS_MAX = 100_800  # points of one GetMetricData; CloudWatch API reference

LISTED_MAX = 500  # metrics of one ListMetrics; CloudWatch API reference
LISTED_LOOKED_MAX = 10_000  # series looked at for one page; ours
ACTIVE_S = 3 * 3_600  # seconds; CloudWatch API reference, ListMetrics, RecentlyActive PT3H
LISTED_AGE_S = 14 * 86_400  # seconds without points until it is listed no more; ListMetrics

FOLDED_AT = 64  # rows of points that are joined to one; ours
ROW_FULL_BYTES = 4 * 1024  # bytes of a row that is joined with no other: some 30 ms of work; ours
ROWS_BYTES_MAX = 4 * 1024 * 1024  # bytes of rows of points of all accounts, compressed; ours
KEEPING_PERIOD: Duration = HOUR  # how often old points are looked for; ours

ALARM_PERIODS_S = (10, 20, 30)  # seconds, others are multiples of 60; PutMetricAlarm, Period
ALARM_SPAN_S = 86_400  # seconds of all evaluation periods; PutMetricAlarm, EvaluationPeriods
ALARM_SPAN_LONG_S = 7 * 86_400  # the same of periods of an hour and more
RULE_ALARMS_MAX = 100  # alarms that a composite alarm names; CloudWatch User Guide, "Composite alarms"
RULE_ELEMENTS_MAX = 500  # elements of its rule; CloudWatch API reference, PutCompositeAlarm
RULE_DEPTH_MAX = 100  # levels of parentheses in it; ours
DASHBOARDS_PAGE = 1_000  # dashboards of one ListDashboards; CloudWatch API reference
ALARMS_MAX = 5_000  # alarms of an account and Region; CloudWatch service quotas
TAGS_MAX = 50  # tags of an alarm; CloudWatch API reference, PutMetricAlarm
PAGE_MAX = 100  # alarms or history items of one page; CloudWatch API reference, DescribeAlarms
HISTORY_MAX = 100  # history items kept of an alarm; ours (AWS: those of 30 days)
HISTORY_ALL_MAX = 5_000  # history items kept of an account and Region; ours
REASON_MAX = 1_023  # characters; CloudWatch API reference, StateReason
EVALUATED_EVERY: Duration = MINUTE  # alarms with periods of a minute and more; User Guide, "Alarm evaluation"
EVALUATED_FAST: Duration = 10 * SECOND  # those with shorter ones; User Guide, "High-resolution alarms"
EVALUATED_AFTER: Duration = 2 * SECOND  # after a period's end, so that its points are there; ours
ACTIONS_AT_ONCE = 100  # actions of alarms taken in one pass; ours
