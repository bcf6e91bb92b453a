"""Pages of rows by name: starting at a prefix, and full although some rows are not wanted."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TypeVar

from windlass.aws.calls import Call, Params, Result
from windlass.aws.paging import page, seal
from windlass.kernel.store import View
from windlass.services.logs.find import invalid
from windlass.services.logs.limits import PAGE_ROWS_MAX, SCAN_ROWS_MAX
from windlass.services.logs.model import LogGroup, LogStream

R = TypeVar("R", LogGroup, LogStream)
_LAST = "\U0010ffff"


def listing(
    call: Call,
    params: Params,
    view: View[R],
    index: str,
    value: Hashable,
    *,
    operation: str,
    prefix: str = "",
    where: Callable[[R], bool] = lambda row: True,
    reverse: bool = False,
) -> tuple[list[R], Result]:
    """One page, and {"nextToken": …} or nothing. A prefix needs an index in order of name."""
    filters = [*call.scope, {key: params[key] for key in params if key not in ("nextToken", "limit")}]
    limit = params.get("limit", PAGE_ROWS_MAX)
    token: str | None = params.get("nextToken")
    if prefix and token is None:
        token = seal(operation, filters, (prefix + _LAST if reverse else prefix,))
    found: list[R] = []
    looked = 0
    while True:
        rows, token = page(
            view,
            index,
            value,
            operation=operation,
            filters=filters,
            token=token,
            limit=limit - len(found),
            fault=lambda: invalid("The specified nextToken is invalid."),
            reverse=reverse,
        )
        looked += len(rows)
        found += [row for row in rows if row.name.startswith(prefix) and where(row)]
        if rows and not rows[-1].name.startswith(prefix):
            token = None
        if token is None or len(found) >= limit or looked >= SCAN_ROWS_MAX:
            return found, {} if token is None else {"nextToken": token}
