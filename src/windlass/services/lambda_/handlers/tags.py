"""Tags of functions and of event source mappings."""

from __future__ import annotations

import collections.abc
from dataclasses import replace

from windlass.aws.arn import parse
from windlass.aws.calls import Call, Params, Result
from windlass.kernel.faults import Fault
from windlass.kernel.store import Transaction
from windlass.services.lambda_.changes import no_update
from windlass.services.lambda_.limits import TAGS_MAX
from windlass.services.lambda_.model import FUNCTIONS, Function
from windlass.services.lambda_.names import not_found, resolve
from windlass.services.lambda_.package import invalid
from windlass.services.lambda_.sources.model import MAPPINGS, Mapping


def check_tags(tags: collections.abc.Mapping[str, str]) -> None:
    """Limits of AWS tags: count, lengths, reserved prefix."""
    if len(tags) > TAGS_MAX:
        raise invalid(f"Tags exceed the limit of {TAGS_MAX} per resource")
    for key, value in tags.items():
        if not 1 <= len(key) <= 128 or len(value) > 256:
            raise invalid("A tag key has 1 to 128 characters, a tag value at most 256")
        if key.lower().startswith("aws:"):
            raise invalid("aws: prefixed tag key names are not allowed for external use.")


def tag_resource(call: Call, params: Params) -> Result:
    """TagResource: not while the function has an update in progress (Lambda developer guide, states)."""
    check_tags(params["Tags"])
    with call.store.transact() as tx:
        row = _tagged(call, params)
        if isinstance(row, Function):
            no_update(row)
        tags = {**dict(row.tags), **params["Tags"]}
        check_tags(tags)
        _put(tx, row, tags)
    return {}


def untag_resource(call: Call, params: Params) -> Result:
    gone = set(params["TagKeys"])
    with call.store.transact() as tx:
        row = _tagged(call, params)
        _put(tx, row, {key: value for key, value in row.tags if key not in gone})
    return {}


def list_tags(call: Call, params: Params) -> Result:
    return {"Tags": dict(_tagged(call, params).tags)}


def _put(tx: Transaction, row: Function | Mapping, tags: dict[str, str]) -> None:
    """The row with these tags."""
    if isinstance(row, Mapping):
        tx[MAPPINGS].put(replace(row, tags=tuple(sorted(tags.items()))))
    else:
        tx[FUNCTIONS].put(replace(row, tags=tuple(sorted(tags.items()))))


def _tagged(call: Call, params: Params) -> Function | Mapping:
    """The function or event source mapping with the ARN in the request."""
    resource = params["Resource"]
    arn = parse(resource)
    if arn is not None and arn.resource.startswith("event-source-mapping:"):
        mapping = call.store[MAPPINGS].get(arn.resource.partition(":")[2])
        if mapping is not None and mapping.arn == resource and mapping.account == call.account:
            return mapping
    if arn is None or not arn.resource.startswith("function:"):
        raise Fault("ResourceNotFoundException", f"The resource you requested does not exist: {resource}")
    named = resolve(resource, None, call.account, call.region, call.caller.arn)
    if named.qualifier:
        raise invalid(
            "Tags on function aliases and versions are not supported. Please specify a function ARN."
        )
    return call.store[FUNCTIONS].require(named.key, lambda: not_found(named.arn))
