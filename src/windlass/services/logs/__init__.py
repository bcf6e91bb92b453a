"""CloudWatch Logs: groups, streams, events; the sink of tasks' and functions' output."""

from __future__ import annotations

from collections.abc import Sequence

from windlass.aws.log_groups import LogGroups
from windlass.aws.metrics import Metrics
from windlass.services.logs.handlers import events, groups, live_tail, streams, tags
from windlass.services.logs.ingest import LogIngest
from windlass.services.logs.measuring import Measuring
from windlass.services.logs.model import GROUPS, TABLES
from windlass.services.logs.retention import Retention
from windlass.services.logs.tails import Tails
from windlass.services.plane import Plane, Service


def _start(plane: Plane) -> Sequence[object]:
    groups = plane.store[GROUPS]
    plane.calls.part(LogGroups).ask(lambda *key: groups.get(key) is not None)
    retention = Retention(plane.store, plane.clock, plane.journal)
    plane.spawn.start("logs.retention", retention.loop.run())
    measuring = Measuring(plane.store, plane.calls.part(Metrics))
    return (LogIngest(plane.store, plane.clock), Tails(plane.store, plane.clock), retention, measuring)


SERVICE = Service(
    name="logs",
    handlers={
        "CreateLogGroup": groups.create_log_group,
        "DeleteLogGroup": groups.delete_log_group,
        "DescribeLogGroups": groups.describe_log_groups,
        "ListLogGroups": groups.list_log_groups,
        "PutRetentionPolicy": groups.put_retention_policy,
        "DeleteRetentionPolicy": groups.delete_retention_policy,
        "PutLogGroupDeletionProtection": groups.put_log_group_deletion_protection,
        "CreateLogStream": streams.create_log_stream,
        "DeleteLogStream": streams.delete_log_stream,
        "DescribeLogStreams": streams.describe_log_streams,
        "PutLogEvents": events.put_log_events,
        "GetLogEvents": events.get_log_events,
        "FilterLogEvents": events.filter_log_events,
        "StartLiveTail": live_tail.start_live_tail,
        "TagResource": tags.tag_resource,
        "UntagResource": tags.untag_resource,
        "ListTagsForResource": tags.list_tags_for_resource,
        "TagLogGroup": tags.tag_log_group,
        "UntagLogGroup": tags.untag_log_group,
        "ListTagsLogGroup": tags.list_tags_log_group,
    },
    tables=TABLES,
    start=_start,
    partial={
        "CreateLogGroup": "kmsKeyId is refused; every logGroupClass behaves as STANDARD",
        "DescribeLogGroups": "accountIdentifiers and includeLinkedAccounts are ignored: one account",
        "ListLogGroups": "accountIdentifiers, dataSources, fieldIndexNames and logGroupTags are ignored",
        "PutLogEvents": "entity is ignored",
        "GetLogEvents": "unmask is ignored: nothing is masked",
        "FilterLogEvents": "regular expressions in filter patterns are refused; unmask is ignored",
        "StartLiveTail": "regular expressions in filter patterns are refused",
    },
    invalid="InvalidParameterException",
)
