"""Limits of CloudWatch, with their sources. Ours are marked so."""

from __future__ import annotations

from windlass.kernel.clock import HOUR, Duration

AGE_MAX_S = 14 * 86_400  # seconds; CloudWatch API reference, PutMetricData
AHEAD_MAX_S = 2 * 3_600  # seconds; CloudWatch API reference, PutMetricData
DATA_MAX = 1_000  # metrics in one PutMetricData; CloudWatch service quotas
VALUES_MAX = 150  # values of one metric in a PutMetricData; CloudWatch API reference, MetricDatum
VALUE_MAX = 2.0**360  # CloudWatch API reference, MetricDatum
RESOLUTIONS_S = (1, 60)  # seconds; CloudWatch API reference, MetricDatum
SHORT_PERIODS_S = (1, 5, 10, 20, 30)  # seconds, others are multiples of 60; GetMetricStatistics, MetricStat
PERIOD_MAX_S = 86_400  # seconds; CloudWatch User Guide, "Periods"
DATAPOINTS_MAX = 1_440  # points of one GetMetricStatistics; CloudWatch API reference

LISTED_MAX = 500  # metrics of one ListMetrics; CloudWatch API reference
LISTED_LOOKED_MAX = 10_000  # series looked at for one page; ours
ACTIVE_S = 3 * 3_600  # seconds; CloudWatch API reference, ListMetrics, RecentlyActive PT3H
LISTED_AGE_S = 14 * 86_400  # seconds without points until it is listed no more; ListMetrics

FOLDED_AT = 64  # rows of points that are joined to one; ours
ROWS_BYTES_MAX = 8 * 1024 * 1024  # bytes of rows of points of all accounts, compressed; ours
KEEPING_PERIOD: Duration = HOUR  # how often old points are looked for; ours
