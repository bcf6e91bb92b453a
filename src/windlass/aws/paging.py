"""Page tokens: opaque, different on every page, and good only for the listing that gave them.

A token holds the place of the last row that was shown, sealed with a digest over the operation and its
filters. It needs no key and no row, so it outlives a restart: someone who forges one learns a place in a
listing that they may read anyway, because the rows themselves are scoped by account. Only `page` reads
rows; the rest is pure.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Hashable, Sequence
from typing import Any, TypeVar

from windlass.kernel.faults import Fault
from windlass.kernel.store import View

R = TypeVar("R")

_SEAL_BYTES = 9
TOKEN_CHARS_MAX = 4_096
"""Longest token that is looked at; ours are a few hundred characters."""


def seal(operation: str, filters: object, position: object) -> str:
    """A token for `position` (strings, integers and tuples of them), which `open_token` gives back.

    `filters` is everything else that chose the listing, the account and Region included: JSON values and
    tuples.
    """
    body = json.dumps(position, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(_seal(operation, filters, body) + body).decode()


def open_token(token: str, operation: str, filters: object, fault: Callable[[], Fault]) -> Any:
    """The position in the token. Raises the fault for one that is not ours, changed, or of other filters."""
    try:
        raw = base64.b64decode(token[:TOKEN_CHARS_MAX].encode(), altchars=b"-_", validate=True)
        body = raw[_SEAL_BYTES:]
        if raw[:_SEAL_BYTES] != _seal(operation, filters, body) or len(token) > TOKEN_CHARS_MAX:
            raise fault()
        return _tuples(json.loads(body))
    except ValueError:
        raise fault() from None


def page(
    view: View[R],
    index: str,
    value: Hashable,
    *,
    operation: str,
    filters: object,
    token: str | None,
    limit: int,
    fault: Callable[[], Fault],
    where: Callable[[R], bool] = lambda row: True,
    reverse: bool = False,
) -> tuple[list[R], str | None]:
    """At most `limit` rows of an ordered index, and the token of the next page if there is one.

    `where` drops rows from the page after they were read: a filtered page may be short, even empty, and
    still have a next one, as AWS's may.
    """
    after = open_token(token, operation, filters, fault) if token else None
    rows = view.page(index, value, after=after, limit=limit + 1, reverse=reverse)
    shown = rows[:limit]
    following = None
    if len(rows) > limit:
        following = seal(operation, filters, view.place(index, shown[-1]))
    return [row for row in shown if where(row)], following


def cut(
    rows: Sequence[R],
    *,
    operation: str,
    filters: object,
    token: str | None,
    limit: int,
    fault: Callable[[], Fault],
) -> tuple[list[R], str | None]:
    """The same of a short list that is at hand, such as tags: places are offsets."""
    start = open_token(token, operation, filters, fault) if token else 0
    end = start + limit
    return list(rows[start:end]), seal(operation, filters, end) if end < len(rows) else None


def _seal(operation: str, filters: object, body: bytes) -> bytes:
    listing = json.dumps([operation, filters], sort_keys=True, default=str).encode()
    return hashlib.blake2b(body, key=hashlib.sha256(listing).digest(), digest_size=_SEAL_BYTES).digest()


def _tuples(value: Any) -> Any:
    """JSON has no tuples; places are tuples."""
    return tuple(map(_tuples, value)) if isinstance(value, list) else value
