"""Buses, rules and tags as the API shows them. Reads only."""

from __future__ import annotations

from windlass.aws.calls import Result
from windlass.kernel.clock import SECOND
from windlass.services.events.event import encode
from windlass.services.events.model import EventBus, Rule


def bus(row: EventBus) -> Result:
    """A member of ListEventBuses. The implied default bus has no times."""
    shown: Result = {"Name": row.name, "Arn": row.arn}
    if "Description" in row.settings:
        shown["Description"] = row.settings["Description"]
    if row.statements:
        shown["Policy"] = policy(row)
    if row.created_at:
        shown |= {"CreationTime": row.created_at / SECOND, "LastModifiedTime": row.modified_at / SECOND}
    return shown


def bus_in_full(row: EventBus) -> Result:
    """DescribeEventBus."""
    return bus(row) | dict(row.settings)


def policy(row: EventBus) -> str:
    return encode({"Version": "2012-10-17", "Statement": list(row.statements)})


def rule(row: Rule) -> Result:
    """A rule as DescribeRule and ListRules show it."""
    shown: Result = {"Name": row.name, "Arn": row.arn, "State": row.state, "EventBusName": row.bus}
    optional = {
        "EventPattern": row.pattern,
        "ScheduleExpression": row.schedule,
        "Description": row.description,
        "RoleArn": row.role_arn,
    }
    return shown | {name: value for name, value in optional.items() if value is not None}


def tags(row: EventBus | Rule) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in row.tags.items()]
