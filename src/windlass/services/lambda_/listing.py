"""Pages over functions and their versions, $LATEST before the numbers. Reads only.

A page costs what it shows: both tables are read from where the last page ended.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from windlass.aws.paging import open_token, seal
from windlass.kernel.store import Store
from windlass.services.lambda_.limits import LIST_ITEMS_MAX
from windlass.services.lambda_.model import FUNCTIONS, VERSIONS, Function, Version
from windlass.services.lambda_.package import invalid

Listed: TypeAlias = Function | Version
Place: TypeAlias = tuple[str, int, str]
"""(name, number, uid) of the row that was shown last; the number of $LATEST is 0."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request's Marker and MaxItems, of which no more than LIST_ITEMS_MAX are given."""

    marker: str | None
    items: int

    @property
    def limit(self) -> int:
        return min(self.items, LIST_ITEMS_MAX)


def all_versions(store: Store, scope: tuple[str, str], asked: Asked) -> tuple[list[Listed], str | None]:
    """Functions of that account and Region by name, each followed by its versions."""
    after = _opened(asked, "ListFunctions", scope)
    functions = store[FUNCTIONS].page(
        "scope", scope, after=after and (after[0], (*scope, after[0])), limit=asked.limit + 1
    )
    versions = store[VERSIONS].page(
        "scope", scope, after=after and ((after[0], after[1]), (after[2], after[1])), limit=asked.limit + 1
    )
    return _cut(sorted([*functions, *versions], key=_place), asked, "ListFunctions", scope)


def versions_of(store: Store, function: Function, asked: Asked) -> tuple[list[Listed], str | None]:
    """$LATEST and the function's versions, the oldest first."""
    after = _opened(asked, "ListVersionsByFunction", function.uid)
    versions = store[VERSIONS].page(
        "function", function.uid, after=after and (after[1], (after[2], after[1])), limit=asked.limit + 1
    )
    first: list[Listed] = [] if after else [function]
    return _cut([*first, *versions], asked, "ListVersionsByFunction", function.uid)


def _cut(
    rows: list[Listed], asked: Asked, operation: str, filters: object
) -> tuple[list[Listed], str | None]:
    shown = rows[: asked.limit]
    more = len(rows) > asked.limit
    return shown, seal(operation, filters, _place(shown[-1])) if more else None


def _opened(asked: Asked, operation: str, filters: object) -> Place | None:
    if not asked.marker:
        return None
    place: Place = open_token(asked.marker, operation, filters, lambda: invalid("Invalid Marker"))
    return place


def _place(row: Listed) -> Place:
    if isinstance(row, Function):
        return (row.name, 0, row.uid)
    return (row.function, row.number, row.uid)
