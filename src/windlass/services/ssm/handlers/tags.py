"""AddTagsToResource, RemoveTagsFromResource, ListTagsForResource: of managed instances."""

from __future__ import annotations

from windlass.aws.calls import Call, Params, Result
from windlass.kernel.faults import Fault
from windlass.kernel.rows import replace
from windlass.kernel.store import Store, Transaction
from windlass.services.ssm import tagging
from windlass.services.ssm.model import MANAGED, ManagedInstance


def add_tags_to_resource(call: Call, params: Params) -> None:
    """SSM AddTagsToResource: adds tags, or overwrites those that are there."""
    with call.store.transact() as tx:
        row = _resource(call, params, tx)
        tx[MANAGED].put(replace(row, tags=tagging.read(params["Tags"], row.tags)))


def remove_tags_from_resource(call: Call, params: Params) -> None:
    """SSM RemoveTagsFromResource. Keys that are not there are ignored."""
    with call.store.transact() as tx:
        row = _resource(call, params, tx)
        tx[MANAGED].put(replace(row, tags=tagging.without(row.tags, params["TagKeys"])))


def list_tags_for_resource(call: Call, params: Params) -> Result:
    """SSM ListTagsForResource."""
    return {"TagList": tagging.shown(_resource(call, params, call.store).tags)}


def _resource(call: Call, params: Params, reads: Store | Transaction) -> ManagedInstance:
    if params["ResourceType"] != "ManagedInstance":
        raise Fault("InvalidResourceType", f"Windlass has no resources of type {params['ResourceType']}.")
    row = reads[MANAGED].get(params["ResourceId"])
    if row is None or (row.account, row.region) != call.scope:
        raise Fault("InvalidResourceId", f"The resource ID {params['ResourceId'][:128]} isn't valid.")
    return row
