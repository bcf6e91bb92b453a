"""TagResource, UntagResource, ListTagsForResource: of all that has an ARN."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from windlass.aws import arn as arns
from windlass.aws.calls import Call, Params, Result
from windlass.kernel.rows import replace
from windlass.kernel.store import Table
from windlass.services.apprunner import find, tagging
from windlass.services.apprunner.configuration_model import (
    CONNECTIONS,
    CONNECTORS,
    INGRESSES,
    OBSERVABILITIES,
    SCALINGS,
)
from windlass.services.apprunner.faults import bad_arn, missing
from windlass.services.apprunner.model import SERVICES, Reads, Scope


@dataclass(frozen=True, slots=True)
class Tagged:
    """A kind of resource that has tags: its table, and how a row of it is found by its ARN."""

    table: Table[Any]
    find: Callable[[Reads, Scope, str], Any]


_KINDS = {
    "service": Tagged(SERVICES, find.live_service),
    "connection": Tagged(CONNECTIONS, find.connection),
    "autoscalingconfiguration": Tagged(SCALINGS, find.scaling),
    "observabilityconfiguration": Tagged(OBSERVABILITIES, find.observability),
    "vpcconnector": Tagged(CONNECTORS, find.connector),
    "vpcingressconnection": Tagged(INGRESSES, find.ingress),
}


def tag_resource(call: Call, params: Params) -> Result:
    """App Runner TagResource: adds, and replaces values of keys that are there."""
    kind = _kind(params["ResourceArn"])
    with call.store.transact() as tx:
        row = _row(kind, tx, call.scope, params["ResourceArn"])
        tx[kind.table].put(replace(row, tags=tagging.read(params["Tags"], row.tags)))
    return {}


def untag_resource(call: Call, params: Params) -> Result:
    """App Runner UntagResource: keys that are not there are no error."""
    kind, gone = _kind(params["ResourceArn"]), set(params["TagKeys"])
    with call.store.transact() as tx:
        row = _row(kind, tx, call.scope, params["ResourceArn"])
        kept = {key: value for key, value in row.tags.items() if key not in gone}
        tx[kind.table].put(replace(row, tags=kept))
    return {}


def list_tags_for_resource(call: Call, params: Params) -> Result:
    """App Runner ListTagsForResource."""
    arn = params["ResourceArn"]
    return {"Tags": tagging.shown(_row(_kind(arn), call.store, call.scope, arn).tags)}


def _kind(arn: str) -> Tagged:
    """What the ARN names. Raises InvalidRequestException for what has no tags."""
    read = arns.parse(arn)
    found = _KINDS.get(read.resource.partition("/")[0]) if read is not None else None
    if found is None:
        raise bad_arn("resource", arn)
    return found


def _row(kind: Tagged, reads: Reads, scope: Scope, arn: str) -> Any:
    """The row of that whole ARN: tags are of a revision, which a partial one does not name."""
    row = kind.find(reads, scope, arn)
    if row.arn != arn:
        raise missing("resource", arn)
    return row
