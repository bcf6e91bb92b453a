"""Tags of functions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from windlass.aws.arn import parse
from windlass.aws.calls import Call, Params, Result
from windlass.kernel.faults import Fault
from windlass.services.lambda_.limits import TAGS_MAX
from windlass.services.lambda_.model import FUNCTIONS, Function
from windlass.services.lambda_.names import not_found, resolve
from windlass.services.lambda_.package import invalid


def check_tags(tags: Mapping[str, str]) -> None:
    """Limits of AWS tags: count, lengths, reserved prefix."""
    if len(tags) > TAGS_MAX:
        raise invalid(f"Tags exceed the limit of {TAGS_MAX} per resource")
    for key, value in tags.items():
        if not 1 <= len(key) <= 128 or len(value) > 256:
            raise invalid("A tag key has 1 to 128 characters, a tag value at most 256")
        if key.lower().startswith("aws:"):
            raise invalid("aws: prefixed tag key names are not allowed for external use.")


def tag_resource(call: Call, params: Params) -> Result:
    check_tags(params["Tags"])
    with call.store.transact() as tx:
        function = _tagged(call, params)
        tags = {**dict(function.tags), **params["Tags"]}
        check_tags(tags)
        tx[FUNCTIONS].put(replace(function, tags=tuple(sorted(tags.items()))))
    return {}


def untag_resource(call: Call, params: Params) -> Result:
    gone = set(params["TagKeys"])
    with call.store.transact() as tx:
        function = _tagged(call, params)
        left = tuple(tag for tag in function.tags if tag[0] not in gone)
        tx[FUNCTIONS].put(replace(function, tags=left))
    return {}


def list_tags(call: Call, params: Params) -> Result:
    return {"Tags": dict(_tagged(call, params).tags)}


def _tagged(call: Call, params: Params) -> Function:
    resource = params["Resource"]
    arn = parse(resource)
    if arn is None or not arn.resource.startswith("function:"):
        raise Fault("ResourceNotFoundException", f"The resource you requested does not exist: {resource}")
    named = resolve(resource, None, call.account, call.region, call.caller.arn)
    if named.qualifier:
        raise invalid(
            "Tags on function aliases and versions are not supported. Please specify a function ARN."
        )
    return call.store[FUNCTIONS].require(named.key, lambda: not_found(named.arn))
