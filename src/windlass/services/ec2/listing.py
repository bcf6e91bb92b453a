"""Describe operations: rows by id, by filter, in pages. Reads only."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Any, TypeVar

from windlass.aws import paging
from windlass.aws.calls import Call, Params, Result
from windlass.kernel.faults import Fault
from windlass.services.ec2 import filters, limits
from windlass.services.ec2.find import Kind, R
from windlass.services.ec2.model import scope_of, tags_of

T = TypeVar("T")


def rows(
    call: Call,
    params: Params,
    kind: Kind[R],
    operation: str,
    *,
    ids: str,
    names: Mapping[str, filters.Values[R]],
    narrow: Mapping[str, str] | None = None,
) -> tuple[list[R], Result]:
    """The rows that a call asks for, and its NextToken, if there is one.

    `ids` is the parameter with ids; `narrow` maps filters to indexes that answer them without a walk.
    """
    wanted = filters.read(params.get("Filters", ()), names, lambda row: tags_of(call.store, row.id))
    asked = params.get(ids)
    if asked:
        if "MaxResults" in params:
            raise Fault(
                "InvalidParameterCombination",
                f"The parameter {ids} cannot be used with the parameter MaxResults",
            )
        return [row for row in kind.several(call.store, call.scope, asked) if wanted(row)], {}
    for name, index in (narrow or {}).items():
        values = filters.values_of(params.get("Filters", ()), name)
        if len(values) == 1:
            return _paged(
                call,
                params,
                kind,
                operation,
                index,
                values[0],
                lambda r: scope_of(r) == call.scope and wanted(r),
            )
    return _paged(call, params, kind, operation, "scope", call.scope, wanted)


def _paged(
    call: Call,
    params: Params,
    kind: Kind[R],
    operation: str,
    index: str,
    value: Hashable,
    wanted: Callable[[R], bool],
) -> tuple[list[R], Result]:
    """One page; it is full although some rows are not wanted."""
    sealed = (*call.scope, _but_paging(params))
    limit, token = size(params), params.get("NextToken")
    found: list[R] = []
    while True:
        some, token = paging.page(
            call.store[kind.table],
            index,
            value,
            operation=operation,
            filters=sealed,
            token=token,
            limit=limit - len(found),
            fault=bad_token,
            where=wanted,
        )
        found += some
        if token is None or len(found) >= limit:
            return found, {} if token is None else {"NextToken": token}


def cut(call: Call, params: Params, operation: str, found: list[T]) -> tuple[list[T], Result]:
    """One page of a short list that is at hand."""
    page, token = paging.cut(
        found,
        operation=operation,
        filters=(*call.scope, _but_paging(params)),
        token=params.get("NextToken"),
        limit=size(params),
        fault=bad_token,
    )
    return page, {} if token is None else {"NextToken": token}


def size(params: Params) -> int:
    """Rows per page."""
    asked = params.get("MaxResults")
    if asked is None:
        return limits.PAGE_MAX
    if not limits.PAGE_MIN <= asked <= limits.PAGE_MAX:
        raise Fault(
            "InvalidParameterValue",
            f"Value ( {asked} ) for parameter maxResults is invalid. "
            f"Expecting a value between {limits.PAGE_MIN} and {limits.PAGE_MAX}.",
        )
    return int(asked)


def bad_token() -> Fault:
    return Fault("InvalidNextToken", "The token is invalid or was made for another call.")


def _but_paging(params: Params) -> dict[str, Any]:
    return {name: params[name] for name in params if name not in ("NextToken", "MaxResults", "DryRun")}
