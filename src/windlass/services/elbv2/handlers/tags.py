"""Tags of load balancers, listeners, rules and target groups."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from windlass.aws.arn import parse
from windlass.aws.calls import Call, Params, Result
from windlass.kernel.rows import replace
from windlass.kernel.store import Table
from windlass.services.elbv2 import describe, find, tagging
from windlass.services.elbv2.limits import TAGS_RESOURCES_MAX
from windlass.services.elbv2.model import LISTENERS, LOAD_BALANCERS, RULES, TARGET_GROUPS, Reads
from windlass.services.elbv2.refusals import invalid

_KINDS: dict[str, tuple[Table[Any], Callable[[Reads, Call, str], Any]]] = {
    "loadbalancer": (LOAD_BALANCERS, find.load_balancer),
    "listener": (LISTENERS, find.listener),
    "listener-rule": (RULES, find.rule),
    "targetgroup": (TARGET_GROUPS, find.group),
}


def add_tags(call: Call, params: Params) -> None:
    """ELBv2 AddTags: to all that are named, or to none."""
    with call.store.transact() as tx:
        for arn in params["ResourceArns"]:
            table, row = _resource(tx, call, arn)
            tx[table].put(replace(row, tags=tagging.taken(params["Tags"], row.tags)))


def remove_tags(call: Call, params: Params) -> None:
    """ELBv2 RemoveTags: keys that are not there are no error."""
    gone = set(params["TagKeys"])
    with call.store.transact() as tx:
        for arn in params["ResourceArns"]:
            table, row = _resource(tx, call, arn)
            kept = {key: value for key, value in row.tags.items() if key not in gone}
            tx[table].put(replace(row, tags=kept))


def describe_tags(call: Call, params: Params) -> Result:
    """ELBv2 DescribeTags."""
    arns = list(dict.fromkeys(params["ResourceArns"]))
    if len(arns) > TAGS_RESOURCES_MAX:
        raise invalid(f"At most {TAGS_RESOURCES_MAX} resources can be named")
    shown = []
    for arn in arns:
        _, row = _resource(call.store, call, arn)
        shown.append({"ResourceArn": arn, "Tags": describe.tags(row.tags)})
    return {"TagDescriptions": shown}


def _resource(reads: Reads, call: Call, arn: str) -> tuple[Table[Any], Any]:
    read = parse(arn)
    kind = _KINDS.get(read.resource.partition("/")[0]) if read is not None else None
    if kind is None:
        raise invalid(f"'{arn}' is not a valid ARN of a load balancer, target group, listener or rule")
    table, found = kind
    return table, found(reads, call, arn)
