"""AddTagsToResource, RemoveTagsFromResource, ListTagsForResource: of managed instances and parameters."""

from __future__ import annotations

from typing import Any

from windlass.aws.calls import Call, Params, Result
from windlass.kernel.faults import Fault
from windlass.kernel.rows import replace
from windlass.kernel.store import Store, Table, Transaction
from windlass.services.ssm import tagging
from windlass.services.ssm.model import MANAGED, PARAMETERS, ManagedInstance, Parameter


def add_tags_to_resource(call: Call, params: Params) -> None:
    """SSM AddTagsToResource: adds tags, or overwrites those that are there."""
    with call.store.transact() as tx:
        table, row = _resource(call, params, tx)
        tx[table].put(replace(row, tags=tagging.read(params["Tags"], row.tags)))


def remove_tags_from_resource(call: Call, params: Params) -> None:
    """SSM RemoveTagsFromResource. Keys that are not there are ignored."""
    with call.store.transact() as tx:
        table, row = _resource(call, params, tx)
        tx[table].put(replace(row, tags=tagging.without(row.tags, params["TagKeys"])))


def list_tags_for_resource(call: Call, params: Params) -> Result:
    """SSM ListTagsForResource."""
    return {"TagList": tagging.shown(_resource(call, params, call.store)[1].tags)}


def _resource(
    call: Call, params: Params, reads: Store | Transaction
) -> tuple[Table[Any], ManagedInstance | Parameter]:
    """The table and the row that the call is about."""
    kind, name = params["ResourceType"], params["ResourceId"]
    row: ManagedInstance | Parameter | None
    if kind == "ManagedInstance":
        table: Table[Any] = MANAGED
        row = reads[MANAGED].get(name)
    elif kind == "Parameter":
        table, row = PARAMETERS, reads[PARAMETERS].get((*call.scope, name))
    else:
        raise Fault("InvalidResourceType", f"Windlass has no resources of type {kind}.")
    if row is None or (row.account, row.region) != call.scope:
        raise Fault("InvalidResourceId", f"The resource ID {name[:128]} isn't valid.")
    return table, row
