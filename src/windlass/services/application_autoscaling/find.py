"""What a caller names, with AWS's words when it is not there; pages of lists."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from windlass.aws import paging
from windlass.aws.calls import Call, Params, Result
from windlass.kernel.faults import Fault
from windlass.kernel.store import Table
from windlass.services.application_autoscaling import kinds
from windlass.services.application_autoscaling.limits import PAGE_MAX
from windlass.services.application_autoscaling.model import TARGETS, Reads, Target, TargetKey

R = TypeVar("R")


def invalid(message: str) -> Fault:
    return Fault("ValidationException", message)


def key(call: Call, params: Params) -> TargetKey:
    """The target's key. Raises ValidationException for what cannot be scaled here."""
    named = (params["ServiceNamespace"], params["ResourceId"], params["ScalableDimension"])
    kinds.check(*named)
    return (*call.scope, *named)


def target(reads: Reads, call: Call, params: Params) -> Target:
    """The registered target. Raises ObjectNotFoundException."""
    return reads[TARGETS].require(key(call, params), lambda: missing("scalable target registered", params))


def missing(what: str, params: Params, name: str = "") -> Fault:
    """`No scalable target registered for service namespace: ...`."""
    return Fault(
        "ObjectNotFoundException",
        f"No {what} for service namespace: {params['ServiceNamespace']}, resource ID: "
        f"{params['ResourceId']}, scalable dimension: {params['ScalableDimension']}"
        + (f": {name}" if name else ""),
    )


def page(
    call: Call,
    params: Params,
    table: Table[R],
    operation: str,
    names: tuple[str, Callable[[R], str]] | None = None,
    where: Callable[[R], bool] = lambda row: True,
    *,
    reverse: bool = False,
) -> tuple[list[R], Result]:
    """A page of a namespace's rows, or of one target's, that pass; and its NextToken, if there is one.

    `names`: the member that lists what is wanted, and what it is called in a row.
    """
    namespace, resource = params["ServiceNamespace"], params.get("ResourceId")
    dimension = params.get("ScalableDimension") or kinds.kind_of(namespace).dimension
    if params.get("ScalableDimension") and resource is None and "ResourceIds" not in params:
        raise invalid("A scalable dimension needs a resource ID")
    limit = params.get("MaxResults", PAGE_MAX)
    if not 1 <= limit <= PAGE_MAX:
        raise invalid(f"MaxResults must be between 1 and {PAGE_MAX}")
    wanted = None if names is None or names[0] not in params else frozenset(params[names[0]])

    def passes(row: R) -> bool:
        return (wanted is None or (names is not None and names[1](row) in wanted)) and where(row)

    index: tuple[str, Any] = ("namespace", (*call.scope, namespace))
    if resource is not None:
        index = ("target", (*call.scope, namespace, resource, dimension))
    rows, token = paging.page(
        call.store[table],
        *index,
        operation=operation,
        filters=[*call.scope, {one: params[one] for one in params if one not in ("NextToken", "MaxResults")}],
        token=params.get("NextToken"),
        limit=limit,
        fault=lambda: Fault("InvalidNextTokenException", "The next token is not valid"),
        where=passes,
        reverse=reverse,
    )
    return rows, {} if token is None else {"NextToken": token}
