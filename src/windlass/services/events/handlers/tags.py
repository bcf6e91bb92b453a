"""Tags of rules and buses."""

from __future__ import annotations

from dataclasses import replace

from windlass.aws.calls import Call, Params, Result
from windlass.kernel.store import Transaction
from windlass.services.events import describe, tagging
from windlass.services.events.find import tagged
from windlass.services.events.model import BUSES, RULES, EventBus, Rule


def tag_resource(call: Call, params: Params) -> Result:
    """Events TagResource."""
    with call.store.transact() as tx:
        row = tagged(tx, call, params["ResourceARN"])
        _put(tx, row, tagging.merged(row.tags, params["Tags"]))
    return {}


def untag_resource(call: Call, params: Params) -> Result:
    """Events UntagResource."""
    gone = set(params["TagKeys"])
    with call.store.transact() as tx:
        row = tagged(tx, call, params["ResourceARN"])
        _put(tx, row, {key: value for key, value in row.tags.items() if key not in gone})
    return {}


def list_tags_for_resource(call: Call, params: Params) -> Result:
    """Events ListTagsForResource."""
    return {"Tags": describe.tags(tagged(call.store, call, params["ResourceARN"]))}


def _put(tx: Transaction, row: EventBus | Rule, tags: dict[str, str]) -> None:
    if isinstance(row, EventBus):
        tx[BUSES].put(replace(row, tags=tags))
    else:
        tx[RULES].put(replace(row, tags=tags))
