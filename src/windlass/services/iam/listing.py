"""Pages of IAM's lists: Marker, MaxItems, PathPrefix, IsTruncated."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

from windlass.aws.calls import Call, Params, Result
from windlass.aws.paging import cut, page
from windlass.kernel.store import Table
from windlass.services.iam.limits import PAGE_ITEMS
from windlass.services.iam.refusals import bad_marker


class Pathed(Protocol):
    """A row with a path."""

    @property
    def path(self) -> str: ...


P = TypeVar("P", bound=Pathed)
R = TypeVar("R")


def page_of_account(
    call: Call,
    params: Params,
    table: Table[P],
    operation: str,
    where: Callable[[P], bool] = lambda row: True,
) -> tuple[list[P], str | None]:
    """The account's rows of that table under `PathPrefix`, and the marker of the next page."""
    prefix = params.get("PathPrefix", "/")
    return page(
        call.store[table],
        "account",
        call.account,
        operation=operation,
        filters=[call.account, prefix, *map(params.get, ("Scope", "OnlyAttached", "PolicyUsageFilter"))],
        token=params.get("Marker"),
        limit=params.get("MaxItems", PAGE_ITEMS),
        fault=bad_marker,
        where=lambda row: row.path.startswith(prefix) and where(row),
    )


def page_of(
    call: Call, params: Params, rows: Sequence[R], operation: str, of: str
) -> tuple[list[R], str | None]:
    """A page of a short list that belongs to `of`, an ARN."""
    return cut(
        rows,
        operation=operation,
        filters=[of, *map(params.get, ("PathPrefix", "EntityFilter", "PolicyUsageFilter"))],
        token=params.get("Marker"),
        limit=params.get("MaxItems", PAGE_ITEMS),
        fault=bad_marker,
    )


def answer(name: str, shown: list[Any], marker: str | None) -> Result:
    return {name: shown, "IsTruncated": marker is not None, **({"Marker": marker} if marker else {})}
