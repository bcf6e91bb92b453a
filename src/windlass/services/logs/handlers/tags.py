"""Tags of log groups, through the API of 2022 (by ARN) and the older one (by name)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from windlass.aws.calls import Call, Params, Result
from windlass.kernel.faults import Fault
from windlass.services.logs.find import group_name, group_named, invalid
from windlass.services.logs.limits import GROUP_TAGS_MAX
from windlass.services.logs.model import GROUPS


def tag_resource(call: Call, params: Params) -> Result:
    """Logs TagResource."""
    return _tag(call, _name(call, params["resourceArn"]), params["tags"], "TooManyTagsException")


def tag_log_group(call: Call, params: Params) -> Result:
    """Logs TagLogGroup."""
    return _tag(call, params["logGroupName"], params["tags"], "InvalidParameterException")


def untag_resource(call: Call, params: Params) -> Result:
    """Logs UntagResource."""
    return _untag(call, _name(call, params["resourceArn"]), params["tagKeys"])


def untag_log_group(call: Call, params: Params) -> Result:
    """Logs UntagLogGroup."""
    return _untag(call, params["logGroupName"], params["tags"])


def list_tags_for_resource(call: Call, params: Params) -> Result:
    """Logs ListTagsForResource."""
    return {"tags": dict(group_named(call.store[GROUPS], call, _name(call, params["resourceArn"])).tags)}


def list_tags_log_group(call: Call, params: Params) -> Result:
    """Logs ListTagsLogGroup."""
    return {"tags": dict(group_named(call.store[GROUPS], call, params["logGroupName"]).tags)}


def check_keys(tags: Iterable[str]) -> None:
    """Raise InvalidParameterException for keys that only AWS may use (Logs API reference, TagResource)."""
    reserved = next((key for key in tags if key.lower().startswith("aws:")), None)
    if reserved is not None:
        raise invalid(f"Tag keys that begin with aws: are reserved: {reserved}")


def _name(call: Call, resource_arn: str) -> str:
    if not resource_arn.startswith("arn:"):
        raise invalid(f"{resource_arn} is not a valid ARN")
    return group_name(call, resource_arn)


def _tag(call: Call, name: str, tags: Mapping[str, str], too_many: str) -> Result:
    check_keys(tags)
    with call.store.transact() as tx:
        group = group_named(tx[GROUPS], call, name)
        after = group.tags | dict(tags)
        if len(after) > GROUP_TAGS_MAX:
            raise Fault(too_many, f"A log group can have at most {GROUP_TAGS_MAX} tags.")
        tx[GROUPS].put(replace(group, tags=after))
    return {}


def _untag(call: Call, name: str, keys: Iterable[str]) -> Result:
    gone = set(keys)
    with call.store.transact() as tx:
        group = group_named(tx[GROUPS], call, name)
        kept = {key: value for key, value in group.tags.items() if key not in gone}
        tx[GROUPS].put(replace(group, tags=kept))
    return {}
