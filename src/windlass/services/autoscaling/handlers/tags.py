"""Tags of Auto Scaling groups: create or update, delete, describe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from windlass.aws.calls import Call, Params, Result
from windlass.kernel.faults import Fault
from windlass.kernel.rows import replace
from windlass.services.autoscaling import describe, find, limits
from windlass.services.autoscaling.find import invalid
from windlass.services.autoscaling.model import GROUPS, GroupTag

_FILTERS = {
    "auto-scaling-group": "ResourceId",
    "key": "Key",
    "value": "Value",
    "propagate-at-launch": "PropagateAtLaunch",
}


def create_or_update_tags(call: Call, params: Params) -> None:
    """EC2 Auto Scaling CreateOrUpdateTags: on all groups that are named, or on none."""
    with call.store.transact() as tx:
        for name, given in _by_group(params["Tags"]).items():
            group = find.group(tx, call.scope, name)
            after = {tag.key: tag for tag in (*group.tags, *tags_of(given))}
            if len(after) > limits.TAGS_MAX:
                raise Fault("LimitExceeded", f"A group can have at most {limits.TAGS_MAX} tags.")
            tx[GROUPS].put(replace(group, tags=tuple(after.values())))


def delete_tags(call: Call, params: Params) -> None:
    """EC2 Auto Scaling DeleteTags: keys that are not there are no error."""
    with call.store.transact() as tx:
        for name, given in _by_group(params["Tags"]).items():
            group = find.group(tx, call.scope, name)
            gone = {one.get("Key") for one in given}
            tx[GROUPS].put(replace(group, tags=tuple(tag for tag in group.tags if tag.key not in gone)))


def describe_tags(call: Call, params: Params) -> Result:
    """EC2 Auto Scaling DescribeTags."""
    shown = [describe.tag(row, one) for row in call.store[GROUPS].by("scope", call.scope) for one in row.tags]
    for one in params.get("Filters", ()):
        member = _FILTERS.get(one.get("Name", ""))
        if member is None:
            raise invalid(f"Filter type {one.get('Name', '')} is not correct.")
        values = set(one.get("Values", ()))
        shown = [tag for tag in shown if _text(tag[member]) in values]
    page, more = find.cut(call, params, shown, "DescribeTags")
    return {"Tags": page, **more}


def tags_of(given: Sequence[Mapping[str, Any]]) -> tuple[GroupTag, ...]:
    """A call's tags; the last of a key wins."""
    found: dict[str, GroupTag] = {}
    for one in given:
        if one["Key"].lower().startswith("aws:"):
            raise invalid("Tag keys starting with 'aws:' are reserved for internal use")
        found[one["Key"]] = GroupTag(one["Key"], one.get("Value") or "", one.get("PropagateAtLaunch", True))
    if len(found) > limits.TAGS_MAX:
        raise Fault("LimitExceeded", f"A group can have at most {limits.TAGS_MAX} tags.")
    return tuple(found.values())


def _by_group(tags: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    found: dict[str, list[Mapping[str, Any]]] = {}
    for one in tags:
        if one.get("ResourceType", describe.RESOURCE_TYPE) != describe.RESOURCE_TYPE:
            raise invalid(f"Invalid resource type {one['ResourceType']}.")
        found.setdefault(one.get("ResourceId", ""), []).append(one)
    return found


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
