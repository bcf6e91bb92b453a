"""Log groups: create, delete, describe, list, retention, deletion protection."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from windlass.aws.calls import Call, Params, Result
from windlass.kernel.clock import MILLISECOND
from windlass.kernel.faults import Fault
from windlass.services.logs import describe
from windlass.services.logs.find import group_name, group_named, invalid
from windlass.services.logs.handlers.tags import check_keys
from windlass.services.logs.limits import GROUP_TAGS_MAX, RETENTION_DAYS
from windlass.services.logs.listing import listing
from windlass.services.logs.model import CHUNKS, GROUPS, STREAMS, LogGroup


def create_log_group(call: Call, params: Params) -> Result:
    """Logs CreateLogGroup."""
    tags = dict(params.get("tags", {}))
    check_keys(tags)
    if len(tags) > GROUP_TAGS_MAX:
        raise invalid(f"A log group can have at most {GROUP_TAGS_MAX} tags.")
    if params.get("kmsKeyId"):
        raise invalid("Windlass does not encrypt log groups: leave out kmsKeyId")
    with call.store.transact() as tx:
        if tx[GROUPS].get((*call.scope, params["logGroupName"])) is not None:
            raise Fault("ResourceAlreadyExistsException", "The specified log group already exists")
        tx[GROUPS].put(
            LogGroup(
                *call.scope,
                name=params["logGroupName"],
                created_ms=call.now // MILLISECOND,
                log_class=params.get("logGroupClass", "STANDARD"),
                deletion_protected=params.get("deletionProtectionEnabled", False),
                tags=tags,
            )
        )
    return {}


def delete_log_group(call: Call, params: Params) -> Result:
    """Logs DeleteLogGroup: the group, its streams and all their events."""
    with call.store.transact() as tx:
        group = group_named(tx[GROUPS], call, params["logGroupName"])
        if group.deletion_protected:
            raise Fault(
                "ValidationException",
                f"The log group {group.name} cannot be deleted because deletion protection is enabled",
            )
        for chunk in tx[CHUNKS].by("group", group.key):
            tx[CHUNKS].delete((*group.key, chunk.number))
        for stream in tx[STREAMS].by("group", group.key):
            tx[STREAMS].delete(stream.key)
        tx[GROUPS].delete(group.key)
    return {}


def describe_log_groups(call: Call, params: Params) -> Result:
    """Logs DescribeLogGroups: in order of name; by prefix, by a part of the name, or the groups named."""
    prefix, part = params.get("logGroupNamePrefix"), params.get("logGroupNamePattern")
    if prefix and part:
        raise invalid("LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.")
    if names := params.get("logGroupIdentifiers"):
        view = call.store[GROUPS]
        found = (view.get((*call.scope, group_name(call, name))) for name in names)
        return {"logGroups": [describe.group(row) for row in found if row is not None]}
    log_class = params.get("logGroupClass")

    def where(row: LogGroup) -> bool:
        return (part or "") in row.name and (log_class is None or row.log_class == log_class)

    rows, following = listing(
        call,
        params,
        call.store[GROUPS],
        "scope",
        call.scope,
        operation="DescribeLogGroups",
        prefix=prefix or "",
        where=where,
    )
    shown = describe.group_in_brief if part else describe.group
    return {"logGroups": [shown(row) for row in rows]} | following


def list_log_groups(call: Call, params: Params) -> Result:
    """Logs ListLogGroups: names that hold one of the parts of `a|^b`, where ^ asks for the start."""
    pattern = params.get("logGroupNamePattern")
    wanted = re.compile("|".join(_part(one) for one in pattern.split("|")) if pattern else "")
    log_class = params.get("logGroupClass")

    def where(row: LogGroup) -> bool:
        return bool(wanted.search(row.name)) and (log_class is None or row.log_class == log_class)

    view = call.store[GROUPS]
    rows, following = listing(call, params, view, "scope", call.scope, operation="ListLogGroups", where=where)
    shown = [
        {"logGroupName": row.name, "logGroupArn": describe.group_arn(row), "logGroupClass": row.log_class}
        for row in rows
    ]
    return {"logGroups": shown} | following


def put_retention_policy(call: Call, params: Params) -> Result:
    """Logs PutRetentionPolicy. The retention loop deletes what is older, within the hour."""
    days = params["retentionInDays"]
    if days not in RETENTION_DAYS:
        raise invalid(
            f"Value '{days}' at 'retentionInDays' failed to satisfy constraint: Member must satisfy enum "
            f"value set: [{', '.join(map(str, sorted(RETENTION_DAYS)))}]"
        )
    return _change(call, params["logGroupName"], lambda group: replace(group, retention_days=days))


def delete_retention_policy(call: Call, params: Params) -> Result:
    """Logs DeleteRetentionPolicy: events never expire."""
    return _change(call, params["logGroupName"], lambda group: replace(group, retention_days=None))


def put_log_group_deletion_protection(call: Call, params: Params) -> Result:
    """Logs PutLogGroupDeletionProtection."""
    protected = params["deletionProtectionEnabled"]
    name = group_name(call, params["logGroupIdentifier"])
    return _change(call, name, lambda group: replace(group, deletion_protected=protected))


def _change(call: Call, name: str, change: Callable[[LogGroup], LogGroup]) -> Result:
    with call.store.transact() as tx:
        tx[GROUPS].put(change(group_named(tx[GROUPS], call, name)))
    return {}


def _part(text: str) -> str:
    return "^" + re.escape(text[1:]) if text.startswith("^") else re.escape(text)
