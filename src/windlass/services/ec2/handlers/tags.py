"""Tags of any resource: create, delete, describe."""

from __future__ import annotations

from windlass.aws import paging
from windlass.aws.calls import Call, Params, Result
from windlass.kernel.faults import Fault
from windlass.services.ec2 import filters, limits, listing, tagging
from windlass.services.ec2.filters import Values
from windlass.services.ec2.find import kind_of
from windlass.services.ec2.handlers.serving import put_tags
from windlass.services.ec2.model import TAGS, VPCS, Reads, Scope, Tag

FILTERS: dict[str, Values[Tag]] = {
    "key": lambda tag: (tag.key,),
    "resource-id": lambda tag: (tag.resource_id,),
    "resource-type": lambda tag: (resource_type(tag.resource_id),),
    "value": lambda tag: (tag.value,),
}
OF_VPCS = {"rtb-": "route-table", "igw-": "internet-gateway"}
"""Resources that are columns of their VPC: how their ids begin, and their type."""


def create_tags(call: Call, params: Params) -> None:
    """EC2 CreateTags: on all of the resources, or on none."""
    tags = tagging.read(params["Tags"])
    _check_count(params)
    with call.store.transact() as tx:
        for resource_id in params["Resources"]:
            _check_there(tx, call.scope, resource_id)
            put_tags(tx, call.scope, resource_id, tags)


def delete_tags(call: Call, params: Params) -> None:
    """EC2 DeleteTags: these keys, with these values where the call has one; without tags, all of them."""
    _check_count(params)
    named = params.get("Tags")
    with call.store.transact() as tx:
        for resource_id in params["Resources"]:
            _check_there(tx, call.scope, resource_id)
            for tag in tx[TAGS].by("resource", resource_id):
                if not named or any(
                    one.get("Key") == tag.key and one.get("Value", tag.value) == tag.value for one in named
                ):
                    tx[TAGS].delete((tag.resource_id, tag.key))


def describe_tags(call: Call, params: Params) -> Result:
    """EC2 DescribeTags."""
    found, token = paging.page(
        call.store[TAGS],
        "scope",
        call.scope,
        operation="DescribeTags",
        filters=(*call.scope, list(params.get("Filters", ()))),
        token=params.get("NextToken"),
        limit=listing.size(params),
        fault=listing.bad_token,
        where=filters.read(params.get("Filters", ()), {**FILTERS}, _own_tag),
    )
    shown = [
        {
            "ResourceId": tag.resource_id,
            "ResourceType": resource_type(tag.resource_id),
            "Key": tag.key,
            "Value": tag.value,
        }
        for tag in found
    ]
    return {"Tags": shown, **({} if token is None else {"NextToken": token})}


def resource_type(resource_id: str) -> str:
    kind = kind_of(resource_id)
    if kind is not None:
        return kind.resource_type
    return next((name for prefix, name in OF_VPCS.items() if resource_id.startswith(prefix)), "")


def _own_tag(tag: Tag) -> dict[str, str]:
    return {tag.key: tag.value}


def _check_there(reads: Reads, scope: Scope, resource_id: str) -> None:
    kind = kind_of(resource_id)
    if kind is not None:
        kind.one(reads, scope, resource_id)
        return
    for vpc in reads[VPCS].by("scope", scope):
        if resource_id in (vpc.route_table_id, vpc.internet_gateway_id):
            return
    raise Fault("InvalidID", f"The ID '{resource_id}' is not valid")


def _check_count(params: Params) -> None:
    if len(params["Resources"]) > limits.TAGGED_MAX:
        raise Fault(
            "InvalidParameterValue", f"At most {limits.TAGGED_MAX} resources can be tagged in a call."
        )
