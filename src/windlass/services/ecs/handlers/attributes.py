"""ECS attributes of container instances: PutAttributes, DeleteAttributes, ListAttributes."""

from __future__ import annotations

from collections.abc import Mapping

from windlass.aws import paging
from windlass.aws.calls import Call, Params, Result
from windlass.kernel.faults import Fault
from windlass.kernel.rows import replace
from windlass.kernel.store import Transaction
from windlass.services.ecs import limits, lookup, registration
from windlass.services.ecs.handlers import listing
from windlass.services.ecs.instance_model import INSTANCES, ContainerInstance
from windlass.services.ecs.model import Cluster

TARGET = "container-instance"


def put_attributes(call: Call, params: Params) -> Result:
    """ECS PutAttributes: all of them, or none. An attribute that is there gets the new value."""
    with call.store.transact() as tx:
        cluster = lookup.cluster(tx, call.scope, params.get("cluster"))
        for attribute in _limited(params):
            instance = _target(tx, cluster, attribute)
            [(name, value)] = registration.attributes([attribute])
            if name.startswith(registration.BUILT_IN_PREFIXES):
                raise _invalid(f"Attribute {name} is reserved.")
            custom = {**dict(instance.custom), name: value}
            if len(custom) > limits.CUSTOM_ATTRIBUTES_MAX:
                raise Fault(
                    "AttributeLimitExceededException",
                    f"A resource can have at most {limits.CUSTOM_ATTRIBUTES_MAX} custom attributes.",
                )
            tx[INSTANCES].put(replace(instance, custom=tuple(sorted(custom.items()))))
    return {"attributes": [dict(attribute) for attribute in params["attributes"]]}


def delete_attributes(call: Call, params: Params) -> Result:
    """ECS DeleteAttributes. With a value only an attribute of that value is deleted; others are no error."""
    gone = []
    with call.store.transact() as tx:
        cluster = lookup.cluster(tx, call.scope, params.get("cluster"))
        for attribute in _limited(params):
            instance = _target(tx, cluster, attribute)
            custom, name = dict(instance.custom), attribute["name"]
            if name not in custom or attribute.get("value", custom[name]) != custom[name]:
                continue
            del custom[name]
            tx[INSTANCES].put(replace(instance, custom=tuple(sorted(custom.items()))))
            gone.append(dict(attribute))
    return {"attributes": gone}


def list_attributes(call: Call, params: Params) -> Result:
    """ECS ListAttributes: attributes of all instances of a cluster, by name and value.

    Pages hold whole instances, so they may be longer or shorter than what was asked for.
    """
    cluster = lookup.cluster(call.store, call.scope, params.get("cluster"))
    name, value = params.get("attributeName"), params.get("attributeValue")
    if value and not name:
        raise _invalid("attributeName is required with attributeValue.")
    key = (*call.scope, cluster.name)
    rows, token = paging.page(
        call.store[INSTANCES],
        "cluster",
        key,
        operation="ListAttributes",
        filters=(*key, name, value),
        token=params.get("nextToken"),
        limit=listing.limit(params),
        fault=listing.bad_token,
    )
    found = [shown for row in rows for shown in _shown(row, name, value)]
    answer = listing.answer("attributes", [], token)
    return {**answer, "attributes": found}


def _shown(row: ContainerInstance, name: str | None, value: str | None) -> list[dict[str, str]]:
    return [
        {"name": key, "targetId": row.arn, **({"value": text} if text else {})}
        for key, text in row.all_attributes.items()
        if name in (None, "", key) and value in (None, "", text)
    ]


def _limited(params: Params) -> list[Mapping[str, str]]:
    attributes = params["attributes"]
    if not attributes:
        raise _invalid("Attributes cannot be empty.")
    if len(attributes) > limits.CUSTOM_ATTRIBUTES_MAX:
        raise _invalid(f"attributes can have at most {limits.CUSTOM_ATTRIBUTES_MAX} items.")
    return list(attributes)


def _target(tx: Transaction, cluster: Cluster, attribute: Mapping[str, str]) -> ContainerInstance:
    """The instance that an attribute is for; `targetId` is its ARN, or its id with a target type."""
    reference = attribute.get("targetId", "")
    if not reference:
        raise _invalid("targetId is required.")
    if not reference.startswith("arn:") and attribute.get("targetType") != TARGET:
        raise _invalid("targetType is required with the short form of targetId.")
    found = lookup.instance(tx, cluster, reference)
    if found is None or found.status == "INACTIVE":
        raise Fault("TargetNotFoundException", "The specified target wasn't found.")
    return found


def _invalid(message: str) -> Fault:
    return Fault("InvalidParameterException", message)
