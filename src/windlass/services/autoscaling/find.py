"""The rows that a caller names, with Auto Scaling's words when they are not there; pages of lists."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from windlass.aws import arn as arns
from windlass.aws import paging
from windlass.aws.calls import Call, Params, Result
from windlass.kernel.faults import Fault
from windlass.kernel.store import Table
from windlass.services.autoscaling import limits
from windlass.services.autoscaling.model import GROUPS, MEMBERS, Group, Member, Reads, Scope

R = TypeVar("R")


def invalid(message: str) -> Fault:
    return Fault("ValidationError", message)


def group(reads: Reads, scope: Scope, name: str) -> Group:
    """The group of that name or ARN, unless it is being deleted."""
    found = reads[GROUPS].get((*scope, plain(name)))
    if found is None:
        raise invalid(f"AutoScalingGroup name not found - AutoScalingGroup {name} not found")
    if found.deleting:
        raise Fault("ScalingActivityInProgress", f"AutoScalingGroup {name} is being deleted.")
    return found


def plain(name: str) -> str:
    """The name in a name or an ARN: callers may give either."""
    read = arns.parse(name)
    return name if read is None else read.resource.rpartition("autoScalingGroupName/")[2]


def member(reads: Reads, scope: Scope, instance_id: str) -> Member:
    found = reads[MEMBERS].get(instance_id)
    if found is None or (found.account, found.region) != scope:
        raise invalid(f"Instance Id not found - No managed instance found for instance ID: {instance_id}")
    return found


def members(reads: Reads, of: Group, ids: Sequence[str]) -> list[Member]:
    """Instances of that group, each once."""
    found = [member(reads, (of.account, of.region), one) for one in dict.fromkeys(ids)]
    wrong = [one.id for one in found if one.group != of.name]
    if wrong:
        raise invalid(f"The instance {wrong[0]} is not part of Auto Scaling group {of.name}.")
    return found


def page(
    call: Call,
    params: Params,
    table: Table[R],
    operation: str,
    where: Callable[[R], bool] = lambda row: True,
    *,
    reverse: bool = False,
    index: tuple[str, Any] | None = None,
) -> tuple[list[R], Result]:
    """A page of the account's rows, and its NextToken, if there is one."""
    name, value = index or ("scope", call.scope)
    rows, token = paging.page(
        call.store[table],
        name,
        value,
        operation=operation,
        filters=[*call.scope, _but_paging(params)],
        token=params.get("NextToken"),
        limit=size(params),
        fault=bad_token,
        where=where,
        reverse=reverse,
    )
    return rows, _token(token)


def cut(call: Call, params: Params, rows: Sequence[R], operation: str) -> tuple[list[R], Result]:
    """A page of a list that is at hand."""
    some, token = paging.cut(
        rows,
        operation=operation,
        filters=[*call.scope, _but_paging(params)],
        token=params.get("NextToken"),
        limit=size(params),
        fault=bad_token,
    )
    return some, _token(token)


def size(params: Params) -> int:
    asked = params.get("MaxRecords", limits.PAGE_DEFAULT)
    if not 1 <= asked <= limits.PAGE_MAX:
        raise invalid(f"MaxRecords must be between 1 and {limits.PAGE_MAX}.")
    return int(asked)


def bad_token() -> Fault:
    return Fault("InvalidNextToken", "The NextToken value is not valid.")


def _token(token: str | None) -> Result:
    return {} if token is None else {"NextToken": token}


def _but_paging(params: Params) -> dict[str, Any]:
    return {name: params[name] for name in params if name not in ("NextToken", "MaxRecords")}
