"""Log groups and streams as the API shows them. Reads only."""

from __future__ import annotations

from windlass.aws.arn import arn
from windlass.aws.calls import Result
from windlass.services.logs.model import LogGroup, LogStream


def group_arn(group: LogGroup) -> str:
    return arn("logs", group.region, group.account, f"log-group:{group.name}")


def group(row: LogGroup) -> Result:
    """A member of DescribeLogGroups. There are no metric filters, so their count is true."""
    shown: Result = {
        "logGroupName": row.name,
        "creationTime": row.created_ms,
        "metricFilterCount": 0,
        "arn": f"{group_arn(row)}:*",
        "logGroupArn": group_arn(row),
        "storedBytes": row.stored_bytes,
        "logGroupClass": row.log_class,
        "deletionProtectionEnabled": row.deletion_protected,
    }
    if row.retention_days is not None:
        shown["retentionInDays"] = row.retention_days
    return shown


def group_in_brief(row: LogGroup) -> Result:
    """The same for a search by logGroupNamePattern, which shows less (Logs API reference)."""
    return {"logGroupName": row.name, "creationTime": row.created_ms, "arn": f"{group_arn(row)}:*"}


def stream(row: LogStream) -> Result:
    """A member of DescribeLogStreams; storedBytes is 0 there since 2019 (Logs API reference, LogStream)."""
    shown: Result = {
        "logStreamName": row.name,
        "creationTime": row.created_ms,
        "arn": arn("logs", row.region, row.account, f"log-group:{row.group}:log-stream:{row.name}"),
        "storedBytes": 0,
    }
    times = {
        "firstEventTimestamp": row.first_event_ms,
        "lastEventTimestamp": row.last_event_ms,
        "lastIngestionTime": row.last_ingestion_ms,
    }
    return shown | {name: at for name, at in times.items() if at is not None}
